//! Moves the clock forward so that all that falls due on the way happens in order: the clock stops at every due moment
//! and goes on when everything has come to rest there.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use moln_kernel::{MovableClock, Timestamp, clock::BoxFuture};
use moln_store::{Batch, CommitError, Store, StoreError};
use tokio::sync::Mutex;

use crate::{Workers, worker::NotQuiescent};

/// Milliseconds the clock is ahead of the system's time: eight bytes, big endian, never less than before.
const OFFSET: &[u8] = b"ck/offset";
/// Due moments at which one advance stops; enough for a timer every second of a day.
const MOMENTS: u64 = 100_000;
/// At one moment all must have come to rest after this much real time.
const REST: Duration = Duration::from_mins(2);

/// Something that falls due without being a timer or a worker of its own, such as the end of a visibility timeout.
pub trait DueSource: Send + Sync + 'static {
    /// The earliest moment later than `after` at which something falls due.
    fn next_due(&self, after: Timestamp) -> Option<Timestamp>;

    /// Resolves when what is due now has happened. By default it happens by itself as soon as somebody looks.
    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What an advance did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// The moment before.
    pub from: Timestamp,
    /// The moment after.
    pub to: Timestamp,
    /// Due moments at which it stopped on the way.
    pub moments: u64,
}

/// Why an advance ended before its target. The clock stands at `at`; advancing again goes on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdvanceError {
    /// Something went on working.
    NotQuiescent {
        /// Where the clock stands.
        at: Timestamp,
        /// Who did.
        who: NotQuiescent,
    },
    /// Too much fell due on the way.
    TooManyMoments {
        /// Where the clock stands.
        at: Timestamp,
    },
    /// The moved clock could not be stored, so it was not moved.
    Store {
        /// Where the clock stands.
        at: Timestamp,
        /// Why.
        error: CommitError,
    },
}

impl fmt::Display for AdvanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotQuiescent { who, .. } => write!(f, "the clock was moved part of the way: {who}"),
            Self::TooManyMoments { .. } => {
                write!(
                    f,
                    "the clock was moved part of the way, past {MOMENTS} due moments: advance again to go on"
                )
            }
            Self::Store { error, .. } => write!(f, "the moved clock could not be stored: {error}"),
        }
    }
}
impl std::error::Error for AdvanceError {}

/// Moves the clock. Cheap to clone; one advance runs at a time, others wait for it.
#[derive(Clone)]
pub struct Advance(Arc<Inner>);

struct Inner {
    clock: Arc<dyn MovableClock>,
    store: Store,
    workers: Workers,
    sources: RwLock<Vec<Arc<dyn DueSource>>>,
    one: Mutex<()>,
}

/// How far the clock was moved in this store: what the process's clock starts with.
pub fn stored_offset(store: &Store) -> Result<Duration, StoreError> {
    let Some((value, _)) = store.snapshot().get(OFFSET)? else { return Ok(Duration::ZERO) };
    let millis = value.as_ref().try_into().map_err(|_| StoreError::Corrupt("the clock's offset".into()))?;
    Ok(Duration::from_millis(u64::from_be_bytes(millis)))
}

impl Advance {
    /// Moves this clock, stopping for these workers.
    pub fn new(clock: Arc<dyn MovableClock>, store: Store, workers: Workers) -> Self {
        Self(Arc::new(Inner { clock, store, workers, sources: RwLock::default(), one: Mutex::default() }))
    }

    /// Adds a source of due moments besides the workers.
    pub fn add(&self, source: Arc<dyn DueSource>) {
        self.0.sources.write().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Moves the clock by a duration. What falls due at the target itself has happened when this resolves.
    pub async fn by(&self, by: Duration) -> Result<Advanced, AdvanceError> {
        let _one = self.0.one.lock().await;
        self.run(self.0.clock.now().after(by)).await
    }

    /// Moves the clock to a moment; nothing happens when that is past.
    pub async fn to(&self, target: Timestamp) -> Result<Advanced, AdvanceError> {
        let _one = self.0.one.lock().await;
        self.run(target).await
    }

    async fn run(&self, target: Timestamp) -> Result<Advanced, AdvanceError> {
        let clock = &self.0.clock;
        let from = clock.now();
        let mut moments = 0;
        loop {
            self.rest().await?;
            // Later than this nothing has been given the time to happen.
            let now = clock.now();
            let next = self.next_due(now).filter(|due| *due < target);
            let Some(next) = next else { break };
            if moments == MOMENTS {
                return Err(AdvanceError::TooManyMoments { at: now });
            }
            moments += 1;
            self.step(next).await?;
        }
        self.step(target).await?;
        self.rest().await?;
        Ok(Advanced { from, to: clock.now(), moments })
    }

    async fn rest(&self) -> Result<(), AdvanceError> {
        let not_quiescent = |who| AdvanceError::NotQuiescent { at: self.0.clock.now(), who };
        self.0.workers.quiescent(REST).await.map_err(not_quiescent)?;
        let sources = self.sources();
        if sources.is_empty() {
            return Ok(());
        }
        let settled = async {
            for source in &sources {
                source.settled().await;
            }
        };
        let late = |_| not_quiescent(NotQuiescent { busy: vec!["what falls due by itself".into()] });
        tokio::time::timeout(REST, settled).await.map_err(late)?;
        // What fell due there may have made work for the workers.
        self.0.workers.quiescent(REST).await.map_err(not_quiescent)
    }

    fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let sources = self.sources();
        let others = sources.iter().filter_map(|source| source.next_due(now));
        others.chain(self.0.workers.next_due()).min()
    }

    fn sources(&self) -> Vec<Arc<dyn DueSource>> {
        self.0.sources.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves the clock, once it is certain that a restart would not take it back.
    async fn step(&self, moment: Timestamp) -> Result<(), AdvanceError> {
        let clock = &self.0.clock;
        let at = clock.now();
        let offset = clock.offset() + moment.since(at);
        let mut batch = Batch::default();
        batch.max(OFFSET, u64::try_from(offset.as_millis()).unwrap_or(u64::MAX));
        self.0.store.commit(batch).await.map_err(|error| AdvanceError::Store { at, error })?;
        clock.advance_to(moment);
        Ok(())
    }
}
