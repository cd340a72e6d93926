//! The engine on a local disk: the `fjall` LSM tree under our own commit sequencer.
//!
//! * One process owns the directory (a lock); one thread writes ([`sequencer`]): it takes all queued commits, judges them
//!   in order, writes them as one atomic fjall batch with one `fdatasync`, and only then shows them to readers. fjall's
//!   own transactions are not used: they hold the commit lock across the sync. While all threads that commit have work,
//!   it waits up to a millisecond for what they are about to commit ([`Threads`]).
//! * A snapshot is a fully committed, durable prefix of all commits; taking one costs a lock and a count.
//! * A failed write or sync is never tried again: everybody waiting hears [`CommitError::Fatal`], then
//!   [`Options::on_fatal`] stops the process. What the disk holds is decided at the next start, from the journal.
//! * The journal's space is written ahead, so that a sync has no metadata to write ([`ahead`]).
//! * A group torn by a power cut is cut off before fjall sees it, damage before that is refused ([`journal`]).
//! * Large ranges are removed by a [`purge`]; versions and stamps come out of blocks whose ends are on disk ([`reserve`]).
//! * The engine's own rows lie behind all others, under a prefix that batches may not write.

mod ahead;
mod directory;
mod journal;
mod purge;
mod queue;
mod reserve;
mod rows;
mod sequencer;
mod sweeper;
mod view;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use bytes::Bytes;
use fjall::{
    CompressionType, PersistMode, Readable,
    config::{
        BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy,
        PinningPolicy,
    },
};
use tokio::sync::{oneshot, watch};

use crate::{
    Batch, CommitError, Committed, KeyRange, Kv, Limits, Op, Pending, Snapshot, Stats, Store, StoreError,
    Threads, Version, failpoint, kv::Room, stats::Counters, watchers::Watchers,
};
use ahead::Ahead;
use directory::Directory;
pub(crate) use directory::RESTORING;
use purge::{MAX_PURGES, Purge};
use queue::{Job, Queue, Refused};
pub(crate) use reserve::Reserved;
use reserve::{BLOCK, Stamps};
use sequencer::Sequencer;
use sweeper::Sweeper;
use view::{View, Visible};

/// How the store is opened.
#[derive(Clone)]
pub struct Options {
    /// The data directory; created when it is missing.
    pub dir: PathBuf,
    /// Bytes of disk blocks kept in memory.
    pub cache_bytes: u64,
    /// Bytes written before a table is made of them; up to four times as much is in memory while tables are written.
    pub memtable_bytes: u64,
    /// The threads that commit, when they tell whether they are busy.
    pub threads: Option<Arc<Threads>>,
    /// Called once when the disk fails, after everybody waiting was told. The default stops the process: nothing may go
    /// on as if it were durable.
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Options {
    /// The defaults, for a store of which little is in memory: 16 MiB of cache, memtables of 10 MiB.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            cache_bytes: 16 << 20,
            memtable_bytes: 10 << 20,
            threads: None,
            on_fatal: Arc::new(|_| std::process::abort()),
        }
    }
}

/// The engine.
pub struct FjallStore {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// fjall's handles.
pub(crate) struct Disk {
    pub(crate) database: fjall::Database,
    pub(crate) space: fjall::Keyspace,
}

/// What callers, the sequencer and the sweeper share.
pub(crate) struct Shared {
    pub(crate) disk: Disk,
    pub(crate) queue: Queue,
    pub(crate) sweeper: Sweeper,
    pub(crate) stamps: Stamps,
    pub(crate) watchers: Watchers,
    pub(crate) counters: Counters,
    visible: Mutex<Arc<Visible>>,
    failed: AtomicBool,
    on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
    // Last: it is let go when all else is closed.
    _directory: Directory,
}

impl FjallStore {
    /// Opens the store, replaying what was durable.
    ///
    /// # Errors
    /// [`StoreError::Locked`] names the process that owns the directory; [`StoreError::Corrupt`] a format or row that
    /// cannot be read; [`StoreError::Io`] what the disk answered.
    pub fn open(options: Options) -> Result<Store, StoreError> {
        Self::open_above(options, Reserved::default())
    }

