//! Runtimes and SDKs: found on this machine or fetched once from the package registries, kept in a directory that all
//! data directories share.
//!
//! A runtime is exactly what its name says: `python3.12` is served by a 3.12, `nodejs20.x` by the pinned 20, or not at all.
//! What is missing is fetched when it is first asked for ([`Settings::fetch`]): the first invocation waits for it. Once in
//! the directory it needs no network. Places appear whole by a rename, so any number of processes may install at once.

mod command;
mod npm;
pub(crate) mod place;
mod python;
mod search;
mod versions;

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::runtime::Runtime;

pub use search::Part;

/// How long a failed search or fetch is answered from memory.
const PAUSE: Duration = Duration::from_secs(15);

/// A runtime as it lies on this machine, ready to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Installed {
    /// The interpreter's path on this machine.
    pub fn program(&self) -> PathBuf {
        self.home.as_ref().map_or_else(|| self.interpreter.clone(), |home| home.join(&self.interpreter))
    }

    fn is_there(&self) -> bool {
        let provided = self.bootstrap.is_none();
        provided
            || (self.program().is_file()
                && self.sdk.iter().chain(&self.bootstrap).all(|place| place.is_dir()))
    }
}

/// A runtime cannot be used now. Says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub runtime: Runtime,
    /// What is missing and how to get it; one sentence or two.
    pub reason: String,
    /// Whether [`Runtimes::install`] could help.
    pub installable: bool,
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

impl Settings {
    /// `~/.cache/moln` (`$XDG_CACHE_HOME/moln`), where the user has a home.
    pub fn default_directory() -> Option<PathBuf> {
        let absolute =
            |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
        absolute("XDG_CACHE_HOME")
            .or_else(|| Some(absolute("HOME")?.join(".cache")))
            .map(|cache| cache.join("moln"))
    }
}

/// The runtimes of this machine. A cheap handle.
#[derive(Clone, Debug)]
pub struct Runtimes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    known: Mutex<HashMap<Runtime, Known>>,
}

type Known = Arc<tokio::sync::Mutex<Option<Outcome>>>;

#[derive(Clone, Debug)]
enum Outcome {
    Ready(Arc<Installed>),
    Failed(Instant, Missing),
}

impl Runtimes {
    /// Nothing is looked for yet.
    pub fn new(settings: Settings) -> Self {
        Self { shared: Arc::new(Shared { settings, known: Mutex::default() }) }
    }

    /// Where runtimes and SDKs are kept.
    pub fn directory(&self) -> &std::path::Path {
        &self.shared.settings.directory
    }

    /// The runtime, found or (when [`Settings::fetch`] is set) fetched. Callers at the same time share one search and one
    /// installation; a success is kept while it is there, a failure for 15 seconds. Dropping the future stops nothing.
    pub async fn ready(&self, runtime: Runtime) -> Result<Arc<Installed>, Missing> {
        let known = self
            .shared
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(runtime)
            .or_default()
            .clone();
        let mut known = known.lock_owned().await;
        match known.as_ref() {
            Some(Outcome::Ready(installed)) if installed.is_there() => return Ok(installed.clone()),
            Some(Outcome::Failed(when, missing)) if when.elapsed() < PAUSE => return Err(missing.clone()),
            _ => {}
        }
        let shared = self.shared.clone();
        // The lock goes along: whoever waits for it gets this search's outcome, even when its caller has gone.
        let task = tokio::task::spawn_blocking(move || {
            let settings = &shared.settings;
            let found = match search::find(settings, runtime) {
                Err(missing) if missing.installable && settings.fetch => {
                    tracing::info!(%runtime, directory = %settings.directory.display(), "fetching a runtime");
                    search::install(settings, runtime, &mut |_| {})
                }
                other => other,
            }
            .inspect(|installed| search::compile(installed, true))
            .map(Arc::new);
            *known = Some(match &found {
                Ok(installed) => Outcome::Ready(installed.clone()),
                Err(missing) => Outcome::Failed(Instant::now(), missing.clone()),
            });
            found
        });
        task.await.unwrap_or_else(|error| {
            Err(Missing {
                runtime,
                reason: format!("{runtime} could not be looked for: {error}"),
                installable: true,
            })
        })
    }

    /// The runtime if it is on this machine; fetches nothing. Blocks for as long as an interpreter takes to start.
    pub fn find(&self, runtime: Runtime) -> Result<Installed, Missing> {
        search::find(&self.shared.settings, runtime)
    }

    /// Fetches what is missing of a runtime, whatever [`Settings::fetch`] says; `tell` hears of each part. Blocks for as
    /// long as npm or pip takes.
    pub fn install(&self, runtime: Runtime, tell: &mut dyn FnMut(&Part)) -> Result<Installed, Missing> {
        search::install(&self.shared.settings, runtime, tell)
    }
}
