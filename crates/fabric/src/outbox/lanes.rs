//! What waits in one shard, by lane, so that a slow target holds up nobody else. Pure: it knows rows by their keys only.
//!
//! A lane is a target, or one ordering key of a target. Targets run a bounded number of deliveries, ordered lanes one.
//! Of each lane a few rows are remembered; where the rest begins is noted and read again when they are done.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use moln_kernel::Timestamp;

use super::keys;

/// Rows remembered of one lane.
pub(super) const LANE: usize = 64;
/// Fewer than this left: read on.
const LOW: usize = 8;

/// A lane's hashes; `order` 0: in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneId {
    pub(super) target: u64,
    pub(super) order: u64,
}

impl LaneId {
    fn is_ordered(self) -> bool {
        self.order != 0
    }
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Bytes>,
    running: Vec<Bytes>,
    /// From this row on the lane's rows are not remembered.
    spilled: Option<Bytes>,
    paused: Option<Timestamp>,
    /// Stands in `ready` or in its target's `waiting`.
    listed: bool,
}

#[derive(Default)]
struct TargetLoad {
    running: usize,
    /// 0: not known yet.
    limit: usize,
    /// The last delivery failed: one at a time until one succeeds.
    failing: bool,
    waiting: VecDeque<LaneId>,
}

impl TargetLoad {
    fn has_room(&self) -> bool {
        self.running < if self.failing { 1 } else { self.limit.max(1) }
    }
}

/// All lanes of a shard.
#[derive(Default)]
pub(super) struct Lanes {
    known: HashMap<LaneId, Lane>,
    targets: HashMap<u64, TargetLoad>,
    ready: VecDeque<LaneId>,
    paused: BTreeSet<(Timestamp, LaneId)>,
    /// Lanes with rows that are not remembered.
    spilled: BTreeSet<LaneId>,
    waiting: usize,
}

impl Lanes {
    /// Rows remembered and not under way.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The next row was read from the store.
    pub(super) fn arrive(&mut self, id: LaneId, row: Bytes) {
        let lane = self.known.entry(id).or_default();
        if lane.spilled.is_some() {
            return;
        }
        if lane.queue.len() >= LANE {
            lane.spilled = Some(row);
            self.spilled.insert(id);
            return;
        }
        lane.queue.push_back(row);
        self.waiting += 1;
        self.list(id);
    }

    /// A failed delivery is due again.
    pub(super) fn retry(&mut self, id: LaneId, row: Bytes) {
        self.known.entry(id).or_default().queue.push_back(row);
        self.waiting += 1;
        self.list(id);
    }

    /// Whether a row waits or is under way.
    pub(super) fn knows(&self, id: LaneId, row: &Bytes) -> bool {
        self.known.get(&id).is_some_and(|lane| lane.queue.contains(row) || lane.running.contains(row))
    }

    /// Lanes that should be read on, and from where.
    pub(super) fn hungry(&self) -> Vec<(LaneId, Bytes)> {
        let low = self.spilled.iter().filter_map(|id| {
            let lane = self.known.get(id).filter(|lane| lane.queue.len() < LOW)?;
            Some((*id, lane.spilled.clone()?))
        });
        low.collect()
    }

    /// A hungry lane was read on; `rest`: from where it is still not remembered.
    pub(super) fn refill(&mut self, id: LaneId, rows: Vec<Bytes>, rest: Option<Bytes>) {
        let Some(lane) = self.known.get_mut(&id) else { return };
        if rest.is_none() {
            self.spilled.remove(&id);
        }
        lane.spilled = rest;
        self.waiting += rows.len();
        lane.queue.extend(rows);
        self.list(id);
        self.tidy(id);
    }

