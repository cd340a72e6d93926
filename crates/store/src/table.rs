//! Typed, versioned rows: a table is a key prefix, a key type and a row type.
//!
//! A value begins with the version of its form; the rest is `postcard`. A row type that changes its form counts
//! [`Row::VERSION`] up and says in [`Row::upgrade`] how the old bytes are read; a test keeps bytes of every old form.
//! Rows are written in the new form when they are next changed; nothing is rewritten at start.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Batch, KeyRange, Scan, Snapshot, StoreError, Version,
    key::{Key, KeyReader, KeyWriter},
};

/// What a table holds.
pub trait Row: Serialize + DeserializeOwned {
    /// Version of the form this program writes, from 1.
    const VERSION: u8;

    /// Reads a form of an older version.
    fn upgrade(version: u8, bytes: &[u8]) -> Result<Self, StoreError> {
        let _ = bytes;
        Err(StoreError::Corrupt(
            format!(
                "a row of version {version}, this program knows {}: use the program that wrote it",
                Self::VERSION
            )
            .into(),
        ))
    }
}

/// Reads the body of a row of some form; what [`Row::upgrade`] calls with the old type.
pub fn decode_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes)
        .map_err(|error| StoreError::Corrupt(format!("a row cannot be read: {error}").into()))
}

/// The bytes of a row. A row that postcard cannot write (a sequence of unknown length) is the program's mistake.
pub fn encode<V: Row>(row: &V) -> Result<Bytes, StoreError> {
    let body = postcard::to_extend(row, vec![V::VERSION]);
    body.map(Bytes::from)
        .map_err(|error| StoreError::Corrupt(format!("a row cannot be written: {error}").into()))
}

/// Reads a row of this or an older form.
pub fn decode<V: Row>(bytes: &[u8]) -> Result<V, StoreError> {
    match bytes.split_first() {
        Some((version, body)) if *version == V::VERSION => decode_body(body),
        Some((version, body)) => V::upgrade(*version, body),
        None => Err(StoreError::Corrupt("an empty row".into())),
    }
}

/// A table.
pub struct Table<K, V> {
    prefix: &'static str,
    rows: PhantomData<fn() -> (K, V)>,
}

/// One page of a table.
#[derive(Clone, Debug)]
pub struct TablePage<K, V> {
    /// Key, row, version.
    pub rows: Vec<(K, V, Version)>,
    /// The range that is left to read; `None` when done.
    pub rest: Option<KeyRange>,
}

impl<K: Key, V: Row> Table<K, V> {
    /// The table whose keys begin with `prefix`; no other table's prefix may begin with it, nor it with theirs.
    pub const fn new(prefix: &'static str) -> Self {
        Self { prefix, rows: PhantomData }
    }

    /// A row's key.
    pub fn key(&self, key: &K) -> Bytes {
        key.write(KeyWriter::new(self.prefix)).finish()
    }

    /// All rows.
    pub fn all(&self) -> KeyRange {
        KeyRange::prefix(self.prefix)
    }

    /// The rows whose keys' first parts are these.
    pub fn within(&self, first: &impl Key) -> KeyRange {
        KeyRange::prefix(first.write(KeyWriter::new(self.prefix)).finish())
    }

    /// A row and its version.
    pub fn get(&self, from: &dyn Snapshot, key: &K) -> Result<Option<(V, Version)>, StoreError> {
        let key = self.key(key);
        let Some((bytes, version)) = from.get(&key)? else { return Ok(None) };
        Ok(Some((decode(&bytes).map_err(|error| named(&key, &error))?, version)))
    }

    /// Writes a row.
    pub fn put(&self, to: &mut Batch, key: &K, row: &V) -> Result<(), StoreError> {
        to.put(self.key(key), encode(row)?);
        Ok(())
    }

    /// Removes a row.
    pub fn delete(&self, to: &mut Batch, key: &K) {
        to.delete(self.key(key));
    }

