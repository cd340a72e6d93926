//! One invocation of a running environment.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use moln_kernel::ids::hex_id;

use crate::{
    Finished, Invocation,
    capture::{Platform, Status, Tracing, drain},
    limits::{ANSWER_HELD, START_SHOWN},
    runtime_api::{Answer, Conversation, Event, State, Stream, Wish},
    time::iso,
};

use super::{Environment, Failure, Reason, system_millis};

/// An invocation that has begun before its environment was there.
pub(crate) struct Begun {
    /// When its time began to run.
    pub(crate) at: Instant,
    /// How long the initialisation took that preceded it.
    pub(crate) init: Option<Duration>,
}

/// What an invocation came to.
pub(crate) struct Invoked {
    /// For who called.
    pub(crate) finished: Finished,
    pub(crate) then: Then,
}

/// What becomes of the environment.
pub(crate) enum Then {
    /// It can take another invocation.
    Keep,
    /// It cannot: why.
    End(Reason),
    /// It works on: this has to be waited for.
    Wait(Box<Unrested>),
}

/// An invocation that was answered while extensions, or the runtime, still work on it.
pub(crate) struct Unrested {
    conversation: Conversation,
    answered: Answered,
    /// When its time is over.
    until: tokio::time::Instant,
}

/// What the log is still to be told of an answered invocation.
pub(super) struct Untold(Answered, Measured);

/// What an invocation took.
#[derive(Clone, Copy)]
struct Measured {
    duration: Duration,
    billed: Duration,
    /// Most memory that was seen, bytes.
    memory_used: u64,
}

/// What is known of an invocation when it was answered, for its report.
struct Answered {
    ended: Ended,
    request: Arc<str>,
    status: Status,
    /// How long it took until then.
    taken: Duration,
    begun: Begun,
    tracing: Option<Tracing>,
}

/// What an invocation came to, before it is reported.
struct Ended {
    result: Result<Bytes, Failure>,
    /// Bytes of the answer.
    produced: usize,
    /// The environment can go on.
    alive: bool,
}

/// How an environment came to rest after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rested {
    /// Ready for the next invocation.
    Well,
    /// Its runtime or an extension ended.
    Gone,
    /// It did not.
    Not,
}

impl Environment {
    /// Runs it to its end, so that who called and calls again at once finds the environment ready; only extensions that
    /// work on are not waited for.
    pub(crate) async fn invoke(
        &self,
        invocation: Invocation,
        stream: Option<Stream>,
        begun: Begun,
    ) -> Invoked {
        self.wake().await;
        self.tell();
        let Invocation {
            request_id,
            payload,
            client_context,
            cognito_identity,
            function_arn,
            trace,
            lineage,
            tail,
        } = invocation;
        let request: Arc<str> = request_id.as_str().into();
        if tail {
            self.log.start_tail();
        }
        let tracing =
            trace_of(trace.as_deref(), &lineage.encode(), self.revision.tracing, self.log.now().seconds());
        self.log.due_to(lineage);
        let sampled = self.revision.tracing || tracing.header.contains("Sampled=1");
        let shown = sampled.then_some(&tracing);

        let timeout = self.revision.timeout;
        let until = tokio::time::Instant::from_std(begun.at + timeout);
        let left = timeout.saturating_sub(begun.at.elapsed());
        let deadline_ms = system_millis() + u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let event = Event {
            request_id: Arc::clone(&request),
            deadline_ms,
            function_arn,
            trace: tracing.header.clone(),
            client_context,
            cognito_identity,
            payload,
        };
        let mut conversation = Conversation::new(&self.api);
        let start = Platform::Start { request: &request, version: &self.revision.version, tracing: shown };
        let mut stream = stream;
        match self.api.look(|state| state.deliver(&event, &mut stream)) {
            // Most often the runtime waits. It works already while the log is told; what it prints comes after that.
            Some(mut handed) => {
                self.log.platform_after(|| handed.send(), &start);
                conversation.begin(handed);
            }
            None => self.log.platform(&start),
        }
        self.tell_extensions(&event, deadline_ms);
        let ended = self.answered(&mut conversation, event, stream, until).await;
        let taken = begun.at.elapsed();
        let status = ended.result.as_ref().map_or_else(Failure::status, |_| Status::Success);
        let tracing = sampled.then_some(tracing);
        let answered = Answered { ended, request, status, taken, begun, tracing };
        // Where nobody listens the log can be told of a success after the caller.
        let later =
            answered.ended.result.is_ok() && !tail && self.api.look(|state| state.extensions.is_empty());
        if !later {
            self.runtime_done(&answered);
        }
        let mut rested = Rested::Well;
        if answered.ended.alive {
            // Who called need not wait for extensions, unless the log's tail is wanted, which ends with the report.
            let first = if tail { until } else { until.min(tokio::time::Instant::now() + ANSWER_HELD) };
            rested = self.rested(&mut conversation, first).await;
            if later && rested == Rested::Well {
                let measured = self.measured(&answered, answered.begun.at.elapsed()).await;
                let finished = self.finished(&answered, measured);
                *self.untold() = Some(Untold(answered, measured));
                return Invoked { finished, then: Then::Keep };
            }
            if later {
                self.runtime_done(&answered);
            }
            if rested == Rested::Not && !tail {
                let finished = self.finished(&answered, self.measured(&answered, answered.taken).await);
                let unrested = Unrested { conversation, answered, until };
                return Invoked { finished, then: Then::Wait(Box::new(unrested)) };
            }
        }
        let (mut finished, reason) = self.conclude(&answered, rested).await;
        finished.log_tail = self.log.take_tail();
        Invoked { finished, then: reason.map_or(Then::Keep, Then::End) }
    }

