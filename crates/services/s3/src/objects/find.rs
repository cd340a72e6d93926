//! Finds the version a request means.

use moln_kernel::ApiError;
use moln_store::{KeyRange, Scan, Snapshot, key::Inverse};

use crate::{
    errors,
    tables::object::{CURRENT, NULLS, OLDER, ObjectRow, StampRow},
    versions,
};

/// The newest of a key.
#[derive(Clone, Debug)]
pub(crate) enum Newest {
    /// An object.
    Object(Box<ObjectRow>),
    /// A delete marker.
    Marker(Box<ObjectRow>),
    /// Nothing.
    Nothing,
}

/// What is the newest of a key.
pub(crate) fn newest(from: &dyn Snapshot, bucket: u64, key: &str) -> Result<Newest, ApiError> {
    if let Some((row, _)) =
        CURRENT.get(from, &(bucket, key.to_owned())).map_err(|why| errors::unreadable(&why))?
    {
        return Ok(Newest::Object(Box::new(row)));
    }
    Ok(match newest_older(from, bucket, key)? {
        Some(row) if row.marker => Newest::Marker(Box::new(row)),
        // Only a marker leaves the place of the newest empty.
        Some(_) | None => Newest::Nothing,
    })
}

/// The newest of the older versions of a key.
pub(crate) fn newest_older(
    from: &dyn Snapshot,
    bucket: u64,
    key: &str,
) -> Result<Option<ObjectRow>, ApiError> {
    let range: KeyRange = OLDER.within(&(bucket, key.to_owned()));
    let one = Scan { limit: 1, ..Scan::default() };
    let page = OLDER.scan(from, &range, one).map_err(|why| errors::unreadable(&why))?;
    Ok(page.rows.into_iter().next().map(|(_, row, _)| row))
}

/// A version by its id, object or marker.
pub(crate) fn version(
    from: &dyn Snapshot,
    bucket: u64,
    key: &str,
    id: &str,
) -> Result<Option<ObjectRow>, ApiError> {
    let unreadable = |why| errors::unreadable(&why);
    let current = CURRENT.get(from, &(bucket, key.to_owned())).map_err(unreadable)?.map(|(row, _)| row);
    let stamp = if id == versions::NULL {
        if let Some(current) = current.as_ref().filter(|row| row.null) {
            return Ok(Some(current.clone()));
        }
        NULLS.get(from, &(bucket, key.to_owned())).map_err(unreadable)?.map(|(StampRow(stamp), _)| stamp)
    } else {
        versions::stamp(bucket, id)
    };
    let Some(stamp) = stamp else { return Ok(None) };
    if let Some(current) = current.filter(|row| row.stamp == stamp) {
        // The null version goes by that name alone.
        return Ok((id == versions::NULL || !current.null).then_some(current));
    }
    let row = OLDER.get(from, &(bucket, key.to_owned(), Inverse(stamp))).map_err(unreadable)?;
    Ok(row.map(|(row, _)| row).filter(|row| row.null == (id == versions::NULL)))
}

/// A version by its stamp, object or marker.
pub(crate) fn by_stamp(
    from: &dyn Snapshot,
    bucket: u64,
    key: &str,
    stamp: u64,
) -> Result<Option<ObjectRow>, ApiError> {
    let unreadable = |why| errors::unreadable(&why);
    let current = CURRENT.get(from, &(bucket, key.to_owned())).map_err(unreadable)?.map(|(row, _)| row);
    if let Some(current) = current.filter(|row| row.stamp == stamp) {
        return Ok(Some(current));
    }
    let row = OLDER.get(from, &(bucket, key.to_owned(), Inverse(stamp))).map_err(unreadable)?;
    Ok(row.map(|(row, _)| row))
}

/// The id a version goes by.
pub(crate) fn id_of(row: &ObjectRow) -> String {
    if row.null { versions::NULL.to_owned() } else { versions::id(row.stamp) }
}

/// A version id in a request that has not the form of one.
pub(crate) fn invalid_version_id(id: &str) -> ApiError {
    errors::invalid_argument("Invalid version id specified", "versionId", id)
}

/// `NoSuchKey`
pub(crate) fn no_such_key(key: &str) -> ApiError {
    errors::with(errors::other(404, "NoSuchKey", "The specified key does not exist."), "Key", key)
}

/// `NoSuchVersion`
pub(crate) fn no_such_version(key: &str, id: &str) -> ApiError {
    let error = errors::other(404, "NoSuchVersion", "The specified version does not exist.");
    errors::with(errors::with(error, "Key", key), "VersionId", id)
}
