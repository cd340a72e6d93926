//! Memory, process count and disk, watched where no control group and no file system limits them.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::{Inside, processes::Processes};
use crate::limits;

/// What was seen, and when to look again.
pub(super) struct Watch {
    peak: u64,
    /// Memory and processes; `None`: the kernel limits them.
    look: Option<Instant>,
    /// The directory that stands in for `/tmp`.
    disk: Option<Instant>,
}

impl Watch {
    pub(super) fn new(inside: &Inside) -> Self {
        let now = Instant::now();
        let look = (!inside.memory_limited || !inside.means.counted).then_some(now);
        Self { peak: 0, look, disk: (!inside.means.mounts()).then_some(now) }
    }

    /// When to look.
    pub(super) fn next(&self, watching: bool) -> Option<Instant> {
        if !watching {
            return None;
        }
        self.look.into_iter().chain(self.disk).min()
    }

    /// Looks, if it is time. Whether a limit was crossed.
    pub(super) fn look(&mut self, inside: &Inside, processes: Processes) -> bool {
        let now = Instant::now();
        let mut crossed = false;
        if self.look.is_some_and(|due| due <= now) {
            let sum = processes.sum();
            self.peak = self.peak.max(sum.memory);
            let limit = inside.spec.memory_bytes;
            crossed |= sum.memory > limit || (!inside.means.counted && sum.tasks > inside.spec.processes);
            self.look = Some(now + look_away(limit.saturating_sub(sum.memory)));
        }
        if self.disk.is_some_and(|due| due <= now) {
            crossed |= held(&inside.tmp) > inside.spec.tmp_bytes;
            self.disk = Some(Instant::now() + limits::DISK_LOOK);
        }
        crossed
    }

    /// The most there was; a reset starts again from what is there now.
    pub(super) fn peak(&mut self, now: u64, reset: bool) -> u64 {
        let peak = self.peak.max(now);
        self.peak = if reset { now } else { peak };
        peak
    }
}

/// How long memory cannot run out.
pub(crate) fn look_away(headroom: u64) -> Duration {
    let micros = headroom.saturating_mul(1_000_000) / limits::MEMORY_GROWTH;
    Duration::from_micros(micros).clamp(limits::SHORTEST_LOOK_AWAY, limits::LONGEST_LOOK_AWAY)
}

/// Bytes of all files in a directory, as far as a bounded look sees. Links are not followed.
fn held(directory: &Path) -> u64 {
    let mut sum = 0_u64;
    let mut left = limits::DISK_ENTRIES;
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                open.push(entry.path());
            } else {
                sum = sum.saturating_add(std::os::unix::fs::MetadataExt::blocks(&found).saturating_mul(512));
            }
            left = left.saturating_sub(1);
            if left == 0 {
                return u64::MAX;
            }
        }
    }
    sum
}
