//! What is asked for.

use std::{ffi::OsString, os::fd::OwnedFd, path::PathBuf};

use serde::{Deserialize, Serialize};

/// A sandbox. The system's own read-only parts (`/usr`, `/lib`, `/bin`, `/etc` in a made-up form, `/dev`, `/proc`) are
/// there by themselves; `/tmp` is empty, private and writable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// For logs and reports; need not be unique.
    pub name: String,
    /// What else is to be seen: interpreter, runtime directory, code, layers.
    pub binds: Vec<Bind>,
    /// Size of `/tmp` in bytes. Does not count against `memory_bytes`.
    pub tmp_bytes: u64,
    /// What all processes together may hold in memory, in bytes; more ends them with [`crate::Exit::OutOfMemory`].
    pub memory_bytes: u64,
    /// How many processors' time all processes together may use; `None`: no limit.
    pub cpus: Option<f64>,
    /// Processes and threads at once (AWS: 1,024).
    pub processes: u32,
    /// Open files of each process (AWS: 1,024).
    pub open_files: u64,
    /// Which network the processes see.
    pub network: Network,
    /// Ports of 127.0.0.1, seen from inside, at which the caller wants to listen.
    pub listen: Vec<u16>,
}

/// Something of this machine that is to be seen inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// A file or directory of this machine.
    pub from: PathBuf,
    /// Where it is seen, an absolute path; what lies there already is covered.
    pub to: String,
    /// Whether it can be written. Otherwise it is read-only, with all that is mounted below it.
    pub writable: bool,
    /// Whether programs can be started from it.
    pub executable: bool,
}

impl Bind {
    /// Read-only, programs may be started from it.
    pub fn read_only(from: impl Into<PathBuf>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into(), writable: false, executable: true }
    }
}

/// Which network processes see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The machine's: everything it reaches is reached.
    Host,
    /// Their own loopback, on which only the ports in [`SandboxSpec::listen`] answer.
    Isolated,
}

/// A process to start. It gets exactly this environment, these descriptors and no others; its standard input is empty.
#[derive(Debug)]
pub struct ProcessSpec {
    /// Program and arguments. The program is a path inside the sandbox (absolute, or relative to `cwd`).
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory, a path inside.
    pub cwd: String,
    /// Where descriptor 1 writes.
    pub stdout: OwnedFd,
    /// Where descriptor 2 writes.
    pub stderr: OwnedFd,
    /// More descriptors, and the numbers (3 to 255) they have in the process. At most 16.
    pub extra: Vec<(OwnedFd, i32)>,
}
