//! The messages of a standard queue that come next, with their bodies. Bounded: what does not fit stays in the store and
//! is read when its turn comes. The window never reads a range twice, so drained ranges cost nothing.

use std::collections::VecDeque;

use bytes::Bytes;

use super::share::Share;
use crate::limits::{WINDOW_BYTES, WINDOW_LOW, WINDOW_MESSAGES};

/// What is missing from a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Read behind this stamp.
    pub after: u64,
    /// Up to this one, the last that was sent.
    pub last: u64,
    /// The window's state when the gap was looked at; it is filled only when this still holds.
    pub generation: u64,
}

/// Messages never received, lowest stamp first.
#[derive(Debug, Default)]
pub struct Window {
    entries: VecDeque<(u64, Bytes)>,
    share: Share,
    /// Every message up to here is in the window or has left it.
    end: u64,
    /// The highest stamp sent.
    last: u64,
    generation: u64,
}

impl Window {
    /// Nothing in memory yet: messages behind `end`, up to `last`, are in the store.
    pub fn new(end: u64, last: u64, share: Share) -> Self {
        Self { share, end, last: last.max(end), ..Self::default() }
    }

    fn has_room(&self, row: usize) -> bool {
        self.entries.len() < WINDOW_MESSAGES && self.share.has_room(row)
    }

    /// A message was sent. It is kept when the window reaches that far and has room.
    pub fn push(&mut self, stamp: u64, row: &Bytes) {
        if self.end >= self.last && self.has_room(row.len()) {
            self.append(stamp, row.clone());
            self.end = stamp;
        }
        self.last = stamp;
    }

    fn append(&mut self, stamp: u64, row: Bytes) {
        self.share.take(row.len());
        self.entries.push_back((stamp, row));
    }

    /// The next message.
    pub fn front(&self) -> Option<&(u64, Bytes)> {
        self.entries.front()
    }

    /// Takes the next message out.
    pub fn pop(&mut self) -> Option<(u64, Bytes)> {
        let (stamp, row) = self.entries.pop_front()?;
        self.share.give(row.len());
        Some((stamp, row))
    }

    /// Takes the first message out that is wanted, as far as `look` messages behind the front.
    pub fn pop_wanted(&mut self, look: usize, wanted: impl Fn(&Bytes) -> bool) -> Option<(u64, Bytes)> {
        let at = self.entries.iter().take(look).position(|entry| wanted(&entry.1))?;
        let (stamp, row) = self.entries.remove(at)?;
        self.share.give(row.len());
        Some((stamp, row))
    }

    /// A message that may be behind the window was deleted: a fill under way must not bring it back.
    pub fn forget(&mut self, stamp: u64) {
        if stamp > self.end {
            self.generation += 1;
        }
    }

    /// Messages in memory.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// No message in memory; the store may have some, see [`Self::gap`].
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is missing.
    pub fn gap(&self) -> Option<Gap> {
        (self.end < self.last && self.has_room(0)).then_some(Gap {
            after: self.end,
            last: self.last,
            generation: self.generation,
        })
    }

    /// Whether to fill it now, before it is empty.
    pub fn running_low(&self) -> bool {
        self.end < self.last
            && self.entries.len() < WINDOW_LOW
            && self.share.bytes() < WINDOW_BYTES / 2
            && self.has_room(0)
    }

    /// Appends the messages read for `gap`, complete up to `read_to`, as far as there is room but at least one. What was
    /// read for an older state is dropped.
    pub fn fill(&mut self, gap: &Gap, rows: Vec<(u64, Bytes)>, read_to: u64) {
        if gap.generation != self.generation || gap.after != self.end {
            return;
        }
        for (n, (stamp, row)) in rows.into_iter().enumerate() {
            if n > 0 && !self.share.has_room(row.len()) {
                return;
            }
            self.end = stamp;
            self.append(stamp, row);
        }
        self.end = self.end.max(read_to);
    }

