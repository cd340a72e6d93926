//! One invocation of a running environment.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    Finished, Invocation,
    capture::{Platform, Status},
    limits::{ANSWER_HELD, START_SHOWN},
    runtime_api::{Answer, Conversation, Event, State, Stream, Wish},
};

use super::{
    Environment, Failure, Reason,
    report::{Answered, Ended},
    system_millis,
    trace::trace_of,
};

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

/// How an environment came to rest after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rested {
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
                self.tell_later(answered, measured);
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

    /// Waits for what works on, and reports. Why the environment cannot take another invocation; `None`: it can.
    pub(crate) async fn come_to_rest(&self, mut unrested: Unrested) -> Option<Reason> {
        let rested = self.rested(&mut unrested.conversation, unrested.until).await;
        self.conclude(&unrested.answered, rested).await.1
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
}

/// Why nobody will answer any more.
fn failed(state: &State) -> Option<Failure> {
    if let Some((name, reported)) = state.failed_extension() {
        return Some(Failure::Extension { name: name.to_string(), kind: reported.kind });
    }
    state.exit.map(Failure::Exit)
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
