//! The order of commits, common to all engines of one process: judges a batch's preconditions and decides its writes.
//! Pure: engines bring the state before the group ([`Base`]) and write what the [`Group`] says.

mod group;
mod idem;
mod known;
mod window;

pub(crate) use group::{Base, Group, Touched};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Batch, CommitError, Committed, KeyRange, Op, Pre, StoreError, Version};
use idem::Idem;
use known::Known;
use window::Window;

/// Bytes of recently written keys remembered for `RangeUnchanged`: some 100,000 writes.
const WINDOW_BYTES: usize = 6 << 20;
/// Commits with an id remembered.
const IDEM_COMMITS: usize = 32_768;
/// Bits of a stamp that hold the slot within its batch.
const SLOT_BITS: u32 = 16;

/// Hands out versions and judges batches one after the other.
pub(crate) struct Sequence {
    last: Version,
    window: Window,
    known: Known,
    idem: Idem,
}

/// One decided write.
enum Write {
    Row(Bytes, Option<Bytes>),
    Range(KeyRange),
}

impl Sequence {
    /// Goes on behind `last`, the highest version that may have been handed out before.
    pub(crate) fn new(last: Version) -> Self {
        let (window, idem) = (Window::new(WINDOW_BYTES, last), Idem::new(IDEM_COMMITS));
        Self { last, window, known: Known::default(), idem }
    }

    /// The version handed out last.
    pub(crate) fn last(&self) -> Version {
        self.last
    }

    /// Whether a key of the range may have been written after `at`.
    pub(crate) fn changed(&self, range: &KeyRange, at: Version) -> bool {
        self.window.changed(range, at)
    }

    /// Judges a batch against `base` with the group so far on top of it, and adds its writes to the group.
    /// When it answers an error the group is as it was.
    pub(crate) fn apply(
        &mut self,
        batch: Batch,
        group: &mut Group,
        base: &impl Base,
    ) -> Result<Committed, CommitError> {
        if let Some(known) = batch.idem.and_then(|id| self.idem.outcome(&id)) {
            return Ok(known);
        }
        for (index, pre) in (0..).zip(&batch.pre) {
            self.judge(index, pre, group, base)?;
        }
        if batch.ops.is_empty() {
            return Ok(Committed { version: self.last, stamp_base: stamp_base(self.last) });
        }
        let version = self.last + 1;
        let writes = decide(batch.ops, version, group, base)?;
        self.last = version;
        for write in writes {
            match write {
                Write::Row(key, val) => {
                    self.window.wrote(&key, version);
                    self.known.wrote(&key, val.is_some().then_some(version));
                    group.write(key, val, version);
                }
                Write::Range(range) => {
                    self.window.wrote_range(range.clone(), version);
                    self.known.wrote_range(&range);
                    Self::remove_range(range, version, group, base)?;
                }
            }
        }
        let committed = Committed { version, stamp_base: stamp_base(version) };
        if let Some(id) = batch.idem {
            self.idem.committed(id, committed);
        }
        Ok(committed)
    }

    fn remove_range(
        range: KeyRange,
        version: Version,
        group: &mut Group,
        base: &impl Base,
    ) -> Result<(), CommitError> {
        match base.few_keys(&range).map_err(|error| unreadable(&error))? {
            Some(keys) => {
                let here = group.keys_in(&range);
                for key in keys.into_iter().chain(here) {
                    group.write(key, None, version);
                }
            }
            None => group.write_range(range, version),
        }
        Ok(())
    }

    /// The version of a row; 0: there is none.
    fn version_of(&mut self, key: &Bytes, group: &Group, base: &impl Base) -> Result<Version, CommitError> {
        if let Some(known) = self.known.version(key) {
            return Ok(known);
        }
        let Some((_, version)) = current(key, group, base)? else { return Ok(0) };
        self.known.read(key, version);
        Ok(version)
    }

