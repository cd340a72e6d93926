//! Removing a range too large for one batch: the range is written as one row (a purge), in the commit that removes it.
//! From then on readers skip every row of the range whose version is older, so the removal is atomic for them and over a
//! crash; a thread sweeps the rows from the disk in chunks and at last removes the purge. A restart goes on sweeping.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{KeyRange, StoreError, Version, limits::RESERVED};

/// Keys swept in one commit.
pub(crate) const SWEEP_KEYS: usize = 1_000;
/// Purges that may be waiting to be swept: every reader looks at all of them.
pub(crate) const MAX_PURGES: usize = 64;

/// A range of which everything older than `version` is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purge {
    pub(crate) version: Version,
    /// Position among the purges of the version.
    pub(crate) number: u32,
    pub(crate) range: KeyRange,
}

impl Purge {
    /// Whether the row is gone.
    pub(crate) fn hides(&self, key: &[u8], version: Version) -> bool {
        version < self.version && self.range.contains(key)
    }

    /// Key of the purge's row.
    pub(crate) fn key(&self) -> Bytes {
        let mut key = prefix();
        key.put_u64(self.version);
        key.put_u32(self.number);
        key.freeze()
    }

    /// Value of the purge's row: start's length (4 bytes), start, end.
    pub(crate) fn encode(&self) -> Bytes {
        let mut val = BytesMut::with_capacity(4 + self.range.start.len() + self.range.end.len());
        val.put_u32(u32::try_from(self.range.start.len()).unwrap_or(u32::MAX));
        val.put_slice(&self.range.start);
        val.put_slice(&self.range.end);
        val.freeze()
    }

    /// Reads the purge's row.
    pub(crate) fn decode(key: &[u8], mut val: Bytes) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("a purge that cannot be read".into());
        let mut key = key.strip_prefix(prefix().as_ref()).ok_or_else(corrupt)?;
        let version = key.try_get_u64().map_err(|_| corrupt())?;
        let number = key.try_get_u32().map_err(|_| corrupt())?;
        let length = val.try_get_u32().map_err(|_| corrupt())? as usize;
        if length > val.len() {
            return Err(corrupt());
        }
        let start = val.split_to(length);
        Ok(Self { version, number, range: KeyRange { start, end: val } })
    }
}

/// What all purges' keys begin with.
pub(crate) fn prefix() -> BytesMut {
    let mut key = BytesMut::from(RESERVED);
    key.put_slice(b"purge/");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_its_encoding() {
        let purge = Purge { version: 77, number: 3, range: KeyRange::new("from", "to") };
        assert_eq!(Purge::decode(&purge.key(), purge.encode()).unwrap(), purge);
        assert!(purge.hides(b"g", 76) && !purge.hides(b"g", 77) && !purge.hides(b"to", 1));
        assert!(Purge::decode(&purge.key(), Bytes::from_static(b"\0\0\0\x09short")).is_err());
    }
}
