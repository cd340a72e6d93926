//! What is told of an invocation when it has ended: to who called, and to the log, which may come after the caller.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use super::{
    Environment, Failure, Reason,
    invoke::{Begun, Rested},
};
use crate::{
    Finished,
    capture::{Platform, Status, Tracing, drain},
    time::iso,
};

/// What the log is still to be told of an answered invocation.
pub(super) struct Untold(Answered, Measured);

/// What an invocation took.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub(super) duration: Duration,
    pub(super) billed: Duration,
    /// Most memory that was seen, bytes.
    pub(super) memory_used: u64,
}

/// What is known of an invocation when it was answered, for its report.
pub(super) struct Answered {
    pub(super) ended: Ended,
    pub(super) request: Arc<str>,
    pub(super) status: Status,
    /// How long it took until then.
    pub(super) taken: Duration,
    pub(super) begun: Begun,
    pub(super) tracing: Option<Tracing>,
}

/// What an invocation came to, before it is reported.
pub(super) struct Ended {
    pub(super) result: Result<Bytes, Failure>,
    /// Bytes of the answer.
    pub(super) produced: usize,
    /// The environment can go on.
    pub(super) alive: bool,
}

impl Environment {
    /// Tells the log what it was not told of the last invocation. Whoever comes first does: the task that follows the
    /// answer, the next invocation, the end.
    pub(crate) fn tell(&self) {
        let mut untold = self.untold();
        if let Some(Untold(answered, measured)) = untold.take() {
            self.runtime_done(&answered);
            self.report(&answered, measured, &answered.status);
        }
    }

    /// Leaves it to [`Environment::tell`].
    pub(super) fn tell_later(&self, answered: Answered, measured: Measured) {
        *self.untold() = Some(Untold(answered, measured));
    }

    fn untold(&self) -> MutexGuard<'_, Option<Untold>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtime has answered: what it printed until then comes first.
    pub(super) fn runtime_done(&self, answered: &Answered) {
        let Answered { ended, request, status, taken, tracing, .. } = answered;
        drain(self.pipes.iter(), &self.log);
        self.log.platform(&Platform::RuntimeDone {
            request,
            status,
            duration: *taken,
            produced: ended.result.is_ok().then_some(ended.produced),
            tracing: tracing.as_ref(),
        });
    }

    /// Reports. Why the environment cannot take another invocation; `None`: it can.
    pub(super) async fn conclude(&self, answered: &Answered, rested: Rested) -> (Finished, Option<Reason>) {
        let Answered { ended, request, status, taken, begun, .. } = answered;
        let timeout = self.revision.timeout;
        let late = (rested == Rested::Not).then_some(Failure::Timeout);
        let late_status = late.as_ref().map(Failure::status);
        let failure = late.as_ref().or(ended.result.as_ref().err());
        let line = failure.and_then(|failure| failure.log_line(request, &iso(self.log.now()), timeout));
        if let Some(line) = line {
            self.log.platform(&Platform::Failure { text: &line });
        }
        let taken = if ended.alive { begun.at.elapsed() } else { *taken };
        let taken = if failure == Some(&Failure::Timeout) { taken.max(timeout) } else { taken };
        let measured = self.measured(answered, taken).await;
        self.report(answered, measured, late_status.as_ref().unwrap_or(status));
        let reason = match failure {
            _ if ended.alive && rested == Rested::Well => None,
            Some(Failure::Timeout) => Some(Reason::Timeout),
            _ => Some(Reason::Failure),
        };
        (self.finished(answered, measured), reason)
    }

    /// The end of an invocation in the log.
    fn report(&self, answered: &Answered, measured: Measured, status: &Status) {
        let Answered { ended, request, begun, tracing, .. } = answered;
        // In plain text an error that the function itself reported is no failure of its report.
        let reported = matches!(ended.result, Err(Failure::Reported(_))) && *status != Status::Timeout;
        self.log.platform(&Platform::End { request });
        self.log.platform(&Platform::Report {
            request,
            status: if reported && !self.json() { &Status::Success } else { status },
            duration: measured.duration,
            billed: measured.billed,
            memory_mb: self.revision.memory_mb,
            used_mb: measured.memory_used.div_ceil(1 << 20),
            init: begun.init,
            tracing: tracing.as_ref(),
        });
        self.log.flush();
    }

    fn json(&self) -> bool {
        self.revision.logging.format == crate::LogFormat::Json
    }

    pub(super) async fn measured(&self, answered: &Answered, taken: Duration) -> Measured {
        let billed = billed(taken, answered.begun.init);
        Measured { duration: taken, billed, memory_used: self.memory().await }
    }

    pub(super) fn finished(&self, answered: &Answered, measured: Measured) -> Finished {
        let Answered { ended, request, begun, .. } = answered;
        // An answer that was given stays given, even when the environment then does not come to rest.
        let (payload, error) = match &ended.result {
            Ok(payload) => (payload.clone(), None),
            Err(failure) => {
                (failure.payload(request, self.revision.timeout), Some(failure.function_error(false)))
            }
        };
        Finished {
            payload,
            error,
            log_tail: None,
            duration: measured.duration,
            billed: measured.billed,
            init_duration: begun.init,
            memory_used: measured.memory_used,
        }
    }
}

/// Whole milliseconds; since August 2025 AWS bills initialisation too. A provisioned environment's is not part of it.
pub(crate) fn billed(taken: Duration, init: Option<Duration>) -> Duration {
    let nanos = (taken + init.unwrap_or_default()).as_nanos();
    Duration::from_millis(u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1))
}
