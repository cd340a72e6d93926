//! Whose turn it is. Every function has a lane of its own, so that a slow or throttled one holds up nobody else; in memory
//! a lane is a few numbers, however much waits in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use moln_kernel::Timestamp;

use super::limits::{LANE_WIDTH, THROTTLED, TURN, WIDTH};
use crate::state::Address;

/// Where an entry stands within its lane.
pub(crate) type Spot = (Timestamp, u64);

#[derive(Debug)]
struct Lane {
    /// No entry that is not under way is due earlier; `None`: there is none.
    next: Option<Timestamp>,
    /// No entry stands before this.
    from: Spot,
    running: BTreeSet<Spot>,
    /// Those under way that were written anew meanwhile: they are to be done once more.
    again: BTreeSet<Spot>,
    /// Rows that cannot be read: left where they are.
    broken: BTreeSet<Spot>,
    /// How many may be under way.
    width: usize,
    /// Nothing is started before this moment.
    paused: Timestamp,
}

/// All lanes.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    all: BTreeMap<Address, Lane>,
    /// Who had the last turn.
    last: Option<Address>,
    running: usize,
}

/// A lane's turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) lane: Address,
    /// Look from here on …
    pub(crate) from: Spot,
    /// … but not at these …
    pub(crate) skip: BTreeSet<Spot>,
    /// … for as many.
    pub(crate) want: usize,
}

/// How an entry's try went, for the lane's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// The function had room.
    Through,
    /// It had none.
    Throttled,
    /// Nothing is known of it; the lane waits until this moment.
    Unknown(Timestamp),
}

impl Lane {
    fn add(&mut self, spot: Spot) {
        self.next = Some(self.next.map_or(spot.0, |next| next.min(spot.0)));
        self.from = self.from.min(spot);
    }
}

impl Lanes {
    /// An entry was written.
    pub(crate) fn note(&mut self, address: &Address, spot: Spot) {
        let lane = self.all.entry(address.clone()).or_insert_with(|| Lane {
            next: None,
            from: spot,
            running: BTreeSet::new(),
            again: BTreeSet::new(),
            broken: BTreeSet::new(),
            width: LANE_WIDTH,
            paused: Timestamp(0),
        });
        if lane.running.contains(&spot) {
            lane.again.insert(spot);
        } else {
            lane.add(spot);
        }
    }

    /// The next lane that has something due, in turn. Until [`Lanes::took`] is told, it is taken to have nothing more.
    pub(crate) fn turn(&mut self, now: Timestamp) -> Option<Turn> {
        let room = WIDTH.saturating_sub(self.running);
        if room == 0 {
            return None;
        }
        let ready = |lane: &Lane| {
            lane.next.is_some_and(|next| next <= now) && lane.paused <= now && lane.running.len() < lane.width
        };
        let behind = match &self.last {
            Some(last) => (Bound::Excluded(last.clone()), Bound::Unbounded),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        let behind = self.all.range(behind).find(|(_, lane)| ready(lane));
        let address = behind.or_else(|| self.all.iter().find(|(_, lane)| ready(lane)))?.0.clone();
        let lane = self.all.get_mut(&address)?;
        lane.next = None;
        let want = TURN.min(room).min(lane.width - lane.running.len());
        self.last = Some(address.clone());
        let skip = lane.running.union(&lane.broken).copied().collect();
        Some(Turn { lane: address, from: lane.from, skip, want })
    }

    /// What came of a turn: these are under way now, these cannot be read, the lane begins at `first`, and the next one is
    /// due at `following`.
    pub(crate) fn took(
        &mut self,
        address: &Address,
        taken: &[Spot],
        broken: &[Spot],
        first: Option<Spot>,
        following: Option<Timestamp>,
    ) {
        let Some(lane) = self.all.get_mut(address) else { return };
        // What was noted since the turn began may stand before what was seen.
        let noted = lane.next.is_some();
        lane.running.extend(taken);
        lane.broken.extend(broken);
        self.running += taken.len();
        lane.next = lane.next.into_iter().chain(following).min();
        if let Some(first) = first.filter(|_| !noted) {
            lane.from = first;
        }
        self.sweep(address);
    }

    /// An entry is not under way any more.
    pub(crate) fn done(&mut self, address: &Address, spot: Spot, went: Went, now: Timestamp) {
        let Some(lane) = self.all.get_mut(address) else { return };
        if lane.running.remove(&spot) {
            self.running = self.running.saturating_sub(1);
        }
        match went {
            Went::Through => lane.width = (lane.width + 1).min(LANE_WIDTH),
            Went::Throttled => {
                lane.width = (lane.width / 2).max(1);
                lane.paused = lane.paused.max(now.after(THROTTLED));
            }
            Went::Unknown(until) => {
                lane.paused = lane.paused.max(until);
                // It stands where it stood.
                lane.again.insert(spot);
            }
        }
        if lane.again.remove(&spot) {
            lane.add(spot);
        }
        self.sweep(address);
    }

    fn sweep(&mut self, address: &Address) {
        let idle = |lane: &Lane| lane.next.is_none() && lane.running.is_empty() && lane.broken.is_empty();
        if self.all.get(address).is_some_and(idle) {
            self.all.remove(address);
        }
    }

    /// How many are under way.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// The earliest moment at which a lane with room has something to do; `None`: not before something else happens.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        if self.running >= WIDTH {
            return None;
        }
        let open = self.all.values().filter(|lane| lane.running.len() < lane.width);
        open.filter_map(|lane| Some(lane.next?.max(lane.paused))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str) -> Address {
        Address { account: "000000000000".into(), region: "us-east-1".into(), name: name.into() }
    }

