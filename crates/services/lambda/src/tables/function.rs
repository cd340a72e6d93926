//! What belongs to a function as a whole, whichever version runs.

use std::collections::BTreeMap;

use moln_kernel::RecursiveLoop;
use serde::{Deserialize, Serialize};

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRow {
    /// Unique among all functions that ever were, so that one made anew under an old name shares nothing with the old one.
    pub id: String,
    /// Made, milliseconds since the epoch.
    pub created: u64,
    /// The number of the next version that is published. Numbers are never used again.
    pub next_version: u64,
    /// Reserved concurrency, if any was reserved. 0: nothing runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<u32>,
    /// Whether chains of events may run through it again and again.
    #[serde(default)]
    pub recursion: RecursiveLoop,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}
