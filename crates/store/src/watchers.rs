//! Who waits for commits under which prefix.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::watch;

use crate::{Version, sequence::Group};

/// Watched prefixes. A write costs one look-up per distinct length of the prefixes watched, nothing when none is.
#[derive(Default)]
pub(crate) struct Watchers {
    any: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_prefix: HashMap<Bytes, watch::Sender<Version>>,
    /// Length → how many prefixes have it.
    lengths: BTreeMap<usize, usize>,
    /// Prefixes that may be held before those nobody listens to any more are swept out.
    sweep_at: usize,
}

impl Watchers {
    /// Changes after a commit that writes under `prefix`.
    pub(crate) fn watch(&self, prefix: Bytes, now: Version) -> watch::Receiver<Version> {
        let mut table = self.lock();
        if let Some(sender) = table.by_prefix.get(&prefix) {
            return sender.subscribe();
        }
        if table.by_prefix.len() >= table.sweep_at {
            table.sweep();
        }
        let (sender, receiver) = watch::channel(now);
        *table.lengths.entry(prefix.len()).or_default() += 1;
        table.by_prefix.insert(prefix, sender);
        self.any.store(true, Ordering::Release);
        receiver
    }

    /// Wakes whoever watches something the group wrote.
    pub(crate) fn wake(&self, group: &Group, now: Version) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let table = self.lock();
        for row in group.rows() {
            for length in table.lengths.keys() {
                let Some(sender) = row.key.get(..*length).and_then(|prefix| table.by_prefix.get(prefix))
                else {
                    continue;
                };
                sender.send_replace(now);
            }
        }
        for (_, range) in group.ranges() {
            for (prefix, sender) in &table.by_prefix {
                if crate::KeyRange::prefix(prefix.clone()).overlaps(range) {
                    sender.send_replace(now);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn sweep(&mut self) {
        self.by_prefix.retain(|_, sender| sender.receiver_count() > 0);
        self.lengths.clear();
        for prefix in self.by_prefix.keys() {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.sweep_at = 2 * self.by_prefix.len() + 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyRange;

    #[test]
    fn wakes_by_prefix_and_by_range_only() {
        let watchers = Watchers::default();
        let mut one = watchers.watch("q/1/".into(), 0);
        let mut two = watchers.watch("q/2/".into(), 0);
        let mut all = watchers.watch(Bytes::new(), 0);
        let mut group = Group::default();
        group.write("q/1/a".into(), Some("v".into()), 1);
        watchers.wake(&group, 1);
        assert!(one.has_changed().unwrap() && all.has_changed().unwrap() && !two.has_changed().unwrap());
        assert_eq!(*one.borrow_and_update(), 1);
        all.mark_unchanged();
        group.clear();
        group.write_range(KeyRange::prefix("q/2"), 2);
        watchers.wake(&group, 2);
        assert!(!one.has_changed().unwrap() && two.has_changed().unwrap() && all.has_changed().unwrap());
        two.mark_unchanged();
    }

    #[test]
    fn forgets_prefixes_nobody_watches() {
        let watchers = Watchers::default();
        let kept = watchers.watch("kept".into(), 0);
        for n in 0..10_000 {
            watchers.watch(format!("q/{n}").into(), 0);
        }
        assert!(watchers.lock().by_prefix.len() < 100);
        assert!(watchers.lock().by_prefix.contains_key("kept".as_bytes()));
        drop(kept);
    }
}
