//! Chunks: many events in one row. Events of one write lie together, in order of time; a chunk is cut by size and by
//! span, so that a reader who wants a moment has little to read in vain.
//!
//! Version (1), then when they were taken, then per event: milliseconds since the event before, length of the message
//! (both LEB128), the message. A chunk that is larger than a row goes on in further rows.

use std::fmt::Write as _;

use bytes::Bytes;
use moln_store::Batch;

use super::keys::ChunkKey;
use crate::limits::{CHUNK_BYTES, CHUNK_SPAN_MS, EVENT_OVERHEAD, ROW_BYTES};

const V1: u8 = 1;
/// An event's number within its chunk has 16 bits.
const MOST_EVENTS: usize = 1 << 16;

/// Where an event stands among all: by time, then by when it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) time: u64,
    pub(crate) stamp: u64,
    pub(crate) index: u16,
}

impl Position {
    /// Before everything of a moment.
    pub(crate) fn at(time: u64) -> Self {
        Self { time, stamp: 0, index: 0 }
    }
    /// Behind everything.
    pub(crate) const END: Self = Self { time: u64::MAX, stamp: u64::MAX, index: u16::MAX };
}

/// An event as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: Position,
    pub(crate) stream: u64,
    pub(crate) ingested: u64,
    /// UTF-8.
    pub(crate) message: Bytes,
}

impl Event {
    /// The message as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.message).unwrap_or_default()
    }
    /// What it counts, bytes.
    pub(crate) fn size(&self) -> usize {
        self.message.len() + EVENT_OVERHEAD
    }
    /// The event's id as AWS writes it: 56 digits. The upper 48 bits are the time; further down are the stamp (64), the
    /// stream (64) and the index (16).
    pub(crate) fn id(&self) -> String {
        event_id(self.at, self.stream)
    }
}

/// See [`Event::id`].
pub(crate) fn event_id(at: Position, stream: u64) -> String {
    // 192 bits in two numbers: written in decimal by long division, nine digits at a time.
    let mut words = [
        u32::try_from(at.time >> 16 & 0xffff_ffff).unwrap_or_default(),
        u32::try_from((at.time & 0xffff) << 16 | at.stamp >> 48).unwrap_or_default(),
        u32::try_from(at.stamp >> 16 & 0xffff_ffff).unwrap_or_default(),
        u32::try_from((at.stamp & 0xffff) << 16 | stream >> 48).unwrap_or_default(),
        u32::try_from(stream >> 16 & 0xffff_ffff).unwrap_or_default(),
        u32::try_from((stream & 0xffff) << 16 | u64::from(at.index)).unwrap_or_default(),
    ];
    let mut groups = Vec::with_capacity(7);
    while words.iter().any(|word| *word != 0) {
        let mut rest = 0u64;
        for word in &mut words {
            let whole = rest << 32 | u64::from(*word);
            *word = u32::try_from(whole / 1_000_000_000).unwrap_or_default();
            rest = whole % 1_000_000_000;
        }
        groups.push(rest);
    }
    let mut text = String::with_capacity(63);
    for group in groups.iter().rev() {
        // Writing to a string does not fail.
        let _ = write!(text, "{group:09}");
    }
    format!("{:0>56}", text.trim_start_matches('0'))
}

/// Reads [`event_id`]: position and stream.
pub(crate) fn parse_event_id(text: &str) -> Option<(Position, u64)> {
    if text.is_empty() || text.len() > 58 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut words = [0u32; 6];
    for digit in text.bytes() {
        let mut carry = u64::from(digit - b'0');
        for word in words.iter_mut().rev() {
            let whole = u64::from(*word) * 10 + carry;
            *word = u32::try_from(whole & 0xffff_ffff).unwrap_or_default();
            carry = whole >> 32;
        }
        (carry == 0).then_some(())?;
    }
    let [high, time, stamp, middle, stream, low] = words.map(u64::from);
    let at = Position {
        time: high << 16 | time >> 16,
        stamp: (time & 0xffff) << 48 | stamp << 16 | middle >> 16,
        index: u16::try_from(low & 0xffff).ok()?,
    };
    Some((at, (middle & 0xffff) << 48 | stream << 16 | low >> 16))
}

/// A chunk that was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) key: ChunkKey,
    /// Which of the events given it holds.
    pub(crate) events: std::ops::Range<usize>,
}

