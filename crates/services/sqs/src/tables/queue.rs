//! The row of a queue. Read once when the server starts, written when attributes change.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::json;

/// A queue as it was created and changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Its number: never used again for another queue, not even of the same name.
    pub id: u64,
    /// Created, milliseconds since the epoch.
    pub created: u64,
    /// Attributes last changed.
    pub modified: u64,
    /// Attributes that were set, as they were set.
    pub attributes: BTreeMap<String, String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The deduplication scope before the last change, and when the new one comes into effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_before: Option<(String, u64)>,
}

impl QueueRow {
    /// The row.
    pub fn encode(&self) -> Bytes {
        json::encode(self)
    }
    /// Reads the row; `None` is damage.
    pub fn decode(row: &[u8]) -> Option<Self> {
        json::decode(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_bytes_stay_readable() {
        let row = b"\x01{\"id\":5,\"created\":1,\"modified\":2,\"attributes\":{\"DelaySeconds\":\"3\"}}";
        let queue = QueueRow::decode(row).unwrap();
        assert_eq!((queue.id, queue.attributes["DelaySeconds"].as_str()), (5, "3"));
        assert_eq!(&queue.encode()[..], row);
        assert_eq!(QueueRow::decode(b"\x02{}"), None);
    }
}