    /// Tells the log what it was not told of the last invocation. Whoever comes first does: the task that follows the
    /// answer, the next invocation, the end.
    pub(crate) fn tell(&self) {
        let mut untold = self.untold();
        if let Some(Untold(answered, measured)) = untold.take() {
            self.runtime_done(&answered);
            self.report(&answered, measured, &answered.status);
        }
    }

    fn untold(&self) -> MutexGuard<'_, Option<Untold>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtime has answered: what it printed until then comes first.
    fn runtime_done(&self, answered: &Answered) {
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

    /// Waits for what works on, and reports. Why the environment cannot take another invocation; `None`: it can.
    pub(crate) async fn come_to_rest(&self, mut unrested: Unrested) -> Option<Reason> {
        let rested = self.rested(&mut unrested.conversation, unrested.until).await;
        self.conclude(&unrested.answered, rested).await.1
    }

    /// Reports. Why the environment cannot take another invocation; `None`: it can.
    async fn conclude(&self, answered: &Answered, rested: Rested) -> (Finished, Option<Reason>) {
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

    /// Gives the runtime the event as soon as it waits for one, unless it has it, and waits for the answer.
    async fn answered(
        &self,
        conversation: &mut Conversation,
        event: Event,
        mut stream: Option<Stream>,
        until: tokio::time::Instant,
    ) -> Ended {
        let answered = async {
            if !conversation.has_begun() {
                let handed = conversation.until(|state| match state.deliver(&event, &mut stream) {
                    Some(handed) => Some(Ok(handed)),
                    None => failed(state).map(Err),
                });
                let handed = handed.await?;
                conversation.begin(handed);
            }
            let answer = conversation.until(|state| {
                let answer = state.current.as_mut().and_then(|current| current.answer.take());
                answer.map(Ok).or_else(|| failed(state).map(Err))
            });
            answer.await
        };
        tokio::pin!(answered);
        // Whoever follows the log of a long invocation sees that it has begun.
        let soon = until.min(tokio::time::Instant::now() + START_SHOWN);
        let mut early = self.alarm.within(soon, &mut answered).await;
        if early.is_err() {
            self.log.flush_lines();
            early = self.alarm.within(until, &mut answered).await;
        }
        match early {
            Ok(answered) => end_of(answered),
            Err(_) => Ended { result: Err(Failure::Timeout), produced: 0, alive: false },
        }
    }

    /// Waits until everybody asks for the next event: so long an invocation lasts.
    async fn rested(&self, conversation: &mut Conversation, until: tokio::time::Instant) -> Rested {
        let rest = conversation.until(|state| {
            if state.exit.is_some() || state.failed_extension().is_some() {
                return Some(Rested::Gone);
            }
            (state.is_waiting() && state.extensions_rest()).then_some(Rested::Well)
        });
        self.alarm.within(until, rest).await.unwrap_or(Rested::Not)
    }

    fn json(&self) -> bool {
        self.revision.logging.format == crate::LogFormat::Json
    }

    fn tell_extensions(&self, event: &Event, deadline_ms: u64) {
        // Most environments have none; who is not there now registers no more.
        if self.api.look(|state| state.extensions.is_empty()) {
            return;
        }
        let body: Bytes = serde_json::json!({
            "eventType": "INVOKE",
            "deadlineMs": deadline_ms,
            "requestId": &*event.request_id,
            "invokedFunctionArn": event.function_arn,
            "tracing": { "type": "X-Amzn-Trace-Id", "value": event.trace },
        })
        .to_string()
        .into();
        self.api.with(|state| {
            for extension in &mut state.extensions {
                extension.tell(Wish::Invoke, &body);
            }
        });
    }

    async fn measured(&self, answered: &Answered, taken: Duration) -> Measured {
        let billed = billed(taken, answered.begun.init);
        Measured { duration: taken, billed, memory_used: self.memory().await }
    }

    fn finished(&self, answered: &Answered, measured: Measured) -> Finished {
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

/// Why nobody will answer any more.
fn failed(state: &State) -> Option<Failure> {
    if let Some((name, reported)) = state.failed_extension() {
        return Some(Failure::Extension { name: name.to_string(), kind: reported.kind });
    }
    state.exit.map(Failure::Exit)
}

/// Whole milliseconds; since August 2025 AWS bills initialisation too. A provisioned environment's is not part of it.
pub(crate) fn billed(taken: Duration, init: Option<Duration>) -> Duration {
    let nanos = (taken + init.unwrap_or_default()).as_nanos();
    Duration::from_millis(u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1))
}

fn end_of(answered: Result<Answer, Failure>) -> Ended {
    let (result, produced, alive) = match answered {
        Ok(Answer::Value(payload)) => {
            let produced = payload.len();
            (Ok(payload), produced, true)
        }
        Ok(Answer::Streamed(bytes)) => (Ok(Bytes::new()), usize::try_from(bytes).unwrap_or(usize::MAX), true),
        Ok(Answer::Error(reported)) => (Err(Failure::Reported(reported)), 0, true),
        Ok(Answer::TooLarge) => (Err(Failure::TooLarge), 0, true),
        Ok(Answer::Truncated) => (Err(Failure::Truncated), 0, true),
        Err(failure) => (Err(failure), 0, false),
    };
    Ended { result, produced, alive }
}

/// The trace an invocation belongs to: the caller's, or a new one. The function is a segment of its own in it; what led
/// here travels along.
pub(crate) fn trace_of(given: Option<&str>, lineage: &str, active: bool, seconds: u64) -> Tracing {
    let part = |name: &str| {
        given
            .unwrap_or_default()
            .split(';')
            .filter_map(|part| part.trim().split_once('='))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let trace = part("Root").map_or_else(|| hex_id(&format!("1-{seconds:08x}-"), 24), str::to_owned);
    let segment = hex_id("", 16);
    let sampled = match part("Sampled") {
        Some("1") => "1",
        Some("0") => "0",
        _ if active => "1",
        _ => "0",
    };
    let mut header = ["Root=", &trace, ";Parent=", &segment, ";Sampled=", sampled].concat();
    if !lineage.is_empty() {
        header.push_str(";Lineage=");
        header.push_str(lineage);
    }
    Tracing { header, trace, segment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_and_carries_the_chain() {
        let own = trace_of(None, "", true, 0x5759_e988);
        assert!(
            own.header.starts_with("Root=1-5759e988-") && own.header.ends_with(";Sampled=1"),
            "{}",
            own.header
        );
        let given =
            Some("Root=1-5759e988-bd862e3fe1be46a994272793; Parent=53995c3f42cd8ad8;Sampled=0;Lineage=x");
        let next = trace_of(given, "arn:a,0", true, 0);
        assert_eq!(next.trace, "1-5759e988-bd862e3fe1be46a994272793");
        assert!(next.header.ends_with(&format!("Parent={};Sampled=0;Lineage=arn:a,0", next.segment)));
    }
}