    fn judge(&mut self, index: u32, pre: &Pre, group: &Group, base: &impl Base) -> Result<(), CommitError> {
        let conflict = CommitError::Conflict { index };
        match pre {
            Pre::Unchanged { key, at } => {
                if self.version_of(key, group, base)? == *at {
                    Ok(())
                } else {
                    Err(conflict)
                }
            }
            Pre::RangeUnchanged { range, at } => {
                if self.window.changed(range, *at) {
                    Err(conflict)
                } else {
                    Ok(())
                }
            }
            Pre::Absent(key) => {
                if current(key, group, base)?.is_none() {
                    Ok(())
                } else {
                    Err(conflict)
                }
            }
            Pre::Equals(key, val) => {
                if current(key, group, base)?.is_some_and(|(is, _)| is == *val) {
                    Ok(())
                } else {
                    Err(conflict)
                }
            }
            Pre::Epoch { lease, epoch } => match current(lease, group, base)? {
                Some((val, _)) if number(&val) == Some(*epoch) => Ok(()),
                _ => Err(CommitError::Fenced),
            },
        }
    }
}

/// The first stamp of a version's batch. Slots are 16 bits, so no two batches share a stamp.
fn stamp_base(version: Version) -> u128 {
    u128::from(version) << SLOT_BITS
}

/// Turns operations into writes; touches nothing, so that an error leaves nothing half done.
fn decide(
    ops: Vec<Op>,
    version: Version,
    group: &Group,
    base: &impl Base,
) -> Result<Vec<Write>, CommitError> {
    let mut writes: Vec<Write> = Vec::with_capacity(ops.len());
    for (index, op) in (0..).zip(ops) {
        let write = match op {
            Op::Put { key, val } => Write::Row(key, Some(val)),
            Op::PutStamped { prefix, suffix, val, slot } => {
                let mut key = BytesMut::with_capacity(prefix.len() + 16 + suffix.len());
                key.put_slice(&prefix);
                key.put_u128(stamp_base(version) + u128::from(slot));
                key.put_slice(&suffix);
                Write::Row(key.freeze(), Some(val))
            }
            Op::Delete(key) => Write::Row(key, None),
            Op::DeleteRange(range) => Write::Range(range),
            Op::Add { key, delta } => {
                let old = counter(&key, &writes, group, base, index)?.map_or(0, u64::cast_signed);
                let sum = old.saturating_add(delta);
                Write::Row(key, Some(Bytes::copy_from_slice(&sum.to_be_bytes())))
            }
            Op::Max { key, val } => {
                let old = counter(&key, &writes, group, base, index)?;
                let max = old.map_or(val, |old| old.max(val));
                Write::Row(key, Some(Bytes::copy_from_slice(&max.to_be_bytes())))
            }
        };
        writes.push(write);
    }
    Ok(writes)
}

/// The eight bytes of a counter, as the batch's earlier writes left them.
fn counter(
    key: &Bytes,
    writes: &[Write],
    group: &Group,
    base: &impl Base,
    index: u32,
) -> Result<Option<u64>, CommitError> {
    let here = writes.iter().rev().find_map(|write| match write {
        Write::Row(k, val) if k == key => Some(val.clone()),
        Write::Range(range) if range.contains(key) => Some(None),
        _ => None,
    });
    let val = match here {
        Some(val) => val,
        None => current(key, group, base)?.map(|(val, _)| val),
    };
    val.map(|val| number(&val).ok_or(CommitError::NotACounter { index })).transpose()
}

fn current(key: &Bytes, group: &Group, base: &impl Base) -> Result<Option<(Bytes, Version)>, CommitError> {
    match group.get(key) {
        Touched::Written(val, version) => Ok(Some((val.clone(), version))),
        Touched::Removed => Ok(None),
        Touched::No => base.read(key).map_err(|error| unreadable(&error)),
    }
}

fn number(val: &Bytes) -> Option<u64> {
    Some(u64::from_be_bytes(val.as_ref().try_into().ok()?))
}

fn unreadable(error: &StoreError) -> CommitError {
    CommitError::Fatal(error.to_string().into())
}
