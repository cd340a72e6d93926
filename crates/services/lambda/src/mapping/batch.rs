//! Records become batches: full, as long as they may wait, or as large as an event may be. Pure.

use std::{collections::VecDeque, time::Duration};

use moln_kernel::Timestamp;

use super::{limits::BATCH_BYTES, source::Item};

/// Bytes around the records of an event, and between two of them.
const AROUND: usize = 14;

/// Records that are not in a batch yet.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    items: VecDeque<Item>,
    bytes: usize,
    /// When the oldest has waited long enough.
    due: Option<Timestamp>,
}

impl Buffer {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// When what waits has waited long enough.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Adds records that came just now.
    pub(crate) fn add(&mut self, items: Vec<Item>, now: Timestamp, window: Duration) {
        if self.items.is_empty() && !items.is_empty() {
            self.due = Some(now.after(window));
        }
        self.bytes += items.iter().map(|item| item.json.len() + 1).sum::<usize>();
        self.items.extend(items);
    }

    /// The next batch, if there is one: `most` records or 6 MB, or all when they have waited long enough.
    pub(crate) fn cut(&mut self, most: usize, now: Timestamp, window: Duration) -> Option<Vec<Item>> {
        let full = self.items.len() >= most || self.bytes + AROUND >= BATCH_BYTES;
        if self.items.is_empty() || !(full || self.due.is_none_or(|due| due <= now)) {
            return None;
        }
        let (mut batch, mut bytes) = (Vec::new(), AROUND);
        while let Some(next) = self.items.front() {
            let size = next.json.len() + 1;
            if batch.len() == most || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
                break;
            }
            bytes += size;
            self.bytes = self.bytes.saturating_sub(size);
            batch.extend(self.items.pop_front());
        }
        // What is left came with these at the earliest.
        self.due = (!self.items.is_empty()).then(|| match self.due {
            Some(due) if due > now => due,
            _ => now.after(window),
        });
        Some(batch)
    }

    /// Takes everything out.
    pub(crate) fn empty(&mut self) -> Vec<Item> {
        let items = std::mem::take(self).items;
        items.into()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use moln_kernel::Lineage;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn items(count: usize, bytes: usize) -> Vec<Item> {
        let item = |n: usize| Item {
            id: n.to_string(),
            group: None,
            handle: n.to_string(),
            json: Bytes::from(vec![b'x'; bytes]),
            lineage: Lineage::default(),
            trace: None,
            until: Timestamp(0),
        };
        (0..count).map(item).collect()
    }

    fn sizes(buffer: &mut Buffer, most: usize, now: u64, window: Duration) -> Vec<usize> {
        std::iter::from_fn(|| buffer.cut(most, Timestamp(now), window)).map(|batch| batch.len()).collect()
    }

    #[test]
    fn without_a_window_nothing_waits() {
        let mut buffer = Buffer::default();
        buffer.add(items(25, 10), Timestamp(0), Duration::ZERO);
        assert_eq!(sizes(&mut buffer, 10, 0, Duration::ZERO), [10, 10, 5]);
        assert_eq!((buffer.len(), buffer.bytes, buffer.due()), (0, 0, None));
    }

    #[test]
    fn a_window_waits_for_a_full_batch_or_its_end() {
        let mut buffer = Buffer::default();
        buffer.add(items(4, 10), Timestamp(1_000), WINDOW);
        buffer.add(items(3, 10), Timestamp(5_000), WINDOW);
        assert_eq!((sizes(&mut buffer, 10, 10_999, WINDOW), buffer.due()), (vec![], Some(Timestamp(11_000))));
        assert_eq!(sizes(&mut buffer, 10, 11_000, WINDOW), [7]);
        buffer.add(items(23, 10), Timestamp(20_000), WINDOW);
        assert_eq!(sizes(&mut buffer, 10, 20_000, WINDOW), [10, 10]);
        assert_eq!((buffer.len(), buffer.due()), (3, Some(Timestamp(30_000))));
    }

    #[test]
    fn six_megabytes_are_a_batch() {
        let mut buffer = Buffer::default();
        buffer.add(items(15, 1_000_000), Timestamp(0), WINDOW);
        assert_eq!(sizes(&mut buffer, 10_000, 0, WINDOW), [6, 6]);
        assert_eq!(buffer.len(), 3);
        let mut buffer = Buffer::default();
        buffer.add(items(2, BATCH_BYTES), Timestamp(0), Duration::ZERO);
        assert_eq!(sizes(&mut buffer, 10, 0, Duration::ZERO), [1, 1], "one that is too long goes alone");
    }
}
