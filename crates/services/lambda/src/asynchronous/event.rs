//! What waits: rows on disk.
//!
//! - `lam/q/` account, region, function, due, number → an [`Entry`]: what is to be done, ordered by when
//! - `lam/qp/` number, piece → a piece of its payload
//!
//! An entry that is tried again is written under its new moment; its payload stays where it is.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use moln_kernel::{Lineage, Timestamp};
use moln_store::{
    Batch, KeyRange, Snapshot, StoreError,
    key::{KeyReader, KeyWriter},
};
use serde::{Deserialize, Serialize};

use super::limits::PIECE_BYTES;
use crate::{
    state::Address,
    tables::{decode, encode},
};

const ENTRIES: &str = "lam/q/";
const PIECES: &str = "lam/qp/";

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose queue.
    pub(crate) lane: Address,
    /// Not before this moment.
    pub(crate) due: Timestamp,
    /// Its number, unique.
    pub(crate) number: u64,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When the event was accepted, milliseconds since the epoch.
    pub(crate) created: u64,
    /// Bytes of the payload.
    pub(crate) bytes: u32,
    /// The id of the event's request, which the function sees at every try.
    pub(crate) request_id: String,
    /// What has led here, in its text form.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) lineage: String,
    /// The trace header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    /// Which version or alias was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) qualifier: Option<String>,
    /// How often it was refused in a row (throttled, or a failure that is not the function's).
    #[serde(default)]
    pub(crate) refusals: u32,
    /// What is to be done.
    pub(crate) task: Task,
}

/// What is to be done with the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// The function is to run.
    Invoke {
        /// How often it ran.
        invokes: u32,
        /// How often it failed.
        failures: u32,
        /// JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_context: Option<String>,
        /// Status and words of the last try that came to nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<(u16, String)>,
    },
    /// A record of the event, or the event itself, is to be sent.
    Deliver {
        /// The destination's ARN.
        to: String,
        /// A dead letter: the event itself with these attributes (name → type and value). `None`: a record.
        dead_letter: Option<BTreeMap<String, (String, String)>>,
        /// Whether the event came to a good end.
        success: bool,
    },
}

impl Entry {
    /// What has led here.
    pub(crate) fn chain(&self) -> Lineage {
        Lineage::decode(&self.lineage).unwrap_or_default()
    }
}

fn lane(address: &Address) -> KeyWriter {
    KeyWriter::new(ENTRIES).str(address.account.as_str()).str(address.region.as_str()).str(&address.name)
}

/// Everything that waits, of all lanes.
pub(crate) fn everything() -> KeyRange {
    KeyRange::prefix(ENTRIES)
}

/// Everything that waits in a lane, from a moment and number on.
pub(crate) fn waiting(address: &Address, from: (Timestamp, u64)) -> KeyRange {
    let start = lane(address).u64(from.0.millis()).u64(from.1).finish();
    KeyRange { start, end: KeyRange::prefix(lane(address).finish()).end }
}

impl Place {
    /// Its key.
    pub(crate) fn key(&self) -> Bytes {
        lane(&self.lane).u64(self.due.millis()).u64(self.number).finish()
    }

    /// What a key says.
    pub(crate) fn read(key: &[u8]) -> Result<Self, StoreError> {
        let mut parts = KeyReader::new(key, ENTRIES)?;
        let (account, region, name) = (parts.str()?, parts.str()?, parts.str()?);
        let (due, number) = (Timestamp(parts.u64()?), parts.u64()?);
        parts.finish()?;
        let lane =
            Address { account: account.as_str().into(), region: region.as_str().into(), name: name.into() };
        Ok(Self { lane, due, number })
    }

    /// Writes an entry with its payload.
    pub(crate) fn put(&self, batch: &mut Batch, entry: &Entry, payload: &Bytes) -> Result<(), StoreError> {
        batch.put(self.key(), encode(entry)?);
        for (n, start) in (0u32..).zip((0..payload.len()).step_by(PIECE_BYTES)) {
            let piece = payload.slice(start..payload.len().min(start + PIECE_BYTES));
            batch.put(self.piece(n), piece);
        }
        Ok(())
    }

    /// Moves an entry to another moment, changed; its payload stays.
    pub(crate) fn postpone(
        &self,
        batch: &mut Batch,
        entry: &Entry,
        due: Timestamp,
    ) -> Result<Self, StoreError> {
        let later = Self { lane: self.lane.clone(), due, number: self.number };
        batch.delete(self.key());
        batch.put(later.key(), encode(entry)?);
        Ok(later)
    }

    /// Removes an entry with its payload.
    pub(crate) fn delete(&self, batch: &mut Batch, entry: &Entry) {
        batch.delete(self.key());
        for n in 0..pieces(entry.bytes) {
            batch.delete(self.piece(n));
        }
    }

