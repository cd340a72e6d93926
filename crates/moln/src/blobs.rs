//! Large values beside the store: where they are, and what removes those nobody refers to any more.

use std::{path::Path, time::Duration};

use moln_fabric::{
    Workers,
    worker::{Worker, WorkerError, WorkerState},
};
use moln_kernel::{SharedClock, Timestamp, clock::BoxFuture};
use moln_store::{
    Blobs, Store,
    blobs::{BlobError, Collected},
};

/// How long a file may be without a reference before it is removed.
const GRACE: Duration = Duration::from_mins(10);
/// Pause between looks at two of the 256 directories: a round takes an hour.
const PAUSE: Duration = Duration::from_secs(14);

/// The blobs of a data directory.
pub(crate) fn open(data: &Path) -> Result<Blobs, BlobError> {
    Blobs::open(data.join("blobs"))
}

/// Starts the removal of what nobody refers to.
pub(crate) fn start(workers: &Workers, blobs: &Blobs, store: &Store, clock: &SharedClock) {
    let (blobs, store, clock) = (blobs.clone(), store.clone(), SharedClock::clone(clock));
    // Its own directory is looked at rarely: the moved clock hurries it no more than real time does.
    workers.spawn("blobs", move || Collector {
        blobs: blobs.clone(),
        store: store.clone(),
        clock: SharedClock::clone(&clock),
        removed: 0,
    });
}

/// Looks at all directories, one after the other.
pub(crate) fn collect_all(blobs: &Blobs, store: &Store, now: Timestamp) -> Result<Collected, BlobError> {
    let grace = u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX);
    let mut all = Collected::default();
    for _ in 0..=u8::MAX {
        let one = blobs.collect(store, now.millis(), grace)?;
        all.seen += one.seen;
        all.waiting += one.waiting;
        all.removed += one.removed;
    }
    Ok(all)
}

struct Collector {
    blobs: Blobs,
    store: Store,
    clock: SharedClock,
    removed: usize,
}

impl Worker for Collector {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            let (blobs, store, now) = (self.blobs.clone(), self.store.clone(), self.clock.now());
            let grace = u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX);
            let looked =
                tokio::task::spawn_blocking(move || blobs.collect(&store, now.millis(), grace)).await??;
            self.removed += looked.removed;
            Ok(WorkerState::Idle { until: None })
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        // Real time: a clock that is moved by a month would stop here two hundred thousand times.
        Box::pin(tokio::time::sleep(PAUSE))
    }

    fn info(&self) -> String {
        format!("{} files removed", self.removed)
    }
}
