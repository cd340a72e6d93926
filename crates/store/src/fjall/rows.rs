//! Rows as they lie on disk: `version (8 bytes, big endian) ++ value`, and the engine's own rows behind all others.

use bytes::Bytes;
use fjall::{Readable, Slice};

use super::purge::Purge;
use crate::{KeyRange, Page, Scan, StoreError, Version, limits::RESERVED, page::Collect};

/// Bytes of the version before each value.
const VERSION_BYTES: usize = 8;

/// Puts the version before a value. `scratch` saves the allocation.
pub(crate) fn encode(version: Version, val: &[u8], scratch: &mut Vec<u8>) -> Slice {
    scratch.clear();
    scratch.extend_from_slice(&version.to_be_bytes());
    scratch.extend_from_slice(val);
    Slice::from(scratch.as_slice())
}

/// Takes a stored value apart.
pub(crate) fn decode(stored: &Slice) -> Result<(Bytes, Version), StoreError> {
    let (version, val) = split(stored)?;
    Ok((Bytes::copy_from_slice(val), version))
}

/// The version of a stored value.
pub(crate) fn version_of(stored: &Slice) -> Result<Version, StoreError> {
    Ok(split(stored)?.0)
}

fn split(stored: &Slice) -> Result<(Version, &[u8]), StoreError> {
    let (version, val) = stored
        .split_first_chunk::<VERSION_BYTES>()
        .ok_or_else(|| StoreError::Corrupt("a row without a version".into()))?;
    Ok((Version::from_be_bytes(*version), val))
}

/// A stored row as a view with these purges sees it.
pub(crate) fn seen(
    key: &[u8],
    stored: Option<Slice>,
    purges: &[Purge],
) -> Result<Option<(Bytes, Version)>, StoreError> {
    let Some(stored) = stored else { return Ok(None) };
    let row = decode(&stored)?;
    Ok((!hidden(purges, key, row.1)).then_some(row))
}

/// Reads a page as a view with these purges sees it. The engine's own rows are not in it.
pub(crate) fn scan(
    view: &impl Readable,
    space: &fjall::Keyspace,
    purges: &[Purge],
    range: &KeyRange,
    how: Scan,
) -> Result<Page, StoreError> {
    let end = range.end.as_ref().min(RESERVED);
    if range.start.as_ref() >= end {
        return Ok(Page::default());
    }
    let mut rows = view.range::<&[u8], _>(space, range.start.as_ref()..end);
    let mut page = Collect::new(range, how);
    while let Some(row) = if how.reverse { rows.next_back() } else { rows.next() } {
        let (key, stored) = row.into_inner().map_err(|error| engine_error(&error))?;
        let (version, val) = split(&stored)?;
        if !hidden(purges, &key, version) && !page.take(&key, val, version) {
            break;
        }
    }
    Ok(page.done())
}

fn hidden(purges: &[Purge], key: &[u8], version: Version) -> bool {
    purges.iter().any(|purge| purge.hides(key, version))
}

/// What the engine's errors are to a reader.
pub(crate) fn engine_error(error: &fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(_) | fjall::Error::Storage(_) | fjall::Error::Poisoned => {
            StoreError::Io(error.to_string().into())
        }
        fjall::Error::Locked => StoreError::Locked("the engine's files are in use".into()),
        _ => StoreError::Corrupt(error.to_string().into()),
    }
}
