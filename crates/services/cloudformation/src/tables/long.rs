//! Values of any length: cut into rows that follow one another.

use std::marker::PhantomData;

use bytes::Bytes;
use moln_kernel::ApiError;
use moln_store::{
    Batch, KeyRange, Scan, Snapshot, StoreError,
    key::{KeyReader, KeyWriter},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{errors::unread, limits::ROW};

/// The form of values this program writes: this byte, then JSON.
const VERSION: u8 = 1;

/// A table whose keys are some texts, and whose values may be longer than a row.
pub struct Long<V> {
    prefix: &'static str,
    rows: PhantomData<fn() -> V>,
}

fn corrupt(why: &str) -> ApiError {
    unread(&StoreError::Corrupt(why.into()))
}

impl<V: Serialize + DeserializeOwned> Long<V> {
    /// The table whose keys begin with `prefix`.
    pub const fn new(prefix: &'static str) -> Self {
        Self { prefix, rows: PhantomData }
    }

    fn start(&self, key: &[&str]) -> KeyWriter {
        key.iter().fold(KeyWriter::new(self.prefix), |writer, part| writer.str(part))
    }

    /// The row that a value begins with: what preconditions name.
    pub fn key(&self, key: &[&str]) -> Bytes {
        self.start(key).u32(0).finish()
    }

    /// Every row of the values whose keys begin with these parts.
    pub fn within(&self, first: &[&str]) -> KeyRange {
        KeyRange::prefix(self.start(first).finish())
    }

    /// Writes a value.
    pub fn put(&self, to: &mut Batch, key: &[&str], value: &V) -> Result<(), ApiError> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, value).map_err(|error| corrupt(&error.to_string()))?;
        let mut next = 0u32;
        for piece in bytes.chunks(ROW) {
            to.put(self.start(key).u32(next).finish(), piece.to_vec());
            next += 1;
        }
        // What a longer value before has left.
        let end = self.within(key).end;
        to.delete_range(KeyRange::new(self.start(key).u32(next).finish(), end));
        Ok(())
    }

    /// Removes a value.
    pub fn delete(&self, from: &mut Batch, key: &[&str]) {
        from.delete_range(self.within(key));
    }

    /// Reads a value.
    pub fn get(&self, from: &dyn Snapshot, key: &[&str]) -> Result<Option<V>, ApiError> {
        let mut found = Vec::new();
        self.read(from, self.within(key), &mut |_, value| found.push(value))?;
        Ok(found.pop())
    }

    /// Every value whose key begins with these parts, in the order of keys.
    pub fn all(&self, from: &dyn Snapshot, first: &[&str]) -> Result<Vec<V>, ApiError> {
        let mut found = Vec::new();
        self.read(from, self.within(first), &mut |_, value| found.push(value))?;
        Ok(found)
    }

    /// As [`Long::all`], with the last part of each key.
    pub fn named(&self, from: &dyn Snapshot, first: &[&str]) -> Result<Vec<(String, V)>, ApiError> {
        let mut found = Vec::new();
        self.read(from, self.within(first), &mut |key, value| found.push((key, value)))?;
        Ok(found)
    }

    fn read(
        &self,
        from: &dyn Snapshot,
        range: KeyRange,
        found: &mut dyn FnMut(String, V),
    ) -> Result<(), ApiError> {
        let mut rest = Some(range);
        let mut current: Option<(String, Vec<u8>)> = None;
        let mut give = |value: Option<(String, Vec<u8>)>| match value {
            None => Ok(()),
            Some((key, bytes)) => match bytes.split_first() {
                Some((&VERSION, body)) => {
                    let value = serde_json::from_slice(body).map_err(|error| corrupt(&error.to_string()))?;
                    found(key, value);
                    Ok(())
                }
                _ => Err(corrupt("a value of an unknown form")),
            },
        };
        while let Some(range) = rest {
            let page = from.scan(&range, Scan::default()).map_err(|error| unread(&error))?;
            for (key, value, _) in page.rows {
                let (last, piece) = self.parts(&key)?;
                if piece == 0 {
                    give(current.replace((last, value.to_vec())))?;
                } else if let Some((_, bytes)) = &mut current {
                    bytes.extend(value.iter());
                }
            }
            rest = page.rest;
        }
        give(current)
    }

    /// The last text of a key, and which piece it is.
    fn parts(&self, key: &[u8]) -> Result<(String, u32), ApiError> {
        let texts = key.len().saturating_sub(4);
        let read = || {
            let (texts, number) = key.split_at_checked(texts).ok_or_else(|| "a short key".to_owned())?;
            let mut reader = KeyReader::new(texts, self.prefix).map_err(|error| error.to_string())?;
            let mut last = String::new();
            while let Ok(part) = reader.str() {
                last = part;
            }
            let number: [u8; 4] = number.try_into().map_err(|_| "a short key".to_owned())?;
            Ok::<_, String>((last, u32::from_be_bytes(number)))
        };
        read().map_err(|why| corrupt(&why))
    }
}

#[cfg(test)]
mod tests {
    use moln_store::MemoryStore;

    use super::*;

    const TABLE: Long<String> = Long::new("cf/test/");

    #[tokio::test]
    async fn values_of_any_length_are_read_as_they_were_written() {
        let store = MemoryStore::new();
        let long = "x".repeat(3 * ROW);
        for value in [&*long, "short"] {
            let mut batch = Batch::default();
            TABLE.put(&mut batch, &["a", "1"], &value.to_owned()).unwrap();
            TABLE.put(&mut batch, &["a", "2"], &"other".to_owned()).unwrap();
            store.commit(batch).await.unwrap();
            let snapshot = store.snapshot();
            assert_eq!(TABLE.get(&*snapshot, &["a", "1"]).unwrap().as_deref(), Some(value));
            let all = TABLE.named(&*snapshot, &["a"]).unwrap();
            assert_eq!(all, [("1".to_owned(), value.to_owned()), ("2".to_owned(), "other".to_owned())]);
        }
        let mut batch = Batch::default();
        TABLE.delete(&mut batch, &["a", "1"]);
        store.commit(batch).await.unwrap();
        assert_eq!(TABLE.all(&*store.snapshot(), &["a"]).unwrap(), ["other"]);
    }
}
