//! What is set for a bucket: documents of the API's own shapes, kept as CBOR, whose members are named as in the API.

use bytes::Bytes;
use moln_store::{
    Batch, KeyRange, Scan, Snapshot, StoreError,
    table::{Row, Table},
};
use moln_wire::{
    Shape,
    cbor::{CborReader, CborWriter},
};
use serde::{Deserialize, Serialize};

/// By bucket number, kind, name (empty unless a kind has many) and piece.
const PIECES: Table<(u64, u8, String, u32), Piece> = Table::new("s3c/");
/// Bytes of a piece: a value has to fit into the store's 64 KiB.
const PIECE: usize = 60 << 10;

/// A kind of configuration. The numbers stand on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    Accelerate = 1,
    Acl = 2,
    Cors = 3,
    Encryption = 4,
    Lifecycle = 5,
    Logging = 6,
    Notification = 7,
    ObjectLock = 8,
    Ownership = 9,
    Policy = 10,
    PublicAccess = 11,
    Replication = 12,
    RequestPayment = 13,
    Tagging = 14,
    Website = 15,
    // Kinds of which a bucket has many, by name.
    Analytics = 64,
    IntelligentTiering = 65,
    Inventory = 66,
    Metrics = 67,
}

#[derive(Serialize, Deserialize)]
struct Piece(Vec<u8>);

impl Row for Piece {
    const VERSION: u8 = 1;
}

/// The bytes of a shape.
pub(crate) fn encode<T: Shape>(shape: &T) -> Bytes {
    let mut out = Vec::new();
    shape.write(&mut CborWriter::new(&mut out));
    out.into()
}

/// A shape from its bytes.
pub(crate) fn decode<T: Shape>(bytes: &[u8]) -> Result<T, StoreError> {
    let bytes = Bytes::copy_from_slice(bytes);
    T::read(&mut CborReader::new(&bytes, T::schema()))
        .map_err(|why| StoreError::Corrupt(format!("a configuration cannot be read: {}", why.message).into()))
}

/// Sets a configuration.
pub(crate) fn put(
    to: &mut Batch,
    bucket: u64,
    kind: Kind,
    name: &str,
    content: &[u8],
) -> Result<(), StoreError> {
    // An earlier, longer one leaves no piece behind.
    remove(to, bucket, kind, name);
    for (number, piece) in (0..).zip(content.chunks(PIECE)) {
        PIECES.put(to, &(bucket, kind as u8, name.to_owned(), number), &Piece(piece.to_vec()))?;
    }
    Ok(())
}

/// Takes a configuration away.
pub(crate) fn remove(to: &mut Batch, bucket: u64, kind: Kind, name: &str) {
    to.delete_range(PIECES.within(&(bucket, kind as u8, name.to_owned())));
}

/// Takes everything away that is set for a bucket.
pub(crate) fn remove_all(to: &mut Batch, bucket: u64) {
    to.delete_range(PIECES.within(&bucket));
}

/// A configuration, put together.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) kind: u8,
    pub(crate) name: String,
    pub(crate) content: Bytes,
}

/// One named configuration.
pub(crate) fn get(
    from: &dyn Snapshot,
    bucket: u64,
    kind: Kind,
    name: &str,
) -> Result<Option<Bytes>, StoreError> {
    let range = PIECES.within(&(bucket, kind as u8, name.to_owned()));
    Ok(collect(from, range, usize::MAX)?.pop().map(|stored| stored.content))
}

/// The configurations of a kind in the order of their names, after `after`, at most `max`.
pub(crate) fn list(
    from: &dyn Snapshot,
    bucket: u64,
    kind: Kind,
    after: Option<&str>,
    max: usize,
) -> Result<Vec<Stored>, StoreError> {
    let mut range = PIECES.within(&(bucket, kind as u8));
    if let Some(after) = after {
        range.start = PIECES.within(&(bucket, kind as u8, after.to_owned())).end;
    }
    collect(from, range, max)
}

/// Those of the kinds a bucket has one of.
pub(crate) fn single(from: &dyn Snapshot, bucket: u64) -> Result<Vec<Stored>, StoreError> {
    let mut range = PIECES.within(&bucket);
    range.end = PIECES.within(&(bucket, Kind::Analytics as u8)).start;
    collect(from, range, usize::MAX)
}

fn collect(from: &dyn Snapshot, range: KeyRange, max: usize) -> Result<Vec<Stored>, StoreError> {
    let (mut all, mut full): (Vec<(u8, String, Vec<u8>)>, bool) = (Vec::new(), max == 0);
    let mut rest = Some(range);
    'pages: while let Some(range) = rest {
        let page = PIECES.scan(from, &range, Scan::default())?;
        for ((_, kind, name, _), piece, _) in page.rows {
            let same = all.last().is_some_and(|last| last.0 == kind && last.1 == name);
            match all.last_mut().filter(|_| same) {
                Some(last) => last.2.extend_from_slice(&piece.0),
                None if full => break 'pages,
                None => all.push((kind, name, piece.0)),
            }
            full = all.len() == max;
        }
        rest = page.rest;
    }
    Ok(all.into_iter().map(|(kind, name, content)| Stored { kind, name, content: content.into() }).collect())
}

#[cfg(test)]
mod tests {
    use moln_store::MemoryStore;

    use super::*;
    use crate::model::{CORSConfiguration, CORSRule};

    #[tokio::test]
    async fn a_shape_comes_back() {
        let cors = CORSConfiguration {
            cors_rules: vec![CORSRule {
                allowed_methods: vec!["GET".into()],
                allowed_origins: vec!["*".into()],
                max_age_seconds: Some(3000),
                ..CORSRule::default()
            }],
        };
        let bytes = encode(&cors);
        assert_eq!(decode::<CORSConfiguration>(&bytes).unwrap(), cors);
        assert!(decode::<CORSConfiguration>(&bytes[..5]).is_err());
    }

    #[tokio::test]
    async fn long_ones_and_many_are_kept_apart() {
        let store = MemoryStore::new();
        let mut batch = Batch::default();
        let long = vec![7; 3 * PIECE + 5];
        put(&mut batch, 1, Kind::Policy, "", &long).unwrap();
        put(&mut batch, 1, Kind::Metrics, "a", b"one").unwrap();
        put(&mut batch, 1, Kind::Metrics, "ab", b"two").unwrap();
        put(&mut batch, 2, Kind::Policy, "", b"other").unwrap();
        store.commit(batch).await.unwrap();
        let snapshot = store.snapshot();
        assert_eq!(get(&*snapshot, 1, Kind::Policy, "").unwrap().unwrap().len(), long.len());
        let names = |after, max| {
            let found = list(&*snapshot, 1, Kind::Metrics, after, max).unwrap();
            found.into_iter().map(|stored| stored.name).collect::<Vec<_>>()
        };
        assert_eq!(
            (names(None, 9), names(None, 1), names(Some("a"), 9)),
            (vec!["a".to_owned(), "ab".into()], vec!["a".into()], vec!["ab".into()])
        );
        assert_eq!(single(&*snapshot, 1).unwrap().len(), 1);
        let mut batch = Batch::default();
        put(&mut batch, 1, Kind::Policy, "", b"short").unwrap();
        store.commit(batch).await.unwrap();
        assert_eq!(get(&*store.snapshot(), 1, Kind::Policy, "").unwrap().unwrap(), "short");
    }
}
