//! A message's row: written once when it is sent, never changed. The row is also what waits in memory to be handed out,
//! so that a body is copied once on its way in and once on its way out.
//!
//! A row longer than 64 KiB continues in further rows of the same commit. Blob files would cost a second sync, a link
//! and a garbage collection for at most sixteen rows.

use bytes::Bytes;
use moln_store::{Batch, Snapshot, StoreError};

use super::{
    codec::{Reader, Writer},
    keys,
};
use crate::limits::INLINE_BYTES;

const VERSION: u8 = 1;
const DELAYED: u8 = 1;
const GROUP: u8 = 2;
const DEDUPLICATION: u8 = 4;
const TRACE: u8 = 8;
const ATTRIBUTES: u8 = 16;
const HISTORY: u8 = 32;
const LINEAGE: u8 = 64;
/// Version, flags, rows, id, sent: what is looked at without reading the rest.
const SENT_AT: usize = 3 + 16;

/// A message attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue<'a> {
    /// `String*`, `Number*`.
    Text(&'a str),
    /// `Binary*`.
    Binary(&'a [u8]),
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: &'a str,
    /// `String`, `Number`, `Binary`, with an optional `.suffix`.
    pub data_type: &'a str,
    /// Its value.
    pub value: AttributeValue<'a>,
}

/// What a message went through before it came to this queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History<'a> {
    /// Receives in earlier queues.
    pub receives: u32,
    /// First receive there, milliseconds since the epoch; 0: none.
    pub first_received: u64,
    /// ARN of the queue whose redrive policy sent it here.
    pub source_arn: &'a str,
}

/// A message as it is stored. Borrows from its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Hidden at first: its state stands in a row of its own from the start.
    pub delayed: bool,
    /// The message id's 16 bytes.
    pub id: [u8; 16],
    /// When it was sent, milliseconds since the epoch.
    pub sent: u64,
    /// MD5 of the body.
    pub body_md5: [u8; 16],
    /// Who sent it.
    pub sender: &'a str,
    /// FIFO group, or tenant of a fair queue.
    pub group: Option<&'a str>,
    /// FIFO deduplication id.
    pub deduplication: Option<&'a str>,
    /// `AWSTraceHeader`.
    pub trace: Option<&'a str>,
    /// Message attributes, by name.
    pub attributes: Vec<Attribute<'a>>,
    /// Its past in other queues.
    pub history: Option<History<'a>>,
    /// What has led here, in the text form of `moln_kernel::Lineage`.
    pub lineage: Option<&'a str>,
    /// The body.
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// The row's bytes, all of them; [`put`] splits them.
    pub fn encode(&self) -> Bytes {
        let mut flags = 0;
        for (set, flag) in [
            (self.delayed, DELAYED),
            (self.group.is_some(), GROUP),
            (self.deduplication.is_some(), DEDUPLICATION),
            (self.trace.is_some(), TRACE),
            (!self.attributes.is_empty(), ATTRIBUTES),
            (self.history.is_some(), HISTORY),
            (self.lineage.is_some(), LINEAGE),
        ] {
            if set {
                flags |= flag;
            }
        }
        let mut row = Writer::with_capacity(self.body.len() + 128);
        row.u8(VERSION).u8(flags).u8(1).raw(&self.id).u64(self.sent).raw(&self.body_md5).text(self.sender);
        for text in [self.group, self.deduplication, self.trace].into_iter().flatten() {
            row.text(text);
        }
        if !self.attributes.is_empty() {
            row.varint(self.attributes.len() as u64);
            for attribute in &self.attributes {
                row.text(attribute.name).text(attribute.data_type);
                match attribute.value {
                    AttributeValue::Text(text) => row.u8(0).text(text),
                    AttributeValue::Binary(bytes) => row.u8(1).bytes(bytes),
                };
            }
        }
        if let Some(history) = self.history {
            row.varint(u64::from(history.receives)).u64(history.first_received).text(history.source_arn);
        }
        if let Some(lineage) = self.lineage {
            row.text(lineage);
        }
        row.raw(self.body.as_bytes());
        let rows = row.0.len().div_ceil(INLINE_BYTES).max(1);
        if let Some(slot) = row.0.get_mut(2) {
            *slot = u8::try_from(rows).unwrap_or(u8::MAX);
        }
        row.0.into()
    }

    /// Reads a whole row; `None` is damage.
    pub fn decode(row: &'a [u8]) -> Option<Self> {
        let mut row = Reader(row);
        if row.u8()? != VERSION {
            return None;
        }
        let flags = row.u8()?;
        row.u8()?;
        let id = row.array()?;
        let sent = row.u64()?;
        let body_md5 = row.array()?;
        let sender = row.text()?;
        let mut optional = |flag| if flags & flag == 0 { Some(None) } else { row.text().map(Some) };
        let group = optional(GROUP)?;
        let deduplication = optional(DEDUPLICATION)?;
        let trace = optional(TRACE)?;
        let mut attributes = Vec::new();
        if flags & ATTRIBUTES != 0 {
            for _ in 0..row.varint()?.min(64) {
                let (name, data_type) = (row.text()?, row.text()?);
                let value = match row.u8()? {
                    0 => AttributeValue::Text(row.text()?),
                    _ => AttributeValue::Binary(row.bytes()?),
                };
                attributes.push(Attribute { name, data_type, value });
            }
        }
        let history = if flags & HISTORY == 0 {
            None
        } else {
            Some(History {
                receives: u32::try_from(row.varint()?).ok()?,
                first_received: row.u64()?,
                source_arn: row.text()?,
            })
        };
        let lineage = if flags & LINEAGE == 0 { None } else { Some(row.text()?) };
        let body = std::str::from_utf8(row.0).ok()?;
        let delayed = flags & DELAYED != 0;
        Some(Self {
            delayed,
            id,
            sent,
            body_md5,
            sender,
            group,
            deduplication,
            trace,
            attributes,
            history,
            lineage,
            body,
        })
    }
}

