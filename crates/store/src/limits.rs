//! What an engine accepts in one commit.

use crate::{Batch, CommitError, Op};

/// Keys from here on are the engines' own.
pub(crate) const RESERVED: &[u8] = &[u8::MAX; 8];

/// Sizes an engine accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest key, bytes. The shortest is one byte; keys that begin with eight bytes 0xff are the engines' own.
    pub key_bytes: usize,
    /// Longest value, bytes; larger ones go to blobs.
    pub value_bytes: usize,
    /// Operations and preconditions in a batch, together.
    pub batch_ops: usize,
    /// Bytes of keys and values written by a batch.
    pub batch_bytes: usize,
}

impl Limits {
    /// What every engine accepts at least. Longest key: an S3 object's key (1,024 bytes), escaped, in its bucket. Batch:
    /// the largest request that is one commit (a batch of messages, 1 MiB) with its index rows. All of it stays within
    /// what `FoundationDB` takes (10,000-byte keys, 100,000-byte values, 10 MB transactions).
    pub const DEFAULT: Self =
        Self { key_bytes: 4_096, value_bytes: 65_536, batch_ops: 2_000, batch_bytes: 2 << 20 };

    /// `TooLarge` when the batch is over a limit, or writes a key that is empty or reserved.
    pub fn check(&self, batch: &Batch) -> Result<(), CommitError> {
        if batch.ops.len() + batch.pre.len() > self.batch_ops {
            return Err(CommitError::TooLarge);
        }
        let mut bytes = 0;
        for op in &batch.ops {
            let (first, key, val) = match op {
                Op::Put { key, val } => (key, key.len(), val.len()),
                Op::PutStamped { prefix, suffix, val, .. } => {
                    (prefix, prefix.len() + 16 + suffix.len(), val.len())
                }
                Op::Delete(key) => (key, key.len(), 0),
                Op::Add { key, .. } | Op::Max { key, .. } => (key, key.len(), 8),
                Op::DeleteRange(range) => {
                    // Its bounds are no keys: the start may be empty, the end of "all" is longer than any key.
                    if range.start.len() > self.key_bytes || range.end.len() > self.key_bytes + 1 {
                        return Err(CommitError::TooLarge);
                    }
                    bytes += range.start.len() + range.end.len();
                    continue;
                }
            };
            if key == 0 || key > self.key_bytes || val > self.value_bytes || first.as_ref() >= RESERVED {
                return Err(CommitError::TooLarge);
            }
            bytes += key + val;
        }
        if bytes > self.batch_bytes { Err(CommitError::TooLarge) } else { Ok(()) }
    }
}