    /// Opens the store with versions and stamps above `floor`: a restored store goes on above the one it was.
    pub(crate) fn open_above(options: Options, floor: Reserved) -> Result<Store, StoreError> {
        failpoint::from_env().map_err(|error| StoreError::Io(error.into()))?;
        let directory = Directory::open(&options.dir)?;
        journal::check(&directory.engine())?;
        let disk = Disk::open(&directory.engine(), &options).map_err(|error| rows::engine_error(&error))?;
        let mut found = disk.reserved()?;
        found.versions = found.versions.max(floor.versions);
        found.stamps = found.stamps.max(floor.stamps);
        let reserved = Reserved { versions: found.versions + BLOCK, stamps: found.stamps + BLOCK };
        disk.reserve(reserved).map_err(|error| rows::engine_error(&error))?;
        let purges = Arc::new(disk.purges()?);
        let visible = Visible {
            version: found.versions,
            snapshot: disk.database.snapshot(),
            purges: Arc::clone(&purges),
        };
        let ahead = Ahead::new(directory.engine());
        let shared = Arc::new(Shared {
            disk,
            queue: Queue::default(),
            sweeper: Sweeper::default(),
            stamps: Stamps::new(found.stamps, reserved.stamps),
            watchers: Watchers::default(),
            counters: Counters::default(),
            visible: Mutex::new(Arc::new(visible)),
            failed: AtomicBool::new(false),
            on_fatal: options.on_fatal,
            _directory: directory,
        });
        if !purges.is_empty() {
            shared.sweeper.wake();
        }
        let sequencer =
            Sequencer::new(Arc::clone(&shared), options.threads, found.versions, reserved, purges, ahead);
        let sweeping = Arc::clone(&shared);
        let threads = vec![
            spawn("store-sequencer", move || sequencer.run())?,
            spawn("store-sweeper", move || sweeper::run(&sweeping))?,
        ];
        Ok(Store::new(Self { shared, threads: Mutex::new(threads) }))
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| StoreError::Io(format!("cannot start the thread {name}: {error}").into()))
}

impl Disk {
    fn open(path: &Path, options: &Options) -> Result<Self, fjall::Error> {
        let database = fjall::Database::builder(path)
            .cache_size(options.cache_bytes)
            .manual_journal_persist(true)
            .max_journaling_size(128 << 20)
            .max_cached_files(Some(64))
            // The first rotates and flushes, the others compact. With one, nothing would be flushed, and memory would
            // grow, while it compacts; with two or three, the first spins on messages it passes on while the others are
            // busy (measured: 10 % more CPU under load).
            .worker_threads(4)
            .open()?;
        let space = database.keyspace("d", || {
            let bits = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0));
            fjall::KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .max_memtable_size(options.memtable_bytes)
                .filter_policy(FilterPolicy::all(bits))
                // In parts, read through the cache as they are needed: whole indexes and filters of tables of 64 MiB
                // would push each other out of a small cache, or grow with the data if they were pinned.
                .index_block_partitioning_policy(PartitioningPolicy::all(true))
                .filter_block_partitioning_policy(PartitioningPolicy::all(true))
                .index_block_pinning_policy(PinningPolicy::disabled())
                .filter_block_pinning_policy(PinningPolicy::disabled())
                .data_block_compression_policy(CompressionPolicy::new([
                    CompressionType::None,
                    CompressionType::Lz4,
                ]))
        })?;
        Ok(Self { database, space })
    }

    fn reserved(&self) -> Result<Reserved, StoreError> {
        match self.space.get(Reserved::key()).map_err(|error| rows::engine_error(&error))? {
            Some(stored) => Reserved::decode(rows::decode(&stored)?.0),
            None => Ok(Reserved::default()),
        }
    }

    fn reserve(&self, reserved: Reserved) -> Result<(), fjall::Error> {
        let stored = rows::encode(reserved.versions, &reserved.encode(), &mut Vec::new());
        self.space.insert(Reserved::key().as_ref(), stored)?;
        self.database.persist(PersistMode::SyncAll)
    }

    fn purges(&self) -> Result<Vec<Purge>, StoreError> {
        let unreadable = |error: fjall::Error| rows::engine_error(&error);
        let range = KeyRange::prefix(purge::prefix());
        let rows = self.database.snapshot().range::<&[u8], _>(&self.space, range.start.as_ref()..);
        rows.map(|row| {
            let (key, stored) = row.into_inner().map_err(unreadable)?;
            Ok((key, rows::decode(&stored)?.0))
        })
        .take_while(|row| row.as_ref().map_or(true, |(key, _)| range.contains(key)))
        .map(|row: Result<_, StoreError>| row.and_then(|(key, val)| Purge::decode(&key, val)))
        .collect()
    }
}

