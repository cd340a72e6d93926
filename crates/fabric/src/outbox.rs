//! The outbox. Whatever a change causes elsewhere is put into the change's own batch as a [`Delivery`] and delivered from
//! there: at least once, again after failures, over restarts, until it is through or a dead letter. A slow or broken target
//! holds up nobody else.

mod attempt;
mod delivery;
mod keys;
mod lanes;
mod queue;
mod shard;
mod standing;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moln_kernel::{RecursiveLoop, SharedClock, Timestamp, clock::BoxFuture};
use moln_store::{Batch, Limits, Op, Store};

pub use delivery::{Address, Attribute, Delivery, Failure, Retry};
pub use queue::QueueTarget;
pub use standing::{Waiting, Witness};

use crate::{Workers, fence::Fence};

/// Largest delivery, bytes, with all that belongs to it: what a row holds, less room for counting its failures.
pub const MAX_DELIVERY: usize = Limits::DEFAULT.value_bytes - 512;
/// A dead letter may need a little more than its original.
const MAX_DEAD_LETTER: usize = Limits::DEFAULT.value_bytes - 256;

/// Delivers to one kind of resource.
pub trait Target: Send + Sync + 'static {
    /// Delivers, durably once this resolves. The same delivery may come again (with the same id). Its lineage includes the
    /// target already.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>>;

    /// How many deliveries one resource takes at once.
    fn concurrency(&self) -> usize {
        16
    }

    /// How long a delivery may take, real time.
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Whether a resource wants chains of events to run through it again and again.
    fn recursive_loop(&self, _arn: &str) -> RecursiveLoop {
        RecursiveLoop::Terminate
    }
}

/// The delivery is larger than [`MAX_DELIVERY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryTooLarge;

impl fmt::Display for DeliveryTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a delivery has at most {MAX_DELIVERY} bytes with all that belongs to it")
    }
}
impl std::error::Error for DeliveryTooLarge {}

/// What has happened to deliveries since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Arrived.
    pub delivered: u64,
    /// Failed and put off.
    pub retried: u64,
    /// Given up and handed to a dead letter target.
    pub dead_lettered: u64,
    /// Given up without one.
    pub dropped: u64,
    /// Given up because they were in a loop (counted above, too).
    pub loops_stopped: u64,
}

/// Holds and delivers what committed batches have caused. Cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    store: Store,
    clock: SharedClock,
    targets: RwLock<BTreeMap<Cow<'static, str>, Arc<dyn Target>>>,
    witnesses: RwLock<Vec<(&'static str, Arc<dyn Witness>)>>,
    delivered: AtomicU64,
    retried: AtomicU64,
    dead_lettered: AtomicU64,
    dropped: AtomicU64,
    loops_stopped: AtomicU64,
}

impl Outbox {
    /// The outbox of this store; nothing is delivered before [`Outbox::start`].
    pub fn new(store: Store, clock: SharedClock) -> Self {
        let (targets, delivered, retried, dead_lettered) = Default::default();
        let (dropped, loops_stopped) = Default::default();
        Self(Arc::new(Inner {
            store,
            clock,
            targets,
            witnesses: RwLock::default(),
            delivered,
            retried,
            dead_lettered,
            dropped,
            loops_stopped,
        }))
    }

    /// Says who delivers to a kind of resource. Belongs before [`Outbox::start`].
    pub fn register(&self, kind: &'static str, target: Arc<dyn Target>) {
        let mut targets = self.0.targets.write().unwrap_or_else(PoisonError::into_inner);
        targets.insert(Cow::Borrowed(kind), target);
    }

    /// Puts a delivery into the batch of the change that causes it.
    pub fn put(batch: &mut Batch, delivery: &Delivery) -> Result<(), DeliveryTooLarge> {
        Self::put_within(batch, delivery, MAX_DELIVERY)
    }

    fn put_within(batch: &mut Batch, delivery: &Delivery, most: usize) -> Result<(), DeliveryTooLarge> {
        let value = delivery.encode().filter(|value| value.len() <= most).ok_or(DeliveryTooLarge)?;
        // Behind what the batch has stamped so far: deliveries of one batch keep their order.
        let slots = batch.ops.iter().filter_map(|op| match op {
            Op::PutStamped { slot, .. } => Some(slot.saturating_add(1)),
            _ => None,
        });
        let slot = slots.max().unwrap_or_default();
        let (prefix, suffix) = keys::new_row(delivery);
        batch.put_stamped(prefix, suffix, value, slot);
        Ok(())
    }

    /// Starts delivering, what was left by an earlier process first.
    pub fn start(&self, workers: &Workers, fence: Option<&Fence>) {
        for index in 0..keys::SHARDS {
            let (inner, fence) = (Arc::clone(&self.0), fence.cloned());
            workers.spawn(format!("outbox {index:02}"), move || {
                shard::Shard::new(Arc::clone(&inner), index, fence.clone())
            });
        }
    }

    /// What has happened since the start of the process.
    pub fn counts(&self) -> OutboxCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OutboxCounts {
            delivered: read(&self.0.delivered),
            retried: read(&self.0.retried),
            dead_lettered: read(&self.0.dead_lettered),
            dropped: read(&self.0.dropped),
            loops_stopped: read(&self.0.loops_stopped),
        }
    }
}

impl Inner {
    /// Tells whoever wants to know that a delivery was given up.
    fn given_up(
        &self,
        delivery: &Delivery,
        failure: &Failure,
        dead_letter: Option<&Address>,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        let Some(source) = delivery.source.as_deref() else { return };
        let witnesses = self.witnesses.read().unwrap_or_else(PoisonError::into_inner);
        for (_, witness) in witnesses.iter().filter(|(prefix, _)| source.starts_with(prefix)) {
            witness.given_up(delivery, failure, dead_letter, now, batch);
        }
    }

    fn target(&self, kind: &str) -> Option<Arc<dyn Target>> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).get(kind).cloned()
    }
}
