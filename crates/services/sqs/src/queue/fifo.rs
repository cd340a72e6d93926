//! A FIFO queue: order within groups, each group locked while its first message is in flight or delayed. The first
//! [`FIFO_LOOK_AHEAD`] messages are known in memory (a stamp, a group, a state; bodies only as far as
//! [`Share`] goes); the rest waits in the store.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use moln_store::Batch;

use super::{
    Ask, Changed, Counts, Deleted, EVERY, Incoming, Received, Taken, group::Groups, share::Share, window::Gap,
};
use crate::{
    limits::{ATTEMPTS, DEDUPLICATION_MS, EXPIRED_OPS, FIFO_LOOK_AHEAD, IN_FLIGHT, REFILL_ROWS},
    receipt::Receipt,
    tables::{Hidden, keys, message},
};

/// A message never received nor delayed.
const FRESH: (u64, u32, u64) = (0, 0, 0);
/// Deletes between two notes of how far the queue is drained.
const FLOOR_EVERY: u32 = 1_000;

#[derive(Debug)]
struct Entry {
    group: Arc<str>,
    state: Hidden,
    row: Option<Bytes>,
}

/// A receive that may be asked for again.
#[derive(Debug)]
struct Attempt {
    at: u64,
    messages: Vec<(u64, Hidden)>,
}

/// The state of a FIFO queue.
#[derive(Debug)]
pub struct Fifo {
    queue: u64,
    messages: BTreeMap<u64, Entry>,
    /// Hidden rows of messages behind the look-ahead.
    unplaced: BTreeMap<u64, Hidden>,
    groups: Groups,
    /// In flight and delayed messages by when that ends.
    due: BTreeSet<(u64, u64)>,
    in_flight: usize,
    total: i64,
    /// Bytes of bodies in memory.
    share: Share,
    end: u64,
    last: u64,
    generation: u64,
    deletes: u32,
    /// Messages taken out of memory whose rows are still there: not counted as drained.
    leaving: BTreeSet<u64>,
    attempts: HashMap<Box<str>, Attempt>,
    attempt_order: VecDeque<(u64, Box<str>)>,
}

impl Fifo {
    /// The state the store tells: `floor` (every message up to it is gone), `last` (highest stamp sent), hidden rows.
    /// Messages are counted by [`Self::count_total`].
    pub fn restore(
        queue: u64,
        floor: u64,
        last: u64,
        hidden: impl Iterator<Item = (u64, Hidden)>,
        share: Share,
    ) -> Self {
        let unplaced: BTreeMap<u64, Hidden> = hidden.collect();
        Self {
            queue,
            messages: BTreeMap::new(),
            due: unplaced.iter().map(|(stamp, row)| (row.until(), *stamp)).collect(),
            in_flight: unplaced.values().filter(|row| row.count() > 0).count(),
            unplaced,
            groups: Groups::default(),
            total: 0,
            share,
            end: floor,
            last: last.max(floor),
            generation: 0,
            deletes: 0,
            leaving: BTreeSet::new(),
            attempts: HashMap::new(),
            attempt_order: VecDeque::new(),
        }
    }

    /// Adds messages that were found in the store.
    pub fn count_total(&mut self, found: u64) {
        self.total = self.total.saturating_add(i64::try_from(found).unwrap_or(i64::MAX));
    }

    fn place(&mut self, stamp: u64, group: &str, state: Hidden, row: &Bytes, now: u64) {
        let group = self.groups.push(group, stamp);
        let row = self.share.has_room(row.len()).then(|| row.clone());
        self.share.take(row.as_ref().map_or(0, Bytes::len));
        self.messages.insert(stamp, Entry { group: Arc::clone(&group), state, row });
        self.line_up(&group, now);
    }

    fn line_up(&mut self, group: &Arc<str>, now: u64) {
        let head = self.groups.head(group).and_then(|stamp| self.messages.get(&stamp));
        if head.is_some_and(|entry| entry.state.until() <= now) {
            self.groups.line_up(group);
        }
    }

