//! Key layout. Three letters name the table; numbers are eight bytes, big endian. Groups and streams have numbers that
//! never come back, so what a deleted one leaves behind belongs to nobody.
//!
//! | key | value |
//! |---|---|
//! | `lgg/` account region name | a log group |
//! | `lgs` group `/` stream's name | a log stream: its number, when it was made |
//! | `lgn` group stream | the stream's name |
//! | `lgt` group stream field | a stream's figures, one number each: see [`Field`] |
//! | `lgb` group | bytes stored in the group (a counter) |
//! | `lgc` group stream first-time stamp bytes(4) span(4) part(1) | a chunk of events |
//! | `lgm` group `/` filter's name | a metric filter |
//! | `lgf` group `/` filter's name | a subscription filter |
//! | `lgk/` account region kind name | what is only kept: destinations, policies, definitions, deliveries |
//! | `lgq/` account region id | a query |
//! | `lgx` | the secret of pagination tokens |

use bytes::{BufMut, Bytes, BytesMut};
use moln_store::KeyRange;

/// The secret of pagination tokens.
pub(crate) const SECRET: &[u8] = b"lgx";
const CHUNK_KEY: usize = 3 + 8 * 4 + 4 + 4 + 1;

/// A figure of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    /// Time of its newest event; zero without one.
    Last = 0,
    /// The complement of the time of its oldest event: a bound, the oldest may be later.
    First = 1,
    /// When something was last written.
    Ingested = 2,
    /// The longest time between a chunk's first and last event.
    Span = 3,
    /// Bytes of its events, with their overhead.
    Bytes = 4,
}

fn numbers<const N: usize>(table: &[u8], parts: [u64; N]) -> BytesMut {
    let mut key = BytesMut::with_capacity(table.len() + 8 * N + 64);
    key.put_slice(table);
    for part in parts {
        key.put_u64(part);
    }
    key
}

fn named(table: &[u8], group: u64, name: &str) -> Bytes {
    let mut key = numbers(table, [group]);
    key.put_u8(b'/');
    key.put_slice(name.as_bytes());
    key.freeze()
}

/// A stream by name.
pub(crate) fn stream(group: u64, name: &str) -> Bytes {
    named(b"lgs", group, name)
}
/// The streams of a group whose names begin with `prefix`, by name.
pub(crate) fn streams(group: u64, prefix: &str) -> KeyRange {
    KeyRange::prefix(stream(group, prefix))
}
/// A stream's name within its key.
pub(crate) fn stream_name(key: &[u8]) -> Option<&str> {
    str::from_utf8(key.get(3 + 8 + 1..)?).ok()
}
/// A stream's name by number.
pub(crate) fn name(group: u64, stream: u64) -> Bytes {
    numbers(b"lgn", [group, stream]).freeze()
}
/// A figure of a stream.
pub(crate) fn figure(group: u64, stream: u64, field: Field) -> Bytes {
    let mut key = numbers(b"lgt", [group, stream]);
    key.put_u8(field as u8);
    key.freeze()
}
/// All figures of a stream.
pub(crate) fn stream_figures(group: u64, stream: u64) -> KeyRange {
    KeyRange::prefix(numbers(b"lgt", [group, stream]).freeze())
}
/// All figures of a group's streams.
pub(crate) fn figures(group: u64) -> KeyRange {
    KeyRange::prefix(numbers(b"lgt", [group]).freeze())
}
/// The stream and the field within a figure's key.
pub(crate) fn figure_parts(key: &[u8]) -> Option<(u64, u8)> {
    Some((number(key, 11)?, *key.get(19)?))
}
/// The bytes stored in a group.
pub(crate) fn bytes(group: u64) -> Bytes {
    numbers(b"lgb", [group]).freeze()
}
/// A metric filter.
pub(crate) fn metric_filter(group: u64, name: &str) -> Bytes {
    named(b"lgm", group, name)
}
/// The metric filters of a group.
pub(crate) fn metric_filters(group: u64) -> KeyRange {
    KeyRange::prefix(numbers(b"lgm", [group]).freeze())
}
/// A subscription filter.
pub(crate) fn subscription(group: u64, name: &str) -> Bytes {
    named(b"lgf", group, name)
}
/// The subscription filters of a group.
pub(crate) fn subscriptions(group: u64) -> KeyRange {
    KeyRange::prefix(numbers(b"lgf", [group]).freeze())
}

