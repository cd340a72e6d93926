//! Objects in buckets, as other services read and write them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{ApiError, Context, clock::BoxFuture};

/// An object that is being read.
pub struct ObjectReading {
    /// Its size in bytes.
    pub size: u64,
    /// Its version, in a bucket with versions.
    pub version_id: Option<String>,
    /// Its `ETag`, without quotes.
    pub etag: String,
    /// Its content type.
    pub content_type: Option<String>,
    /// Its content, piece by piece.
    pub content: Box<dyn ObjectContent>,
}

/// An object's content.
pub trait ObjectContent: Send {
    /// The next piece (at most 1 MiB); `None` at the end.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, ApiError>>;
}

/// Reads and writes objects.
pub trait Objects: Send + Sync {
    /// Opens an object. Errors are S3's own (`NoSuchBucket`, `NoSuchKey`, `AccessDenied`).
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        bucket: &'a str,
        key: &'a str,
        version_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ObjectReading, ApiError>>;

    /// Writes an object that fits in memory (at most 16 MiB); durable once it resolves with the version id, if the bucket
    /// has versions.
    fn write<'a>(
        &'a self,
        ctx: &'a Context,
        bucket: &'a str,
        key: &'a str,
        content: Bytes,
        content_type: Option<&'a str>,
        metadata: BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Option<String>, ApiError>>;
}
