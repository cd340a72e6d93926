//! Records of server access logs that wait to be delivered.

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

/// By target bucket, how the keys of its log objects begin (see [`crate::logging`]), number of the bucket that was asked,
/// and stamp.
pub(crate) const LOGS: Table<(String, String, u64, u64), LogRow> = Table::new("s3l/");

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRow {
    /// The bucket that was asked.
    pub(crate) bucket: String,
    /// Its account.
    pub(crate) account: String,
    /// The record without its line end.
    pub(crate) line: String,
}

impl Row for LogRow {
    const VERSION: u8 = 1;
}
