//! Buckets. Names are unique over all accounts and regions.

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

/// By name.
pub(crate) const BUCKETS: Table<String, BucketRow> = Table::new("s3b/");
/// By account and name: what `ListBuckets` reads.
pub(crate) const OWNED: Table<(String, String), OwnedRow> = Table::new("s3o/");

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// It never did.
    #[default]
    Off,
    /// Every write makes a version.
    Enabled,
    /// It did; writes replace the null version.
    Suspended,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketRow {
    /// Unique for ever: keys of its objects begin with it.
    pub(crate) number: u64,
    /// Whose.
    pub(crate) account: String,
    /// Where.
    pub(crate) region: String,
    /// Since when (ms).
    pub(crate) created: u64,
    /// Whether it keeps versions.
    pub(crate) versioning: Versioning,
    /// Whether its objects can be locked; never taken back.
    pub(crate) object_lock: bool,
}

impl Row for BucketRow {
    const VERSION: u8 = 1;
}

/// That an account has a bucket, with what a list tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnedRow {
    /// Where.
    pub(crate) region: String,
    /// Since when (ms).
    pub(crate) created: u64,
}

impl Row for OwnedRow {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as written once: they must be read, and written, the same for ever.
    #[test]
    fn rows_keep_their_form() {
        let row = BucketRow {
            number: 7,
            account: "000000000000".into(),
            region: "us-east-1".into(),
            created: 1_700_000_000_000,
            versioning: Versioning::Suspended,
            object_lock: true,
        };
        let bytes = moln_store::table::encode(&row).unwrap();
        let expected = b"\x01\x07\x0c000000000000\x09us-east-1\x80\xd0\x95\xff\xbc1\x02\x01";
        assert_eq!(bytes.as_ref(), expected);
        assert_eq!(moln_store::table::decode::<BucketRow>(expected).unwrap(), row);
    }
}
