//! Key layout. Two letters name the table, then the queue's number (8 bytes, big endian), so that a queue's rows lie
//! together and one range delete removes them. Stamps are 8 bytes, big endian: key order is send order.
//!
//! | key | value |
//! |---|---|
//! | `qa/` account `/` region `/` name | the queue: number, attributes, tags |
//! | `qb` queue stamp | a message, written once |
//! | `qc` queue | up to here no message waits for its first receive (a hint: later ones may have been received, too) |
//! | `qd/` account `/` region `/` name | when a queue of that name was deleted |
//! | `qf` queue stamp | received or delayed: hidden until, receive count, first receive |
//! | `qk` | the secret of receipt handles |
//! | `qo` queue stamp n | the n-th further 64 KiB of a long message |
//! | `qm` source-queue task-stamp | a message move task |
//! | `qr` queue sent stamp | a redriven message, whose age its stamp does not tell |
//! | `qx` queue epoch digest | FIFO: a deduplication id seen |

use bytes::Bytes;
use moln_store::KeyRange;

/// The secret of receipt handles.
pub(crate) const SECRET: &[u8] = b"qk";

fn key<const N: usize>(table: [u8; 2], parts: [u64; N]) -> Bytes {
    let mut key = [0u8; 2 + 24];
    let mut len = 2;
    let (head, mut rest) = key.split_at_mut(2);
    head.copy_from_slice(&table);
    for part in parts {
        let Some((slot, tail)) = rest.split_first_chunk_mut::<8>() else { break };
        *slot = part.to_be_bytes();
        rest = tail;
        len += 8;
    }
    Bytes::copy_from_slice(key.get(..len).unwrap_or_default())
}

fn all(table: [u8; 2], queue: u64) -> KeyRange {
    KeyRange { start: key(table, [queue]), end: key(table, [queue.saturating_add(1)]) }
}

/// A message.
pub(crate) fn body(queue: u64, stamp: u64) -> Bytes {
    key(*b"qb", [queue, stamp])
}
/// The `n`-th continuation (from 1) of a long message.
pub(crate) fn more(queue: u64, stamp: u64, n: u64) -> Bytes {
    key(*b"qo", [queue, stamp, n])
}
/// Every continuation.
pub(crate) fn all_more(queue: u64) -> KeyRange {
    all(*b"qo", queue)
}
/// Every message behind `after`.
pub(crate) fn bodies_after(queue: u64, after: u64) -> KeyRange {
    KeyRange {
        start: key(*b"qb", [queue, after.saturating_add(1)]),
        end: key(*b"qb", [queue.saturating_add(1)]),
    }
}
/// Every message.
pub(crate) fn bodies(queue: u64) -> KeyRange {
    all(*b"qb", queue)
}
/// The cursor of first receives.
pub(crate) fn cursor(queue: u64) -> Bytes {
    key(*b"qc", [queue])
}
/// A hidden message.
pub(crate) fn hidden(queue: u64, stamp: u64) -> Bytes {
    key(*b"qf", [queue, stamp])
}
/// Every hidden message.
pub(crate) fn all_hidden(queue: u64) -> KeyRange {
    all(*b"qf", queue)
}
/// The age of a redriven message.
pub(crate) fn redriven(queue: u64, sent: u64, stamp: u64) -> Bytes {
    key(*b"qr", [queue, sent, stamp])
}
/// Every redriven message, oldest first.
pub(crate) fn all_redriven(queue: u64) -> KeyRange {
    all(*b"qr", queue)
}
/// A deduplication id of an epoch of five minutes.
pub(crate) fn seen(queue: u64, epoch: u64, digest: &[u8; 16]) -> Bytes {
    let mut key = Vec::with_capacity(34);
    key.extend_from_slice(b"qx");
    key.extend_from_slice(&queue.to_be_bytes());
    key.extend_from_slice(&epoch.to_be_bytes());
    key.extend_from_slice(digest);
    key.into()
}
/// Every deduplication id of the epochs before `epoch`.
pub(crate) fn seen_before(queue: u64, epoch: u64) -> KeyRange {
    KeyRange { start: key(*b"qx", [queue]), end: key(*b"qx", [queue, epoch]) }
}
/// Every deduplication id.
pub(crate) fn all_seen(queue: u64) -> KeyRange {
    all(*b"qx", queue)
}
/// A move task.
pub(crate) fn task(source: u64, stamp: u64) -> Bytes {
    key(*b"qm", [source, stamp])
}
/// A queue's move tasks, oldest first.
pub(crate) fn tasks(source: u64) -> KeyRange {
    all(*b"qm", source)
}
/// Every queue's move tasks.
pub(crate) fn all_tasks() -> KeyRange {
    KeyRange { start: Bytes::from_static(b"qm"), end: Bytes::from_static(b"qn") }
}

fn named(table: &str, account: &str, region: &str, name: &str) -> Bytes {
    let mut key = String::with_capacity(5 + account.len() + region.len() + name.len());
    for part in [table, account, "/", region, "/", name] {
        key.push_str(part);
    }
    key.into()
}
/// A queue.
pub(crate) fn queue(account: &str, region: &str, name: &str) -> Bytes {
    named("qa/", account, region, name)
}
/// Every queue.
pub(crate) fn queues() -> KeyRange {
    KeyRange { start: Bytes::from_static(b"qa/"), end: Bytes::from_static(b"qa0") }
}
/// When a queue was deleted.
pub(crate) fn deleted(account: &str, region: &str, name: &str) -> Bytes {
    named("qd/", account, region, name)
}
/// Every deletion.
pub(crate) fn all_deleted() -> KeyRange {
    KeyRange { start: Bytes::from_static(b"qd/"), end: Bytes::from_static(b"qd0") }
}

/// Everything a purge removes.
pub(crate) fn messages(queue: u64) -> [KeyRange; 5] {
    [bodies(queue), all_more(queue), all_hidden(queue), all_redriven(queue), all_seen(queue)]
}

/// The number in the last eight bytes of a key.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}
/// The number behind the queue's.
pub(crate) fn second_number(key: &[u8]) -> Option<u64> {
    key.get(10..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}
/// The number behind the table's name.
pub(crate) fn first_number(key: &[u8]) -> Option<u64> {
    key.get(2..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}
