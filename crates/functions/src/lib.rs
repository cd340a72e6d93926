//! Execution environments: what runs a function's code.
//!
//! [`Functions::invoke`] finds an environment of the revision that is idle, or starts one, hands it the event over the
//! Runtime API and waits for the answer. An environment serves one invocation at a time; between them it is frozen. One
//! that timed out, exited or ran out of memory is killed whole and never used again.

pub mod bootstrap;
pub mod code;
mod invocation;
pub mod limits;
pub mod provision;
mod revision;
mod runtime;

use std::{sync::Arc, time::Duration};

use moln_kernel::{
    SharedClock,
    ports::{AssumeRole, WriteLogs},
};
use moln_sandbox::Launcher;

pub use invocation::{
    Finished, FunctionError, Invocation, StreamBody, StreamEnd, StreamHead, Streamed, Unavailable,
};
pub use limits::Limits;
pub use revision::{Code, LogFormat, LogLevel, Logging, Revision};
pub use runtime::{Family, Runtime, Sdk, Unknown};

/// What running functions takes.
pub struct Settings {
    /// Makes sandboxes.
    pub launcher: Launcher,
    /// Tells the time in logs.
    pub clock: SharedClock,
    /// Takes log lines.
    pub logs: Arc<dyn WriteLogs>,
    /// Gives credentials of the execution roles.
    pub credentials: Arc<dyn AssumeRole>,
    /// `AWS_ENDPOINT_URL` for functions, such as `http://127.0.0.1:4566`.
    pub endpoint: Arc<str>,
    /// What may be set.
    pub limits: Limits,
}

/// A revision's provisioned environments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// How many are wanted.
    pub wanted: u32,
    /// How many have been initialised (busy ones included).
    pub ready: u32,
    /// Why the last one that failed to start did so; cleared by one that starts.
    pub failure: Option<String>,
}

/// Runs functions. A cheap handle.
#[derive(Clone)]
pub struct Functions {
    settings: Arc<Settings>,
}

impl Functions {
    /// Ready to run functions; nothing is started yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }

    /// Runs one invocation to its end: by the function's own doing an answer or an error document ([`Finished`]), within
    /// its time limit plus what an environment's start takes. Dropping the future does not stop the function: what was
    /// started runs to its end.
    pub async fn invoke(
        &self,
        revision: &Arc<Revision>,
        invocation: Invocation,
    ) -> Result<Finished, Unavailable> {
        let _ = (revision, invocation, &self.settings.limits);
        Err(Unavailable::Sandbox("Functions cannot be run yet.".into()))
    }

    /// Like [`Functions::invoke`], with the answer as it comes. Resolves when the runtime begins its answer (or fails).
    pub async fn invoke_streaming(
        &self,
        revision: &Arc<Revision>,
        invocation: Invocation,
    ) -> Result<Streamed, Unavailable> {
        let _ = (revision, invocation);
        Err(Unavailable::Sandbox("Functions cannot be run yet.".into()))
    }

    /// Keeps `count` environments of the revision (whose `provisioned` is set) initialised, beside those that start on
    /// demand; zero ends it. Returns at once: [`Functions::provisioned`] tells how far it is.
    pub fn provision(&self, revision: &Arc<Revision>, count: u32) {
        let _ = (revision, count);
    }

    /// How far the provisioning of a revision is.
    pub fn provisioned(&self, revision_id: &str) -> Provisioned {
        let _ = revision_id;
        Provisioned::default()
    }

    /// The revision is not invoked any more: its idle environments are shut down now, busy ones after their invocation.
    pub fn retire(&self, revision_id: &str) {
        let _ = revision_id;
    }

    /// How many environments of the revision are busy.
    pub fn busy(&self, revision_id: &str) -> usize {
        let _ = revision_id;
        0
    }

    /// Takes no new invocations, waits up to `grace` for running ones, ends everything. Nothing is left running.
    pub async fn stop(&self, grace: Duration) {
        let _ = grace;
    }
}
