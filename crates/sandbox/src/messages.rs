//! What server, launcher and sandboxes tell each other.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Bind, Peers, Report, SandboxSpec};

/// Server → launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Make a sandbox of this number.
    Create { id: u64, spec: SandboxSpec },
    /// End it, and say when nothing is left.
    Kill { id: u64 },
}

/// Launcher → server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// The first message: the probe is done.
    Hello { report: Report },
    /// The launcher cannot work.
    Failed { why: Failure },
    /// A sandbox is being built; beside it travels the channel to it.
    Created { id: u64, made: Made },
    /// It could not be made.
    Refused { id: u64, why: Failure },
    /// Nothing of it is left.
    Ended { id: u64 },
}

/// What the launcher knows of a new sandbox.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Made {
    /// Its control groups.
    pub(crate) groups: Groups,
    /// Whether paths are real ones: no mounts.
    pub(crate) plain: bool,
    /// The directory that is `/tmp` then.
    pub(crate) tmp: PathBuf,
    /// How its connections are known.
    pub(crate) peers: Peers,
}

/// The control groups of a sandbox, as directories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Groups {
    /// Whether they are of version 2.
    pub(crate) unified: bool,
    /// With the memory controller.
    pub(crate) memory: Option<PathBuf>,
    /// With the freezer.
    pub(crate) freezer: Option<PathBuf>,
    /// With the processor time controller.
    pub(crate) cpu: Option<PathBuf>,
}

/// Launcher → sandbox, the first message: it has its users, and is to make ready what every sandbox has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Prepare {
    /// Its control groups, which it enters.
    pub(crate) groups: Groups,
}

/// Launcher → sandbox, the second message: what it is for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    pub(crate) spec: SandboxSpec,
    /// Whether a control group limits memory.
    pub(crate) memory_limited: bool,
    /// User and group of the processes; `None`: they stay as the first process is.
    pub(crate) user: Option<(u32, u32)>,
    /// What stands in for `/tmp` where there are no mounts.
    pub(crate) tmp: PathBuf,
}

/// Server → sandbox.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Show these inside.
    Bind { id: u64, binds: Vec<Bind> },
    /// Start a process; beside it travel its standard output, standard error and the extra descriptors.
    Spawn { id: u64, process: u32, argv: Vec<String>, env: Vec<String>, cwd: String, extra: Vec<i32> },
    /// Signal a process; no answer.
    Signal { process: u32, signal: i32 },
    /// End every process, because memory ran out; no answer.
    OutOfMemory,
    /// Stop every process with signals.
    Freeze { id: u64 },
    /// And let them go on.
    Thaw { id: u64 },
    /// Memory and processes, as the watcher inside counts them.
    Usage { id: u64, reset: bool },
}

/// Sandbox → server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Tell {
    /// It is built; beside it travel the listeners on an isolated network.
    Ready,
    /// It could not be built.
    Broken { why: Failure },
    /// Done.
    Done { id: u64 },
    /// Not done.
    Failed { id: u64, why: Failure },
    /// The answer to `Usage`.
    Used { id: u64, memory: u64, peak: u64, processes: u32 },
    /// A process ended.
    Exited { process: u32, status: Ended },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
    OutOfMemory,
}

/// An error on its way to the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    Unsupported(String),
    InUse(String),
    Invalid(String),
    System { step: String, code: i32 },
}

impl Failure {
    pub(crate) fn system(step: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        let code = source.into().raw_os_error().unwrap_or(libc::EIO);
        Self::System { step: step.into(), code }
    }
}

impl From<Failure> for crate::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsupported(text) => Self::Unsupported(text),
            Failure::InUse(text) => Self::InUse(text),
            Failure::Invalid(text) => Self::Invalid(text),
            Failure::System { step, code } => {
                Self::System { step, source: std::io::Error::from_raw_os_error(code) }
            }
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::Error::from(self.clone()).fmt(f)
    }
}
