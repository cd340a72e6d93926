//! The end of an environment: extensions are told and given time, then everything in the sandbox is killed.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::{Environment, system_millis};
use crate::{Limits, capture::drain, runtime_api::Wish};

/// Why an environment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is not needed any more.
    Spindown,
    /// An invocation ran out of time.
    Timeout,
    /// The runtime or an extension failed.
    Failure,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

impl Environment {
    /// Ends it. Without extensions at once; with internal ones the runtime gets a `SIGTERM` and 300 ms; with external
    /// ones it gets that first, then they get a `SHUTDOWN` event and the rest of 2 s.
    pub(crate) async fn end(&self, reason: Reason, limits: &Limits) {
        let (any, external) = self.api.with(|state| {
            (!state.extensions.is_empty(), state.extensions.iter().any(|extension| extension.external))
        });
        if any {
            self.wake().await;
            self.grace(reason, external, limits).await;
        }
        self.kill().await;
    }

    /// Ends it now.
    pub(crate) async fn kill(&self) {
        self.tell();
        let sandbox = self.sandbox.lock().await.sandbox.take();
        if let Some(sandbox) = sandbox
            && let Err(error) = sandbox.kill().await
        {
            tracing::warn!(function = %self.revision.function, %error, "a sandbox could not be removed");
        }
        drain(self.pipes.iter(), &self.log);
        self.log.flush();
    }

    async fn grace(&self, reason: Reason, external: bool, limits: &Limits) {
        let whole = if external { limits.shutdown_external } else { limits.shutdown_internal };
        let end = Instant::now() + whole;
        if reason == Reason::Spindown {
            self.runtime.signal(SIGTERM);
            let first = (Instant::now() + limits.shutdown_internal).min(end);
            let ended = self.api.until(|state| state.exit.map(|_| ()));
            if timeout_at(first, ended).await.is_err() {
                self.runtime.signal(SIGKILL);
            }
        } else {
            self.runtime.signal(SIGKILL);
        }
        if !external {
            return;
        }
        self.log.push_subscribers();
        let left = end.saturating_duration_since(Instant::now());
        let event = shutdown_event(reason, left);
        let mut told = false;
        // One that still works on its last event is told as soon as it asks for the next one.
        let all = self.api.until(|state| {
            for extension in &mut state.extensions {
                if extension.exit.is_none() {
                    told |= extension.tell(Wish::Shutdown, &event);
                }
            }
            let over = state
                .extensions
                .iter()
                .filter(|extension| extension.external && extension.events.contains(&Wish::Shutdown))
                .all(|extension| extension.exit.is_some());
            over.then_some(())
        });
        let _ = timeout_at(end, all).await;
    }
}

fn shutdown_event(reason: Reason, left: Duration) -> Bytes {
    let deadline = system_millis() + u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    serde_json::json!({ "eventType": "SHUTDOWN", "shutdownReason": reason.as_str(), "deadlineMs": deadline })
        .to_string()
        .into()
}
