//! All workers of the process.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moln_kernel::{SharedClock, Timestamp};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{
    Worker,
    report::{Status, WorkerReport},
    run::{Entry, supervise},
};

/// Starts, supervises, shows and stops background workers. Cheap to clone.
#[derive(Clone)]
pub struct Workers(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    rounds: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    entries: Vec<Arc<Entry>>,
    tasks: JoinSet<()>,
}

/// Wakes one worker: it steps soon, also when it is in the middle of a step now.
#[derive(Clone)]
pub struct Wake(Arc<Entry>);

impl Wake {
    /// Wakes it.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }
}

/// The workers did not come to rest in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotQuiescent {
    /// Those that still worked.
    pub busy: Vec<Arc<str>>,
}

impl fmt::Display for NotQuiescent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "background work did not come to rest in time: {}", self.busy.join(", "))
    }
}
impl std::error::Error for NotQuiescent {}

impl Workers {
    /// No workers yet.
    pub fn new(clock: SharedClock) -> Self {
        let (rounds, stop) = (Arc::default(), watch::Sender::new(false));
        Self(Arc::new(Inner { clock, rounds, stop, running: Mutex::default() }))
    }

    /// Starts a worker. `make` is called again after each failure. Must be called within a tokio runtime.
    pub fn spawn<W: Worker>(
        &self,
        name: impl Into<Arc<str>>,
        make: impl Fn() -> W + Send + Sync + 'static,
    ) -> Wake {
        let name = name.into();
        let entry = Arc::new(Entry {
            name: Arc::clone(&name),
            wake: Notify::new(),
            status: watch::Sender::new(Status::new(name)),
            rounds: Arc::clone(&self.0.rounds),
            clock: Arc::clone(&self.0.clock),
            stopping: self.0.stop.subscribe(),
        });
        let mut running = self.running();
        running.entries.push(Arc::clone(&entry));
        running.tasks.spawn(supervise(Arc::clone(&entry), Arc::new(make)));
        Wake(entry)
    }

    /// All workers that are not done, as they stand.
    pub fn report(&self) -> Vec<WorkerReport> {
        self.entries().iter().map(|entry| entry.status.borrow().report.clone()).collect()
    }

    /// The earliest moment at which a worker goes on by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.entries().iter().filter_map(|entry| entry.status.borrow().next_due()).min()
    }

    /// Resolves once no worker has anything to do at the present moment of the clock: every one has looked after
    /// this was called, and none has done anything meanwhile that could have made work for another.
    /// Waits for at most `limit` of real time.
    pub async fn quiescent(&self, limit: Duration) -> Result<(), NotQuiescent> {
        tokio::time::timeout(limit, self.settle()).await.map_err(|_| {
            let (round, now) = (self.0.rounds.load(Ordering::Acquire), self.0.clock.now());
            let mut entries = self.entries();
            entries.retain(|entry| !entry.status.borrow().is_settled(round, now));
            NotQuiescent { busy: entries.iter().map(|entry| Arc::clone(&entry.name)).collect() }
        })
    }

    async fn settle(&self) {
        loop {
            let entries = self.entries();
            let busy = |entries: &[Arc<Entry>]| entries.iter().map(|e| e.status.borrow().busy).sum::<u64>();
            let before = busy(&entries);
            let round = self.0.rounds.fetch_add(1, Ordering::AcqRel) + 1;
            for entry in &entries {
                entry.wake.notify_one();
            }
            for entry in &entries {
                let mut status = entry.status.subscribe();
                // The sender lives in `entry`, so this never fails.
                let _ = status.wait_for(|status| status.is_settled(round, self.0.clock.now())).await;
            }
            let settled = |e: &Arc<Entry>| e.status.borrow().is_settled(round, self.0.clock.now());
            if busy(&entries) == before
                && entries.iter().all(settled)
                && self.entries().len() <= entries.len()
            {
                return;
            }
        }
    }

    /// Lets every worker finish what is under way, for at most `grace` of real time, then ends it.
    pub async fn stop(&self, grace: Duration) {
        self.0.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut self.running().tasks);
        let finished = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, finished).await.is_err() {
            tracing::warn!("background workers did not finish in time and were cut off");
        }
        tasks.shutdown().await;
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        let mut running = self.running();
        while running.tasks.try_join_next().is_some() {}
        running.entries.retain(|entry| entry.status.borrow().report.phase != super::Phase::Done);
        running.entries.clone()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
