//! An engine in memory: the reference for conformance and the store of fast tests. Nothing survives it.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::{
    Batch, CommitError, KeyRange, Kv, Limits, Page, Pending, Scan, Snapshot, Store, StoreError, Version,
    page::Collect,
    sequence::{Base, Group, Sequence},
    watchers::Watchers,
};

/// The engine. Commits complete within `submit`; snapshots are isolated as on every engine.
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: RwLock<State>,
    watchers: Watchers,
    stamp: AtomicU64,
    closed: AtomicBool,
}

struct State {
    rows: Rows,
    sequence: Sequence,
    group: Group,
    /// Versions that snapshots hold → how many do.
    held: BTreeMap<Version, usize>,
    /// Keys that got a newer state at a version: what is older goes once no snapshot holds a version before.
    stale: VecDeque<(Version, Bytes)>,
}

/// Each key's states, oldest first; `None` is a removal.
#[derive(Default)]
struct Rows(BTreeMap<Bytes, Vec<(Version, Option<Bytes>)>>);

impl Default for State {
    fn default() -> Self {
        let (held, stale) = (BTreeMap::new(), VecDeque::new());
        Self { rows: Rows::default(), sequence: Sequence::new(0), group: Group::default(), held, stale }
    }
}

impl MemoryStore {
    /// An empty store.
    #[expect(clippy::new_ret_no_self, reason = "everything above the engines holds a `Store`")]
    pub fn new() -> Store {
        Store::new(Self { shared: Arc::default() })
    }
}

impl Kv for MemoryStore {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        let mut state = self.shared.write();
        let version = state.sequence.last();
        *state.held.entry(version).or_default() += 1;
        Box::new(View { shared: Arc::clone(&self.shared), version })
    }

    fn submit(&self, batch: Batch) -> Pending {
        let (done, pending) = oneshot::channel();
        // Nobody may be waiting: a commit whose Pending was dropped is as good as any.
        let _ = done.send(self.shared.commit(batch, &self.limits()));
        Pending(pending)
    }

    fn watch(&self, prefix: Bytes) -> watch::Receiver<Version> {
        let now = self.shared.read().sequence.last();
        self.shared.watchers.watch(prefix, now)
    }

    fn stamp(&self) -> u64 {
        self.shared.stamp.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn limits(&self) -> Limits {
        Limits::DEFAULT
    }

    fn close(&self) -> Result<(), CommitError> {
        self.shared.closed.store(true, Ordering::Release);
        Ok(())
    }
}

impl Shared {
    fn commit(&self, batch: Batch, limits: &Limits) -> Result<crate::Committed, CommitError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(CommitError::Unavailable);
        }
        limits.check(&batch)?;
        let mut guard = self.write();
        let state = &mut *guard;
        state.group.clear();
        let committed = state.sequence.apply(batch, &mut state.group, &state.rows)?;
        state.write_group();
        self.watchers.wake(&state.group, committed.version);
        Ok(committed)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write_group(&mut self) {
        for (version, range) in self.group.ranges() {
            for key in self.rows.live_keys(range) {
                self.rows.set(&key, None, *version);
                self.stale.push_back((*version, key));
            }
        }
        for row in self.group.rows() {
            self.rows.set(&row.key, row.val.clone(), row.version);
            self.stale.push_back((row.version, row.key.clone()));
        }
        self.forget();
    }

    /// Drops states that no snapshot can see.
    fn forget(&mut self) {
        let oldest = self.held.keys().next().copied().unwrap_or(Version::MAX);
        while self.stale.front().is_some_and(|(version, _)| *version <= oldest) {
            let Some((_, key)) = self.stale.pop_front() else { return };
            self.rows.forget(&key, oldest);
        }
    }
}

impl Rows {
    fn at(&self, key: &[u8], version: Version) -> Option<(Bytes, Version)> {
        state_at(self.0.get(key)?, version)
    }

    fn set(&mut self, key: &Bytes, val: Option<Bytes>, version: Version) {
        self.0.entry(key.clone()).or_default().push((version, val));
    }

    fn forget(&mut self, key: &Bytes, oldest: Version) {
        let Some(states) = self.0.get_mut(key) else { return };
        let seen = states.iter().rposition(|(version, _)| *version <= oldest).unwrap_or(0);
        states.drain(..seen);
        if let [(version, None)] = states.as_slice()
            && *version <= oldest
        {
            self.0.remove(key);
        }
    }

    fn live_keys(&self, range: &KeyRange) -> Vec<Bytes> {
        let live =
            self.range(range).filter(|(_, states)| states.last().is_some_and(|(_, val)| val.is_some()));
        live.map(|(key, _)| key.clone()).collect()
    }

    fn range(
        &self,
        range: &KeyRange,
    ) -> impl DoubleEndedIterator<Item = (&Bytes, &Vec<(Version, Option<Bytes>)>)> {
        // BTreeMap::range panics when the bounds are crossed.
        let end = range.end.as_ref().max(range.start.as_ref());
        self.0.range::<[u8], _>((Bound::Included(range.start.as_ref()), Bound::Excluded(end)))
    }
}

fn state_at(states: &[(Version, Option<Bytes>)], version: Version) -> Option<(Bytes, Version)> {
    let (written, val) = states.iter().rev().find(|(written, _)| *written <= version)?;
    Some((val.clone()?, *written))
}

impl Base for Rows {
    fn read(&self, key: &[u8]) -> Result<Option<(Bytes, Version)>, StoreError> {
        Ok(self.at(key, Version::MAX))
    }
    fn few_keys(&self, _range: &KeyRange) -> Result<Option<Vec<Bytes>>, StoreError> {
        Ok(None)
    }
}

struct View {
    shared: Arc<Shared>,
    version: Version,
}

impl Snapshot for View {
    fn version(&self) -> Version {
        self.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<(Bytes, Version)>, StoreError> {
        Ok(self.shared.read().rows.at(key, self.version))
    }

    fn scan(&self, range: &KeyRange, how: Scan) -> Result<Page, StoreError> {
        let state = self.shared.read();
        let rows = state.rows.range(range).filter_map(|(key, states)| {
            let (val, version) = state_at(states, self.version)?;
            Some((key, val, version))
        });
        let mut page = Collect::new(range, how);
        if how.reverse {
            rows.rev().all(|(key, val, version)| page.take(key, &val, version));
        } else {
            let mut rows = rows;
            rows.all(|(key, val, version)| page.take(key, &val, version));
        }
        Ok(page.done())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let mut state = self.shared.write();
        if let Some(count) = state.held.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                state.held.remove(&self.version);
                state.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::conformance_suite!(|| (MemoryStore::new(), ()));

    #[tokio::test]
    async fn forgets_what_no_snapshot_sees() {
        let engine = MemoryStore { shared: Arc::default() };
        let shared = Arc::clone(&engine.shared);
        let store = Store::new(engine);
        let put = |val: &'static str| {
            let mut batch = Batch::default();
            batch.put("k", val);
            batch
        };
        store.commit(put("1")).await.unwrap();
        let held = store.snapshot();
        store.commit(put("2")).await.unwrap();
        store.commit(put("3")).await.unwrap();
        let mut batch = Batch::default();
        batch.delete("k");
        store.commit(batch).await.unwrap();
        assert_eq!(held.get(b"k").unwrap().unwrap().0, "1");
        drop(held);
        assert!(shared.read().rows.0.is_empty() && shared.read().stale.is_empty());
    }
}
