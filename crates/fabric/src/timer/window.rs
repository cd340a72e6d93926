//! The nearest timers of one shard, in memory.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use moln_kernel::Timestamp;
use moln_store::{Batch, Scan, Snapshot, Store, StoreError, Version};
use tokio::sync::watch;

use super::keys;

/// Timers kept of each shard.
const ROWS: usize = 128;
/// Bytes of them kept (at least one is kept, and no timer is larger than its limits allow).
const BYTES: usize = 256 << 10;
/// A timer can become visible with a moment that is past already: its batch was written, then waited for the disk. So
/// the drained part of the shard is taken to end this long before the present.
const LATE: Duration = Duration::from_secs(10);
/// Not more often is the end of the drained part written down.
const NOTE_EVERY: Duration = Duration::from_mins(1);
/// And this often all is looked at, whatever was taken to be drained.
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// A timer's row as it was read.
pub(super) struct Row {
    pub(super) due: Timestamp,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    pub(super) version: Version,
}

/// The nearest timers of one shard.
pub(super) struct Window {
    shard: u8,
    changes: watch::Receiver<Version>,
    rows: VecDeque<Row>,
    /// No rows lie behind the window.
    complete: bool,
    /// No rows lie before this moment: scans begin here, not among the removed rows.
    floor: Timestamp,
    noted: Timestamp,
    noted_at: Timestamp,
    swept_at: Timestamp,
}

impl Window {
    pub(super) fn new(shard: u8, store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let mut changes = store.watch(keys::shard_prefix(shard));
        changes.mark_changed();
        let noted = store.snapshot().get(&keys::cursor(shard))?;
        let noted = noted.and_then(|(value, _)| Some(u64::from_be_bytes(value.as_ref().try_into().ok()?)));
        let noted = Timestamp(noted.unwrap_or_default());
        let rows = VecDeque::new();
        // The system's time may have been set back while nobody was running.
        let floor = noted.min(before(now, LATE));
        Ok(Self { shard, changes, rows, complete: false, floor, noted, noted_at: now, swept_at: now })
    }

    /// The nearest timer; only to be trusted when not [`Window::is_unknown`].
    pub(super) fn head(&self) -> Option<&Row> {
        self.rows.front()
    }

    pub(super) fn pop(&mut self) -> Option<Row> {
        self.rows.pop_front()
    }

    /// Whether the nearest timer is not known before the next [`Window::load`].
    pub(super) fn is_unknown(&self) -> bool {
        self.rows.is_empty() && !self.complete
    }

    /// Forgets the rows if the store has changed since they were read, or if it is time for a sweep.
    pub(super) fn forget_if_stale(&mut self, now: Timestamp) {
        if self.changes.has_changed().unwrap_or(true) || now.since(self.swept_at) >= SWEEP_EVERY {
            // Before the read that follows: a change after it is seen again.
            self.changes.mark_unchanged();
            self.rows.clear();
            self.complete = false;
        }
    }

    /// Reads the nearest rows. Commits that removed some must have been waited for.
    pub(super) fn load(&mut self, snapshot: &dyn Snapshot, now: Timestamp) -> Result<(), StoreError> {
        let from = if now.since(self.swept_at) >= SWEEP_EVERY {
            self.swept_at = now;
            Timestamp(0)
        } else {
            self.floor
        };
        let how = Scan { limit: ROWS, bytes: BYTES, ..Scan::default() };
        let page = snapshot.scan(&keys::range(self.shard, from), how)?;
        self.complete = page.rest.is_none();
        self.rows = page
            .rows
            .into_iter()
            .filter_map(|(key, value, version)| Some(Row { due: keys::due(&key)?, key, value, version }))
            .collect();
        let nearest = self.rows.front().map_or(now, |row| row.due);
        self.floor = self.floor.max(nearest.min(before(now, LATE)));
        Ok(())
    }

    /// Adds to the batch how far this shard is drained, if that is worth it.
    pub(super) fn note(&mut self, batch: &mut Batch, now: Timestamp) {
        if self.floor > self.noted && now.since(self.noted_at) >= NOTE_EVERY {
            batch.put(keys::cursor(self.shard), self.floor.millis().to_be_bytes().to_vec());
            (self.noted, self.noted_at) = (self.floor, now);
        }
    }
}

fn before(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp(moment.millis().saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}
