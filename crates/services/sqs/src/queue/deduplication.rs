//! What was sent to a FIFO queue within five minutes. Recent ids are in memory; when there are too many, or after a
//! restart, the rows written along with the messages are asked. Rows are filed by epochs of five minutes, so that old
//! ones go with one range delete.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use moln_store::Batch;

use crate::{
    limits::{DEDUPLICATION_IDS, DEDUPLICATION_MS},
    tables::{
        codec::{Reader, Writer},
        keys,
    },
};

const VERSION: u8 = 1;

/// A deduplication id, with its group when that is the scope, digested.
pub type Digest = [u8; 16];

/// The first message sent under an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When, milliseconds since the epoch.
    pub at: u64,
    /// Its message id.
    pub id: [u8; 16],
    /// Its sequence number.
    pub stamp: u64,
}

impl Seen {
    /// The row.
    pub fn encode(&self) -> Bytes {
        let mut row = Writer::with_capacity(33);
        row.u8(VERSION).u64(self.at).raw(&self.id).u64(self.stamp);
        row.0.into()
    }
    /// Reads the row; `None` is damage.
    pub fn decode(row: &[u8]) -> Option<Self> {
        let mut row = Reader(row);
        (row.u8()? == VERSION).then_some(())?;
        Some(Self { at: row.u64()?, id: row.array()?, stamp: row.u64()? })
    }
}

/// What memory knows of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recall {
    /// Sent within five minutes.
    Seen(Seen),
    /// Not sent.
    New,
    /// Memory does not reach back far enough: look at [`Deduplication::rows`].
    AskStore,
}

/// A queue's memory of deduplication ids.
#[derive(Debug)]
pub struct Deduplication {
    queue: u64,
    seen: HashMap<Digest, Seen>,
    order: VecDeque<(u64, Digest)>,
    /// Until this moment rows may hold ids that memory does not.
    ask_until: u64,
    /// Rows of epochs before this one are gone.
    epoch: u64,
}

impl Deduplication {
    /// At `now`, after a restart. `rows`: the store has some, and has to be asked for as long as they count.
    pub fn new(queue: u64, now: u64, rows: bool) -> Self {
        Self {
            queue,
            seen: HashMap::new(),
            order: VecDeque::new(),
            ask_until: if rows { now.saturating_add(DEDUPLICATION_MS) } else { 0 },
            epoch: 0,
        }
    }

    /// What memory knows.
    pub fn recall(&mut self, now: u64, digest: &Digest) -> Recall {
        while let Some(&(at, old)) = self.order.front() {
            let full = self.order.len() > DEDUPLICATION_IDS;
            if now < at.saturating_add(DEDUPLICATION_MS) && !full {
                break;
            }
            if full {
                self.ask_until = self.ask_until.max(at.saturating_add(DEDUPLICATION_MS));
            }
            self.order.pop_front();
            if self.seen.get(&old).is_some_and(|seen| seen.at == at) {
                self.seen.remove(&old);
            }
        }
        match self.seen.get(digest) {
            Some(seen) => Recall::Seen(*seen),
            None if now < self.ask_until => Recall::AskStore,
            None => Recall::New,
        }
    }

    /// Where an id sent within five minutes before `now` has its row.
    pub fn rows(&self, now: u64, digest: &Digest) -> [Bytes; 2] {
        let epoch = now / DEDUPLICATION_MS;
        [keys::seen(self.queue, epoch, digest), keys::seen(self.queue, epoch.saturating_sub(1), digest)]
    }

    /// Judges a row that was found.
    pub fn still_counts(now: u64, row: &[u8]) -> Option<Seen> {
        Seen::decode(row).filter(|seen| now < seen.at.saturating_add(DEDUPLICATION_MS))
    }

    /// Remembers a message; old rows go with it.
    pub fn remember(&mut self, digest: Digest, seen: Seen, batch: &mut Batch) {
        let epoch = seen.at / DEDUPLICATION_MS;
        batch.put(keys::seen(self.queue, epoch, &digest), seen.encode());
        self.seen.insert(digest, seen);
        self.order.push_back((seen.at, digest));
        self.tidy(seen.at, batch);
    }

    /// Removes the rows of epochs that are over.
    pub fn tidy(&mut self, now: u64, batch: &mut Batch) {
        let keep = (now / DEDUPLICATION_MS).saturating_sub(1);
        if keep > self.epoch {
            self.epoch = keep;
            batch.delete_range(keys::seen_before(self.queue, keep));
        }
    }

    /// Forgets everything (purge); the rows are the caller's.
    pub fn clear(&mut self) {
        self.seen.clear();
        self.order.clear();
        self.ask_until = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_and_not_longer() {
        let mut ids = Deduplication::new(1, 0, false);
        let mut batch = Batch::default();
        let seen = Seen { at: 400_000, id: [1; 16], stamp: 9 };
        assert_eq!(ids.recall(400_000, &[1; 16]), Recall::New);
        ids.remember([1; 16], seen, &mut batch);
        assert_eq!(ids.recall(699_999, &[1; 16]), Recall::Seen(seen));
        assert_eq!(ids.recall(700_000, &[1; 16]), Recall::New);
        assert_eq!(Deduplication::still_counts(699_999, &seen.encode()), Some(seen));
        assert_eq!(Deduplication::still_counts(700_000, &seen.encode()), None);
    }

    #[test]
    fn after_a_restart_and_when_memory_is_full_the_rows_are_asked() {
        let mut ids = Deduplication::new(1, 1_000, true);
        assert_eq!(ids.recall(1_001, &[1; 16]), Recall::AskStore);
        let start = 1_000 + DEDUPLICATION_MS;
        assert_eq!(ids.recall(start, &[1; 16]), Recall::New);
        let mut batch = Batch::default();
        for n in 0..=DEDUPLICATION_IDS as u128 {
            ids.remember(n.to_be_bytes(), Seen { at: start, id: [0; 16], stamp: 1 }, &mut batch);
        }
        assert_eq!(ids.recall(start, &0u128.to_be_bytes()), Recall::AskStore);
        assert!(matches!(ids.recall(start, &1u128.to_be_bytes()), Recall::Seen(_)));
    }

    #[test]
    fn version_1_bytes_stay_readable() {
        // Fixture: never change it; a new version gets its own.
        let mut row = vec![1, 0, 0, 1, 2, 3, 4, 5, 6];
        row.extend([7; 16]);
        row.extend([0, 0, 0, 0, 0, 0, 1, 44]);
        let seen = Seen { at: 0x0102_0304_0506, id: [7; 16], stamp: 300 };
        assert_eq!(Seen::decode(&row), Some(seen));
        assert_eq!(seen.encode(), Bytes::from(row.clone()));
        row[0] = 2;
        assert_eq!(Seen::decode(&row), None);
        assert_eq!(Seen::decode(&row[..20]), None);
    }

    #[test]
    fn rows_are_found_across_an_epoch_and_old_ones_go() {
        let mut ids = Deduplication::new(1, 0, false);
        let mut batch = Batch::default();
        ids.remember([1; 16], Seen { at: 299_999, id: [0; 16], stamp: 1 }, &mut batch);
        let written = keys::seen(1, 0, &[1; 16]);
        assert!(ids.rows(300_001, &[1; 16]).contains(&written));
        let mut later = Batch::default();
        ids.tidy(900_000, &mut later);
        assert_eq!(later.ops.len(), 1);
    }
}