    /// The next delivery that may start; lanes take turns.
    pub(super) fn take(&mut self) -> Option<(LaneId, Bytes)> {
        while let Some(id) = self.ready.pop_front() {
            let Some(lane) = self.known.get_mut(&id) else { continue };
            let target = self.targets.entry(id.target).or_default();
            if !target.has_room() {
                target.waiting.push_back(id);
                continue;
            }
            lane.listed = false;
            let Some(row) = lane.queue.pop_front() else { continue };
            lane.running.push(row.clone());
            self.waiting -= 1;
            target.running += 1;
            self.list(id);
            return Some((id, row));
        }
        None
    }

    /// How many deliveries the lane's target takes at once.
    pub(super) fn limit(&mut self, id: LaneId, limit: usize) {
        self.targets.entry(id.target).or_default().limit = limit.max(1);
        self.admit(id.target);
    }

    /// A delivery that was taken is through: delivered, moved or given up.
    pub(super) fn finish(&mut self, id: LaneId, row: &Bytes, failed: Option<bool>) {
        self.end(id, row, failed);
        self.list(id);
        self.tidy(id);
    }

    /// A delivery that was taken stays the first of its lane, which pauses until a moment.
    pub(super) fn pause(&mut self, id: LaneId, row: &Bytes, until: Timestamp, failed: Option<bool>) {
        self.end(id, row, failed);
        let Some(lane) = self.known.get_mut(&id) else { return };
        lane.queue.push_front(row.clone());
        lane.paused = Some(until);
        self.waiting += 1;
        self.paused.insert((until, id));
    }

    /// When the next paused lane goes on.
    pub(super) fn next_resume(&self) -> Option<Timestamp> {
        self.paused.first().map(|(until, _)| *until)
    }

    /// Lets paused lanes whose moment has come go on.
    pub(super) fn resume(&mut self, now: Timestamp) {
        while let Some((until, id)) = self.paused.first().copied()
            && until <= now
        {
            self.paused.pop_first();
            if let Some(lane) = self.known.get_mut(&id) {
                lane.paused = None;
            }
            self.list(id);
        }
    }

    /// The oldest row that is waiting or under way among the new ones, or where the first unremembered one may be.
    pub(super) fn oldest_new(&self) -> Option<&Bytes> {
        let known =
            self.known.values().flat_map(|lane| lane.queue.iter().chain(&lane.running).chain(&lane.spilled));
        known.filter(|row| keys::is_new(row)).min()
    }

    fn end(&mut self, id: LaneId, row: &Bytes, failed: Option<bool>) {
        if let Some(lane) = self.known.get_mut(&id) {
            lane.running.retain(|running| running != row);
        }
        if let Some(target) = self.targets.get_mut(&id.target) {
            target.running = target.running.saturating_sub(1);
            target.failing = failed.unwrap_or(target.failing);
        }
        self.admit(id.target);
    }

    /// Lets lanes that waited for room at their target stand in the queue again.
    fn admit(&mut self, target: u64) {
        let Some(load) = self.targets.get_mut(&target) else { return };
        if load.has_room() {
            self.ready.extend(load.waiting.drain(..));
        }
    }

    /// Puts a lane into the queue of those that may start something.
    fn list(&mut self, id: LaneId) {
        let Some(lane) = self.known.get_mut(&id) else { return };
        let blocked = id.is_ordered() && !lane.running.is_empty();
        if !lane.listed && !blocked && lane.paused.is_none() && !lane.queue.is_empty() {
            lane.listed = true;
            self.ready.push_back(id);
        }
    }

