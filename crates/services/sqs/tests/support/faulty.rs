//! An engine that refuses commits when it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use moln_store::{Batch, CommitError, Kv, Limits, Pending, Snapshot, Store, Version};
use tokio::sync::{oneshot, watch};

/// Which commits are refused, counted from the last [`Refusals::set`].
#[derive(Default)]
pub struct Refusals {
    passed: AtomicU64,
    from: AtomicU64,
    count: AtomicU64,
}

impl Refusals {
    /// After `from` commits, refuses `count`.
    pub fn set(&self, from: u64, count: u64) {
        self.count.store(0, Ordering::SeqCst);
        self.passed.store(0, Ordering::SeqCst);
        self.from.store(from, Ordering::SeqCst);
        self.count.store(count, Ordering::SeqCst);
    }
    /// Commits refused so far.
    pub fn refused(&self) -> u64 {
        let (passed, from) = (self.passed.load(Ordering::SeqCst), self.from.load(Ordering::SeqCst));
        passed.saturating_sub(from).min(self.count.load(Ordering::SeqCst))
    }
}

struct Faulty {
    inner: Store,
    refusals: Arc<Refusals>,
}

pub fn faulty(inner: &Store) -> (Store, Arc<Refusals>) {
    let refusals = Arc::new(Refusals::default());
    (Store::new(Faulty { inner: inner.clone(), refusals: Arc::clone(&refusals) }), refusals)
}

impl Kv for Faulty {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.inner.snapshot()
    }
    fn submit(&self, batch: Batch) -> Pending {
        let place = self.refusals.passed.fetch_add(1, Ordering::SeqCst);
        let from = self.refusals.from.load(Ordering::SeqCst);
        if place < from || place - from >= self.refusals.count.load(Ordering::SeqCst) {
            return self.inner.submit(batch);
        }
        let (done, pending) = oneshot::channel();
        let _ = done.send(Err(CommitError::Unavailable));
        Pending(pending)
    }
    fn watch(&self, prefix: Bytes) -> watch::Receiver<Version> {
        self.inner.watch(prefix)
    }
    fn stamp(&self) -> u64 {
        self.inner.stamp()
    }
    fn limits(&self) -> Limits {
        self.inner.limits()
    }
    fn close(&self) -> Result<(), CommitError> {
        self.inner.close()
    }
}
