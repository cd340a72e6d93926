//! What a commit consists of: preconditions and operations, applied together or not at all.

use bytes::Bytes;

/// A commit's number: monotonic over the store's life. 0 stands for "absent".
pub type Version = u64;

/// Keys from `start` (inclusive) to `end` (exclusive).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// First key.
    pub start: Bytes,
    /// First key behind the range.
    pub end: Bytes,
}

/// A condition that must hold when the batch is applied, else the whole batch is a conflict.
#[derive(Clone, Debug)]
pub enum Pre {
    /// The key's version is still the one that was read (0: it was absent).
    Unchanged {
        /// The key.
        key: Bytes,
        /// Its version when read.
        at: Version,
    },
    /// No key of the range has been written since the snapshot of version `at`.
    RangeUnchanged {
        /// The range.
        range: KeyRange,
        /// The snapshot's version.
        at: Version,
    },
    /// The key does not exist.
    Absent(Bytes),
    /// The key holds exactly this value.
    Equals(Bytes, Bytes),
    /// The lease still has this epoch (ownership fencing).
    Epoch {
        /// Lease's name.
        lease: Bytes,
        /// Epoch the owner holds.
        epoch: u64,
    },
}

/// A write.
#[derive(Clone, Debug)]
pub enum Op {
    /// Sets a key.
    Put {
        /// The key.
        key: Bytes,
        /// The value, at most [`crate::Limits::value_bytes`].
        val: Bytes,
    },
    /// Sets `prefix ++ stamp(16 bytes, big endian) ++ suffix`; the stamp is assigned at commit and is greater than every
    /// stamp assigned before. `slot` distinguishes stamps within one batch.
    PutStamped {
        /// Before the stamp.
        prefix: Bytes,
        /// Behind the stamp.
        suffix: Bytes,
        /// The value.
        val: Bytes,
        /// Position within the batch.
        slot: u16,
    },
    /// Removes a key.
    Delete(Bytes),
    /// Removes every key of a range.
    DeleteRange(KeyRange),
    /// Adds to a counter (i64, absent = 0) without conflict.
    Add {
        /// The counter's key.
        key: Bytes,
        /// What is added.
        delta: i64,
    },
    /// Raises a u64 to at least `val` without conflict.
    Max {
        /// The key.
        key: Bytes,
        /// The least value afterwards.
        val: u64,
    },
}

/// A commit: at most [`crate::Limits::batch_ops`] operations and [`crate::Limits::batch_bytes`] bytes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// All must hold.
    pub pre: Vec<Pre>,
    /// Applied in order.
    pub ops: Vec<Op>,
    /// A commit with an id seen within the idempotence window answers the first outcome and is not applied again.
    pub idem: Option<[u8; 16]>,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Bytes>, val: impl Into<Bytes>) -> &mut Self {
        self.ops.push(Op::Put { key: key.into(), val: val.into() });
        self
    }
    /// Removes a key.
    pub fn delete(&mut self, key: impl Into<Bytes>) -> &mut Self {
        self.ops.push(Op::Delete(key.into()));
        self
    }
    /// Removes every key of a range.
    pub fn delete_range(&mut self, range: KeyRange) -> &mut Self {
        self.ops.push(Op::DeleteRange(range));
        self
    }
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.pre.is_empty()
    }
}
