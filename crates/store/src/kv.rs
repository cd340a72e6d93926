//! The interface every engine implements, and the handle everything above uses.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::{Batch, KeyRange, Limits, Stats, Version};

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The commit's version.
    pub version: Version,
    /// The first stamp of the batch; slot n has `stamp_base + n`.
    pub stamp_base: u128,
}

/// Why a commit did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// Precondition `index` did not hold: read again and retry (capped, with jitter).
    Conflict {
        /// Which precondition.
        index: u32,
    },
    /// Over the limits of [`Limits`], or an empty key.
    TooLarge,
    /// Operation `index` adds to (or raises) a value that is not a counter of eight bytes.
    NotACounter {
        /// Which operation.
        index: u32,
    },
    /// Another owner holds the lease.
    Fenced,
    /// The outcome is not known (a network engine lost its connection).
    Unknown,
    /// The store is shutting down, not reachable, or its backlog is full: nothing was written.
    Unavailable,
    /// The disk failed; the process is about to stop.
    Fatal(Arc<str>),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The engine failed to read.
    Io(Arc<str>),
    /// The bytes are not what was written.
    Corrupt(Arc<str>),
    /// Another process owns the directory.
    Locked(Arc<str>),
}

impl std::fmt::Display for CommitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Conflict { index } => write!(f, "conflict at precondition {index}"),
            Self::TooLarge => f.write_str("the batch is over the store's limits"),
            Self::NotACounter { index } => {
                write!(f, "operation {index} counts on a value that is not a counter")
            }
            Self::Fenced => f.write_str("another owner holds the lease"),
            Self::Unknown => f.write_str("the outcome of the commit is not known"),
            Self::Unavailable => f.write_str("the store is not available"),
            Self::Fatal(why) => write!(f, "the store failed: {why}"),
        }
    }
}
impl std::error::Error for CommitError {}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(why) => write!(f, "the store could not read: {why}"),
            Self::Corrupt(why) => write!(f, "the store is damaged: {why}"),
            Self::Locked(why) => write!(f, "the data directory is in use: {why}"),
        }
    }
}
impl std::error::Error for StoreError {}

/// A commit under way. Its place in the order is taken when [`Store::submit`] returns; it resolves when durable.
/// Dropping it does not take the commit back.
pub struct Pending(pub oneshot::Receiver<Result<Committed, CommitError>>);

impl Future for Pending {
    type Output = Result<Committed, CommitError>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap_or(Err(CommitError::Unavailable)))
    }
}

/// How a range is read.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// From the end.
    pub reverse: bool,
    /// At most this many rows.
    pub limit: usize,
    /// Stop once this many bytes of keys and values were collected (at least one row is returned).
    pub bytes: usize,
    /// Leave the values empty.
    pub keys_only: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Self { reverse: false, limit: 1_000, bytes: 1 << 20, keys_only: false }
    }
}

/// One page of a scan.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Key, value, version.
    pub rows: Vec<(Bytes, Bytes, Version)>,
    /// The range that is left to read; `None` when done.
    pub rest: Option<KeyRange>,
}

/// A consistent view at one version. Short-lived: a long one pins old data.
pub trait Snapshot: Send + Sync {
    /// The version of the last commit it sees.
    fn version(&self) -> Version;
    /// A value and its version.
    fn get(&self, key: &[u8]) -> Result<Option<(Bytes, Version)>, StoreError>;
    /// Several at once, in the order of the keys given.
    fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<(Bytes, Version)>>, StoreError> {
        keys.iter().map(|key| self.get(key)).collect()
    }
    /// A page of a range.
    fn scan(&self, range: &KeyRange, how: Scan) -> Result<Page, StoreError>;
}

/// Resolves when there is room.
pub type Room<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// An engine.
pub trait Kv: Send + Sync + 'static {
    /// A view of everything committed so far.
    fn snapshot(&self) -> Box<dyn Snapshot>;
    /// Queues a commit; returns at once with its place in the order taken. Answers [`CommitError::Unavailable`] when the
    /// backlog is so long that memory would not be bounded any more; [`Store::commit`] waits instead.
    fn submit(&self, batch: Batch) -> Pending;
    /// Changes after a commit that touched the prefix. A hint: read again after waking; may wake for nothing.
    fn watch(&self, prefix: Bytes) -> watch::Receiver<Version>;
    /// A number greater than every one handed out before, over restarts too. Cheap; needs no commit.
    fn stamp(&self) -> u64;
    /// Resolves when the engine has room for a commit that can wait; `None`: it has. Engines that never queue need not
    /// say anything.
    fn room(&self) -> Option<Room<'_>> {
        None
    }
    /// Figures for metrics.
    fn stats(&self) -> Stats {
        Stats::default()
    }
    /// The engine's limits.
    fn limits(&self) -> Limits;
    /// Waits for everything submitted, then syncs and closes. Further commits answer `Unavailable`.
    fn close(&self) -> Result<(), CommitError>;
}

/// The handle services hold.
#[derive(Clone)]
pub struct Store(Arc<dyn Kv>);

impl Store {
    /// Wraps an engine.
    pub fn new(engine: impl Kv) -> Self {
        Self(Arc::new(engine))
    }
    /// See [`Kv::snapshot`].
    pub fn snapshot(&self) -> Box<dyn Snapshot> {
        self.0.snapshot()
    }
    /// See [`Kv::submit`].
    pub fn submit(&self, batch: Batch) -> Pending {
        self.0.submit(batch)
    }
    /// Submits and waits until durable. Holds the batch back while the engine's backlog is full; its place in the order
    /// is taken after that.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        while let Some(room) = self.0.room() {
            room.await;
        }
        self.submit(batch).await
    }
    /// See [`Kv::watch`].
    pub fn watch(&self, prefix: impl Into<Bytes>) -> watch::Receiver<Version> {
        self.0.watch(prefix.into())
    }
    /// See [`Kv::stamp`].
    pub fn stamp(&self) -> u64 {
        self.0.stamp()
    }
    /// See [`Kv::stats`].
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }
    /// See [`Kv::limits`].
    pub fn limits(&self) -> Limits {
        self.0.limits()
    }
    /// See [`Kv::close`].
    pub fn close(&self) -> Result<(), CommitError> {
        self.0.close()
    }
}
