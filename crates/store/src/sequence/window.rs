//! Which keys were written lately: what `Pre::RangeUnchanged` is judged by.

use std::collections::VecDeque;

use crate::{KeyRange, Version};

/// Bytes of one chunk: the granularity at which the oldest writes are forgotten.
const CHUNK_BYTES: usize = 16 << 10;
/// Ranges of one chunk.
const CHUNK_RANGES: usize = 64;

/// The keys of recent commits, blind writes too, in order of commit. Bounded in bytes: what was written before
/// `floor` is forgotten, and a question about that time is answered "changed".
pub(crate) struct Window {
    chunks: VecDeque<Chunk>,
    open: Chunk,
    bytes: usize,
    cap: usize,
    floor: Version,
}

/// Keys one behind the other in one buffer: recording a write costs a copy, no allocation.
#[derive(Default)]
struct Chunk {
    keys: Vec<u8>,
    /// Version and the end of its key in `keys`.
    marks: Vec<(Version, u32)>,
    ranges: Vec<(Version, KeyRange)>,
    last: Version,
}

impl Window {
    /// Remembers about `cap` bytes of keys; knows nothing of the time up to `floor`, except that it is over.
    pub(crate) fn new(cap: usize, floor: Version) -> Self {
        Self { chunks: VecDeque::new(), open: Chunk::default(), bytes: 0, cap, floor }
    }

    /// Notes that `key` was written (or removed) by commit `version`.
    pub(crate) fn wrote(&mut self, key: &[u8], version: Version) {
        let chunk = self.open_chunk(version);
        chunk.keys.extend_from_slice(key);
        let end = u32::try_from(chunk.keys.len()).unwrap_or(u32::MAX);
        chunk.marks.push((version, end));
        self.bytes += key.len() + size_of::<(Version, u32)>();
        self.forget();
    }

    /// Notes that commit `version` removed a whole range.
    pub(crate) fn wrote_range(&mut self, range: KeyRange, version: Version) {
        self.bytes += range.start.len() + range.end.len() + size_of::<(Version, KeyRange)>();
        self.open_chunk(version).ranges.push((version, range));
        self.forget();
    }

    /// Whether a key of the range may have been written after `at`.
    pub(crate) fn changed(&self, range: &KeyRange, at: Version) -> bool {
        if at < self.floor {
            return true;
        }
        let newest_first = std::iter::once(&self.open).chain(self.chunks.iter().rev());
        newest_first.take_while(|chunk| chunk.last > at).any(|chunk| chunk.changed(range, at))
    }

    fn open_chunk(&mut self, version: Version) -> &mut Chunk {
        if self.open.keys.len() >= CHUNK_BYTES || self.open.ranges.len() >= CHUNK_RANGES {
            self.chunks.push_back(std::mem::take(&mut self.open));
        }
        self.open.last = version;
        &mut self.open
    }

    fn forget(&mut self) {
        while self.bytes > self.cap {
            let Some(gone) = self.chunks.pop_front() else { return };
            let marks = gone.marks.len() * size_of::<(Version, u32)>();
            let ranges: usize = gone
                .ranges
                .iter()
                .map(|(_, r)| r.start.len() + r.end.len() + size_of::<(Version, KeyRange)>())
                .sum();
            self.bytes = self.bytes.saturating_sub(gone.keys.len() + marks + ranges);
            self.floor = gone.last;
        }
    }
}

impl Chunk {
    fn changed(&self, range: &KeyRange, at: Version) -> bool {
        let mut start = 0;
        for &(version, end) in &self.marks {
            let end = end as usize;
            if version > at && self.keys.get(start..end).is_some_and(|key| range.contains(key)) {
                return true;
            }
            start = end;
        }
        self.ranges.iter().any(|(version, r)| *version > at && r.overlaps(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_what_was_written_after() {
        let mut window = Window::new(1 << 20, 10);
        window.wrote(b"b", 11);
        window.wrote(b"d", 12);
        assert!(window.changed(&KeyRange::new("a", "c"), 10));
        assert!(!window.changed(&KeyRange::new("a", "c"), 11));
        assert!(!window.changed(&KeyRange::new("b1", "d"), 10), "the end is exclusive");
        assert!(window.changed(&KeyRange::new("d", "e"), 11));
        window.wrote_range(KeyRange::new("x", "z"), 13);
        assert!(window.changed(&KeyRange::new("y", "zz"), 12));
        assert!(!window.changed(&KeyRange::new("z", "zz"), 12));
    }

    #[test]
    fn says_changed_about_the_time_before_its_floor_and_stays_small() {
        let mut window = Window::new(4 * CHUNK_BYTES, 0);
        assert!(!window.changed(&KeyRange::new("a", "b"), 0));
        for version in 1..=100_000 {
            window.wrote(b"some key or other", version);
        }
        assert!(window.bytes <= 5 * CHUNK_BYTES, "{}", window.bytes);
        assert!(window.changed(&KeyRange::new("a", "b"), 0), "forgotten: must be on the safe side");
        assert!(!window.changed(&KeyRange::new("a", "b"), 99_999));
    }
}
