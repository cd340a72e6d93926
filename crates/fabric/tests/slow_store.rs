//! The outbox on a store whose commits take longer than the pause between two attempts.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use moln_fabric::{
    Backoff, Delivery, Outbox, Target,
    outbox::{Address, Failure},
};
use moln_kernel::{Clock, MovableClock, clock::BoxFuture};
use moln_store::{Batch, CommitError, Kv, Limits, Op, Pending, Snapshot, Store, Version};
use support::{LIMIT, Log, World, advance};
use tokio::sync::{Notify, oneshot, watch};

/// Holds back the commits of failed deliveries while it is told to.
#[derive(Clone)]
struct Slow {
    inner: Store,
    armed: Arc<AtomicBool>,
    held: Arc<Notify>,
    go: Arc<Notify>,
}

impl Kv for Slow {
    fn submit(&self, batch: Batch) -> Pending {
        let failed = batch.ops.iter().any(|op| matches!(op, Op::Put { key, .. } if key.starts_with(b"od/")));
        if !failed || !self.armed.swap(false, Ordering::AcqRel) {
            return self.inner.submit(batch);
        }
        let (done, pending) = oneshot::channel();
        let slow = self.clone();
        tokio::spawn(async move {
            slow.held.notify_one();
            slow.go.notified().await;
            let _ = done.send(slow.inner.submit(batch).await);
        });
        Pending(pending)
    }
    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.inner.snapshot()
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

/// Fails at everything the first time.
struct SecondTry {
    seen: Mutex<BTreeSet<Bytes>>,
    log: Log,
}

impl Target for SecondTry {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        let answer = if self.seen.lock().unwrap().insert(delivery.payload.clone()) {
            Err(Failure::passing("Busy", ""))
        } else {
            self.log.note(0, String::from_utf8_lossy(&delivery.payload));
            Ok(())
        };
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn a_failure_written_down_late_is_not_overlooked() {
    let mut world = World::new();
    let slow =
        Slow { inner: world.store.clone(), armed: Arc::default(), held: Arc::default(), go: Arc::default() };
    world.store = Store::new(slow.clone());
    let (workers, outbox, log) =
        (world.workers(), Outbox::new(world.store.clone(), world.shared_clock()), Log::default());
    let (target, log) = (SecondTry { seen: Mutex::default(), log: log.clone() }, log);
    outbox.register("test", Arc::new(target));
    outbox.start(&workers, None);
    let put = async |payload: &'static str| {
        let mut delivery = Delivery::new(Address::new("test", "arn:a"), payload, world.clock.now());
        delivery.retry.backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
        let mut batch = Batch::default();
        Outbox::put(&mut batch, &delivery).unwrap();
        world.store.commit(batch).await.unwrap();
    };
    put("first").await;
    workers.quiescent(LIMIT).await.unwrap();
    slow.armed.store(true, Ordering::Release);
    put("second").await;
    tokio::time::timeout(LIMIT, slow.held.notified()).await.unwrap();
    // Both are due, and one of them is not in the store yet: time for the worker to look.
    world.clock.advance(Duration::from_secs(5));
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    slow.go.notify_one();
    workers.quiescent(LIMIT).await.unwrap();
    advance(&world, &workers, Duration::from_secs(5)).await;
    let names: BTreeSet<_> = log.names().into_iter().collect();
    assert_eq!(names, ["first", "second"].map(String::from).into());
    assert_eq!((world.rows("od/"), outbox.counts().delivered), (0, 2));
    workers.stop(LIMIT).await;
}
