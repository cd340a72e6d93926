//! A standard queue. A message is in exactly one of these states:
//!
//! - *fresh*: behind the cursor, never received; the window shows the next of them;
//! - *delayed*: has a hidden row with count 0, `until` in the future;
//! - *released*: was delayed, now visible, never received;
//! - *in flight*: has a hidden row with count ≥ 1, `until` in the future;
//! - *returned*: has a hidden row with count ≥ 1, `until` has passed: visible again.
//!
//! Time alone moves delayed → released and in flight → returned; that writes nothing. Whoever became visible first is
//! handed out first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use moln_store::Batch;

use super::{
    Ask, Changed, Counts, Deleted, EVERY, Incoming, Received, Taken,
    share::Share,
    tenants::Tenants,
    window::{Gap, Window},
};
use crate::{
    limits::{CURSOR_EVERY, EXPIRED_OPS, FAIR_LOOK_AHEAD, IN_FLIGHT},
    receipt::Receipt,
    tables::{Hidden, keys, message},
};

/// The state of a standard queue.
#[derive(Debug)]
pub struct Standard {
    queue: u64,
    window: Window,
    /// Up to here every message has left the window. Some behind have, too: those taken out of turn.
    cursor: u64,
    /// Never-received messages taken out of memory whose rows are still there: the cursor is not written beyond them.
    leaving: BTreeSet<u64>,
    /// Messages that left it since the cursor was last written.
    unwritten: u32,
    /// Fresh messages, in the window or not.
    fresh: i64,
    /// Every message received at least once, by stamp.
    received: BTreeMap<u64, Hidden>,
    /// Those of them that are in flight, by when that ends.
    in_flight: BTreeSet<(u64, u64)>,
    /// Those of them that are not, in the order they became visible. An entry no longer in `received` is stale.
    returned: VecDeque<u64>,
    /// Delayed messages by when they become visible.
    delayed: BTreeSet<(u64, u64)>,
    /// Delayed messages that have become visible, in that order.
    released: VecDeque<(u64, u64)>,
    tenants: Tenants,
}

enum Source {
    Fresh,
    Released,
    Returned,
}

impl Standard {
    /// The state the store tells: `cursor` (up to it nothing waits for a first receive), `last` (highest stamp sent) and
    /// the hidden rows. Fresh messages are counted by [`Self::count_fresh`].
    pub fn restore(
        queue: u64,
        cursor: u64,
        last: u64,
        hidden: impl Iterator<Item = (u64, Hidden)>,
        share: Share,
    ) -> Self {
        let mut state = Self {
            queue,
            window: Window::new(cursor, last, share),
            cursor,
            leaving: BTreeSet::new(),
            unwritten: 0,
            fresh: 0,
            received: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            returned: VecDeque::new(),
            delayed: BTreeSet::new(),
            released: VecDeque::new(),
            tenants: Tenants::default(),
        };
        for (stamp, row) in hidden {
            if row.count() == 0 {
                state.delayed.insert((row.until(), stamp));
            } else {
                state.received.insert(stamp, row);
                state.in_flight.insert((row.until(), stamp));
            }
        }
        state
    }

    /// Adds fresh messages that were found in the store.
    pub fn count_fresh(&mut self, found: u64) {
        self.fresh = self.fresh.saturating_add(i64::try_from(found).unwrap_or(i64::MAX));
    }

    /// Takes out of the count what was found in the store and is delayed.
    pub fn forget_fresh(&mut self, delayed: u64) {
        self.fresh = self.fresh.saturating_sub(i64::try_from(delayed).unwrap_or(i64::MAX));
    }

    /// See [`super::State::send`].
    pub fn send(&mut self, now: u64, stamp: u64, message: &Incoming, batch: &mut Batch) {
        message::put(batch, self.queue, stamp, &message.row);
        if message::is_delayed(&message.row) {
            let row = Hidden::new(message.visible_at, 0, 0);
            batch.put(keys::hidden(self.queue, stamp), row.encode());
            self.delayed.insert((message.visible_at, stamp));
            self.advance(now);
        } else {
            self.fresh += 1;
            self.window.push(stamp, &message.row);
        }
    }

