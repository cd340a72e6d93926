//! What all groups share, and where they are found.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use moln_kernel::{
    AccountId, ApiError, Region, SharedClock, ids,
    pagination::Pagination,
    ports::{InvokeFunction, RecordMetric},
};
use moln_store::{Batch, Scan, Snapshot, Store, StoreError, Version, table};
use tokio::sync::{Mutex, watch};

use super::{Group, Meta, buffer::Buffer, group::Filter, tail::Tails};
use crate::{
    errors,
    insights::Queries,
    limits::GROUPS,
    pattern::Pattern,
    tables::{
        GroupRow, MetricFilterRow, StreamRow, SubscriptionRow,
        group::GROUPS as GROUP_TABLE,
        keys::{self, Field},
    },
};

type Place = (String, String);
type Groups = BTreeMap<Place, BTreeMap<Arc<str>, Arc<Group>>>;

/// What all groups share.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) pagination: Pagination,
    pub(crate) metrics: Arc<dyn RecordMetric>,
    pub(crate) functions: OnceLock<Arc<dyn InvokeFunction>>,
    /// Changes of groups and of what is only kept, one at a time.
    pub(crate) changing: Mutex<()>,
    pub(crate) buffer: Buffer,
    pub(crate) tails: Tails,
    pub(crate) queries: Queries,
    /// Counts what may bring the next removal forward.
    pub(crate) changes: watch::Sender<u64>,
    /// What did not reach the disk although it was taken from the buffer: lines, since the start of the process.
    pub(crate) lost: AtomicU64,
    groups: RwLock<Groups>,
}

impl Core {
    /// Reads the groups there are, with their filters.
    pub(crate) fn open(
        store: Store,
        clock: SharedClock,
        metrics: Arc<dyn RecordMetric>,
    ) -> Result<Arc<Self>, StoreError> {
        let snapshot = store.snapshot();
        let core = Self {
            pagination: Pagination::new(&secret(&store, &*snapshot)?),
            clock,
            metrics,
            functions: OnceLock::new(),
            changing: Mutex::default(),
            buffer: Buffer::default(),
            tails: Tails::default(),
            queries: Queries::default(),
            changes: watch::Sender::new(0),
            lost: AtomicU64::new(0),
            groups: RwLock::default(),
            store,
        };
        let mut range = Some(GROUP_TABLE.all());
        while let Some(next) = range {
            let page = GROUP_TABLE.scan(&*snapshot, &next, Scan::default())?;
            for (((account, region), name), row, _) in page.rows {
                let meta = read_meta(&*snapshot, row)?;
                let (account, region) = (AccountId::new(account), Region::new(region));
                core.add(Arc::new(Group::new(account, region, name.into(), meta)));
            }
            range = page.rest;
        }
        Ok(Arc::new(core))
    }

