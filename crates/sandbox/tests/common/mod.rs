//! What the tests share: launchers with directories of their own, processes whose output is read.
#![allow(dead_code, unreachable_pub, missing_docs, unsafe_code)] // each test file uses its part

pub mod tiers;

use std::{
    fs::{self, File},
    io::Read,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use moln_sandbox::{
    Bind, Exit, Launcher, LauncherProcess, Mode, Network, Process, ProcessSpec, Sandbox, SandboxSpec,
    Settings,
};
use rustix::pipe::{PipeFlags, pipe_with};

/// A directory that goes away with its value.
pub struct Directory(pub PathBuf);

impl Directory {
    /// In a place every user can enter.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("moln-sandbox-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A launcher in a directory of its own.
pub struct Bed {
    pub launcher: Launcher,
    pub directory: Directory,
}

impl Bed {
    pub fn new(mode: Mode) -> Self {
        let directory = Directory::new();
        let run = directory.0.join("run");
        let launcher = LauncherProcess::fork(Settings { mode, run }).unwrap().attach().unwrap();
        Self { launcher, directory }
    }

    pub async fn create(&self) -> Sandbox {
        self.launcher.create(spec()).await.unwrap()
    }

    /// A directory with this script, to be shown at `/var/task`.
    pub fn task(&self, name: &str, text: &str) -> Bind {
        let path = self.directory.file(&format!("task/{name}"), text);
        Bind::read_only(path.parent().unwrap(), "/var/task")
    }
}

pub fn spec() -> SandboxSpec {
    SandboxSpec {
        name: "test".into(),
        binds: Vec::new(),
        tmp_bytes: 64 << 20,
        memory_bytes: 256 << 20,
        cpus: None,
        processes: 64,
        open_files: 256,
        network: Network::Host,
        listen: Vec::new(),
    }
}

/// A process and the other ends of its output.
pub struct Running {
    pub process: Process,
    out: OwnedFd,
    err: OwnedFd,
}

pub fn command(argv: &[&str], env: &[(&str, &str)], cwd: &str) -> (ProcessSpec, OwnedFd, OwnedFd) {
    let (out, stdout) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (err, stderr) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let mut env: Vec<_> = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    env.push(("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()));
    let argv = argv.iter().map(Into::into).collect();
    (ProcessSpec { argv, env, cwd: cwd.into(), stdout, stderr, extra: Vec::new() }, out, err)
}

pub async fn start(sandbox: &Sandbox, argv: &[&str]) -> Running {
    let (spec, out, err) = command(argv, &[], "/tmp");
    Running { process: sandbox.spawn(spec).await.unwrap(), out, err }
}

/// Starts a shell with a script.
pub async fn shell(sandbox: &Sandbox, script: &str) -> Running {
    start(sandbox, &["/bin/sh", "-c", script]).await
}

impl Running {
    pub fn new(process: Process, out: OwnedFd, err: OwnedFd) -> Self {
        Self { process, out, err }
    }

    /// Waits for a line of output.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while rustix::io::read(&self.out, &mut byte).unwrap() == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        String::from_utf8(line).unwrap()
    }

    /// How many bytes have come since the last call.
    pub fn read_without_waiting(self) -> impl FnMut() -> usize {
        rustix::io::ioctl_fionbio(&self.out, true).unwrap();
        let mut buffer = vec![0; 65_536];
        move || {
            let _keep = &self.err;
            rustix::io::read(&self.out, &mut buffer).unwrap_or(0)
        }
    }

    /// How it ended, and what it wrote to both outputs.
    pub async fn end(mut self) -> (Exit, String, String) {
        let read = |fd: OwnedFd| {
            tokio::task::spawn_blocking(move || {
                let mut bytes = Vec::new();
                File::from(fd).read_to_end(&mut bytes).unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let (out, err) = (read(self.out), read(self.err));
        let exit = self.process.exited().await;
        (exit, out.await.unwrap(), err.await.unwrap())
    }
}

/// Runs a shell script to its end.
pub async fn run(sandbox: &Sandbox, script: &str) -> (Exit, String, String) {
    shell(sandbox, script).await.end().await
}

/// Processes with this text in their command line.
pub fn processes_with(text: &str) -> Vec<i32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| *pid != std::process::id().cast_signed())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(text)
        })
        .collect()
}

/// All directories below control group hierarchies whose path has this text.
pub fn groups_with(text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new("/sys/fs/cgroup").to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().contains(text) {
                    found.push(entry.path());
                }
                open.push(entry.path());
            }
        }
    }
    found
}