    fn spot(due: u64, number: u64) -> Spot {
        (Timestamp(due), number)
    }

    #[test]
    fn lanes_take_turns() {
        let mut lanes = Lanes::default();
        for name in ["a", "b", "c"] {
            lanes.note(&lane(name), spot(5, 1));
        }
        assert_eq!(lanes.turn(Timestamp(4)), None);
        let mut order = Vec::new();
        for n in 0..6 {
            let turn = lanes.turn(Timestamp(5)).unwrap();
            lanes.took(&turn.lane, &[spot(5, n)], &[], None, Some(Timestamp(5)));
            order.push(turn.lane.name.to_string());
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "c"]);
        assert_eq!(lanes.running(), 6);
    }

    #[test]
    fn a_throttled_function_gets_fewer_tries_and_others_go_on() {
        let mut lanes = Lanes::default();
        lanes.note(&lane("a"), spot(0, 1));
        let turn = lanes.turn(Timestamp(0)).unwrap();
        let taken: Vec<_> = (0..8).map(|n| spot(0, n)).collect();
        lanes.took(&turn.lane, &taken, &[], None, Some(Timestamp(0)));
        for spot in &taken {
            lanes.done(&lane("a"), *spot, Went::Throttled, Timestamp(0));
        }
        lanes.note(&lane("b"), spot(0, 100));
        assert_eq!(lanes.turn(Timestamp(0)).unwrap().lane, lane("b"));
        assert_eq!(lanes.turn(Timestamp(0)), None, "left alone for a while");
        let later = lanes.next_due().unwrap();
        assert_eq!(later, Timestamp(0).after(THROTTLED));
        assert_eq!(lanes.turn(later).unwrap().want, 1, "and then asked carefully");
        lanes.took(&lane("a"), &[spot(0, 9)], &[], None, Some(Timestamp(0)));
        lanes.done(&lane("a"), spot(0, 9), Went::Through, later);
        assert_eq!(lanes.turn(later).unwrap().want, 2);
    }

    #[test]
    fn what_is_noted_during_a_turn_is_not_lost() {
        let mut lanes = Lanes::default();
        lanes.note(&lane("a"), spot(5, 5));
        let turn = lanes.turn(Timestamp(9)).unwrap();
        assert_eq!(turn.from, spot(5, 5));
        lanes.note(&lane("a"), spot(3, 3));
        lanes.took(&turn.lane, &[], &[], Some(spot(5, 5)), None);
        let turn = lanes.turn(Timestamp(9)).unwrap();
        assert_eq!(turn.from, spot(3, 3));
        lanes.took(&turn.lane, &[], &[], None, None);
        assert_eq!((lanes.turn(Timestamp(9)), lanes.all.len()), (None, 0), "an empty lane costs nothing");
    }

    #[test]
    fn what_is_under_way_is_bounded() {
        let mut lanes = Lanes::default();
        let mut number = 0;
        for name in 0..10 {
            lanes.note(&lane(&name.to_string()), spot(0, 0));
        }
        while let Some(turn) = lanes.turn(Timestamp(0)) {
            let taken: Vec<_> = (0..turn.want as u64).map(|n| spot(0, number + n)).collect();
            number += taken.len() as u64;
            lanes.took(&turn.lane, &taken, &[], None, Some(Timestamp(0)));
        }
        assert_eq!((lanes.running(), lanes.next_due()), (WIDTH, None));
    }

    #[test]
    fn a_broken_row_is_passed_by() {
        let mut lanes = Lanes::default();
        lanes.note(&lane("a"), spot(0, 1));
        lanes.turn(Timestamp(0)).unwrap();
        lanes.took(&lane("a"), &[], &[spot(0, 1)], Some(spot(0, 1)), None);
        lanes.note(&lane("a"), spot(0, 2));
        assert!(lanes.turn(Timestamp(0)).unwrap().skip.contains(&spot(0, 1)));
    }

    #[test]
    fn what_is_written_anew_where_it_stands_is_done_again() {
        let mut lanes = Lanes::default();
        lanes.note(&lane("a"), spot(1, 1));
        lanes.turn(Timestamp(1)).unwrap();
        lanes.took(&lane("a"), &[spot(1, 1)], &[], None, None);
        lanes.note(&lane("a"), spot(1, 1));
        assert_eq!(lanes.turn(Timestamp(1)), None);
        lanes.done(&lane("a"), spot(1, 1), Went::Through, Timestamp(1));
        assert_eq!(lanes.turn(Timestamp(1)).unwrap().from, spot(1, 1));
    }

    #[test]
    fn a_refused_change_is_tried_again_later() {
        let mut lanes = Lanes::default();
        lanes.note(&lane("a"), spot(1, 1));
        lanes.turn(Timestamp(1)).unwrap();
        lanes.took(&lane("a"), &[spot(1, 1)], &[], None, None);
        lanes.done(&lane("a"), spot(1, 1), Went::Unknown(Timestamp(50)), Timestamp(1));
        assert_eq!((lanes.turn(Timestamp(1)), lanes.next_due()), (None, Some(Timestamp(50))));
        assert_eq!(lanes.turn(Timestamp(50)).unwrap().from, spot(1, 1));
    }
}
