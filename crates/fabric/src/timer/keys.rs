//! Timers on disk: `tm/ shard due kind NUL id` → version, failures, payload; `tc/ shard` → how far it is drained.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};
use moln_kernel::Timestamp;
use moln_store::KeyRange;

use super::{Timer, TimerKey};

/// Shards timers are spread over. Part of the format.
pub(super) const SHARDS: u8 = 16;

pub(super) const ROWS: &[u8] = b"tm/";
const CURSORS: &[u8] = b"tc/";
/// Version of the value.
const V1: u8 = 1;

/// Which shard a timer lies in: by kind and id, so that all of a target's timers are owned together.
fn shard(kind: &str, id: &[u8]) -> u8 {
    u8::try_from(crate::hash::stable(&[kind.as_bytes(), id]) % u64::from(SHARDS)).unwrap_or_default()
}

pub(super) fn row(key: &TimerKey) -> Bytes {
    let mut bytes = BytesMut::with_capacity(ROWS.len() + 10 + key.kind.len() + key.id.len());
    bytes.put_slice(ROWS);
    bytes.put_u8(shard(&key.kind, &key.id));
    bytes.put_u64(key.due.millis());
    bytes.put_slice(key.kind.as_bytes());
    bytes.put_u8(0);
    bytes.put_slice(&key.id);
    bytes.freeze()
}

pub(super) fn value(failures: u32, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + payload.len());
    bytes.put_u8(V1);
    bytes.put_u32(failures);
    bytes.put_slice(payload);
    bytes.freeze()
}

/// The moment in a row's key.
pub(super) fn due(row: &[u8]) -> Option<Timestamp> {
    let (due, _) = row.get(ROWS.len() + 1..)?.split_first_chunk()?;
    Some(Timestamp(u64::from_be_bytes(*due)))
}

/// A row as a timer; `None` when it was not written by this module.
pub(super) fn parse(row: &Bytes, value: &Bytes) -> Option<Timer> {
    let due = due(row)?;
    let rest = row.get(ROWS.len() + 9..)?;
    let nul = rest.iter().position(|byte| *byte == 0)?;
    let kind = str::from_utf8(rest.get(..nul)?).ok()?.to_owned();
    let id = row.slice_ref(rest.get(nul + 1..)?);
    let (version, rest) = value.split_first()?;
    let (failures, payload) = rest.split_first_chunk()?;
    let timer = Timer {
        key: TimerKey { due, kind: Cow::Owned(kind), id },
        payload: value.slice_ref(payload),
        failures: u32::from_be_bytes(*failures),
    };
    (*version == V1).then_some(timer)
}

pub(super) fn shard_prefix(shard: u8) -> Bytes {
    [ROWS, &[shard]].concat().into()
}

/// A shard's timers from a moment on.
pub(super) fn range(shard: u8, from: Timestamp) -> KeyRange {
    let start = [ROWS, &[shard], &from.millis().to_be_bytes()].concat();
    KeyRange { start: start.into(), end: KeyRange::prefix(shard_prefix(shard)).end }
}

pub(super) fn cursor(shard: u8) -> Bytes {
    [CURSORS, &[shard]].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_sort_by_moment() {
        let key = |due, id: &'static str| TimerKey {
            due: Timestamp(due),
            kind: Cow::Borrowed("sqs.move"),
            id: id.as_bytes().into(),
        };
        let timer = Timer { key: key(77, "a\0b"), payload: "p".into(), failures: 3 };
        assert_eq!(parse(&row(&timer.key), &value(3, b"p")), Some(timer));
        assert!(row(&key(1 << 40, "x")) > row(&key(255, "x")));
        assert_eq!(due(&row(&key(1 << 40, "x"))), Some(Timestamp(1 << 40)));
    }

    #[test]
    fn what_is_on_disk_does_not_change() {
        let key = TimerKey { due: Timestamp(1), kind: Cow::Borrowed("k"), id: "i".into() };
        assert_eq!(row(&key), Bytes::from_static(b"tm/\x03\0\0\0\0\0\0\0\x01k\0i"));
        assert_eq!(value(2, b"p"), Bytes::from_static(b"\x01\0\0\0\x02p"));
    }

    #[test]
    fn damaged_rows_are_no_timers() {
        let (row, value) =
            (row(&TimerKey { due: Timestamp(1), kind: "k".into(), id: "i".into() }), value(0, b""));
        assert!(parse(&row.slice(..10), &value).is_none());
        assert!(parse(&row.slice(..13), &value).is_none());
        assert!(parse(&row, &value.slice(..4)).is_none());
        assert!(parse(&row, &Bytes::from_static(b"\x02\0\0\0\0")).is_none());
    }
}
