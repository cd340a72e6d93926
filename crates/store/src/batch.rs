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

impl KeyRange {
    /// Keys from `start` (inclusive) to `end` (exclusive).
    pub fn new(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self { start: start.into(), end: end.into() }
    }

    /// All keys that begin with `prefix` (all keys at all, for an empty one).
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start: Bytes = prefix.into();
        let kept = start.iter().rposition(|byte| *byte != u8::MAX).map_or(0, |last| last + 1);
        let mut end = start.get(..kept).unwrap_or_default().to_vec();
        match end.last_mut() {
            Some(last) => *last += 1,
            // Nothing to count up: an end that is longer, and so greater, than any key may be.
            None => end = vec![u8::MAX; crate::Limits::DEFAULT.key_bytes + 1],
        }
        Self { start, end: end.into() }
    }

    /// Whether the key lies within.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_ref() <= key && key < self.end.as_ref()
    }

    /// Whether no key can lie within.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Whether a key can lie within both.
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.start < other.end && other.start < self.end
    }
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
    /// The lease still has this epoch (ownership fencing): its row holds exactly this number, eight bytes big endian, as
    /// [`Op::Max`] writes it. Else, also when there is no such row, the commit is [`crate::CommitError::Fenced`].
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
    /// Adds to a counter (i64, eight bytes big endian; absent = 0; saturates) without conflict.
    Add {
        /// The counter's key.
        key: Bytes,
        /// What is added.
        delta: i64,
    },
    /// Raises a u64 (eight bytes big endian) to at least `val` without conflict.
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
    /// A commit with an id that was applied within the idempotence window (the last 32,768 commits with an id, while the
    /// process lives) answers that commit's outcome and is not applied again. A refused batch is judged anew.
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
    /// Sets `prefix ++ stamp ++ suffix`, see [`Op::PutStamped`].
    pub fn put_stamped(
        &mut self,
        prefix: impl Into<Bytes>,
        suffix: impl Into<Bytes>,
        val: impl Into<Bytes>,
        slot: u16,
    ) -> &mut Self {
        self.ops.push(Op::PutStamped { prefix: prefix.into(), suffix: suffix.into(), val: val.into(), slot });
        self
    }
    /// Adds to a counter.
    pub fn add(&mut self, key: impl Into<Bytes>, delta: i64) -> &mut Self {
        self.ops.push(Op::Add { key: key.into(), delta });
        self
    }
    /// Raises a number to at least `val`.
    pub fn max(&mut self, key: impl Into<Bytes>, val: u64) -> &mut Self {
        self.ops.push(Op::Max { key: key.into(), val });
        self
    }
    /// Demands that the key's version is still `at` (0: absent).
    pub fn unchanged(&mut self, key: impl Into<Bytes>, at: Version) -> &mut Self {
        self.pre.push(Pre::Unchanged { key: key.into(), at });
        self
    }
    /// Demands that no key of the range was written since the snapshot of version `at`.
    pub fn range_unchanged(&mut self, range: KeyRange, at: Version) -> &mut Self {
        self.pre.push(Pre::RangeUnchanged { range, at });
        self
    }
    /// Demands that the key does not exist.
    pub fn absent(&mut self, key: impl Into<Bytes>) -> &mut Self {
        self.pre.push(Pre::Absent(key.into()));
        self
    }
    /// Demands that the key holds exactly this value.
    pub fn equals(&mut self, key: impl Into<Bytes>, val: impl Into<Bytes>) -> &mut Self {
        self.pre.push(Pre::Equals(key.into(), val.into()));
        self
    }
    /// Demands that the lease still has this epoch.
    pub fn epoch(&mut self, lease: impl Into<Bytes>, epoch: u64) -> &mut Self {
        self.pre.push(Pre::Epoch { lease: lease.into(), epoch });
        self
    }
    /// Adds everything `other` demands and writes, behind what is there.
    pub fn append(&mut self, mut other: Self) -> &mut Self {
        self.pre.append(&mut other.pre);
        self.ops.append(&mut other.ops);
        self.idem = self.idem.or(other.idem);
        self
    }
    /// Bytes of the keys and values it writes.
    pub fn bytes(&self) -> usize {
        let size = |op: &Op| match op {
            Op::Put { key, val } => key.len() + val.len(),
            Op::PutStamped { prefix, suffix, val, .. } => prefix.len() + 16 + suffix.len() + val.len(),
            Op::Delete(key) => key.len(),
            Op::DeleteRange(range) => range.start.len() + range.end.len(),
            Op::Add { key, .. } | Op::Max { key, .. } => key.len() + 8,
        };
        self.ops.iter().map(size).sum()
    }
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.pre.is_empty()
    }
}