    /// Takes a message out wherever it is; `true` when it was in memory. A fill under way is dropped.
    pub fn remove(&mut self, stamp: u64) -> bool {
        self.generation += 1;
        let Ok(at) = self.entries.binary_search_by_key(&stamp, |entry| entry.0) else { return false };
        if let Some((_, row)) = self.entries.remove(at) {
            self.share.give(row.len());
        }
        true
    }

    /// Forgets everything sent so far.
    pub fn clear(&mut self) {
        *self =
            Self { generation: self.generation + 1, ..Self::new(self.last, self.last, self.share.anew()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::WINDOW_FLOOR_BYTES, queue::Pool};

    #[test]
    fn what_does_not_fit_is_read_later_and_once() {
        let mut window = Window::new(0, 0, Share::default());
        let row = Bytes::from_static(b"x");
        for stamp in 1..=5_000 {
            window.push(stamp, &row);
        }
        assert_eq!((window.len(), window.gap()), (WINDOW_MESSAGES, None));
        for stamp in 1..=4_000 {
            assert_eq!(window.pop().unwrap().0, stamp);
        }
        let gap = window.gap().unwrap();
        assert_eq!((gap.after, gap.last), (4_096, 5_000));
        assert!(window.running_low());
        window.push(5_001, &row);
        assert_eq!(window.len(), 96, "a message behind the gap waits in the store");
        window.fill(&gap, (4_097..=5_001).map(|stamp| (stamp, row.clone())).collect(), 5_001);
        window.fill(&gap, vec![(4_097, row.clone())], 4_097);
        assert_eq!((window.len(), window.gap()), (96 + 905, None));
        window.push(5_002, &row);
        assert_eq!(window.len(), 96 + 906);
    }

    #[test]
    fn a_fill_read_before_a_removal_or_a_purge_is_dropped() {
        let row = Bytes::from_static(b"x");
        let mut window = Window::new(0, 10, Share::default());
        let gap = window.gap().unwrap();
        assert!(!window.remove(3));
        window.fill(&gap, vec![(3, row.clone())], 10);
        assert!(window.is_empty());
        let gap = window.gap().unwrap();
        window.clear();
        window.fill(&gap, vec![(3, row)], 10);
        assert_eq!((window.len(), window.gap()), (0, None));
    }

    #[test]
    fn what_all_queues_keep_is_bounded_and_each_goes_on() {
        let pool = Pool::new(100_000);
        let row = Bytes::from(vec![0; 1_000]);
        let mut windows: Vec<_> = (0..1_000).map(|_| Window::new(0, 0, Share::of(&pool))).collect();
        for stamp in 1..=100 {
            for window in &mut windows {
                window.push(stamp, &row);
            }
        }
        assert!(pool.used() <= 1_000 * WINDOW_FLOOR_BYTES, "{}", pool.used());
        for window in &mut windows {
            let mut next = 1;
            while next <= 100 {
                if let Some((stamp, _)) = window.pop() {
                    assert_eq!(stamp, next);
                    next += 1;
                } else {
                    let gap = window.gap().unwrap();
                    assert!(window.running_low());
                    window.fill(&gap, (gap.after + 1..=100).map(|stamp| (stamp, row.clone())).collect(), 100);
                    assert!(!window.is_empty());
                }
            }
            assert_eq!(window.gap(), None);
        }
        assert_eq!(pool.used(), 0);
        windows[0].push(101, &row);
        drop(windows);
        assert_eq!(pool.used(), 0, "a queue that goes gives back");
    }

    #[test]
    fn long_bodies_fill_it_by_bytes() {
        let mut window = Window::new(0, 0, Share::default());
        let row = Bytes::from(vec![0; 1 << 20]);
        for stamp in 1..=10 {
            window.push(stamp, &row);
        }
        assert_eq!(window.len(), WINDOW_BYTES >> 20);
    }
}
