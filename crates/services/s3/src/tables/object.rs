//! Objects. A key's newest version, when it is an object, stands in [`CURRENT`]; everything older, and delete markers, in
//! [`OLDER`]. So a bucket without versions has one row an object, and a list of objects reads what it shows and nothing
//! else. The stamp of a current version is greater than those of all older ones.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use moln_kernel::Timestamp;
use moln_store::{
    Batch, KeyRange, Snapshot, StoreError,
    blobs::BlobRef,
    key::{Inverse, KeyWriter},
    table::{Row, Table},
};
use serde::{Deserialize, Serialize};

/// The newest version, when it is an object: by bucket number and key.
pub(crate) const CURRENT: Table<(u64, String), ObjectRow> = Table::new("s3v/");
/// Other versions and delete markers, the newest first: by bucket number, key and stamp.
pub(crate) const OLDER: Table<(u64, String, Inverse), ObjectRow> = Table::new("s3w/");
/// The stamp of the null version that is not the newest: by bucket number and key. A key has at most one.
pub(crate) const NULLS: Table<(u64, String), StampRow> = Table::new("s3n/");
/// The parts of a version that was uploaded in parts: by bucket number, data number and part number.
pub(crate) const PARTS: Table<(u64, u64, u32), PartRow> = Table::new("s3p/");
/// Parts that nothing refers to any more, to be removed in the background: by bucket number and data number.
pub(crate) const WASTE: Table<(u64, u64), WasteRow> = Table::new("s3g/");

/// The bytes of a small version or part: by bucket number, data number and part (0: the whole). A version byte, then the bytes
/// as they are: they are not copied when they are read.
const BYTES: &str = "s3d/";
const BYTES_V1: u8 = 1;

fn bytes_key(bucket: u64, stamp: u64, part: u32) -> Bytes {
    KeyWriter::new(BYTES).u64(bucket).u64(stamp).u32(part).finish()
}

/// Writes the bytes of a version or part.
pub(crate) fn put_bytes(to: &mut Batch, (bucket, stamp, part): (u64, u64, u32), bytes: &[u8]) {
    let mut value = BytesMut::with_capacity(bytes.len() + 1);
    value.put_u8(BYTES_V1);
    value.put_slice(bytes);
    to.put(bytes_key(bucket, stamp, part), value.freeze());
}

/// Reads the bytes of a version or part.
pub(crate) fn get_bytes(
    from: &dyn Snapshot,
    (bucket, stamp, part): (u64, u64, u32),
) -> Result<Bytes, StoreError> {
    let key = bytes_key(bucket, stamp, part);
    match from.get(&key)? {
        Some((value, _)) if value.first() == Some(&BYTES_V1) => Ok(value.slice(1..)),
        _ => Err(StoreError::Corrupt(format!("no bytes under {}", key.escape_ascii()).into())),
    }
}

/// Removes the bytes of a part.
pub(crate) fn remove_part_bytes(to: &mut Batch, (bucket, data, part): (u64, u64, u32)) {
    to.delete(bytes_key(bucket, data, part));
}

/// Removes the bytes of a version and all of its parts.
pub(crate) fn remove_bytes(to: &mut Batch, bucket: u64, stamp: u64) {
    to.delete_range(KeyRange::prefix(KeyWriter::new(BYTES).u64(bucket).u64(stamp).finish()));
}

/// Where bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// There are none (a delete marker, an empty object).
    None,
    /// In a row of its own, see [`put_bytes`].
    Row,
    /// In a blob: hash and length.
    Blob([u8; 32], u64),
    /// In as many [`PARTS`], each with a content of its own.
    Parts(u32),
}

impl Content {
    /// The blob, if it is one.
    pub(crate) fn blob(&self) -> Option<BlobRef> {
        match self {
            Self::Blob(sha256, len) => Some(BlobRef { sha256: *sha256, len: *len }),
            _ => None,
        }
    }
}

/// A checksum that S3 keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChecksumRow {
    /// `CRC32`, `CRC32C`, `CRC64NVME`, `SHA1`, `SHA256`
    pub(crate) algorithm: String,
    /// Base64; of a composite one followed by `-` and the number of parts.
    pub(crate) value: String,
    /// `FULL_OBJECT` or `COMPOSITE`
    pub(crate) kind: String,
}

