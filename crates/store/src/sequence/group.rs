//! The writes of one commit group before they reach the engine: what later batches of the group see on top of it.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{KeyRange, StoreError, Version};

/// What a group is judged against: the engine's state before the group.
pub(crate) trait Base {
    /// A value and its version.
    fn read(&self, key: &[u8]) -> Result<Option<(Bytes, Version)>, StoreError>;
    /// The keys of a range when removing them one by one is cheap, else `None`: the range stays one write.
    fn few_keys(&self, range: &KeyRange) -> Result<Option<Vec<Bytes>>, StoreError>;
}

/// The last state of one key; `val` is `None` when it was removed.
pub(crate) struct Row {
    pub(crate) key: Bytes,
    pub(crate) val: Option<Bytes>,
    pub(crate) version: Version,
}

/// What a group did to a key.
pub(crate) enum Touched<'a> {
    No,
    Removed,
    Written(&'a Bytes, Version),
}

/// Final rows, one per key, in order of first write; ranges remove what the engine held before the group.
#[derive(Default)]
pub(crate) struct Group {
    rows: Vec<Row>,
    index: HashMap<Bytes, usize>,
    ranges: Vec<(Version, KeyRange)>,
    bytes: usize,
}

impl Group {
    /// Sets or removes a key.
    pub(crate) fn write(&mut self, key: Bytes, val: Option<Bytes>, version: Version) {
        self.bytes += key.len() + val.as_ref().map_or(0, Bytes::len);
        let next = self.rows.len();
        let at = *self.index.entry(key.clone()).or_insert(next);
        match self.rows.get_mut(at) {
            Some(row) => {
                row.val = val;
                row.version = version;
            }
            None => self.rows.push(Row { key, val, version }),
        }
    }

    /// Removes a range that is too large to name its keys.
    pub(crate) fn write_range(&mut self, range: KeyRange, version: Version) {
        for row in self.rows.iter_mut().filter(|row| row.val.is_some() && range.contains(&row.key)) {
            row.val = None;
            row.version = version;
        }
        self.bytes += range.start.len() + range.end.len();
        self.ranges.push((version, range));
    }

    /// The key's state within the group.
    pub(crate) fn get(&self, key: &[u8]) -> Touched<'_> {
        if let Some(row) = self.index.get(key).and_then(|at| self.rows.get(*at)) {
            return row.val.as_ref().map_or(Touched::Removed, |val| Touched::Written(val, row.version));
        }
        let removed = self.ranges.iter().any(|(_, range)| range.contains(key));
        if removed { Touched::Removed } else { Touched::No }
    }

    /// Keys of the range that the group holds.
    pub(crate) fn keys_in(&self, range: &KeyRange) -> Vec<Bytes> {
        let live = self.rows.iter().filter(|row| row.val.is_some() && range.contains(&row.key));
        live.map(|row| row.key.clone()).collect()
    }

    /// Final rows.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }
    /// Ranges removed, in order, each with the version that removed it.
    pub(crate) fn ranges(&self) -> &[(Version, KeyRange)] {
        &self.ranges
    }
    /// Bytes of keys and values written, those overwritten within the group too.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    /// Whether nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.ranges.is_empty()
    }
    /// Forgets everything, keeps the allocations.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.index.clear();
        self.ranges.clear();
        self.bytes = 0;
    }
}