    /// See [`super::State::receive`].
    pub fn receive(&mut self, ask: &Ask, batch: &mut Batch) -> Received {
        self.advance(ask.now);
        let mut received = Received::default();
        let room = IN_FLIGHT.saturating_sub(self.in_flight.len());
        let moving = ask.max_receives == EVERY;
        if room == 0 && ask.visibility > 0 {
            received.over_limit = true;
            return received;
        }
        let max = if ask.visibility > 0 { ask.max.min(room) } else { ask.max };
        let mut fair = !moving;
        while received.messages.len() < max && received.dead.len() < max {
            let Some(source) = self.next_source() else {
                received.starved = self.window.gap().is_some() && received.messages.is_empty();
                break;
            };
            match source {
                Source::Fresh => {
                    let Some((stamp, row)) = self.take_fresh(&mut fair) else { break };
                    if message::sent(&row) < ask.expired_before {
                        message::delete(batch, self.queue, stamp, message::rows(&row));
                        if batch.ops.len() >= EXPIRED_OPS {
                            received.starved = received.messages.is_empty();
                            break;
                        }
                    } else if moving {
                        self.leaving.insert(stamp);
                        received.dead.push((stamp, Hidden::new(0, 0, 0)));
                    } else {
                        let state = self.hide(stamp, None, ask, batch);
                        if let Some(tenant) = message::group(&row) {
                            self.tenants.enter(stamp, tenant);
                        }
                        received.messages.push(Taken { stamp, state, row: Some(row) });
                    }
                }
                Source::Released => {
                    let Some((until, stamp)) = self.released.pop_front() else { break };
                    if moving {
                        received.dead.push((stamp, Hidden::new(until, 0, 0)));
                        continue;
                    }
                    let state = self.hide(stamp, None, ask, batch);
                    received.messages.push(Taken { stamp, state, row: None });
                }
                Source::Returned => {
                    let Some(stamp) = self.returned.pop_front() else { break };
                    let Some(before) = self.received.remove(&stamp) else { continue };
                    if ask.max_receives.is_some_and(|most| before.count() >= most) {
                        self.window.forget(stamp);
                        received.dead.push((stamp, before));
                    } else {
                        let state = self.hide(stamp, Some(before), ask, batch);
                        received.messages.push(Taken { stamp, state, row: None });
                    }
                }
            }
        }
        if self.unwritten >= CURSOR_EVERY {
            // Only a hint where to begin after a restart: what was received behind it has a row that says so.
            self.unwritten = 0;
            let cursor =
                self.leaving.first().map_or(self.cursor, |first| self.cursor.min(first.saturating_sub(1)));
            batch.put(keys::cursor(self.queue), Bytes::copy_from_slice(&cursor.to_be_bytes()));
        }
        for taken in &received.messages {
            // Not before the loop is over: a timeout of zero must not hand the same message out twice in one receive.
            self.received.insert(taken.stamp, taken.state);
            if taken.state.until() > ask.now {
                self.in_flight.insert((taken.state.until(), taken.stamp));
            } else {
                self.tenants.leave(taken.stamp);
                self.returned.push_back(taken.stamp);
            }
        }
        received
    }

    /// The next fresh message: the first one, or the first of a quieter tenant when its own is noisy. `fair` turns false
    /// when there is none, so that one receive looks once.
    fn take_fresh(&mut self, fair: &mut bool) -> Option<(u64, Bytes)> {
        let in_flight = self.in_flight.len();
        let tenants = &self.tenants;
        let quiet =
            |row: &Bytes| !message::group(row).is_some_and(|tenant| tenants.is_noisy(tenant, in_flight));
        self.fresh -= 1;
        if *fair && self.window.front().is_some_and(|(_, row)| !quiet(row)) {
            if let Some(taken) = self.window.pop_wanted(FAIR_LOOK_AHEAD, quiet) {
                return Some(taken);
            }
            *fair = false;
        }
        let (stamp, row) = self.window.pop()?;
        self.cursor = stamp;
        self.unwritten += 1;
        Some((stamp, row))
    }

    fn hide(&mut self, stamp: u64, before: Option<Hidden>, ask: &Ask, batch: &mut Batch) -> Hidden {
        let (count, first) = before.map_or((1, ask.now), |before| (before.count() + 1, before.first()));
        let state = Hidden::new(ask.now + ask.visibility, count, first);
        batch.put(keys::hidden(self.queue, stamp), state.encode());
        state
    }

    /// Where the message is that has been visible for longest.
    fn next_source(&mut self) -> Option<Source> {
        while self.returned.front().is_some_and(|stamp| !self.received.contains_key(stamp)) {
            self.returned.pop_front();
        }
        let returned =
            self.returned.front().and_then(|stamp| self.received.get(stamp)).map(|row| row.until());
        let released = self.released.front().map(|entry| entry.0);
        let fresh = self.window.front().map(|entry| message::sent(&entry.1));
        [(returned, Source::Returned), (released, Source::Released), (fresh, Source::Fresh)]
            .into_iter()
            .filter_map(|(since, source)| since.map(|since| (since, source)))
            .min_by_key(|entry| entry.0)
            .map(|entry| entry.1)
    }

