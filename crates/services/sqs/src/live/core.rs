//! What all queues share, and where they are found.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use hashbrown::{Equivalent, HashMap};
use moln_kernel::{ApiError, SharedClock, Timestamp, ids, pagination::Pagination};
use moln_store::{Batch, CommitError, Pending, Scan, Snapshot, Store, StoreError};
use tokio::sync::{
    oneshot::{self, error::TryRecvError},
    watch,
};

use super::{Queue, tasks::Tasks};
use crate::{
    errors,
    limits::{ALL_WINDOW_BYTES, QUIET_MS},
    queue::Pool,
    receipt::Receipts,
    tables::{QueueRow, keys},
};

/// Account, region, name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) account: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Address {
    pub(crate) fn arn(&self) -> String {
        let partition = if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        format!("arn:{partition}:sqs:{}:{}:{}", self.region, self.account, self.name)
    }
}

/// An address looked up by its borrowed parts.
#[derive(Clone, Copy)]
pub(crate) struct Borrowed<'a>(pub(crate) &'a str, pub(crate) &'a str, pub(crate) &'a str);

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for part in [self.0, self.1, self.2] {
            part.hash(state);
        }
    }
}
impl Equivalent<Address> for Borrowed<'_> {
    fn equivalent(&self, key: &Address) -> bool {
        *key.name == *self.2 && *key.account == *self.0 && *key.region == *self.1
    }
}

type Shard = RwLock<HashMap<Address, Arc<Queue>>>;
const SHARDS: usize = 16;

/// What all queues share.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) receipts: Receipts,
    pub(crate) pagination: Pagination,
    pub(crate) tasks: Tasks,
    shards: [Shard; SHARDS],
    /// When names were deleted, for the minute they stay taken.
    deleted: RwLock<BTreeMap<String, u64>>,
    /// Set when the server stops: those who wait are answered.
    pub(crate) closing: watch::Sender<bool>,
    /// Changes of queues and move tasks: wakes the background.
    pub(crate) changes: watch::Sender<u64>,
    /// Bodies in memory.
    pub(crate) bodies: Arc<Pool>,
    /// The moment retention sleeps until, milliseconds since the epoch.
    pub(crate) sweeping_at: AtomicU64,
    /// Receives that found their queue's window empty and waited for the store.
    pub(crate) starved: AtomicU64,
}

impl Core {
    /// Reads the queues there are. Their messages are read when they are first touched.
    pub(crate) fn open(store: Store, clock: SharedClock) -> Result<Arc<Self>, StoreError> {
        let snapshot = store.snapshot();
        let secret = secret(&store, &*snapshot)?;
        let mut receipt_key = [0; 16];
        receipt_key.iter_mut().zip(secret).for_each(|(slot, byte)| *slot = byte);
        let core = Arc::new(Self {
            clock,
            receipts: Receipts::new(receipt_key),
            pagination: Pagination::new(&secret),
            tasks: Tasks::open(&*snapshot)?,
            shards: std::array::from_fn(|_| Shard::default()),
            deleted: RwLock::default(),
            closing: watch::Sender::new(false),
            changes: watch::Sender::new(0),
            bodies: Pool::new(ALL_WINDOW_BYTES),
            sweeping_at: AtomicU64::new(u64::MAX),
            starved: AtomicU64::new(0),
            store,
        });
        let mut range = Some(keys::queues());
        while let Some(next) = range {
            let page = snapshot.scan(&next, Scan::default())?;
            for (key, row, _) in page.rows {
                let address = split(&key, "qa/").ok_or_else(|| damaged(&key))?;
                let row = QueueRow::decode(&row).ok_or_else(|| damaged(&key))?;
                core.add(Arc::new(Queue::new(address, row)));
            }
            range = page.rest;
        }
        let mut range = Some(keys::all_deleted());
        while let Some(next) = range {
            let page = snapshot.scan(&next, Scan::default())?;
            for (key, at, _) in page.rows {
                let at = keys::last_number(&at).unwrap_or(0);
                if let Ok(name) = std::str::from_utf8(&key) {
                    write(&core.deleted).insert(name.to_owned(), at);
                }
            }
            range = page.rest;
        }
        Ok(core)
    }

    fn shard(&self, at: Borrowed<'_>) -> &Shard {
        // Any spread will do: the last characters of names are the ones that differ.
        let sum =
            at.2.bytes()
                .rev()
                .take(8)
                .fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let [first, ..] = &self.shards;
        self.shards.get(sum % SHARDS).unwrap_or(first)
    }

    /// The queue of this address.
    pub(crate) fn find(&self, account: &str, region: &str, name: &str) -> Option<Arc<Queue>> {
        let at = Borrowed(account, region, name);
        read(self.shard(at)).get(&at).cloned()
    }