    /// The group of a name.
    pub(crate) fn find(&self, account: &str, region: &str, name: &str) -> Option<Arc<Group>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(&(account.to_owned(), region.to_owned()))?.get(name).cloned()
    }

    /// The group of a number.
    pub(crate) fn find_id(&self, id: u64) -> Option<Arc<Group>> {
        self.all().into_iter().find(|group| group.id == id)
    }

    /// At most `most` groups of a place whose names begin with `prefix` and come after `after`, in ASCII order.
    pub(crate) fn list(
        &self,
        account: &str,
        region: &str,
        prefix: &str,
        after: Option<&str>,
        wanted: impl Fn(&Group) -> bool,
        most: usize,
    ) -> Vec<Arc<Group>> {
        use std::ops::Bound;
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let Some(here) = groups.get(&(account.to_owned(), region.to_owned())) else { return Vec::new() };
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        here.range::<str, _>((from, Bound::Unbounded))
            .take_while(|(name, _)| name.starts_with(prefix))
            .filter(|(_, group)| wanted(group))
            .take(most)
            .map(|(_, group)| Arc::clone(group))
            .collect()
    }

    /// Every group.
    pub(crate) fn all(&self) -> Vec<Arc<Group>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// How many groups a place has.
    fn count(&self, account: &str, region: &str) -> usize {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(&(account.to_owned(), region.to_owned())).map_or(0, BTreeMap::len)
    }

    pub(crate) fn add(&self, group: Arc<Group>) {
        let place = (group.account.to_string(), group.region.to_string());
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.entry(place).or_default().insert(Arc::clone(&group.name), group);
    }

    pub(crate) fn remove(&self, group: &Group) {
        let place = (group.account.to_string(), group.region.to_string());
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = groups.get_mut(&place) {
            here.remove(&group.name);
        }
    }

    /// Makes a group; `ResourceAlreadyExistsException` when it is there.
    pub(crate) async fn create_group(
        &self,
        account: &AccountId,
        region: &Region,
        name: &str,
        row: GroupRow,
    ) -> Result<Arc<Group>, ApiError> {
        let _turn = self.changing.lock().await;
        if self.find(account.as_str(), region.as_str(), name).is_some() {
            return Err(errors::exists("The specified log group already exists"));
        }
        if self.count(account.as_str(), region.as_str()) >= GROUPS {
            return Err(errors::limit_exceeded());
        }
        let now = self.clock.now().millis();
        let row = GroupRow { id: self.store.stamp(), created: now, ..row };
        let mut batch = Batch::default();
        let key = ((account.to_string(), region.to_string()), name.to_owned());
        GROUP_TABLE.put(&mut batch, &key, &row).map_err(|why| errors::unread(&why))?;
        self.commit(batch).await?;
        let meta = Meta { row, ..Meta::default() };
        let group = Arc::new(Group::new(account.clone(), region.clone(), name.into(), meta));
        self.add(Arc::clone(&group));
        Ok(group)
    }

    /// A stream's row and its version.
    pub(crate) fn stream(
        snapshot: &dyn Snapshot,
        group: u64,
        name: &str,
    ) -> Result<Option<(StreamRow, Version)>, StoreError> {
        let Some((bytes, version)) = snapshot.get(&keys::stream(group, name))? else { return Ok(None) };
        Ok(Some((table::decode(&bytes)?, version)))
    }

    /// Writes a new stream's rows into a batch that fails when it is there already.
    pub(crate) fn new_stream(
        &self,
        batch: &mut Batch,
        group: u64,
        name: &str,
        now: u64,
    ) -> Result<StreamRow, StoreError> {
        let row = StreamRow { id: self.store.stamp(), created: now };
        let key = keys::stream(group, name);
        batch.absent(key.clone());
        batch.put(key, table::encode(&row)?);
        batch.put(keys::name(group, row.id), Bytes::copy_from_slice(name.as_bytes()));
        batch.max(keys::figure(group, row.id, Field::Last), 0);
        Ok(row)
    }

    /// Demands with a batch that the group is still there.
    pub(crate) fn demand_group(&self, batch: &mut Batch, group: &Group) -> Result<(), StoreError> {
        let key = (group.account.to_string(), group.region.to_string());
        let key = GROUP_TABLE.key(&(key, group.name.to_string()));
        match self.store.snapshot().get(&key)? {
            Some((_, version)) => batch.unchanged(key, version),
            // A batch that cannot hold: the group is gone.
            None => batch.equals(key, Bytes::new()),
        };
        Ok(())
    }

    /// The name of a stream.
    pub(crate) fn stream_name(
        snapshot: &dyn Snapshot,
        group: u64,
        stream: u64,
    ) -> Result<Option<Arc<str>>, StoreError> {
        let name = snapshot.get(&keys::name(group, stream))?;
        Ok(name.and_then(|(name, _)| str::from_utf8(&name).ok().map(Arc::from)))
    }

    /// Commits; a refusal is the service's fault.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), ApiError> {
        self.store.commit(batch).await.map(drop).map_err(|why| errors::uncommitted(&why))
    }

    /// Changes a group's row and keeps memory and disk the same. The caller holds [`Core::changing`].
    pub(crate) async fn change_row(
        &self,
        group: &Group,
        change: impl FnOnce(&mut GroupRow) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut meta = Meta::clone(&group.meta());
        change(&mut meta.row)?;
        let mut batch = Batch::default();
        let key = ((group.account.to_string(), group.region.to_string()), group.name.to_string());
        GROUP_TABLE.put(&mut batch, &key, &meta.row).map_err(|why| errors::unread(&why))?;
        self.commit(batch).await?;
        group.set_meta(meta);
        let due = if group.meta().row.retention_days.is_some() { 0 } else { u64::MAX };
        group.sweep_due.store(due, Ordering::Release);
        self.changed();
        Ok(())
    }

    /// Something may be due earlier than was thought.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

fn read_meta(snapshot: &dyn Snapshot, row: GroupRow) -> Result<Meta, StoreError> {
    let id = row.id;
    let mut meta = Meta { row, ..Meta::default() };
    let all = Scan { limit: usize::MAX, bytes: usize::MAX, ..Scan::default() };
    for (_, bytes, _) in snapshot.scan(&keys::metric_filters(id), all)?.rows {
        let row: MetricFilterRow = table::decode(&bytes)?;
        let pattern = Pattern::lenient(&row.pattern);
        meta.metric_filters.insert(row.name.clone(), Arc::new(Filter { row, pattern }));
    }
    for (_, bytes, _) in snapshot.scan(&keys::subscriptions(id), all)?.rows {
        let row: SubscriptionRow = table::decode(&bytes)?;
        let pattern = Pattern::lenient(&row.pattern);
        meta.subscriptions.insert(row.name.clone(), Arc::new(Filter { row, pattern }));
    }
    Ok(meta)
}

/// The secret of pagination tokens: read, or made at the first start.
fn secret(store: &Store, snapshot: &dyn Snapshot) -> Result<[u8; 32], StoreError> {
    if let Some((bytes, _)) = snapshot.get(keys::SECRET)? {
        return bytes.first_chunk::<32>().copied().ok_or_else(|| StoreError::Corrupt("lgx".into()));
    }
    let secret = ids::secret::<32>().map_err(|why| StoreError::Io(why.message.into()))?;
    let mut batch = Batch::default();
    batch.put(keys::SECRET, secret.to_vec());
    // In the order of commits before every token: none can be given out that outlives an unwritten secret.
    drop(store.submit(batch));
    Ok(secret)
}
