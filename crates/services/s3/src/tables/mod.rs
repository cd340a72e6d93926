//! Everything S3 keeps on disk. All keys of a bucket begin with its number, which no other bucket, past or to come, has.

pub(crate) mod bucket;
pub(crate) mod configuration;
pub(crate) mod listed;
pub(crate) mod log;
pub(crate) mod object;
pub(crate) mod upload;
pub(crate) mod why;
