//! Receivers that wait for a message, first come first served. As many are woken as can be served, never all of them;
//! one that was woken and goes away passes its turn on.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;

/// A waiting receiver's place; it keeps its place when it was woken in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u64);

#[derive(Debug)]
struct Waiter {
    max: usize,
    /// When it stops waiting, milliseconds since the epoch.
    deadline: u64,
    wake: oneshot::Sender<()>,
}

/// A queue's waiting receivers.
#[derive(Debug, Default)]
pub struct Waiters {
    next: u64,
    waiting: BTreeMap<Place, Waiter>,
    /// Those that were woken and neither wait again nor are answered.
    undecided: BTreeSet<Place>,
    /// What those that were woken and have not come yet will take, at most.
    promised: usize,
}

impl Waiters {
    /// The place behind everyone.
    pub fn place(&mut self) -> Place {
        self.next += 1;
        Place(self.next)
    }

    /// Waits at a place for up to `max` messages, until `deadline`.
    pub fn wait(&mut self, place: Place, max: usize, deadline: u64) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.undecided.remove(&place);
        self.waiting.insert(place, Waiter { max, deadline, wake });
        woken
    }

    /// Wakes the first ones, as many as `ready` messages can serve.
    pub fn wake(&mut self, ready: usize) {
        while self.promised < ready {
            let Some((place, waiter)) = self.waiting.pop_first() else { return };
            self.call(place, waiter);
        }
    }

    fn call(&mut self, place: Place, waiter: Waiter) {
        if waiter.wake.send(()).is_ok() {
            self.promised += waiter.max;
            self.undecided.insert(place);
        }
    }

    /// Wakes those that have waited long enough.
    pub fn wake_due(&mut self, now: u64) {
        let due: Vec<_> = self.waiting.extract_if(.., |_, waiter| waiter.deadline <= now).collect();
        for (place, waiter) in due {
            self.call(place, waiter);
        }
    }

    /// When the next one stops waiting.
    pub fn next_deadline(&self) -> Option<u64> {
        self.waiting.values().map(|waiter| waiter.deadline).min()
    }

    /// One was answered, or went away.
    pub fn answered(&mut self, place: Place) {
        self.undecided.remove(&place);
    }

    /// Everyone who was woken waits again, was answered or went away.
    pub fn is_decided(&self) -> bool {
        self.undecided.is_empty()
    }

    /// A waiter leaves (served, timed out or gone). Whether it had been woken: then its turn must be passed on.
    pub fn leave(&mut self, place: Place, max: usize) -> bool {
        if self.waiting.remove(&place).is_some() {
            return false;
        }
        self.promised = self.promised.saturating_sub(max);
        true
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Wakes everyone (the queue is gone, or the server stops).
    pub fn wake_all(&mut self) {
        self.wake(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_wake_as_can_be_served_in_order() {
        let mut waiters = Waiters::default();
        let places: Vec<_> = (0..10_000).map(|_| waiters.place()).collect();
        let mut woken: Vec<_> = places.iter().map(|place| waiters.wait(*place, 1, 0)).collect();
        waiters.wake(3);
        waiters.wake(3);
        let count = woken.iter_mut().flat_map(oneshot::Receiver::try_recv).count();
        assert_eq!(count, 3);
        assert!(waiters.leave(places[0], 1));
        waiters.wake(3);
        assert!(woken[3].try_recv().is_ok(), "the turn of one that left is passed on");
        assert!(!waiters.leave(places[9_999], 1));
    }

    #[test]
    fn one_that_went_away_is_skipped() {
        let mut waiters = Waiters::default();
        let (a, b) = (waiters.place(), waiters.place());
        drop(waiters.wait(a, 10, 0));
        let mut second = waiters.wait(b, 10, 0);
        waiters.wake(1);
        assert!(second.try_recv().is_ok());
    }
}
