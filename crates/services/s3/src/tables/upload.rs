//! Uploads in parts that are under way. Their parts stand in [`super::object::PARTS`] under the upload's number, where they
//! stay when the upload becomes a version.

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

use super::object::{ObjectRow, WasteRow};

/// By bucket number, key and upload number.
pub(crate) const UPLOADS: Table<(u64, String, u64), UploadRow> = Table::new("s3u/");
/// Uploads whose key was deleted meanwhile, so that conditions on it cannot be judged any more: by bucket number and upload
/// number. (The upload's own row never changes: it is the precondition of all that happens to the upload.)
pub(crate) const SHAKEN: Table<(u64, u64), WasteRow> = Table::new("s3x/");

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRow {
    /// When it was begun (ms).
    pub(crate) initiated: u64,
    /// Who began it.
    pub(crate) initiator: String,
    /// The checksum algorithm, when the client chose one.
    pub(crate) algorithm: Option<String>,
    /// `COMPOSITE` or `FULL_OBJECT`, when the client chose an algorithm.
    pub(crate) kind: Option<String>,
    /// The version it will be, as far as it is known.
    pub(crate) object: ObjectRow,
}

impl Row for UploadRow {
    const VERSION: u8 = 1;
}