/// Puts events, which must be in order of time, into chunks of a batch.
pub(crate) fn write(
    batch: &mut Batch,
    group: u64,
    stream: u64,
    ingested: u64,
    events: &[(u64, Bytes)],
    mut stamp: impl FnMut() -> u64,
) -> Vec<Written> {
    let mut written = Vec::new();
    let mut begin = 0;
    while let Some((first, _)) = events.get(begin) {
        let mut body = vec![V1];
        body.extend_from_slice(&ingested.to_be_bytes());
        let (mut last, mut bytes, mut end) = (*first, 0, begin);
        for (time, message) in events.get(begin..).unwrap_or_default() {
            let full = end != begin
                && (body.len() + message.len() > CHUNK_BYTES
                    || time.saturating_sub(*first) > CHUNK_SPAN_MS
                    || end - begin == MOST_EVENTS);
            if full {
                break;
            }
            varint(&mut body, time.saturating_sub(last));
            varint(&mut body, message.len() as u64);
            body.extend_from_slice(message);
            last = *time;
            bytes += message.len() + EVENT_OVERHEAD;
            end += 1;
        }
        let mut key = ChunkKey {
            group,
            stream,
            first: *first,
            stamp: stamp(),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            span: u32::try_from(last.saturating_sub(*first)).unwrap_or(u32::MAX),
            part: 0,
        };
        written.push(Written { key, events: begin..end });
        let body = Bytes::from(body);
        for (part, from) in (0..=u8::MAX).zip((0..body.len()).step_by(ROW_BYTES)) {
            key.part = part;
            batch.put(key.write(), body.slice(from..body.len().min(from + ROW_BYTES)));
        }
        begin = end;
    }
    written
}

/// Reads a chunk's rows, joined. `None`: it is damaged.
pub(crate) fn read(key: &ChunkKey, body: &Bytes) -> Option<Vec<Event>> {
    let mut at = 9;
    (body.first() == Some(&V1)).then_some(())?;
    let ingested = super::keys::number(body, 1)?;
    let mut events = Vec::new();
    let mut time = key.first;
    while at < body.len() {
        time = time.checked_add(unvarint(body, &mut at)?)?;
        let len = usize::try_from(unvarint(body, &mut at)?).ok()?;
        let end = at.checked_add(len).filter(|end| *end <= body.len())?;
        let index = u16::try_from(events.len()).ok()?;
        let at_time = Position { time, stamp: key.stamp, index };
        events.push(Event { at: at_time, stream: key.stream, ingested, message: body.slice(at..end) });
        at = end;
    }
    Some(events)
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        to.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    to.push(u8::try_from(value).unwrap_or_default());
}

fn unvarint(from: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *from.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use moln_store::Op;

    use super::*;

    fn rows(batch: &Batch) -> Vec<(ChunkKey, Bytes)> {
        let put = |op: &Op| match op {
            Op::Put { key, val } => Some((ChunkKey::read(key).unwrap(), val.clone())),
            _ => None,
        };
        batch.ops.iter().filter_map(put).collect()
    }

    #[test]
    fn events_come_back_whatever_their_size() {
        let events: Vec<(u64, Bytes)> =
            [(1_000, 5), (1_000, 0), (1_500, 70_000), (62_000, 300_000), (62_001, 1)]
                .into_iter()
                .map(|(time, len)| (time, Bytes::from("x".repeat(len))))
                .collect();
        let mut batch = Batch::default();
        let mut stamp = 10;
        let written = write(&mut batch, 1, 2, 99, &events, || {
            stamp += 1;
            stamp
        });
        let mut back = Vec::new();
        for chunk in &written {
            let parts = rows(&batch).into_iter().filter(|(key, _)| key.stamp == chunk.key.stamp);
            let body: Vec<u8> = parts.flat_map(|(_, part)| part.to_vec()).collect();
            let read = read(&chunk.key, &body.into()).unwrap();
            assert_eq!(read.len(), chunk.events.len());
            back.extend(read);
        }
        let same = back.iter().map(|e| (e.at.time, e.message.clone())).collect::<Vec<_>>();
        assert_eq!(same, events);
        assert!(back.iter().all(|e| e.ingested == 99 && e.stream == 2));
        assert!(back.is_sorted_by_key(|e| e.at));
        assert!(rows(&batch).iter().all(|(_, val)| val.len() <= ROW_BYTES));
    }

    #[test]
    fn chunks_are_cut_by_span_and_damage_is_told() {
        let events: Vec<(u64, Bytes)> =
            (0..5).map(|n| (n * CHUNK_SPAN_MS * 2 / 3, Bytes::from_static(b"m"))).collect();
        let mut batch = Batch::default();
        let written = write(&mut batch, 1, 2, 3, &events, || 7);
        assert_eq!(written.iter().map(|w| w.events.clone()).collect::<Vec<_>>(), [0..2, 2..4, 4..5]);
        let (key, body) = rows(&batch).remove(0);
        for cut in 0..body.len() {
            let damaged = read(&key, &body.slice(..cut));
            assert!(damaged.is_none_or(|events| events.len() < 2), "{cut}");
        }
    }

    #[test]
    fn ids_have_56_digits_and_come_back() {
        let at = Position { time: 1_700_000_000_123, stamp: u64::MAX - 5, index: 9 };
        let id = event_id(at, 77);
        assert_eq!((id.len(), parse_event_id(&id)), (56, Some((at, 77))));
        let later = event_id(Position { time: 1_700_000_000_124, ..Position::default() }, 0);
        assert!(id < later);
        assert_eq!(event_id(Position::default(), 0), "0".repeat(56));
        for bad in ["", "x", &"9".repeat(59), &"9".repeat(58)] {
            assert_eq!(parse_event_id(bad), None, "{bad}");
        }
    }
}
