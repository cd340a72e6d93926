//! Figures of an engine, for metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the sync histogram's buckets, microseconds; the last bucket has none.
pub const SYNC_BUCKETS_MICROS: [u64; 11] =
    [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 51_200, 204_800];

/// What an engine did since it was opened. Counts only grow; the others are of this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits that were applied.
    pub commits: u64,
    /// Commits that were refused for a precondition.
    pub conflicts: u64,
    /// Commits turned away because the backlog was full.
    pub turned_away: u64,
    /// Groups of commits written, each with one sync. `commits / groups` is the average size.
    pub groups: u64,
    /// Rows written (puts and removals, merged within a group).
    pub rows: u64,
    /// Bytes of keys and values written.
    pub bytes: u64,
    /// Time spent in syncs of the journal.
    pub sync_time: Duration,
    /// Syncs by duration, see [`SYNC_BUCKETS_MICROS`].
    pub sync_histogram: [u64; 12],
    /// Commits that wait for their group.
    pub queue: u64,
    /// Bytes of those commits.
    pub queue_bytes: u64,
    /// Large ranges that are removed for readers but not yet swept from the disk.
    pub sweeping_ranges: u64,
    /// Bytes on disk: journals and tables.
    pub disk_bytes: u64,
}

/// The counters behind [`Stats`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) bytes: AtomicU64,
    sync_nanos: AtomicU64,
    sync_histogram: [AtomicU64; 12],
}

impl Counters {
    /// Notes how long a sync took.
    pub(crate) fn synced(&self, took: Duration) {
        self.sync_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = SYNC_BUCKETS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.sync_histogram.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The counts; what is of this moment is left for the engine to fill in.
    pub(crate) fn read(&self) -> Stats {
        Stats {
            commits: self.commits.load(Relaxed),
            conflicts: self.conflicts.load(Relaxed),
            turned_away: self.turned_away.load(Relaxed),
            groups: self.groups.load(Relaxed),
            rows: self.rows.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            sync_time: Duration::from_nanos(self.sync_nanos.load(Relaxed)),
            sync_histogram: std::array::from_fn(|n| {
                self.sync_histogram.get(n).map_or(0, |c| c.load(Relaxed))
            }),
            ..Stats::default()
        }
    }
}
