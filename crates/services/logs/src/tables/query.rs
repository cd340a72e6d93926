//! Queries as they are kept: what was asked. Results are kept in memory and found anew when they are gone.

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

/// Account, region; id.
pub(crate) type QueryKey = ((String, String), String);

/// The queries of the last days.
pub(crate) const QUERIES: Table<QueryKey, QueryRow> = Table::new("lgq/");

/// A query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct QueryRow {
    pub(crate) created: u64,
    /// Names of groups.
    pub(crate) groups: Vec<String>,
    pub(crate) text: String,
    /// Milliseconds, inclusive.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) limit: Option<u32>,
    /// AWS's word.
    pub(crate) status: String,
}

impl Row for QueryRow {
    const VERSION: u8 = 1;
}