    /// Reads the payload.
    pub(crate) fn payload(&self, snapshot: &dyn Snapshot, entry: &Entry) -> Result<Bytes, StoreError> {
        let count = pieces(entry.bytes);
        let missing = || StoreError::Corrupt("a piece of an asynchronous event is missing".into());
        if count == 1 {
            return Ok(snapshot.get(&self.piece(0))?.ok_or_else(missing)?.0);
        }
        let mut payload = BytesMut::with_capacity(entry.bytes as usize);
        for n in 0..count {
            payload.extend_from_slice(&snapshot.get(&self.piece(n))?.ok_or_else(missing)?.0);
        }
        Ok(payload.freeze())
    }

    fn piece(&self, n: u32) -> Bytes {
        KeyWriter::new(PIECES).u64(self.number).u32(n).finish()
    }
}

fn pieces(bytes: u32) -> u32 {
    bytes.div_ceil(u32::try_from(PIECE_BYTES).unwrap_or(u32::MAX))
}

/// Reads an entry's row.
pub(crate) fn read(row: &[u8]) -> Result<Entry, StoreError> {
    decode(row)
}

#[cfg(test)]
mod tests {
    use moln_store::{MemoryStore, Scan};

    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry {
            created: 5,
            bytes: u32::try_from(bytes).unwrap(),
            request_id: "r".into(),
            lineage: "arn:a,0".into(),
            trace: None,
            qualifier: Some("live".into()),
            refusals: 0,
            task: Task::Invoke { invokes: 1, failures: 1, client_context: None, last: None },
        }
    }

    fn place(name: &str, due: u64) -> Place {
        let lane = Address { account: "000000000000".into(), region: "us-east-1".into(), name: name.into() };
        Place { lane, due: Timestamp(due), number: due + 7 }
    }

    #[tokio::test]
    async fn entries_keep_their_order_and_their_payload() {
        let store = MemoryStore::new();
        for bytes in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 1 << 20] {
            let (place, entry) = (place("f", 300), entry(bytes));
            let payload = Bytes::from(vec![7; bytes]);
            let mut batch = Batch::default();
            place.put(&mut batch, &entry, &payload).unwrap();
            store.commit(batch).await.unwrap();
            assert_eq!(place.payload(&*store.snapshot(), &entry).unwrap(), payload);
            let mut batch = Batch::default();
            let later = place.postpone(&mut batch, &entry, Timestamp(900)).unwrap();
            store.commit(batch).await.unwrap();
            let page = store.snapshot().scan(&everything(), Scan::default()).unwrap();
            assert_eq!((page.rows.len(), Place::read(&page.rows[0].0).unwrap()), (1, later.clone()));
            assert_eq!(read(&page.rows[0].1).unwrap(), entry);
            assert_eq!(later.payload(&*store.snapshot(), &entry).unwrap(), payload);
            let mut batch = Batch::default();
            later.delete(&mut batch, &entry);
            store.commit(batch).await.unwrap();
            let left = store.snapshot().scan(&KeyRange::prefix("lam/"), Scan::default()).unwrap();
            assert!(left.rows.is_empty(), "nothing is left");
        }
        let keys = [place("f", 1).key(), place("f", 2).key(), place("f", 300).key(), place("g", 0).key()];
        assert!(keys.is_sorted());
        assert!(waiting(&place("f", 0).lane, (Timestamp(2), 0)).contains(&keys[1]));
        assert!(!waiting(&place("f", 0).lane, (Timestamp(2), 0)).contains(&keys[0]));
        assert!(!waiting(&place("f", 0).lane, (Timestamp(2), 0)).contains(&keys[3]));
    }

    #[test]
    fn version_1_bytes_stay_readable() {
        // Fixture: never change it; a new form gets its own.
        let invoke = b"\x01{\"created\":5,\"bytes\":1,\"request_id\":\"r\",\"lineage\":\"arn:a,0\",\"qualifier\":\"live\",\
            \"refusals\":0,\"task\":{\"Invoke\":{\"invokes\":1,\"failures\":1}}}";
        assert_eq!(read(invoke).unwrap(), entry(1));
        let deliver =
            b"\x01{\"created\":5,\"bytes\":1,\"request_id\":\"r\",\"task\":{\"Deliver\":{\"to\":\"arn:q\",\
            \"dead_letter\":{\"ErrorCode\":[\"Number\",\"200\"]},\"success\":false}}}";
        let Task::Deliver { dead_letter: Some(attributes), .. } = read(deliver).unwrap().task else {
            panic!()
        };
        assert_eq!(attributes["ErrorCode"], ("Number".to_owned(), "200".to_owned()));
    }
}