impl Shared {
    /// The last durable state.
    pub(crate) fn visible(&self) -> Arc<Visible> {
        Arc::clone(&self.lock_visible())
    }

    /// Makes a state visible.
    pub(crate) fn show(&self, visible: Visible) {
        let old = std::mem::replace(&mut *self.lock_visible(), Arc::new(visible));
        drop(old);
    }

    /// The disk failed: no commit any more, and the process ends.
    pub(crate) fn fail(&self, why: &str) {
        tracing::error!(why, "the store failed; the process stops, nothing unacknowledged is kept");
        self.failed.store(true, Ordering::Release);
        self.queue.close();
        self.stamps.close();
        self.sweeper.close();
        (self.on_fatal)(why);
    }

    fn lock_visible(&self) -> MutexGuard<'_, Arc<Visible>> {
        self.visible.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for FjallStore {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(View { shared: Arc::clone(&self.shared), visible: self.shared.visible() })
    }

    fn submit(&self, batch: Batch) -> Pending {
        let (done, pending) = oneshot::channel();
        let refuse = |done: queue::Done, error| drop(done.send(Err::<Committed, _>(error)));
        if let Err(error) = self.limits().check(&batch) {
            refuse(done, error);
            return Pending(pending);
        }
        let ranges = batch.ops.iter().any(|op| matches!(op, Op::DeleteRange(_)));
        if ranges && self.shared.visible().purges.len() >= MAX_PURGES {
            self.shared.counters.turned_away.fetch_add(1, Ordering::Relaxed);
            refuse(done, CommitError::Unavailable);
            return Pending(pending);
        }
        let bytes = batch.bytes();
        if let Err(Refused::Closed(job) | Refused::Full(job)) =
            self.shared.queue.push(Job::Commit { batch, done }, bytes)
            && let Job::Commit { done, .. } = job
        {
            self.shared.counters.turned_away.fetch_add(1, Ordering::Relaxed);
            let failed = self.shared.failed.load(Ordering::Acquire);
            let error =
                if failed { CommitError::Fatal("the disk failed".into()) } else { CommitError::Unavailable };
            refuse(done, error);
        }
        Pending(pending)
    }

    fn room(&self) -> Option<Room<'_>> {
        self.shared.queue.room().map(|room| Box::pin(room) as Room<'_>)
    }

    fn watch(&self, prefix: Bytes) -> watch::Receiver<Version> {
        let now = self.shared.lock_visible().version;
        self.shared.watchers.watch(prefix, now)
    }

    fn stamp(&self) -> u64 {
        // A queue that is full or closed needs no look: it is looked at, or nothing is stored any more.
        self.shared.stamps.next(|| drop(self.shared.queue.push(Job::Look, 0)))
    }

    fn limits(&self) -> Limits {
        Limits::DEFAULT
    }

    fn stats(&self) -> Stats {
        let (queue, queue_bytes) = self.shared.queue.backlog();
        Stats {
            queue: queue as u64,
            queue_bytes: queue_bytes as u64,
            sweeping_ranges: self.shared.visible().purges.len() as u64,
            disk_bytes: self.shared.disk.database.disk_space().unwrap_or(0),
            ..self.shared.counters.read()
        }
    }

    fn close(&self) -> Result<(), CommitError> {
        self.shared.queue.close();
        self.shared.stamps.close();
        self.shared.sweeper.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic was noted by the thread itself.
            let _ = thread.join();
        }
        if self.shared.failed.load(Ordering::Acquire) {
            return Err(CommitError::Fatal("the disk failed".into()));
        }
        self.shared.disk.database.persist(PersistMode::SyncAll).map_err(|error| {
            let why = error.to_string();
            self.shared.fail(&why);
            CommitError::Fatal(why.into())
        })
    }
}

impl Drop for FjallStore {
    fn drop(&mut self) {
        // An error was reported by `fail`.
        let _ = self.close();
    }
}

#[cfg(test)]
mod tests;