    /// Takes a message out of everything but the store; returns its group when that is known.
    fn take_out(&mut self, stamp: u64) -> Option<Arc<str>> {
        self.total -= 1;
        let (state, group) = if let Some(entry) = self.messages.remove(&stamp) {
            self.share.give(entry.row.as_ref().map_or(0, Bytes::len));
            self.groups.remove(&entry.group, stamp);
            (Some(entry.state), Some(entry.group))
        } else {
            self.generation += 1;
            (self.unplaced.remove(&stamp), None)
        };
        if let Some(state) = state
            && self.due.remove(&(state.until(), stamp))
            && state.count() > 0
        {
            self.in_flight -= 1;
        }
        group
    }

    fn state(&self, stamp: u64) -> Option<Hidden> {
        self.messages.get(&stamp).map(|entry| entry.state).or_else(|| self.unplaced.get(&stamp).copied())
    }

    fn set_state(&mut self, stamp: u64, state: Hidden, batch: &mut Batch) {
        batch.put(keys::hidden(self.queue, stamp), state.encode());
        if let Some(entry) = self.messages.get_mut(&stamp) {
            entry.state = state;
        } else if let Some(row) = self.unplaced.get_mut(&stamp) {
            *row = state;
        }
    }

    /// See [`super::State::send`].
    pub fn send(&mut self, now: u64, stamp: u64, message: &Incoming, batch: &mut Batch) {
        message::put(batch, self.queue, stamp, &message.row);
        let delayed = message::is_delayed(&message.row);
        let state = if delayed {
            let state = Hidden::new(message.visible_at, 0, 0);
            batch.put(keys::hidden(self.queue, stamp), state.encode());
            self.due.insert((message.visible_at, stamp));
            state
        } else {
            Hidden::new(FRESH.0, FRESH.1, FRESH.2)
        };
        self.total += 1;
        if self.end >= self.last && self.messages.len() < FIFO_LOOK_AHEAD {
            self.place(stamp, message.group.as_deref().unwrap_or_default(), state, &message.row, now);
            self.end = stamp;
        } else if delayed {
            self.unplaced.insert(stamp, state);
        }
        self.last = stamp;
    }

    /// See [`super::State::receive`].
    pub fn receive(&mut self, ask: &Ask, batch: &mut Batch) -> Received {
        self.advance(ask.now);
        let mut received = Received::default();
        // At the limit a FIFO queue hands out nothing and says nothing.
        let room = IN_FLIGHT.saturating_sub(self.in_flight);
        let max = if ask.max_receives == EVERY { ask.max } else { ask.max.min(room) };
        let mut served = Vec::new();
        while received.messages.len() < max && received.dead.len() < max {
            let Some((group, stamps)) = self.groups.take_next() else {
                received.starved = received.messages.is_empty() && self.gap().is_some();
                break;
            };
            for stamp in stamps {
                if received.messages.len() == max || received.dead.len() == max {
                    break;
                }
                let Some(entry) = self.messages.get_mut(&stamp) else { continue };
                let before = entry.state;
                if before.until() > ask.now {
                    break;
                }
                if ask.max_receives.is_some_and(|most| before.count() >= most) {
                    self.take_out(stamp);
                    self.leaving.insert(stamp);
                    received.dead.push((stamp, before));
                    continue;
                }
                let first = if before.count() == 0 { ask.now } else { before.first() };
                let row = entry.row.take();
                self.share.give(row.as_ref().map_or(0, Bytes::len));
                if row.as_ref().is_some_and(|row| message::sent(row) < ask.expired_before) {
                    self.take_out(stamp);
                    message::delete(
                        batch,
                        self.queue,
                        stamp,
                        row.as_ref().map_or(1, |row| message::rows(row)),
                    );
                    batch.delete(keys::hidden(self.queue, stamp));
                    if batch.ops.len() >= EXPIRED_OPS {
                        break;
                    }
                    continue;
                }
                let state = Hidden::new(ask.now + ask.visibility, before.count() + 1, first);
                self.set_state(stamp, state, batch);
                if ask.visibility > 0 {
                    self.due.insert((state.until(), stamp));
                    self.in_flight += 1;
                }
                received.messages.push(Taken { stamp, state, row });
            }
            served.push(group);
            if batch.ops.len() >= EXPIRED_OPS {
                received.starved = received.messages.is_empty();
                break;
            }
        }
        for group in served {
            // Those with something left that is visible (a timeout of zero) go to the end of the line.
            self.line_up(&group, ask.now);
        }
        received
    }