    /// Forgets a lane, and its target, that have nothing left.
    fn tidy(&mut self, id: LaneId) {
        let done = self.known.get(&id).is_some_and(|lane| {
            lane.queue.is_empty() && lane.running.is_empty() && lane.spilled.is_none() && !lane.listed
        });
        if done {
            self.known.remove(&id);
            let idle = |load: &TargetLoad| load.running == 0 && load.waiting.is_empty() && !load.failing;
            if self.targets.get(&id.target).is_some_and(idle) {
                self.targets.remove(&id.target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LaneId = LaneId { target: 1, order: 0 };
    const B: LaneId = LaneId { target: 2, order: 0 };

    fn row(n: usize) -> Bytes {
        format!("ob/{n:04}").into()
    }
    fn take(lanes: &mut Lanes) -> Vec<(u64, Bytes)> {
        std::iter::from_fn(|| lanes.take()).map(|(id, row)| (id.target, row)).collect()
    }

    #[test]
    fn lanes_take_turns_and_targets_have_limits() {
        let mut lanes = Lanes::default();
        for n in 0..4 {
            lanes.arrive(A, row(n));
        }
        lanes.arrive(B, row(9));
        assert_eq!(take(&mut lanes), [(1, row(0)), (2, row(9))], "one at a time while the limit is unknown");
        lanes.limit(A, 3);
        assert_eq!(take(&mut lanes), [(1, row(1)), (1, row(2))]);
        lanes.finish(A, &row(1), Some(false));
        assert_eq!(take(&mut lanes), [(1, row(3))]);
        assert_eq!(lanes.oldest_new(), Some(&row(0)));
        for n in [0, 2, 3] {
            lanes.finish(A, &row(n), Some(false));
        }
        lanes.finish(B, &row(9), None);
        assert!(lanes.known.is_empty() && lanes.targets.is_empty() && lanes.waiting() == 0);
    }

    #[test]
    fn a_failing_target_gets_one_at_a_time() {
        let mut lanes = Lanes::default();
        (0..10).for_each(|n| lanes.arrive(A, row(n)));
        lanes.limit(A, 4);
        assert_eq!(take(&mut lanes).len(), 4);
        (0..4).for_each(|n| lanes.finish(A, &row(n), Some(true)));
        assert_eq!(take(&mut lanes), [(1, row(4))]);
        lanes.finish(A, &row(4), Some(false));
        assert_eq!(take(&mut lanes).len(), 4);
    }

    #[test]
    fn ordered_lanes_run_one_and_wait_for_it() {
        let lane = |order| LaneId { target: 1, order };
        let mut lanes = Lanes::default();
        lanes.limit(lane(5), 2);
        for (n, order) in [(0, 5), (1, 5), (2, 6), (3, 7)] {
            lanes.arrive(lane(order), row(n));
        }
        assert_eq!(take(&mut lanes), [(1, row(0)), (1, row(2))]);
        lanes.pause(lane(5), &row(0), Timestamp(100), Some(false));
        assert_eq!(take(&mut lanes), [(1, row(3))], "the next group, not the next of the paused one");
        lanes.finish(lane(6), &row(2), Some(false));
        lanes.resume(Timestamp(99));
        assert_eq!((take(&mut lanes), lanes.next_resume()), (vec![], Some(Timestamp(100))));
        lanes.resume(Timestamp(100));
        assert_eq!(take(&mut lanes), [(1, row(0))]);
        lanes.finish(lane(5), &row(0), Some(false));
        assert_eq!(take(&mut lanes), [(1, row(1))]);
    }

    #[test]
    fn what_is_too_much_is_read_again_later() {
        let mut lanes = Lanes::default();
        (0..LANE + 100).for_each(|n| lanes.arrive(A, row(n)));
        assert_eq!((lanes.waiting(), lanes.hungry()), (LANE, vec![]));
        lanes.limit(A, LANE);
        assert_eq!(take(&mut lanes).len(), LANE);
        assert_eq!(lanes.hungry(), [(A, row(LANE))]);
        (0..LANE).for_each(|n| lanes.finish(A, &row(n), Some(false)));
        assert_eq!(lanes.oldest_new(), Some(&row(LANE)));
        lanes.refill(A, vec![row(LANE)], Some(row(LANE + 1)));
        assert_eq!(take(&mut lanes), [(1, row(LANE))]);
        lanes.refill(A, vec![row(LANE + 1)], None);
        lanes.arrive(A, row(LANE + 2));
        assert_eq!(take(&mut lanes), [(1, row(LANE + 1)), (1, row(LANE + 2))]);
    }
}
