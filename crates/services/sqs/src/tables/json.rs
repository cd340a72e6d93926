//! Rows that are a version byte, then JSON: those that are written seldom, and whose members come and go.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

const VERSION: u8 = 1;

/// The row.
pub(super) fn encode(row: &impl Serialize) -> Bytes {
    let mut bytes = vec![VERSION];
    // Texts and numbers only: JSON holds them all.
    if serde_json::to_writer(&mut bytes, row).is_err() {
        bytes.truncate(1);
    }
    bytes.into()
}

/// Reads the row; `None` is damage.
pub(super) fn decode<T: DeserializeOwned>(row: &[u8]) -> Option<T> {
    let (version, json) = row.split_first()?;
    (*version == VERSION).then(|| serde_json::from_slice(json).ok())?
}
