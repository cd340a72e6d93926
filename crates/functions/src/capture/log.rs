//! An environment's log.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use moln_kernel::{
    Lineage, SharedClock, Timestamp,
    ports::{LogLine, LogTarget, WriteLogs},
};
use serde_json::{Value, json};

use super::{Platform, Schema, Source, Subscription, level, subscriber::Subscriber};
use crate::{
    LogFormat, LogLevel, Logging,
    limits::{EARLY_EVENTS, LINES, LOG_BUFFER, LOG_BURST, LOG_BYTES_PER_SECOND, TAIL},
    time::iso,
};

/// What does not change about a log.
pub(crate) struct LogFacts {
    /// Where lines go.
    pub(crate) target: LogTarget,
    /// How they look and which are kept.
    pub(crate) logging: Logging,
    /// The environment is a provisioned one.
    pub(crate) provisioned: bool,
}

/// An environment's log.
pub(crate) struct Log {
    facts: LogFacts,
    to: Arc<dyn WriteLogs>,
    clock: SharedClock,
    /// Bytes a second that the allowance grows by.
    pub(super) rate: u64,
    state: Mutex<State>,
}

struct State {
    /// What led to the lines that come now.
    chain: Option<Arc<Lineage>>,
    pending: Vec<LogLine>,
    pending_bytes: usize,
    tail: Option<VecDeque<u8>>,
    lost: Lost,
    /// Bytes that may be written now; refilled by time.
    allowance: u64,
    refilled: Instant,
    subscribers: Vec<Subscriber>,
    /// Events for subscribers that are still to come; until initialisation is over.
    early: Option<Vec<(&'static str, Bytes)>>,
}

#[derive(Default)]
struct Lost {
    records: u64,
    bytes: u64,
}

impl Log {
    pub(crate) fn new(facts: LogFacts, to: Arc<dyn WriteLogs>, clock: SharedClock) -> Self {
        let state = State {
            chain: None,
            pending: Vec::new(),
            pending_bytes: 0,
            tail: None,
            lost: Lost::default(),
            allowance: LOG_BURST,
            refilled: Instant::now(),
            subscribers: Vec::new(),
            early: Some(Vec::new()),
        };
        Self { facts, to, clock, rate: LOG_BYTES_PER_SECOND, state: Mutex::new(state) }
    }

    /// The stream's name.
    pub(crate) fn stream(&self) -> &str {
        &self.facts.target.stream
    }

    /// Present moment, as the log sees it.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What comes now is due to this chain of events.
    pub(crate) fn due_to(&self, chain: Lineage) {
        self.lock().chain = Some(chain).filter(|chain| !chain.hops.is_empty()).map(Arc::new);
    }

    /// A line of a process.
    pub(crate) fn line(&self, source: Source, text: &[u8], level: Option<LogLevel>) {
        let mut state = self.lock();
        if !state.allows(text.len(), self.rate) {
            state.lose(1, text.len());
            return;
        }
        let json = self.facts.logging.format == LogFormat::Json;
        if json && source == Source::Function {
            let least = self.facts.logging.application_level.unwrap_or(LogLevel::Info);
            if level.unwrap_or_else(|| level::of_line(text)) < least {
                return;
            }
        }
        let time = self.clock.now();
        if state.is_heard() {
            let kind = match source {
                Source::Function => "function",
                Source::Extension => "extension",
            };
            let record = Some(text)
                .filter(|text| json && text.first() == Some(&b'{'))
                .and_then(|text| serde_json::from_slice(text).ok())
                .unwrap_or_else(|| Value::String(String::from_utf8_lossy(text).into_owned()));
            state.publish(time, kind, &record);
        }
        self.keep(&mut state, time, text);
    }

    /// What the platform has to say.
    pub(crate) fn platform(&self, event: &Platform<'_>) {
        self.platform_after(|| {}, event);
    }

    /// The same when `act` is done, before anybody else says something.
    pub(crate) fn platform_after(&self, act: impl FnOnce(), event: &Platform<'_>) {
        let level = event.level(self.facts.provisioned);
        let json = self.facts.logging.format == LogFormat::Json;
        let time = self.clock.now();
        let mut state = self.lock();
        act();
        let record = if json || state.is_heard() { event.record(self.facts.provisioned) } else { None };
        let line = match (&record, json) {
            (Some((kind, record)), true) => {
                let least = self.facts.logging.system_level.unwrap_or(LogLevel::Info);
                (level >= least)
                    .then(|| json!({ "time": iso(time), "type": kind, "record": record }).to_string())
            }
            // A sentence that has no record stands in the log in either format; the end of an invocation does not.
            (None, true) => matches!(event, Platform::Failure { .. }).then(|| event.text()).flatten(),
            (_, false) => (level >= LogLevel::Info).then(|| event.text()).flatten(),
        };
        if let Some((kind, record)) = record {
            state.publish(time, kind, &record);
        }
        if let Some(line) = line {
            self.keep(&mut state, time, line.as_bytes());
        }
    }