/// How the bytes are encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EncryptionRow {
    /// By S3.
    Aes256,
    /// By a key of KMS.
    Kms {
        /// `aws:kms` or `aws:kms:dsse`
        algorithm: String,
        /// The key's ARN or alias.
        key: Option<String>,
        /// Whether the bucket has a key of its own below it.
        bucket_key: bool,
        /// The encryption context, as sent.
        context: Option<String>,
    },
    /// By the client's key: its MD5 in base64, and what starts the stream of the cipher.
    Customer {
        /// MD5 of the key, base64.
        key_md5: String,
        /// The first counter block.
        nonce: [u8; 16],
    },
}

/// A lock on a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockRow {
    /// `GOVERNANCE` or `COMPLIANCE`, and until when (ms).
    pub(crate) retention: Option<(String, u64)>,
    /// Whether it is on hold.
    pub(crate) legal_hold: Option<bool>,
}

/// Who wrote a version, and why: what `moln s3 why` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OriginRow {
    /// ARN of the principal, or the account, or `anonymous`.
    pub(crate) principal: String,
    /// The request's id.
    pub(crate) request_id: String,
    /// `PutObject`, `CopyObject` …
    pub(crate) operation: String,
    /// The last hop of the chain that led here, such as a function's ARN.
    pub(crate) cause: Option<String>,
    /// The client's address.
    pub(crate) address: Option<String>,
}

/// A restored copy of an archived object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestoreRow {
    /// When the copy is there (ms).
    pub(crate) ready: u64,
    /// When the copy goes (ms).
    pub(crate) expires: u64,
}

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectRow {
    /// Unique and growing; version ids are made of it.
    pub(crate) stamp: u64,
    /// Under what number its bytes and parts stand: its own stamp, or that of the upload that brought the parts.
    pub(crate) data: u64,
    /// Written while the bucket kept no versions.
    pub(crate) null: bool,
    /// A delete marker, with nothing of what follows but owner, time and origin.
    pub(crate) marker: bool,
    /// Account of whoever wrote it.
    pub(crate) owner: String,
    /// When (ms).
    pub(crate) modified: u64,
    /// Bytes.
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) content: Content,
    /// `Content-Type`, `Content-Encoding`, `Cache-Control` … by lower-case name, as sent.
    pub(crate) headers: BTreeMap<String, String>,
    /// `x-amz-meta-*` without that prefix.
    pub(crate) metadata: BTreeMap<String, String>,
    /// `STANDARD` …
    pub(crate) storage_class: String,
    pub(crate) encryption: EncryptionRow,
    pub(crate) checksum: Option<ChecksumRow>,
    pub(crate) tags: Vec<(String, String)>,
    /// An access list as CBOR; `None`: the owner's alone.
    pub(crate) acl: Option<Vec<u8>>,
    pub(crate) lock: LockRow,
    /// `x-amz-website-redirect-location`
    pub(crate) redirect: Option<String>,
    pub(crate) restore: Option<RestoreRow>,
    /// `PENDING`, `COMPLETED`, `FAILED`, `REPLICA`
    pub(crate) replication: Option<String>,
    pub(crate) origin: OriginRow,
}

impl ObjectRow {
    /// When it was written.
    pub(crate) fn modified(&self) -> Timestamp {
        Timestamp(self.modified)
    }
}

impl Row for ObjectRow {
    const VERSION: u8 = 1;
}

/// A part of a version that was uploaded in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartRow {
    pub(crate) size: u64,
    /// MD5, hex.
    pub(crate) etag: String,
    /// Where its bytes are: never in parts themselves. Small ones stand in a row under the part's number.
    pub(crate) content: Content,
    /// Its checksum by the upload's algorithm (or CRC64NVME, when the upload has none), base64.
    pub(crate) checksum: Option<String>,
    /// When it was uploaded (ms).
    pub(crate) modified: u64,
}

impl Row for PartRow {
    const VERSION: u8 = 1;
}

/// That there is something to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WasteRow;

impl Row for WasteRow {
    const VERSION: u8 = 1;
}

/// A stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StampRow(pub(crate) u64);

impl Row for StampRow {
    const VERSION: u8 = 1;
}