    /// Answers a receive that was asked for before under the same id within five minutes, if nobody touched its messages
    /// since: the same messages and handles, hidden anew, and the moment of the first receive, which the handles carry.
    /// `None`: a receive like any other.
    pub fn replay(&mut self, id: &str, ask: &Ask, batch: &mut Batch) -> Option<(u64, Vec<Taken>)> {
        self.advance(ask.now);
        let attempt = self.attempts.get(id)?;
        if ask.now >= attempt.at.saturating_add(DEDUPLICATION_MS)
            || !attempt
                .messages
                .iter()
                .all(|(stamp, state)| self.state(*stamp) == Some(*state) && state.until() > ask.now)
        {
            return None;
        }
        let (at, messages) = (attempt.at, attempt.messages.clone());
        let mut taken = Vec::new();
        for (stamp, before) in messages {
            let state = Hidden::new(ask.now + ask.visibility, before.count(), before.first());
            self.due.remove(&(before.until(), stamp));
            self.due.insert((state.until(), stamp));
            self.set_state(stamp, state, batch);
            taken.push(Taken { stamp, state, row: None });
        }
        if let Some(attempt) = self.attempts.get_mut(id) {
            attempt.messages = taken.iter().map(|taken| (taken.stamp, taken.state)).collect();
        }
        self.advance(ask.now);
        Some((at, taken))
    }

    /// Remembers a receive under its attempt id. In memory only: after a restart the messages wait for their timeout.
    pub fn remember(&mut self, id: &str, now: u64, taken: &[Taken]) {
        while let Some((at, _)) = self.attempt_order.front() {
            if now < at.saturating_add(DEDUPLICATION_MS) && self.attempt_order.len() < ATTEMPTS {
                break;
            }
            if let Some((at, old)) = self.attempt_order.pop_front()
                && self.attempts.get(&old).is_some_and(|attempt| attempt.at == at)
            {
                self.attempts.remove(&old);
            }
        }
        let messages = taken.iter().map(|taken| (taken.stamp, taken.state)).collect();
        self.attempts.insert(id.into(), Attempt { at: now, messages });
        self.attempt_order.push_back((now, id.into()));
    }

    /// See [`super::State::delete`].
    pub fn delete(&mut self, now: u64, receipt: &Receipt, batch: &mut Batch) -> Deleted {
        self.advance(now);
        let Some(state) = self.state(receipt.stamp) else { return Deleted::Done };
        if state.count() != receipt.count || state.until() <= now {
            return Deleted::Expired;
        }
        if let Some(group) = self.take_out(receipt.stamp) {
            self.line_up(&group, now);
        }
        message::delete(batch, self.queue, receipt.stamp, receipt.rows);
        batch.delete(keys::hidden(self.queue, receipt.stamp));
        self.deletes += 1;
        if self.deletes >= FLOOR_EVERY {
            self.deletes = 0;
            let first =
                self.messages.first_key_value().map_or(self.end, |(stamp, _)| stamp.saturating_sub(1));
            let first = self.leaving.first().map_or(first, |leaving| first.min(leaving.saturating_sub(1)));
            batch.put(keys::cursor(self.queue), Bytes::copy_from_slice(&first.min(self.end).to_be_bytes()));
        }
        Deleted::Done
    }