    /// See [`super::State::delete`].
    pub fn delete(&mut self, now: u64, receipt: &Receipt, batch: &mut Batch) -> Deleted {
        self.advance(now);
        // Deleted before, or received again by another consumer, whose handle it is now that counts.
        if self.received.get(&receipt.stamp).is_some_and(|row| row.count() == receipt.count) {
            self.forget(receipt.stamp);
            message::delete(batch, self.queue, receipt.stamp, receipt.rows);
            batch.delete(keys::hidden(self.queue, receipt.stamp));
        }
        Deleted::Done
    }

    /// See [`super::State::change`].
    pub fn change(&mut self, now: u64, receipt: &Receipt, until: u64, batch: &mut Batch) -> Changed {
        self.advance(now);
        let Some(row) = self.received.get(&receipt.stamp).copied() else { return Changed::Gone };
        if row.count() != receipt.count {
            return Changed::Gone;
        }
        if !self.in_flight.remove(&(row.until(), receipt.stamp)) {
            return Changed::NotInFlight;
        }
        let row = Hidden::new(until, row.count(), row.first());
        batch.put(keys::hidden(self.queue, receipt.stamp), row.encode());
        self.received.insert(receipt.stamp, row);
        self.in_flight.insert((until, receipt.stamp));
        self.advance(now);
        Changed::Done
    }

    /// See [`super::State::advance`].
    pub fn advance(&mut self, now: u64) {
        while let Some(&(until, stamp)) = self.in_flight.first() {
            if until > now {
                break;
            }
            self.in_flight.pop_first();
            self.tenants.leave(stamp);
            self.returned.push_back(stamp);
        }
        while let Some(&(until, stamp)) = self.delayed.first() {
            if until > now {
                break;
            }
            self.delayed.pop_first();
            self.released.push_back((until, stamp));
        }
    }

    /// See [`super::State::next_due`].
    pub fn next_due(&self) -> Option<u64> {
        self.in_flight.first().into_iter().chain(self.delayed.first()).map(|entry| entry.0).min()
    }

    fn returned_count(&self) -> usize {
        self.received.len().saturating_sub(self.in_flight.len())
    }

    /// See [`super::State::ready`].
    pub fn ready(&self) -> usize {
        // At the limit nothing is handed out: nobody is woken in vain.
        if self.in_flight.len() >= IN_FLIGHT {
            return 0;
        }
        self.window.len() + self.released.len() + self.returned_count()
    }

    /// See [`super::State::counts`].
    pub fn counts(&self) -> Counts {
        let fresh = usize::try_from(self.fresh).unwrap_or(0);
        Counts {
            visible: (fresh + self.released.len() + self.returned_count()) as u64,
            in_flight: self.in_flight.len() as u64,
            delayed: self.delayed.len() as u64,
        }
    }

    /// See [`super::State::forget`].
    pub fn forget(&mut self, stamp: u64) {
        if let Some(row) = self.received.remove(&stamp) {
            // A returned message leaves a stale entry behind; stamps never come again.
            self.in_flight.remove(&(row.until(), stamp));
            self.tenants.leave(stamp);
            self.window.forget(stamp);
        }
    }

    /// See [`super::State::left`].
    pub fn left(&mut self, stamp: u64) {
        self.leaving.remove(&stamp);
    }

    /// See [`super::State::expire`]. Slow for delayed ones: retention is rarely that short.
    pub fn expire(&mut self, stamp: u64, delayed: bool) -> bool {
        if self.received.contains_key(&stamp) {
            self.forget(stamp);
        } else if delayed {
            self.delayed.retain(|entry| entry.1 != stamp);
            self.released.retain(|entry| entry.1 != stamp);
        } else if stamp > self.cursor {
            self.window.remove(stamp);
            self.fresh -= 1;
            return false;
        }
        true
    }

    /// See [`super::State::clear`].
    pub fn clear(&mut self) {
        self.window.clear();
        self.fresh = 0;
        self.leaving.clear();
        self.received.clear();
        self.in_flight.clear();
        self.returned.clear();
        self.delayed.clear();
        self.released.clear();
        self.tenants.clear();
    }

    /// See [`super::State::gap`].
    pub fn gap(&self) -> Option<Gap> {
        self.window.gap()
    }

    /// See [`super::State::running_low`].
    pub fn running_low(&self) -> bool {
        self.window.running_low()
    }

    /// See [`super::State::fill`].
    pub fn fill(&mut self, gap: &Gap, mut rows: Vec<(u64, Bytes)>, read_to: u64) {
        // Delayed ones have a state of their own; so have those that were taken out of turn before a restart.
        rows.retain(|(stamp, row)| !message::is_delayed(row) && !self.received.contains_key(stamp));
        self.window.fill(gap, rows, read_to);
    }
}
