//! Whether a connection is alive. Its stream and its requests leave traces here; the listener's watch looks at them now
//! and then, and orders the connection to end when it must. So time-outs cost no timer per request or connection.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};

use tokio::time::Instant;

use super::Limits;

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing.
    GoOn,
    /// End after the open requests.
    Finish,
    /// End at once.
    Drop,
}

/// Traces of a connection's life. All writes but orders come from its own task.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Bytes read.
    pub(super) read: AtomicU64,
    /// Bytes written.
    pub(super) written: AtomicU64,
    /// A write waits for the client to read.
    pub(super) stalled: AtomicBool,
    /// Requests whose head was read.
    pub(super) requests: AtomicU64,
    /// Of these, the ones not answered yet.
    pub(super) open: AtomicU32,
    /// `read`, when the last request was answered.
    pub(super) mark: AtomicU64,
    /// It speaks HTTP/2, where frames come also between requests.
    pub(super) h2: AtomicBool,
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Pulse {
    /// Bytes were read that belong to no request that is known.
    pub(super) fn is_mid_head(&self) -> bool {
        !self.h2.load(Relaxed)
            && self.open.load(Relaxed) == 0
            && self.read.load(Relaxed) > self.mark.load(Relaxed)
    }

    /// The order in force.
    pub(super) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::GoOn,
            1 => Order::Finish,
            _ => Order::Drop,
        }
    }

    /// Gives an order and wakes the connection. Orders only get stricter.
    pub(super) fn tell(&self, order: Order) {
        let code = match order {
            Order::GoOn => 0,
            Order::Finish => 1,
            Order::Drop => 2,
        };
        if self.order.fetch_max(code, Ordering::AcqRel) < code
            && let Some(waker) = self.waker().as_ref()
        {
            waker.wake_by_ref();
        }
    }

    /// Says whom an order wakes. To be called before [`Pulse::order`] is looked at.
    pub(super) fn wakes(&self, waker: &Waker) {
        *self.waker() = Some(waker.clone());
    }

    fn waker(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins; it ends when the guard is dropped.
    pub(super) fn request(&self, h2: bool) -> OpenRequest<'_> {
        if h2 {
            self.h2.store(true, Relaxed);
        }
        self.requests.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        OpenRequest(self)
    }
}

/// A request not answered yet.
pub(super) struct OpenRequest<'a>(&'a Pulse);

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.0.mark.store(self.0.read.load(Relaxed), Relaxed);
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// What a look at the pulse comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diagnosis {
    /// All is well.
    Alive,
    /// Idle for too long: to be closed politely.
    Idle,
    /// Too slow with a head, or does not read its answer: to be dropped. Says which.
    Dead(&'static str),
}

/// What a connection is doing, as far as time-outs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head { requests: u64 },
    Idle { requests: u64 },
    Writing { written: u64 },
    Working,
}

/// Looks at a pulse and remembers since when it has been the way it is.
pub(super) struct Watch {
    phase: Phase,
    since: Instant,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { phase: Phase::Head { requests: 0 }, since: Instant::now() }
    }

    /// How often to look: time-outs are late by at most this.
    pub(super) fn period(limits: &Limits) -> Duration {
        let shortest = limits.head_time.min(limits.idle).min(limits.write_stall);
        (shortest / 2).max(Duration::from_millis(5))
    }

    pub(super) fn look(&mut self, pulse: &Pulse, limits: &Limits) -> Diagnosis {
        let requests = pulse.requests.load(Relaxed);
        let phase = if pulse.stalled.load(Relaxed) {
            Phase::Writing { written: pulse.written.load(Relaxed) }
        } else if pulse.open.load(Relaxed) > 0 {
            Phase::Working
        } else if requests == 0 || pulse.is_mid_head() {
            Phase::Head { requests }
        } else {
            Phase::Idle { requests }
        };
        let now = Instant::now();
        if phase != self.phase {
            (self.phase, self.since) = (phase, now);
            return Diagnosis::Alive;
        }
        let lasts = now - self.since;
        match phase {
            Phase::Head { .. } if lasts >= limits.head_time => {
                Diagnosis::Dead("it did not send a whole head")
            }
            Phase::Writing { .. } if lasts >= limits.write_stall => {
                Diagnosis::Dead("it does not read its answer")
            }
            Phase::Idle { .. } if lasts >= limits.idle => Diagnosis::Idle,
            _ => Diagnosis::Alive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_time() {
        let limits = Limits::default();
        let pulse = Pulse::default();
        let mut watch = Watch::new();
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        tokio::time::advance(limits.head_time).await;
        assert!(matches!(watch.look(&pulse, &limits), Diagnosis::Dead(_)), "silent from the start");

        // A request that is worked on may take its time, as long polls do.
        let open = pulse.request(false);
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        drop(open);

        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        tokio::time::advance(limits.idle).await;
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Idle);

        pulse.read.fetch_add(10, Relaxed);
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        tokio::time::advance(limits.head_time / 2).await;
        pulse.read.fetch_add(10, Relaxed);
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        tokio::time::advance(limits.head_time / 2).await;
        assert!(matches!(watch.look(&pulse, &limits), Diagnosis::Dead(_)), "a trickle is no progress");

        pulse.stalled.store(true, Relaxed);
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        tokio::time::advance(limits.write_stall / 2).await;
        pulse.written.fetch_add(1, Relaxed);
        assert_eq!(watch.look(&pulse, &limits), Diagnosis::Alive);
        tokio::time::advance(limits.write_stall).await;
        assert!(matches!(watch.look(&pulse, &limits), Diagnosis::Dead(_)));
    }
}