    /// See [`super::State::change`].
    pub fn change(&mut self, now: u64, receipt: &Receipt, until: u64, batch: &mut Batch) -> Changed {
        self.advance(now);
        let Some(state) = self.state(receipt.stamp) else { return Changed::Gone };
        if state.count() != receipt.count {
            return Changed::Gone;
        }
        if !self.due.remove(&(state.until(), receipt.stamp)) {
            return Changed::NotInFlight;
        }
        self.set_state(receipt.stamp, Hidden::new(until, state.count(), state.first()), batch);
        self.due.insert((until, receipt.stamp));
        self.advance(now);
        Changed::Done
    }

    /// See [`super::State::advance`].
    pub fn advance(&mut self, now: u64) {
        while let Some(&(until, stamp)) = self.due.first() {
            if until > now {
                break;
            }
            self.due.pop_first();
            if self.state(stamp).is_some_and(|state| state.count() > 0) {
                self.in_flight -= 1;
            }
            if let Some(entry) = self.messages.get(&stamp) {
                let group = Arc::clone(&entry.group);
                self.line_up(&group, now);
            }
        }
    }

    /// See [`super::State::next_due`].
    pub fn next_due(&self) -> Option<u64> {
        self.due.first().map(|entry| entry.0)
    }

    /// See [`super::State::ready`].
    pub fn ready(&self) -> usize {
        // At the limit nothing is handed out: nobody is woken in vain.
        if self.in_flight < IN_FLIGHT { self.groups.waiting() } else { 0 }
    }

    /// See [`super::State::counts`].
    pub fn counts(&self) -> Counts {
        let delayed = self.due.len().saturating_sub(self.in_flight);
        Counts {
            visible: u64::try_from(self.total).unwrap_or(0).saturating_sub(self.due.len() as u64),
            in_flight: self.in_flight as u64,
            delayed: delayed as u64,
        }
    }

    /// See [`super::State::forget`].
    pub fn forget(&mut self, stamp: u64) {
        if let Some(group) = self.take_out(stamp) {
            // Whether its new head is hidden shows when its turn comes.
            self.groups.line_up(&group);
        }
    }

    /// See [`super::State::left`].
    pub fn left(&mut self, stamp: u64) {
        self.leaving.remove(&stamp);
    }

    /// See [`super::State::clear`].
    pub fn clear(&mut self) {
        let generation = self.generation + 1;
        *self = Self {
            generation,
            ..Self::restore(self.queue, self.last, self.last, std::iter::empty(), self.share.anew())
        };
    }

    /// See [`super::State::gap`].
    pub fn gap(&self) -> Option<Gap> {
        self.running_low().then_some(Gap { after: self.end, last: self.last, generation: self.generation })
    }

    /// See [`super::State::running_low`].
    pub fn running_low(&self) -> bool {
        self.end < self.last && self.messages.len() + REFILL_ROWS <= FIFO_LOOK_AHEAD
    }

    /// See [`super::State::fill`]. Messages whose time has come are lined up by the next [`Self::advance`] or receive.
    pub fn fill(&mut self, gap: &Gap, rows: Vec<(u64, Bytes)>, read_to: u64) {
        if gap.generation != self.generation || gap.after != self.end {
            return;
        }
        self.end = self.end.max(read_to);
        for (stamp, row) in rows {
            let state =
                self.unplaced.remove(&stamp).unwrap_or_else(|| Hidden::new(FRESH.0, FRESH.1, FRESH.2));
            let Some(group) = message::group(&row).map(Box::<str>::from) else { continue };
            // What is still in the index of due times is hidden; everything else is visible.
            let now = if self.due.contains(&(state.until(), stamp)) { 0 } else { u64::MAX };
            self.place(stamp, &group, state, &row, now);
        }
    }
}
