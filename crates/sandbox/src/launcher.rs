//! The launcher, seen from the server.

use std::{path::PathBuf, sync::Arc};

use crate::{Error, Report, Sandbox, SandboxSpec};

/// How much of a sandbox is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Namespaces at least (tiers A and B), or nothing runs.
    Require,
    /// The best this machine gives.
    #[default]
    Best,
    /// Plain processes: functions may do whatever the server may.
    Off,
}

/// How the launcher works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much of a sandbox is demanded.
    pub mode: Mode,
    /// A directory for what environments need while they run. It is made, and emptied at start; one server uses it.
    pub run: PathBuf,
}

/// The launcher's process, before anybody talks to it.
#[derive(Debug)]
pub struct LauncherProcess {}

impl LauncherProcess {
    /// Forks it. To be called before the process has threads: a fork takes only the calling one along.
    pub fn fork(_settings: Settings) -> Result<Self, Error> {
        Err(Error::Unsupported("sandboxes are not built yet".into()))
    }

    /// The way to talk to it. To be called within a tokio runtime.
    pub fn attach(self) -> Result<Launcher, Error> {
        Err(Error::Gone)
    }
}

/// Makes sandboxes. A cheap handle; when the last one and the last sandbox are gone, the launcher ends.
#[derive(Clone, Debug)]
pub struct Launcher {
    report: Arc<Report>,
}

impl Launcher {
    /// What holds on this machine.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Makes a sandbox. Nothing runs in it yet.
    pub async fn create(&self, _spec: SandboxSpec) -> Result<Sandbox, Error> {
        Err(Error::Gone)
    }
}
