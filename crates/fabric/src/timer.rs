//! Durable timers. A timer is a row: it is scheduled and cancelled inside the batch of the change that needs it, fires at
//! least once at or after its moment, in order of moments, and is removed by the commit of what it caused.

mod keys;
mod owner;
mod window;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use moln_kernel::{SharedClock, Timestamp, clock::BoxFuture};
use moln_store::{Batch, Store};
use serde::{Deserialize, Serialize};

use crate::{Wake, WorkerError, Workers, fence::Fence};

/// Longest kind, bytes.
pub const MAX_KIND: usize = 64;
/// Longest id, bytes.
pub const MAX_ID: usize = 2_048;
/// Longest payload, bytes: what is larger belongs to the target's own row.
pub const MAX_PAYLOAD: usize = 16 << 10;

/// What identifies a scheduled timer; whoever may want to cancel it keeps this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerKey {
    /// When it fires.
    pub due: Timestamp,
    /// Which handler it is for.
    pub kind: Cow<'static, str>,
    /// Which of that handler's targets.
    #[serde(with = "crate::octets")]
    pub id: Bytes,
}

/// A timer that fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What it is. After a failure `due` is when it was to be tried again.
    pub key: TimerKey,
    /// What was left for the handler.
    pub payload: Bytes,
    /// How often the handler has failed at it.
    pub failures: u32,
}

/// What happens when timers of one kind fire.
pub trait TimerHandler: Send + Sync + 'static {
    /// Looks at the target again (it may have changed, and the timer may fire twice) and answers what to commit; the
    /// timer's removal is added. An empty batch: nothing to do any more. What timers fired just before wrote may not be
    /// visible yet, so the batch names what it relies on as preconditions: upon a conflict this is asked again.
    /// Must answer within 30 s. Upon an error the timer is put off, with growing delays up to 5 min.
    fn fire<'a>(&'a self, timer: &'a Timer) -> BoxFuture<'a, Result<Batch, WorkerError>>;
}

/// A timer that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTimer {
    /// Empty, longer than [`MAX_KIND`] or with a NUL in it.
    Kind,
    /// Longer than [`MAX_ID`].
    Id,
    /// Longer than [`MAX_PAYLOAD`].
    Payload,
}

impl fmt::Display for BadTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => write!(f, "a timer's kind has 1 to {MAX_KIND} bytes without NUL"),
            Self::Id => write!(f, "a timer's id has at most {MAX_ID} bytes"),
            Self::Payload => write!(f, "a timer's payload has at most {MAX_PAYLOAD} bytes"),
        }
    }
}
impl std::error::Error for BadTimer {}

/// What has happened to timers since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimerCounts {
    /// Fired and committed.
    pub fired: u64,
    /// Put off after a failure.
    pub failed: u64,
}

/// Schedules timers and owns those that are due. Cheap to clone.
#[derive(Clone)]
pub struct Timers(Arc<Inner>);

struct Inner {
    store: Store,
    clock: SharedClock,
    handlers: RwLock<BTreeMap<Cow<'static, str>, Arc<dyn TimerHandler>>>,
    fired: AtomicU64,
    failed: AtomicU64,
}

impl Inner {
    fn handler(&self, kind: &str) -> Option<Arc<dyn TimerHandler>> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner).get(kind).cloned()
    }
}

impl Timers {
    /// Timers of this store; nothing fires before [`Timers::start`].
    pub fn new(store: Store, clock: SharedClock) -> Self {
        let (handlers, fired, failed) = Default::default();
        Self(Arc::new(Inner { store, clock, handlers, fired, failed }))
    }

    /// Says who handles a kind. Belongs before [`Timers::start`]: a timer without a handler is put off like one whose
    /// handler fails.
    pub fn register(&self, kind: &'static str, handler: Arc<dyn TimerHandler>) {
        let mut handlers = self.0.handlers.write().unwrap_or_else(PoisonError::into_inner);
        handlers.insert(Cow::Borrowed(kind), handler);
    }

    /// Schedules a timer with the batch. A moment that is past already becomes the present one. A timer of the same
    /// moment, kind and id is replaced.
    pub fn schedule(
        &self,
        batch: &mut Batch,
        kind: &'static str,
        id: impl Into<Bytes>,
        due: Timestamp,
        payload: impl Into<Bytes>,
    ) -> Result<TimerKey, BadTimer> {
        let due = due.max(self.0.clock.now());
        let key = TimerKey { due, kind: Cow::Borrowed(kind), id: id.into() };
        let payload = payload.into();
        if kind.is_empty() || kind.len() > MAX_KIND || kind.bytes().any(|b| b == 0) {
            return Err(BadTimer::Kind);
        }
        if key.id.len() > MAX_ID {
            return Err(BadTimer::Id);
        }
        if payload.len() > MAX_PAYLOAD {
            return Err(BadTimer::Payload);
        }
        batch.put(keys::row(&key), keys::value(0, &payload));
        Ok(key)
    }

    /// Cancels a timer with the batch. A firing that has not committed by then does not take effect; a timer that was put
    /// off after a failure may still fire.
    pub fn cancel(&self, batch: &mut Batch, key: &TimerKey) {
        batch.delete(keys::row(key));
    }

    /// Starts firing. Timers that fell due while nobody was looking fire at once, in order.
    pub fn start(&self, workers: &Workers, fence: Option<Fence>) -> Wake {
        let inner = Arc::clone(&self.0);
        workers.spawn("timers", move || owner::Owner::new(Arc::clone(&inner), fence.clone()))
    }

    /// What has happened since the start of the process.
    pub fn counts(&self) -> TimerCounts {
        TimerCounts {
            fired: self.0.fired.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
        }
    }
}