/// What a chunk's key tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkKey {
    pub(crate) group: u64,
    pub(crate) stream: u64,
    /// Time of its first event.
    pub(crate) first: u64,
    /// Ours, greater than that of all chunks written before.
    pub(crate) stamp: u64,
    /// Bytes of its events, with their overhead.
    pub(crate) bytes: u32,
    /// Milliseconds from its first to its last event.
    pub(crate) span: u32,
    /// A chunk that is larger than a row has several.
    pub(crate) part: u8,
}

impl ChunkKey {
    pub(crate) fn write(&self) -> Bytes {
        let mut key = numbers(b"lgc", [self.group, self.stream, self.first, self.stamp]);
        key.put_u32(self.bytes);
        key.put_u32(self.span);
        key.put_u8(self.part);
        key.freeze()
    }
    pub(crate) fn read(key: &[u8]) -> Option<Self> {
        let short = |at: usize| key.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b));
        (key.len() == CHUNK_KEY).then_some(())?;
        Some(Self {
            group: number(key, 3)?,
            stream: number(key, 11)?,
            first: number(key, 19)?,
            stamp: number(key, 27)?,
            bytes: short(35)?,
            span: short(39)?,
            part: *key.get(43)?,
        })
    }
    /// Time of its last event.
    pub(crate) fn last(&self) -> u64 {
        self.first.saturating_add(u64::from(self.span))
    }
}

/// The chunks of a stream whose first event lies from `from` (inclusive) to `to` (exclusive).
pub(crate) fn chunks(group: u64, stream: u64, from: u64, to: u64) -> KeyRange {
    KeyRange {
        start: numbers(b"lgc", [group, stream, from]).freeze(),
        end: numbers(b"lgc", [group, stream, to]).freeze(),
    }
}
/// Where the chunks of a moment begin that have this stamp or a later one.
pub(crate) fn chunks_from(group: u64, stream: u64, first: u64, stamp: u64) -> Bytes {
    numbers(b"lgc", [group, stream, first, stamp]).freeze()
}
/// All chunks of a stream.
pub(crate) fn all_chunks(group: u64, stream: u64) -> KeyRange {
    KeyRange::prefix(numbers(b"lgc", [group, stream]).freeze())
}
/// Everything that a group's number begins, in every table.
pub(crate) fn everything(group: u64) -> Vec<KeyRange> {
    let tables: [&[u8]; 7] = [b"lgs", b"lgn", b"lgt", b"lgb", b"lgc", b"lgm", b"lgf"];
    tables.into_iter().map(|table| KeyRange::prefix(numbers(table, [group]).freeze())).collect()
}

/// The number at an offset of a key or value.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_keys_come_back_and_lie_in_their_stream() {
        let key = ChunkKey { group: 1, stream: 2, first: 3, stamp: 4, bytes: 5, span: 6, part: 7 };
        let written = key.write();
        assert_eq!(ChunkKey::read(&written), Some(key));
        assert!(chunks(1, 2, 3, 4).contains(&written) && !chunks(1, 2, 4, 9).contains(&written));
        assert!(all_chunks(1, 2).contains(&written) && !all_chunks(1, 3).contains(&written));
        assert_eq!(ChunkKey::read(&written[..43]), None);
    }

    #[test]
    fn names_are_read_back() {
        assert_eq!(stream_name(&stream(7, "a/b")), Some("a/b"));
        assert!(streams(7, "a").contains(&stream(7, "a/b")));
        assert!(!streams(7, "").contains(&stream(8, "a/b")));
        assert_eq!(figure_parts(&figure(7, 9, Field::Span)), Some((9, 3)));
    }
}
