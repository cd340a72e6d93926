//! One queue: its settings, and its state behind a lock of its own.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use moln_kernel::ApiError;
use moln_store::{Batch, Pending};
use tokio::sync::{Notify, watch};

use super::{
    Core,
    core::{Address, read, write},
};
use crate::{
    attributes::Settings,
    errors,
    queue::{Counts, State, deduplication::Deduplication, waiters::Waiters},
    tables::QueueRow,
};

/// A queue's row with its settings read.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) row: QueueRow,
    pub(crate) settings: Settings,
}

impl Meta {
    pub(crate) fn new(row: QueueRow) -> Arc<Self> {
        Arc::new(Self { settings: Settings::of(&row.attributes), row })
    }
    /// The deduplication scope in effect: a change takes a while to come through.
    pub(crate) fn deduplicates_by_group(&self, now: u64) -> bool {
        match &self.row.scope_before {
            Some((scope, until)) if now < *until => scope == "messageGroup",
            _ => self.settings.deduplicate_by_group,
        }
    }
}

/// A queue's messages in memory.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) state: State,
    pub(crate) deduplication: Deduplication,
    /// Tells this memory from an earlier one of the same queue.
    pub(crate) epoch: u64,
    /// The messages found at activation are being counted; a purge makes that void.
    pub(crate) counting: bool,
}

/// Later than every moment.
pub(crate) const NOTHING_DUE: u64 = u64::MAX;

#[derive(Default)]
pub(crate) struct Inner {
    /// `None`: not read from the store yet.
    pub(crate) live: Option<Live>,
    pub(crate) waiters: Waiters,
    pub(crate) deleted: bool,
    /// The last purge, milliseconds since the epoch.
    pub(crate) purged: Option<u64>,
    /// The moment the timer sleeps for, [`NOTHING_DUE`] when there is none; the timer runs while someone waits.
    pub(crate) timer: Option<u64>,
    /// Commits may be under way that a snapshot does not show.
    pub(crate) unsettled: bool,
}

impl Inner {
    /// Forgets the messages: memory is ahead of the store. Those who wait ask again, which reads the store.
    pub(crate) fn forget(&mut self) {
        self.live = None;
        self.unsettled = true;
        self.waiters.wake_all();
    }
}

/// A queue.
pub(crate) struct Queue {
    pub(crate) id: u64,
    pub(crate) address: Address,
    pub(crate) arn: Arc<str>,
    pub(crate) fifo: bool,
    meta: RwLock<Arc<Meta>>,
    inner: Mutex<Inner>,
    pub(crate) activating: tokio::sync::Mutex<()>,
    pub(crate) refilling: tokio::sync::Mutex<()>,
    prefetching: AtomicBool,
    /// When the oldest message may be past its retention, milliseconds since the epoch; 0: to be looked up.
    pub(crate) sweep_due: AtomicU64,
    /// The timer must look again.
    pub(crate) rearm: Notify,
    /// A receiver that was woken was answered, went away, or waits again.
    pub(crate) decided: Notify,
    /// The messages found at activation are counted.
    pub(crate) counted: watch::Sender<bool>,
}

impl Queue {
    pub(crate) fn new(address: Address, row: QueueRow) -> Self {
        Self {
            id: row.id,
            arn: address.arn().into(),
            fifo: address.name.ends_with(".fifo"),
            address,
            meta: RwLock::new(Meta::new(row)),
            inner: Mutex::default(),
            activating: tokio::sync::Mutex::default(),
            refilling: tokio::sync::Mutex::default(),
            prefetching: AtomicBool::new(false),
            sweep_due: AtomicU64::new(0),
            rearm: Notify::new(),
            decided: Notify::new(),
            counted: watch::Sender::new(false),
        }
    }

    pub(crate) fn meta(&self) -> Arc<Meta> {
        Arc::clone(&read(&self.meta))
    }
    pub(crate) fn set_meta(&self, row: QueueRow) {
        *write(&self.meta) = Meta::new(row);
    }

