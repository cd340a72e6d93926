//! What an engine accepts in one commit.

use crate::{Batch, CommitError, Op};

/// Sizes an engine accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest key, bytes. The shortest is one byte.
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

    /// `TooLarge` when the batch is over a limit or writes an empty key.
    pub fn check(&self, batch: &Batch) -> Result<(), CommitError> {
        if batch.ops.len() + batch.pre.len() > self.batch_ops {
            return Err(CommitError::TooLarge);
        }
        let mut bytes = 0;
        for op in &batch.ops {
            let (key, val) = match op {
                Op::Put { key, val } => (key.len(), val.len()),
                Op::PutStamped { prefix, suffix, val, .. } => (prefix.len() + 16 + suffix.len(), val.len()),
                Op::Delete(key) => (key.len(), 0),
                Op::Add { key, .. } | Op::Max { key, .. } => (key.len(), 8),
                // Its bounds are no keys; the end of "all" is one byte longer than a key may be.
                Op::DeleteRange(range) => {
                    (range.start.len().max(range.end.len().saturating_sub(1)).max(1), 0)
                }
            };
            if key == 0 || key > self.key_bytes || val > self.value_bytes {
                return Err(CommitError::TooLarge);
            }
            bytes += key + val;
        }
        if bytes > self.batch_bytes { Err(CommitError::TooLarge) } else { Ok(()) }
    }
}
