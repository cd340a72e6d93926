//! The outbox on disk:
//! - `ob/ shard stamp target order id` → delivery: new ones, in order of commit; ordered ones until they are through
//! - `od/ shard due stamp target order id` → delivery: failed ones, to be tried again
//! - `oc/ shard` → stamp below which `ob/` is drained
//!
//! `target` and `order` are hashes: deliveries with the same ones share a lane.

use bytes::Bytes;
use moln_kernel::Timestamp;
use moln_store::KeyRange;

use super::{Delivery, lanes::LaneId};

/// Shards deliveries are spread over, by target. Part of the format.
pub(super) const SHARDS: u8 = 16;

const NEW: &[u8] = b"ob/";
const FAILED: &[u8] = b"od/";
const CURSORS: &[u8] = b"oc/";
/// Of every prefix above.
const PREFIX: usize = 3;
/// Stamp, target, order and id.
const TAIL: usize = 48;

/// Which lane a delivery goes by.
pub(super) fn lane(delivery: &Delivery) -> LaneId {
    let target = crate::hash::stable(&[delivery.target.kind.as_bytes(), delivery.target.arn.as_bytes()]);
    // Zero says: in any order.
    let order = if delivery.ordered {
        crate::hash::stable(&[delivery.group_id.as_deref().unwrap_or_default().as_bytes()]).max(1)
    } else {
        0
    };
    LaneId { target, order }
}

/// The shard a delivery belongs to.
pub(super) fn shard_of(delivery: &Delivery) -> u8 {
    shard(lane(delivery))
}

/// The id of the delivery in a row of either kind.
pub(super) fn id(row: &[u8]) -> Option<[u8; 16]> {
    tail(row)?.get(32..)?.try_into().ok()
}

fn shard(lane: LaneId) -> u8 {
    u8::try_from(lane.target % u64::from(SHARDS)).unwrap_or_default()
}

/// What stands before and behind the stamp of a new delivery.
pub(super) fn new_row(delivery: &Delivery) -> (Bytes, Bytes) {
    let lane = lane(delivery);
    let suffix = [&lane.target.to_be_bytes()[..], &lane.order.to_be_bytes(), &delivery.id].concat();
    (new_prefix(shard(lane)), suffix.into())
}

/// The row a failed delivery is moved to.
pub(super) fn failed_row(row: &Bytes, due: Timestamp) -> Option<Bytes> {
    let shard = *row.get(PREFIX)?;
    Some([FAILED, &[shard], &due.millis().to_be_bytes(), tail(row)?].concat().into())
}

fn tail(row: &[u8]) -> Option<&[u8]> {
    row.len().checked_sub(TAIL).and_then(|start| row.get(start..))
}

/// The lane of a row of either kind.
pub(super) fn lane_of(row: &[u8]) -> Option<LaneId> {
    let (target, rest) = tail(row)?.get(16..)?.split_first_chunk()?;
    let (order, _) = rest.split_first_chunk()?;
    Some(LaneId { target: u64::from_be_bytes(*target), order: u64::from_be_bytes(*order) })
}

pub(super) fn is_new(row: &[u8]) -> bool {
    row.starts_with(NEW)
}

/// The moment in a failed delivery's row.
pub(super) fn due(row: &[u8]) -> Option<Timestamp> {
    let (due, _) = row.get(PREFIX + 1..)?.split_first_chunk()?;
    Some(Timestamp(u64::from_be_bytes(*due)))
}

/// The stamp in a new delivery's row.
pub(super) fn stamp(row: &[u8]) -> Option<[u8; 16]> {
    row.get(PREFIX + 1..)?.first_chunk().copied()
}

pub(super) fn new_prefix(shard: u8) -> Bytes {
    [NEW, &[shard]].concat().into()
}

/// All new deliveries with this stamp or a greater one.
pub(super) fn new_from(shard: u8, stamp: [u8; 16]) -> KeyRange {
    KeyRange { start: [NEW, &[shard], &stamp].concat().into(), end: KeyRange::prefix(new_prefix(shard)).end }
}

/// All failed deliveries of a shard.
pub(super) fn failed(shard: u8) -> KeyRange {
    KeyRange::prefix([FAILED, &[shard]].concat())
}

/// The first key of failed deliveries that are due later than this.
pub(super) fn failed_after(shard: u8, moment: Timestamp) -> Bytes {
    [FAILED, &[shard], &moment.millis().saturating_add(1).to_be_bytes()].concat().into()
}

pub(super) fn cursor(shard: u8) -> Bytes {
    [CURSORS, &[shard]].concat().into()
}

/// The key right behind another.
pub(super) fn behind(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}