/// Whether the row is of a message that was delayed when sent.
pub(crate) fn is_delayed(row: &[u8]) -> bool {
    row.get(1).is_some_and(|flags| flags & DELAYED != 0)
}
/// Whether the message came with a past (its age is not its place in the queue).
pub(crate) fn has_history(row: &[u8]) -> bool {
    row.get(1).is_some_and(|flags| flags & HISTORY != 0)
}
/// When it was sent, from the first row alone.
pub(crate) fn sent(row: &[u8]) -> u64 {
    row.get(SENT_AT..).and_then(|tail| tail.first_chunk::<8>()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
/// How many rows the message takes, from the first one alone.
pub(crate) fn rows(row: &[u8]) -> u8 {
    row.get(2).copied().unwrap_or(1).max(1)
}
/// A FIFO message's group, from the first row alone.
pub(crate) fn group(row: &[u8]) -> Option<&str> {
    let flags = row.get(1)?;
    if flags & GROUP == 0 {
        return None;
    }
    let mut rest = Reader(row.get(SENT_AT + 8 + 16..)?);
    rest.text()?;
    rest.text()
}

/// Whether these bytes are the whole message, not only its first row.
pub(crate) fn is_whole(row: &[u8]) -> bool {
    rows(row) == 1 || row.len() > INLINE_BYTES
}

/// Writes a message: one row, or as many as its length asks for.
pub(crate) fn put(batch: &mut Batch, queue: u64, stamp: u64, row: &Bytes) {
    if row.len() <= INLINE_BYTES {
        batch.put(keys::body(queue, stamp), row.clone());
        return;
    }
    for (n, start) in (0u64..).zip((0..row.len()).step_by(INLINE_BYTES)) {
        let part = row.slice(start..row.len().min(start + INLINE_BYTES));
        let key = if n == 0 { keys::body(queue, stamp) } else { keys::more(queue, stamp, n) };
        batch.put(key, part);
    }
}

/// Removes a message of `rows` rows.
pub(crate) fn delete(batch: &mut Batch, queue: u64, stamp: u64, rows: u8) {
    batch.delete(keys::body(queue, stamp));
    for n in 1..u64::from(rows) {
        batch.delete(keys::more(queue, stamp, n));
    }
}

/// The whole row when `first` is only its beginning.
pub(crate) fn complete(
    snapshot: &dyn Snapshot,
    queue: u64,
    stamp: u64,
    first: Bytes,
) -> Result<Option<Bytes>, StoreError> {
    if is_whole(&first) {
        return Ok(Some(first));
    }
    let rows = u64::from(rows(&first));
    let mut whole = first.to_vec();
    for n in 1..rows {
        match snapshot.get(&keys::more(queue, stamp, n))? {
            Some((part, _)) => whole.extend_from_slice(&part),
            None => return Ok(None),
        }
    }
    Ok(Some(whole.into()))
}

/// Reads a message whole; `None`: it is not there (any more).
pub(crate) fn get(snapshot: &dyn Snapshot, queue: u64, stamp: u64) -> Result<Option<Bytes>, StoreError> {
    match snapshot.get(&keys::body(queue, stamp))? {
        Some((first, _)) => complete(snapshot, queue, stamp, first),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(body: &str) -> Message<'_> {
        Message {
            delayed: true,
            id: [7; 16],
            sent: 0x0102_0304_0506,
            body_md5: [9; 16],
            sender: "000000000000",
            group: Some("g"),
            deduplication: Some("d"),
            trace: Some("Root=1"),
            attributes: vec![
                Attribute { name: "a", data_type: "String", value: AttributeValue::Text("x") },
                Attribute { name: "b", data_type: "Binary.png", value: AttributeValue::Binary(&[0, 255]) },
            ],
            history: Some(History { receives: 300, first_received: 5, source_arn: "arn:q" }),
            lineage: Some("arn:f,0"),
            body,
        }
    }

    #[test]
    fn a_row_reads_back_as_written() {
        let message = sample("hello ü");
        let row = message.encode();
        assert_eq!(Message::decode(&row), Some(message));
        assert!(is_delayed(&row) && has_history(&row));
        assert_eq!(sent(&row), 0x0102_0304_0506);
        assert_eq!(group(&row), Some("g"));
    }

    #[test]
    fn version_1_bytes_stay_readable() {
        // Fixture: never change it; a new version gets its own.
        let mut row = vec![1, 0, 1];
        row.extend([7; 16]);
        row.extend([0, 0, 1, 2, 3, 4, 5, 6]);
        row.extend([9; 16]);
        row.extend(b"\x01sbody");
        let message = Message::decode(&row).unwrap();
        assert_eq!((message.sender, message.body, message.sent), ("s", "body", 0x0102_0304_0506));
        assert_eq!(message.encode(), Bytes::from(row));
    }

    #[test]
    fn damage_is_told_and_never_panics() {
        let row = sample("hello").encode();
        for cut in 0..row.len() {
            let _ = Message::decode(&row[..cut]);
            let _ = (is_delayed(&row[..cut]), sent(&row[..cut]), group(&row[..cut]), rows(&row[..cut]));
        }
        assert_eq!(Message::decode(&[2, 0, 1]), None);
    }

    #[test]
    fn a_long_message_takes_as_many_rows_as_needed() {
        let body = "x".repeat(200_000);
        let row = sample(&body).encode();
        let mut batch = Batch::default();
        put(&mut batch, 1, 2, &row);
        assert_eq!(batch.ops.len(), 4);
        assert_eq!(rows(&row), 4);
        let mut removal = Batch::default();
        delete(&mut removal, 1, 2, rows(&row));
        assert_eq!(removal.ops.len(), 4);
    }
}
