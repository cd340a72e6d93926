//! A sandbox, seen from the server.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use crate::{Bind, Error, ProcessSpec};

/// A port of the sandbox's loopback at which the server listens.
#[derive(Debug)]
pub struct Listening {
    /// The port that was asked for.
    pub port: u16,
    /// The address processes inside must be told: with the host's network another free port of 127.0.0.1.
    pub address: SocketAddr,
    /// The listening socket. It blocks: set it non-blocking before a runtime takes it.
    pub listener: TcpListener,
}

/// What a sandbox uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory of all processes now, in bytes. `/tmp` does not count.
    pub memory: u64,
    /// The most there was since the start or the last [`Sandbox::reset_peak`], in bytes; at least `memory`.
    pub peak: u64,
    /// Processes and threads now.
    pub processes: u32,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Killed because the sandbox's memory limit was crossed.
    OutOfMemory,
}

/// A running sandbox. Dropping it kills it in the background.
#[derive(Debug)]
pub struct Sandbox {}

impl Sandbox {
    /// The listeners that were asked for; empty the second time.
    pub fn take_listeners(&mut self) -> Vec<Listening> {
        Vec::new()
    }

    /// Shows more of the machine inside, now. Unsupported where [`crate::Report::late_binds`] is false and a process was
    /// started already.
    pub async fn bind(&self, _binds: Vec<Bind>) -> Result<(), Error> {
        Err(Error::Gone)
    }

    /// What a process must be told for a path inside: the path itself, or the real place where the tier has no mounts.
    pub fn visible(&self, path: &str) -> PathBuf {
        PathBuf::from(path)
    }

    /// Starts a process. Returns when its program runs; a program that cannot be executed is [`Error::System`].
    pub async fn spawn(&self, _process: ProcessSpec) -> Result<Process, Error> {
        Err(Error::Gone)
    }

    /// Stops all processes where they are; they use no processor time until [`Sandbox::thaw`].
    pub async fn freeze(&self) -> Result<(), Error> {
        Err(Error::Gone)
    }

    /// Lets frozen processes go on.
    pub async fn thaw(&self) -> Result<(), Error> {
        Err(Error::Gone)
    }

    /// What is used now.
    pub async fn usage(&self) -> Result<Usage, Error> {
        Err(Error::Gone)
    }

    /// Starts a new measurement of [`Usage::peak`].
    pub async fn reset_peak(&self) -> Result<(), Error> {
        Err(Error::Gone)
    }

    /// Ends everything inside and removes every trace. Returns when nothing is left.
    pub async fn kill(self) -> Result<(), Error> {
        Err(Error::Gone)
    }
}

/// A process in a sandbox. Dropping it leaves it running: it ends with its sandbox.
#[derive(Debug)]
pub struct Process {}

impl Process {
    /// Its number inside the sandbox.
    pub fn id(&self) -> u32 {
        0
    }

    /// Waits until it has ended. May be called again: the answer stays. A sandbox that is killed answers `Signal(9)`.
    pub async fn exited(&mut self) -> Exit {
        Exit::Signal(9)
    }

    /// Sends it a signal; nothing happens when it has ended.
    pub async fn signal(&self, _signal: i32) {}
}