    /// The queue an ARN names.
    pub(crate) fn find_arn(&self, arn: &str) -> Option<Arc<Queue>> {
        let mut parts = arn.splitn(6, ':');
        let (Some("arn"), Some(_), Some("sqs")) = (parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
        self.find(account, region, name)
    }

    /// Adds a queue; `false`: the address is taken.
    pub(crate) fn add(&self, queue: Arc<Queue>) -> bool {
        let address = queue.address.clone();
        let mut shard = write(self.shard(Borrowed(&address.account, &address.region, &address.name)));
        shard.try_insert(address, queue).is_ok()
    }

    /// Takes a queue out; its name stays taken for a minute. Names whose minute is over are released.
    pub(crate) fn remove(&self, address: &Address, now: Timestamp, batch: &mut Batch) {
        let at = Borrowed(&address.account, &address.region, &address.name);
        write(self.shard(at)).remove(&at);
        let mut deleted = write(&self.deleted);
        deleted.retain(|key, at| {
            let taken = now.millis() < at.saturating_add(QUIET_MS);
            if !taken {
                batch.delete(key.clone());
            }
            taken
        });
        let key = keys::deleted(&address.account, &address.region, &address.name);
        deleted.insert(String::from_utf8_lossy(&key).into_owned(), now.millis());
        batch.put(key, now.millis().to_be_bytes().to_vec());
    }

    /// Frees the name of a deleted queue before its minute is over.
    pub(crate) fn release(&self, address: &Address, batch: &mut Batch) {
        let key = keys::deleted(&address.account, &address.region, &address.name);
        write(&self.deleted).remove(String::from_utf8_lossy(&key).as_ref());
        batch.delete(key);
    }

    /// Whether a queue of this name was deleted within the last minute.
    pub(crate) fn deleted_recently(&self, address: &Address, now: Timestamp) -> bool {
        let key = keys::deleted(&address.account, &address.region, &address.name);
        let name = String::from_utf8_lossy(&key);
        read(&self.deleted).get(name.as_ref()).is_some_and(|at| now.millis() < at.saturating_add(QUIET_MS))
    }

    /// Every queue. For listings and the background.
    pub(crate) fn all(&self) -> Vec<Arc<Queue>> {
        self.shards.iter().flat_map(|shard| read(shard).values().cloned().collect::<Vec<_>>()).collect()
    }

    /// The queues of an account and region whose names begin so, by name.
    pub(crate) fn list(&self, account: &str, region: &str, prefix: &str) -> Vec<Arc<Queue>> {
        let mut found: Vec<_> = self.all();
        found.retain(|queue| {
            let at = &queue.address;
            *at.account == *account && *at.region == *region && at.name.starts_with(prefix)
        });
        found.sort_by(|a, b| a.address.name.cmp(&b.address.name));
        found
    }

    /// Submits; whether it was refused at once. Then memory that has changed already must be forgotten, before anyone
    /// sees what was never written.
    pub(crate) fn submit(&self, batch: Batch) -> (Pending, bool) {
        let mut pending = self.store.submit(batch);
        match pending.0.try_recv() {
            Err(TryRecvError::Empty) => (pending, false),
            Ok(result) => {
                let refused = result.is_err();
                let (done, known) = oneshot::channel();
                // Its receiver is right here.
                let _ = done.send(result);
                (Pending(known), refused)
            }
            Err(TryRecvError::Closed) => (Pending(oneshot::channel().1), true),
        }
    }

    /// Waits until a commit is durable.
    pub(crate) async fn durable(&self, pending: Option<Pending>) -> Result<(), ApiError> {
        match pending {
            Some(pending) => pending.await.map(drop).map_err(|error| refused(&error)),
            None => Ok(()),
        }
    }

    /// Waits until everything submitted so far is durable, and seen by snapshots.
    pub(crate) async fn barrier(&self) -> Result<(), ApiError> {
        let mut batch = Batch::default();
        // A delete of a row that never is: something to commit.
        batch.delete("q");
        self.durable(Some(self.store.submit(batch))).await
    }

    /// Retention has to look at a queue at this moment: wakes it when it would sleep longer.
    pub(crate) fn sweep_by(&self, at: u64) {
        if at < self.sweeping_at.load(Ordering::Acquire) {
            self.changed();
        }
    }

    /// Tells the background that there is something new.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The secret of this store; made when there is none yet.
fn secret(store: &Store, snapshot: &dyn Snapshot) -> Result<[u8; 32], StoreError> {
    if let Some((secret, _)) = snapshot.get(keys::SECRET)? {
        let secret: &[u8] = &secret;
        return secret.try_into().map_err(|_| StoreError::Corrupt("the secret of receipt handles".into()));
    }
    let secret = ids::secret::<32>().map_err(|error| StoreError::Io(error.message.into()))?;
    let mut batch = Batch::default();
    batch.put(keys::SECRET, secret.to_vec());
    // Submitted before everything else: durable before the first handle is.
    drop(store.submit(batch));
    Ok(secret)
}

fn damaged(key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!("the queue's row {}", String::from_utf8_lossy(key)).into())
}

fn split(key: &[u8], table: &str) -> Option<Address> {
    let mut parts = std::str::from_utf8(key).ok()?.strip_prefix(table)?.splitn(3, '/');
    Some(Address { account: parts.next()?.into(), region: parts.next()?.into(), name: parts.next()?.into() })
}

/// A failed commit as clients see it; the reason is for the log.
pub(crate) fn refused(error: &CommitError) -> ApiError {
    tracing::error!(%error, "a commit failed; nothing was acknowledged");
    errors::unavailable()
}

/// A failed read as clients see it.
pub(crate) fn unread(error: &StoreError) -> ApiError {
    tracing::error!(%error, "the store could not be read");
    ApiError::internal("The service could not read its data.")
}

pub(crate) fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
pub(crate) fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