    /// Asks for a look at the retention not later than `at`.
    pub(crate) fn sweep_at(&self, at: u64) {
        self.sweep_due.fetch_min(at, Ordering::AcqRel);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a decision on the queue's state, and submits what it writes before anyone else can decide: the store's
    /// order is the decisions' order. Wakes those who can be served now.
    pub(crate) async fn decide<T>(
        self: &Arc<Self>,
        core: &Arc<Core>,
        mut decision: impl FnMut(&mut Live, &mut Waiters, &mut Batch) -> T,
    ) -> Result<(T, Option<Pending>), ApiError> {
        loop {
            {
                let mut guard = self.lock();
                let inner = &mut *guard;
                if inner.deleted {
                    return Err(errors::queue_does_not_exist());
                }
                if let Some(live) = &mut inner.live {
                    let mut batch = Batch::default();
                    let outcome = decision(live, &mut inner.waiters, &mut batch);
                    let submitted = (!batch.is_empty()).then(|| core.submit(batch));
                    if submitted.as_ref().is_some_and(|(_, refused)| *refused) {
                        inner.forget();
                    }
                    let pending = submitted.map(|(pending, _)| pending);
                    self.after(core, guard);
                    return Ok((outcome, pending));
                }
            }
            self.activate(core).await?;
        }
    }

    /// What follows every change of state: wake, arm the timer, fetch ahead.
    pub(crate) fn after(self: &Arc<Self>, core: &Arc<Core>, mut inner: MutexGuard<'_, Inner>) {
        let inner_ref = &mut *inner;
        let Some(live) = &inner_ref.live else { return };
        inner_ref.waiters.wake(live.state.ready());
        let low = live.state.running_low();
        let due = live.state.next_due();
        let rearm = inner_ref.timer.is_some_and(|armed| due.is_some_and(|due| due < armed));
        drop(inner);
        if rearm {
            self.rearm.notify_one();
        }
        if low && !self.prefetching.swap(true, Ordering::AcqRel) {
            let (queue, core) = (Arc::clone(self), Arc::clone(core));
            tokio::spawn(async move {
                let result = queue.refill(&core).await;
                queue.prefetching.store(false, Ordering::Release);
                if let Err(error) = result {
                    tracing::warn!(queue = %queue.arn, %error, "messages could not be fetched ahead");
                }
            });
        }
    }

    /// Decides, and waits until what was decided is durable.
    pub(crate) async fn commit<T>(
        self: &Arc<Self>,
        core: &Arc<Core>,
        decision: impl FnMut(&mut Live, &mut Waiters, &mut Batch) -> T,
    ) -> Result<T, ApiError> {
        let (outcome, pending) = self.decide(core, decision).await?;
        self.settle(core, pending).await?;
        Ok(outcome)
    }

    /// How many messages are in which state. Waits until those found at activation are counted.
    pub(crate) async fn counts(self: &Arc<Self>, core: &Arc<Core>) -> Result<Counts, ApiError> {
        let mut counted = self.counted.subscribe();
        loop {
            let now = core.clock.now().millis();
            let (counts, _) = self
                .decide(core, |live, _, _| {
                    live.state.advance(now);
                    live.state.counts()
                })
                .await?;
            if *counted.borrow_and_update() {
                return Ok(counts);
            }
            if counted.changed().await.is_err() {
                return Ok(counts);
            }
        }
    }

    /// Waits for a commit. When it failed, memory is ahead of the store: it is read again.
    pub(crate) async fn settle(&self, core: &Core, pending: Option<Pending>) -> Result<(), ApiError> {
        let result = core.durable(pending).await;
        if result.is_err() {
            self.reload();
        }
        result
    }

    /// Forgets what is in memory; the next touch reads the store.
    pub(crate) fn reload(&self) {
        self.lock().forget();
    }
}