    /// An extension listens from now on; what was said before is said to it too.
    pub(crate) fn subscribe(&self, name: &str, subscription: Subscription) {
        let mut state = self.lock();
        let early = state.early.clone().unwrap_or_default();
        let subscriber = Subscriber::start(name, subscription, SharedClock::clone(&self.clock));
        for (kind, event) in early {
            subscriber.send(kind, event);
        }
        state.subscribers.retain(|known| known.name != subscriber.name);
        state.subscribers.push(subscriber);
    }

    /// By which API somebody of this name listens.
    pub(crate) fn subscribed(&self, name: &str) -> Option<Schema> {
        self.lock().subscribers.iter().find(|subscriber| &*subscriber.name == name).map(|known| known.schema)
    }

    /// Initialisation is over: nobody subscribes any more.
    pub(crate) fn close_subscription(&self) {
        self.lock().early = None;
    }

    /// Nobody listens any more: the environment begins anew.
    pub(crate) fn reset_subscribers(&self) {
        let mut state = self.lock();
        state.subscribers.clear();
        state.early = Some(Vec::new());
    }

    /// Hands on to subscribers what they would otherwise get later.
    pub(crate) fn push_subscribers(&self) {
        for subscriber in &self.lock().subscribers {
            subscriber.push();
        }
    }

    /// Keeps the last 4 KiB from now on.
    pub(crate) fn start_tail(&self) {
        self.lock().tail = Some(VecDeque::new());
    }

    /// What was kept; nothing is kept from now on.
    pub(crate) fn take_tail(&self) -> Option<Bytes> {
        let tail = self.lock().tail.take()?;
        Some(Vec::from(tail).into())
    }

    /// Says what was lost, and hands all lines on.
    pub(crate) fn flush(&self) {
        let mut state = self.lock();
        let lost = std::mem::take(&mut state.lost);
        if lost.records > 0 {
            let reason = "The function writes faster than its log takes.";
            let event = Platform::LogsDropped { records: lost.records, bytes: lost.bytes, reason };
            let time = self.clock.now();
            if let Some((kind, record)) = event.record(self.facts.provisioned) {
                state.publish(time, kind, &record);
            }
            self.keep(&mut state, time, event.text().unwrap_or_default().as_bytes());
        }
        self.hand_on(&mut state);
    }

    /// Hands lines on, without a word on what was lost: more may follow.
    pub(crate) fn flush_lines(&self) {
        self.hand_on(&mut self.lock());
    }

    /// Every message has its line end, as AWS's have.
    fn keep(&self, state: &mut State, time: Timestamp, text: &[u8]) {
        let message: Bytes = [text, b"\n"].concat().into();
        if let Some(tail) = &mut state.tail {
            let last = message.len().saturating_sub(TAIL);
            tail.extend(message.get(last..).unwrap_or_default());
            let over = tail.len().saturating_sub(TAIL);
            tail.drain(..over);
        }
        state.pending_bytes += text.len();
        let chain = state.chain.clone();
        state.pending.push(LogLine { time, message, chain });
        if state.pending.len() >= LINES || state.pending_bytes >= LOG_BUFFER {
            self.hand_on(state);
        }
    }

    fn hand_on(&self, state: &mut State) {
        if state.pending.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut state.pending);
        let (count, bytes) = (lines.len(), std::mem::take(&mut state.pending_bytes));
        if !self.to.write(&self.facts.target, lines) {
            state.lose(count, bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn allows(&mut self, bytes: usize, rate: u64) -> bool {
        let bytes = bytes as u64 + 1;
        if self.allowance < bytes {
            let now = Instant::now();
            let passed = now.duration_since(self.refilled).as_secs_f64();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let more = (passed * rate as f64) as u64;
            self.allowance = (self.allowance + more).min(LOG_BURST);
            self.refilled = now;
        }
        let allowed = self.allowance >= bytes;
        if allowed {
            self.allowance -= bytes;
        }
        allowed
    }

    fn lose(&mut self, records: usize, bytes: usize) {
        self.lost.records += records as u64;
        self.lost.bytes += bytes as u64;
    }

    fn is_heard(&self) -> bool {
        self.early.is_some() || !self.subscribers.is_empty()
    }

    fn publish(&mut self, time: Timestamp, kind: &'static str, record: &Value) {
        if !self.is_heard() {
            return;
        }
        let event: Bytes = json!({ "time": iso(time), "type": kind, "record": record }).to_string().into();
        for subscriber in &self.subscribers {
            subscriber.send(kind, event.clone());
        }
        if let Some(early) = &mut self.early
            && early.len() < EARLY_EVENTS
        {
            early.push((kind, event));
        }
    }
}
