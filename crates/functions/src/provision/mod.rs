//! Runtimes and SDKs: found on this machine or fetched once from the package registries, kept in a directory that all
//! data directories share.

pub(crate) mod place;

use std::{fmt, path::PathBuf, sync::Arc};

use crate::runtime::Runtime;

/// A runtime as it lies on this machine, ready to be run.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Which.
    pub runtime: Runtime,
    /// Its exact version (`20.20.2`); empty for `provided` runtimes.
    pub version: String,
    /// The interpreter's directory, shown as [`crate::bootstrap::LANGUAGE`]; `None` where it is part of the system.
    pub home: Option<PathBuf>,
    /// The interpreter: below `home`, or absolute where there is none. Empty for `provided` runtimes.
    pub interpreter: PathBuf,
    /// The SDK's directory; `None` for `provided` runtimes.
    pub sdk: Option<PathBuf>,
    /// The bootstraps' directory; `None` for `provided` runtimes.
    pub bootstrap: Option<PathBuf>,
}

/// A runtime cannot be used now. Says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub runtime: Runtime,
    /// What is missing and how to get it; one sentence or two.
    pub reason: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Missing {}

/// How runtimes are found.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where runtimes and SDKs are kept (`~/.cache/moln`); shared by any number of processes.
    pub directory: PathBuf,
    /// More directories in which Python interpreters are looked for (`DIR/bin/python3.12`, `DIR/*/bin/python3.12`).
    pub python: Vec<PathBuf>,
    /// Whether what is missing is fetched when it is first used.
    pub fetch: bool,
}

/// The runtimes of this machine. A cheap handle.
#[derive(Clone, Debug)]
pub struct Runtimes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
}

impl Runtimes {
    /// Nothing is looked for yet.
    pub fn new(settings: Settings) -> Self {
        Self { shared: Arc::new(Shared { settings }) }
    }

    /// The runtime, found or (when [`Settings::fetch`] is set) fetched. Callers at the same time share one search and one
    /// installation; a success is kept, a failure is tried again after a pause.
    #[expect(clippy::unused_async, reason = "the search is being written")]
    pub async fn ready(&self, runtime: Runtime) -> Result<Arc<Installed>, Missing> {
        let directory = self.shared.settings.directory.display();
        Err(Missing { runtime, reason: format!("{runtime} is not in {directory}") })
    }
}
