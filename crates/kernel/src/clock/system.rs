//! The system's time, moved by an offset, never going back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;

use super::{BoxFuture, Clock, MovableClock, Timestamp};

/// Longest uninterrupted sleep. The runtime's timer is monotonic and does not see the system's time being set
/// forward or a machine waking up from suspension, so long sleeps look at the clock again once in a while.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// System time plus an offset. Should the system's time be set back, it stands still until that time has caught up.
#[derive(Clone)]
pub struct SystemClock(Arc<Inner>);

struct Inner {
    /// Milliseconds added to the system's time.
    offset: AtomicU64,
    /// The latest answer given.
    last: AtomicU64,
    /// Changes whenever the clock is moved.
    moved: watch::Sender<()>,
}

impl SystemClock {
    /// A clock that is `offset` ahead of the system's time; zero, or what [`MovableClock::offset`] said before a restart.
    pub fn new(offset: Duration) -> Self {
        Self(Arc::new(Inner {
            offset: AtomicU64::new(millis(offset)),
            last: AtomicU64::new(0),
            moved: watch::Sender::new(()),
        }))
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new(Duration::ZERO)
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis);
        self.answer(wall)
    }

    fn answer(&self, wall: u64) -> Timestamp {
        let now = wall.saturating_add(self.offset.load(Ordering::Acquire));
        Timestamp(self.last.fetch_max(now, Ordering::AcqRel).max(now))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.0);
        let mut moved = clock.moved.subscribe();
        Box::pin(async move {
            loop {
                let now = clock.now();
                if now >= deadline {
                    return;
                }
                let nap = deadline.since(now).clamp(Duration::from_millis(1), LONGEST_NAP);
                tokio::select! {
                    () = tokio::time::sleep(nap) => {}
                    // The sender lives in `clock`, so this never fails.
                    _ = moved.changed() => {}
                }
            }
        })
    }
}

impl MovableClock for SystemClock {
    fn advance_to(&self, target: Timestamp) {
        let missing = target.since(self.now());
        if missing.is_zero() {
            return;
        }
        self.0.offset.fetch_add(millis(missing), Ordering::AcqRel);
        self.0.moved.send_replace(());
    }

    fn offset(&self) -> Duration {
        Duration::from_millis(self.0.offset.load(Ordering::Acquire))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_of_the_system_does_not_take_time_back() {
        let clock = SystemClock::default();
        assert_eq!(clock.0.answer(5_000), Timestamp(5_000));
        assert_eq!(clock.0.answer(3_000), Timestamp(5_000));
        assert_eq!(clock.0.answer(5_001), Timestamp(5_001));
    }

    #[test]
    fn the_offset_survives_through_its_owner() {
        let clock = SystemClock::default();
        let before = clock.now();
        clock.advance(Duration::from_hours(1));
        assert!(clock.now() >= before.after(Duration::from_hours(1)));
        let next = SystemClock::new(clock.offset());
        assert!(next.now() >= before.after(Duration::from_hours(1)));
        clock.advance_to(before);
        assert!(clock.offset() <= Duration::from_hours(1), "moving into the past does nothing");
    }

    #[tokio::test]
    async fn moving_the_clock_wakes_sleepers() {
        let clock = SystemClock::default();
        let deadline = clock.now().after(Duration::from_hours(24));
        let sleeper = tokio::spawn(clock.sleep_until(deadline));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_hours(24));
        sleeper.await.unwrap();
        clock.sleep_until(Timestamp(0)).await;
    }

    #[tokio::test]
    async fn it_wakes_by_itself() {
        let clock = SystemClock::default();
        let deadline = clock.now().after(Duration::from_millis(5));
        clock.sleep_until(deadline).await;
        assert!(clock.now() >= deadline);
    }
}
