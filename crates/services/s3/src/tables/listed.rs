//! What a list shows of an object: the same rows as [`super::object::CURRENT`], of which only that is read. A page has a
//! thousand of them; maps, tags and origins would be most of the work.

use std::fmt;

use moln_kernel::Timestamp;
use moln_store::{StoreError, table::Row, table::Table};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};

use super::object::{ChecksumRow, Content, EncryptionRow, ObjectRow};

/// The newest versions, as lists show them. Never written.
pub(crate) const LISTED: Table<(u64, String), ListedRow> = Table::new("s3v/");

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ListedRow {
    /// Account of whoever wrote it.
    pub(crate) owner: String,
    /// When (ms).
    pub(crate) modified: u64,
    /// Bytes.
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    /// `STANDARD` …
    pub(crate) storage_class: String,
    pub(crate) checksum: Option<ChecksumRow>,
}

/// [`ObjectRow`] as far as a list needs it, member by member.
#[derive(Deserialize)]
#[allow(dead_code)] // what is passed over
struct Beginning {
    stamp: u64,
    data: u64,
    null: bool,
    marker: bool,
    owner: String,
    modified: u64,
    size: u64,
    etag: String,
    content: Content,
    headers: PassedOver,
    metadata: PassedOver,
    storage_class: String,
    encryption: EncryptionRow,
    checksum: Option<ChecksumRow>,
}

impl<'de> Deserialize<'de> for ListedRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Beginning { owner, modified, size, etag, storage_class, checksum, .. } =
            Beginning::deserialize(deserializer)?;
        Ok(Self { owner, modified, size, etag, storage_class, checksum })
    }
}

impl From<ObjectRow> for ListedRow {
    fn from(row: ObjectRow) -> Self {
        let ObjectRow { owner, modified, size, etag, storage_class, checksum, .. } = row;
        Self { owner, modified, size, etag, storage_class, checksum }
    }
}

impl Row for ListedRow {
    const VERSION: u8 = ObjectRow::VERSION;

    fn upgrade(version: u8, bytes: &[u8]) -> Result<Self, StoreError> {
        ObjectRow::upgrade(version, bytes).map(Self::from)
    }
}

impl ListedRow {
    /// When it was written.
    pub(crate) fn modified(&self) -> Timestamp {
        Timestamp(self.modified)
    }
}

/// A map of texts that is read without keeping anything.
struct PassedOver;

impl<'de> Deserialize<'de> for PassedOver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = PassedOver;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PassedOver, A::Error> {
                while map.next_entry::<&'de str, &'de str>()?.is_some() {}
                Ok(PassedOver)
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

#[cfg(test)]
mod tests {
    use moln_store::table::{decode, encode};

    use super::*;
    use crate::tables::object::{LockRow, OriginRow};

    #[test]
    fn a_list_reads_what_objects_write() {
        let texts = |n: usize| (0..n).map(|n| (format!("name-{n}"), "värde".to_owned())).collect();
        let mut row = ObjectRow {
            stamp: 1 << 40,
            data: 7,
            null: true,
            marker: false,
            owner: "000000000000".into(),
            modified: 1_700_000_000_000,
            size: 5 << 30,
            etag: "abc-2".into(),
            content: Content::Parts(2),
            headers: texts(3),
            metadata: texts(2),
            storage_class: "STANDARD_IA".into(),
            encryption: EncryptionRow::Kms {
                algorithm: "aws:kms".into(),
                key: None,
                bucket_key: true,
                context: Some("x".into()),
            },
            checksum: Some(ChecksumRow {
                algorithm: "CRC32".into(),
                value: "AAAA".into(),
                kind: "COMPOSITE".into(),
            }),
            tags: vec![("a".into(), "b".into())],
            acl: Some(vec![1, 2]),
            lock: LockRow::default(),
            redirect: None,
            restore: None,
            replication: None,
            origin: OriginRow::default(),
        };
        let listed: ListedRow = decode(&encode(&row).unwrap()).unwrap();
        assert_eq!(listed, ListedRow::from(row.clone()));
        (row.checksum, row.content, row.encryption) =
            (None, Content::Blob([9; 32], 70_000), EncryptionRow::Aes256);
        assert_eq!(decode::<ListedRow>(&encode(&row).unwrap()).unwrap(), ListedRow::from(row));
    }
}
