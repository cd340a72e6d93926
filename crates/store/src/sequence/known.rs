//! Versions of the rows that batches rest on: one row (a bucket's, a queue's) is a condition of many commits, and need not
//! be read for each of them.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{KeyRange, Version};

/// Rows known at most.
const MOST: usize = 1_024;

/// What is known; always as the last decided write left it.
#[derive(Default)]
pub(crate) struct Known(HashMap<Bytes, Version>);

impl Known {
    /// The version of a row; `None`: it has to be read.
    pub(crate) fn version(&self, key: &Bytes) -> Option<Version> {
        self.0.get(key).copied()
    }

    /// A row that is there was read.
    pub(crate) fn read(&mut self, key: &Bytes, version: Version) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(Bytes::copy_from_slice(key), version);
    }

    /// A row was written; `None`: removed.
    pub(crate) fn wrote(&mut self, key: &Bytes, version: Option<Version>) {
        match version {
            Some(version) => drop(self.0.get_mut(key).map(|known| *known = version)),
            None => drop(self.0.remove(key)),
        }
    }

    /// A range was removed.
    pub(crate) fn wrote_range(&mut self, range: &KeyRange) {
        self.0.retain(|key, _| !range.contains(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_keep_it_true() {
        let (key, other) = (Bytes::from_static(b"a/1"), Bytes::from_static(b"b/1"));
        let mut known = Known::default();
        known.wrote(&key, Some(3));
        assert_eq!(known.version(&key), None, "what no batch rests on takes no room");
        known.read(&key, 3);
        known.read(&other, 4);
        known.wrote(&key, Some(5));
        assert_eq!((known.version(&key), known.version(&other)), (Some(5), Some(4)));
        known.wrote_range(&KeyRange::prefix("a/"));
        assert_eq!((known.version(&key), known.version(&other)), (None, Some(4)));
        known.wrote(&other, None);
        assert_eq!(known.version(&other), None);
        for number in 0..3 * MOST as u64 {
            known.read(&Bytes::copy_from_slice(&number.to_be_bytes()), 1);
        }
        assert!(known.0.len() <= MOST);
    }
}
