//! Execution environments: what runs a function's code.
//!
//! [`Functions::invoke`] finds an environment of the revision that is idle, or starts one, hands it the event over the
//! Runtime API and waits for the answer. An environment serves one invocation at a time; between them it is frozen. One
//! that timed out, exited or ran out of memory is killed whole and never used again.

pub mod bootstrap;
mod capture;
pub mod code;
mod environment;
mod invocation;
pub mod limits;
mod pool;
mod prepare;
pub mod provision;
mod revision;
mod runtime;
mod runtime_api;
#[cfg(test)]
mod testing;
mod time;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use moln_kernel::{
    SharedClock,
    ports::{AssumeRole, WriteLogs},
};
use moln_sandbox::Launcher;
use tokio::sync::{mpsc, oneshot};

use crate::{code::CodeCache, pool::Pool, provision::Runtimes, runtime_api::Stream};

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
    /// Finds runtimes.
    pub runtimes: Runtimes,
    /// Unpacks code.
    pub code: CodeCache,
    /// Functions reach nothing but the platform ([`moln_sandbox::Network::Isolated`]).
    pub isolated: bool,
    /// Where the platform listens on this machine: what isolated functions reach at the same port of their own loopback.
    pub platform: SocketAddr,
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
    pool: Arc<Pool>,
}

impl Functions {
    /// Ready to run functions; nothing is started yet. To be called within a tokio runtime.
    pub fn new(settings: Settings) -> Self {
        Self { pool: Pool::new(settings) }
    }

    /// Runs one invocation to its end: by the function's own doing an answer or an error document ([`Finished`]), within
    /// its time limit plus what an environment's start takes. Dropping the future does not stop the function: what was
    /// started runs to its end.
    pub async fn invoke(
        &self,
        revision: &Arc<Revision>,
        invocation: Invocation,
    ) -> Result<Finished, Unavailable> {
        self.pool.run(revision, invocation, None).await
    }

    /// Like [`Functions::invoke`], with the answer as it comes. Resolves when the runtime begins its answer (or fails).
    pub async fn invoke_streaming(
        &self,
        revision: &Arc<Revision>,
        invocation: Invocation,
    ) -> Result<Streamed, Unavailable> {
        let (head, mut begun) = oneshot::channel();
        let (pieces, body) = mpsc::channel(limits::STREAM_PIECES);
        let (ended, end) = oneshot::channel();
        let stream = Stream { head: Some(head), pieces };
        let (pool, revision) = (Arc::clone(&self.pool), Arc::clone(revision));
        let mut running = tokio::spawn(async move { pool.run(&revision, invocation, Some(stream)).await });
        let streamed = |head| Streamed { head, body: StreamBody(body), end: StreamEnd(end) };
        tokio::select! {
            biased;
            Ok(head) = &mut begun => {
                tokio::spawn(async move {
                    if let Ok(Ok(finished)) = running.await {
                        let _ = ended.send(finished);
                    }
                });
                Ok(streamed(head))
            }
            // It failed before it answered.
            finished = &mut running => {
                let finished = finished.map_err(|_| Unavailable::Stopping)??;
                let head = begun.try_recv().unwrap_or_default();
                let _ = ended.send(finished);
                Ok(streamed(head))
            }
        }
    }

    /// Keeps `count` environments of the revision initialised, beside those that start on demand; zero ends it. Returns at
    /// once: [`Functions::provisioned`] tells how far it is.
    pub fn provision(&self, revision: &Arc<Revision>, count: u32) {
        self.pool.provision(revision, count);
    }

    /// How far the provisioning of a revision is.
    pub fn provisioned(&self, revision_id: &str) -> Provisioned {
        self.pool.provisioned(revision_id)
    }

    /// The revision is not invoked any more: its idle environments are shut down now, busy ones after their invocation.
    pub fn retire(&self, revision_id: &str) {
        self.pool.retire(revision_id);
    }

    /// How many invocations of the revision are running or starting.
    pub fn busy(&self, revision_id: &str) -> usize {
        self.pool.busy(revision_id)
    }

    /// How many environments there are, pre-warmed ones and those that end included.
    pub fn environments(&self) -> usize {
        self.pool.environments()
    }

    /// How many pre-warmed processes wait for a function.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    /// What the sandboxes of this machine are like.
    pub fn report(&self) -> &moln_sandbox::Report {
        self.pool.host().settings.launcher.report()
    }

    /// Takes no new invocations, waits up to `grace` for running ones, ends everything. Nothing is left running.
    pub async fn stop(&self, grace: Duration) {
        self.pool.stop(grace).await;
    }
}
