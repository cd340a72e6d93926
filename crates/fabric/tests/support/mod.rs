//! A process that can be restarted: the store and the clock stay, everything else is made anew.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use moln_fabric::{Timer, TimerHandler, Timers, WorkerError, Workers};
use moln_kernel::{Clock, ManualClock, MovableClock, SharedClock, Timestamp, clock::BoxFuture};
use moln_store::{Batch, KeyRange, MemoryStore, Scan, Store};

/// Where the tests' clock starts.
pub const START: Timestamp = Timestamp(1_800_000_000_000);
/// Real time that nothing in a test takes, however busy the machine.
pub const LIMIT: Duration = Duration::from_mins(2);

#[derive(Clone)]
pub struct World {
    pub store: Store,
    pub clock: ManualClock,
}

impl World {
    pub fn new() -> Self {
        Self { store: MemoryStore::new(), clock: ManualClock::new(START) }
    }
    pub fn shared_clock(&self) -> SharedClock {
        Arc::new(self.clock.clone())
    }
    pub fn workers(&self) -> Workers {
        Workers::new(self.shared_clock())
    }
    pub fn timers(&self) -> Timers {
        Timers::new(self.store.clone(), self.shared_clock())
    }
    pub fn rows(&self, prefix: &str) -> usize {
        let mut range = KeyRange::prefix(prefix.as_bytes().to_vec());
        let snapshot = self.store.snapshot();
        let mut count = 0;
        loop {
            let page = snapshot.scan(&range, Scan { keys_only: true, ..Scan::default() }).unwrap();
            count += page.rows.len();
            let Some(rest) = page.rest else { return count };
            range = rest;
        }
    }
    /// Milliseconds since the start of the test.
    pub fn at(&self) -> u64 {
        self.clock.now().millis() - START.millis()
    }
}

/// What fired, and when.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<(u64, String)>>>);

impl Log {
    pub fn note(&self, at: u64, what: impl Into<String>) {
        self.0.lock().unwrap().push((at, what.into()));
    }
    pub fn all(&self) -> Vec<(u64, String)> {
        self.0.lock().unwrap().clone()
    }
    pub fn names(&self) -> Vec<String> {
        self.all().into_iter().map(|(_, name)| name).collect()
    }
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A timer handler made of a closure.
pub struct Handler<F>(pub F);

impl<F, R> TimerHandler for Handler<F>
where
    F: Fn(Timer) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Batch, WorkerError>> + Send + 'static,
{
    fn fire<'a>(&'a self, timer: &'a Timer) -> BoxFuture<'a, Result<Batch, WorkerError>> {
        Box::pin((self.0)(timer.clone()))
    }
}

/// Writes down what fires.
pub fn recorder(world: &World, log: &Log) -> Arc<dyn TimerHandler> {
    let (world, log) = (world.clone(), log.clone());
    Arc::new(Handler(move |timer: Timer| {
        log.note(world.at(), String::from_utf8_lossy(&timer.key.id));
        std::future::ready(Ok(Batch::default()))
    }))
}

pub async fn schedule(world: &World, timers: &Timers, id: &str, after: Duration) -> moln_fabric::TimerKey {
    let mut batch = Batch::default();
    let due = world.clock.now().after(after);
    let key = timers.schedule(&mut batch, "test", id.to_owned(), due, "payload").unwrap();
    world.store.commit(batch).await.unwrap();
    key
}

pub async fn advance(world: &World, workers: &Workers, by: Duration) {
    world.clock.advance(by);
    workers.quiescent(LIMIT).await.unwrap();
}
