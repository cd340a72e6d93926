//! A clock that stands still until it is moved: for tests.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{BoxFuture, Clock, MovableClock, Timestamp};

/// Shows exactly the moment it was set to. Clones show the same time.
#[derive(Clone)]
pub struct ManualClock {
    start: Timestamp,
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { start, now: Arc::new(watch::Sender::new(start)) }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        let sender = Arc::clone(&self.now);
        Box::pin(async move {
            // The sender is held here, so waiting cannot fail for want of one.
            let _ = sender.subscribe().wait_for(|now| *now >= deadline).await;
        })
    }
}

impl MovableClock for ManualClock {
    fn advance_to(&self, target: Timestamp) {
        self.now.send_if_modified(|now| {
            let later = target > *now;
            if later {
                *now = target;
            }
            later
        });
    }

    fn offset(&self) -> Duration {
        self.now().since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_stands_still_until_moved() {
        let clock = ManualClock::new(Timestamp(1_000));
        let sleeper = tokio::spawn(clock.sleep_until(Timestamp(2_000)));
        clock.advance_to(Timestamp(1_999));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_millis(1));
        sleeper.await.unwrap();
        clock.advance_to(Timestamp(5));
        assert_eq!(clock.now(), Timestamp(2_000));
        assert_eq!(clock.offset(), Duration::from_secs(1));
    }
}