    /// A page of a range ([`Table::all`], [`Table::within`], or what a page before left).
    pub fn scan(
        &self,
        from: &dyn Snapshot,
        range: &KeyRange,
        how: Scan,
    ) -> Result<TablePage<K, V>, StoreError> {
        // Without its value a row cannot be read.
        let page = from.scan(range, Scan { keys_only: false, ..how })?;
        let read = |(key, bytes, version): &(Bytes, Bytes, Version)| {
            let mut parts = KeyReader::new(key, self.prefix)?;
            let typed = K::read(&mut parts)?;
            parts.finish()?;
            Ok((typed, decode(bytes)?, *version))
        };
        let rows = page.rows.iter().map(|row| read(row).map_err(|error| named(&row.0, &error)));
        Ok(TablePage { rows: rows.collect::<Result<_, _>>()?, rest: page.rest })
    }
}

fn named(key: &[u8], error: &StoreError) -> StoreError {
    StoreError::Corrupt(format!("{} ({error})", key.escape_ascii()).into())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{MemoryStore, key::Inverse};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Queue {
        name: String,
        delay_seconds: u32,
        tags: Vec<(String, String)>,
    }

    /// The form before tags.
    #[derive(Serialize, Deserialize)]
    struct QueueV1 {
        name: String,
        delay_seconds: u32,
    }

    impl Row for Queue {
        const VERSION: u8 = 2;
        fn upgrade(version: u8, bytes: &[u8]) -> Result<Self, StoreError> {
            match version {
                1 => {
                    let old: QueueV1 = decode_body(bytes)?;
                    Ok(Self { name: old.name, delay_seconds: old.delay_seconds, tags: Vec::new() })
                }
                _ => Err(StoreError::Corrupt("newer".into())),
            }
        }
    }

    const QUEUES: Table<(String, Inverse), Queue> = Table::new("test/");

    fn queue(delay_seconds: u32) -> Queue {
        Queue { name: "orders".into(), delay_seconds, tags: vec![("a".into(), "b".into())] }
    }

    /// Bytes as written once: they must be read, and written, the same for ever.
    #[test]
    fn old_forms_are_read() {
        let v1 = b"\x01\x06orders\xac\x02";
        let v2 = b"\x02\x06orders\xac\x02\x01\x01a\x01b";
        assert_eq!(decode::<Queue>(v1).unwrap(), Queue { tags: vec![], ..queue(300) });
        assert_eq!(decode::<Queue>(v2).unwrap(), queue(300));
        assert_eq!(encode(&queue(300)).unwrap().as_ref(), v2);
        for broken in [&b""[..], b"\x02", b"\x02\x06ord", b"\x09\x06orders\xac\x02"] {
            assert!(matches!(decode::<Queue>(broken), Err(StoreError::Corrupt(_))));
        }
    }

    #[tokio::test]
    async fn rows_are_kept_in_key_order() {
        let store = MemoryStore::new();
        let mut batch = Batch::default();
        for (name, number) in [("b", 1), ("a", 1), ("a", 2), ("a\0", 1)] {
            QUEUES.put(&mut batch, &(name.into(), Inverse(number)), &queue(7)).unwrap();
        }
        let done = store.commit(batch).await.unwrap();
        let snapshot = store.snapshot();
        let row = QUEUES.get(&*snapshot, &("a".into(), Inverse(2))).unwrap();
        assert_eq!(row, Some((queue(7), done.version)));
        let keys = |range: KeyRange| {
            let page = QUEUES.scan(&*snapshot, &range, Scan::default()).unwrap();
            page.rows.into_iter().map(|row| (row.0.0, row.0.1.0)).collect::<Vec<_>>()
        };
        let owned =
            |keys: &[(&str, u64)]| keys.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(keys(QUEUES.all()), owned(&[("a", 2), ("a", 1), ("a\0", 1), ("b", 1)]));
        assert_eq!(keys(QUEUES.within(&"a".to_owned())), owned(&[("a", 2), ("a", 1)]));
        let mut batch = Batch::default();
        QUEUES.delete(&mut batch, &("a".into(), Inverse(2)));
        batch.put(QUEUES.key(&("c".into(), Inverse(1))), "\x07damaged");
        store.commit(batch).await.unwrap();
        let error = QUEUES.scan(&*store.snapshot(), &QUEUES.all(), Scan::default()).unwrap_err();
        assert!(error.to_string().contains("test/c"), "names the row: {error}");
    }
}
