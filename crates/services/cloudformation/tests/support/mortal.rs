//! A process that ends at a given step: everything that lasts (a commit, what a handler does) is a step.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;
use moln_store::{Batch, CommitError, Kv, Limits, Pending, Snapshot, Store, Version};
use tokio::sync::{Notify, oneshot, watch};

/// How many steps are left.
#[derive(Clone)]
pub struct Life(Arc<(AtomicI64, Notify)>);

impl Default for Life {
    fn default() -> Self {
        Self(Arc::new((AtomicI64::new(i64::MAX), Notify::new())))
    }
}

impl Life {
    /// From here on so many steps are taken, and then nothing any more.
    pub fn ends_after(&self, steps: i64) {
        self.0.0.store(steps, Ordering::SeqCst);
    }

    /// Takes a step; `false`: the process has ended.
    fn take(&self) -> bool {
        let lives = self.0.0.fetch_sub(1, Ordering::SeqCst) > 0;
        if !lives {
            self.0.1.notify_one();
        }
        lives
    }

    /// A step of a handler: of a dead process nothing comes.
    pub async fn step(&self) {
        if !self.take() {
            std::future::pending::<()>().await;
        }
        // What it does takes its time: others come in between.
        tokio::task::yield_now().await;
    }

    /// Resolves when it has ended.
    pub async fn died(&self) {
        if self.0.0.load(Ordering::SeqCst) >= 0 {
            self.0.1.notified().await;
        }
    }
}

struct Mortal {
    inner: Store,
    life: Life,
    /// Whoever waits for what a dead process has not written waits for ever.
    lost: std::sync::Mutex<Vec<oneshot::Sender<Result<moln_store::Committed, CommitError>>>>,
}

pub fn mortal(inner: &Store, life: &Life) -> Store {
    Store::new(Mortal { inner: inner.clone(), life: life.clone(), lost: std::sync::Mutex::default() })
}

impl Kv for Mortal {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.inner.snapshot()
    }
    fn submit(&self, batch: Batch) -> Pending {
        if self.life.take() {
            return self.inner.submit(batch);
        }
        let (sender, pending) = oneshot::channel();
        self.lost.lock().unwrap().push(sender);
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
