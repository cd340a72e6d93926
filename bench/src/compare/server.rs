//! Servers that a comparison starts, and stops again.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    client::{Connection, Credentials},
    error::{Error, Result},
    limit::Limit,
    process::Process,
};

/// Time a server gets to answer first, and to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);
/// File system type of tmpfs: statfs(2).
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// A directory of our own that is removed in the end.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in this directory, which must not be in memory: there `fdatasync` costs nothing, and says nothing.
    pub fn new(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("bench-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Error::io(format!("create {}", path.display())))?;
        let scratch = Self(path);
        let kind = rustix::fs::statfs(&scratch.0).map_err(|error| Error::io("statfs")(error.into()))?.f_type;
        if kind == TMPFS {
            return Err(Error::usage(format!("{} is in memory: choose a --dir on a disk", parent.display())));
        }
        Ok(scratch)
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Process start to first answer, ms, where that was waited for.
    pub start_ms: Option<f64>,
}

impl Server {
    /// Starts a Moln binary on a free port, with its data and log in this directory, and waits for its first answer.
    /// It verifies every signature, as it does everywhere but on loopback: the limits do so too.
    pub async fn moln(
        binary: &Path,
        arguments: &[String],
        dir: &Path,
        credentials: &Credentials,
    ) -> Result<Self> {
        let keys = [
            ("MOLN_ACCESS_KEY_ID", credentials.access_key.as_str()),
            ("MOLN_SECRET_ACCESS_KEY", credentials.secret_key.as_str()),
        ];
        Self::start(binary, &["--auth", "required"], arguments, dir, &keys).await
    }

    /// The same as it is started for development: on loopback any credentials are welcome.
    pub async fn development(binary: &Path, arguments: &[String], dir: &Path) -> Result<Self> {
        Self::start(binary, &[], arguments, dir, &[]).await
    }

    async fn start(
        binary: &Path,
        mode: &[&str],
        arguments: &[String],
        dir: &Path,
        keys: &[(&str, &str)],
    ) -> Result<Self> {
        fs::create_dir_all(dir).map_err(Error::io(format!("create {}", dir.display())))?;
        let log = dir.join("log");
        let output = File::create(&log).map_err(Error::io(format!("write {}", log.display())))?;
        let errors = output.try_clone().map_err(Error::io("share the log"))?;
        let address = free_address()?;
        let began = Instant::now();
        let child = Command::new(binary)
            .arg("serve")
            .args(mode)
            .args(["--listen", &address.to_string(), "--data"])
            .arg(dir.join("data"))
            .args(arguments)
            .envs(keys.iter().copied())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(Error::io(format!("start {}", binary.display())))?;
        let mut server = Self { child, address, start_ms: None };
        let request = format!("GET /_moln/health HTTP/1.1\r\nHost: {address}\r\n\r\n");
        loop {
            if let Ok(mut connection) = Connection::open(address).await
                && let Ok((200..300, _)) = connection.exchange(request.as_bytes()).await
            {
                server.start_ms = Some(began.elapsed().as_secs_f64() * 1000.0);
                return Ok(server);
            }
            let ended = server.child.try_wait().map_err(Error::io("wait for the server"))?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                let log = fs::read_to_string(&log).unwrap_or_default();
                return Err(Error::usage(format!("{} does not answer; its log: {log}", binary.display())));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Starts a limit: this same binary again.
    pub fn limit(limit: Limit, dir: &Path, credentials: &Credentials) -> Result<Self> {
        let this = std::env::current_exe().map_err(Error::io("find this binary"))?;
        Self::limit_of(&this, limit, dir, credentials)
    }

    /// Starts a limit from this `moln-bench`.
    pub fn limit_of(binary: &Path, limit: Limit, dir: &Path, credentials: &Credentials) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["limit", limit.name(), "--listen", "127.0.0.1:0", "--dir"])
            .arg(dir)
            .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io("start a limit"))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(Error::io("read a limit's address"))?;
        }
        let address = line.trim().strip_prefix("listening on ").and_then(|address| address.parse().ok());
        let server =
            Self { child, address: address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0))), start_ms: None };
        if address.is_none() {
            return Err(Error::usage(format!("the limit {} did not start", limit.name())));
        }
        Ok(server)
    }

    /// Its process.
    pub fn process(&self) -> Process {
        Process::new(self.child.id())
    }
}

impl Drop for Server {
    /// A limit ends with its standard input; Moln on SIGTERM, by force when that takes too long.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("find a free port"))?;
    listener.local_addr().map_err(Error::io("find a free port"))
}
