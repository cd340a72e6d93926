//! Waiting for something until a moment that hardly ever comes.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
    task::Poll,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is kept. Moving it on is cheap; a new one for every wait wakes whoever waits for all timers.
pub(super) struct Alarm(Mutex<Pin<Box<Sleep>>>);

/// The moment came.
#[derive(Debug)]
pub(super) struct Rung;

impl Alarm {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Box::pin(sleep_until(Instant::now()))))
    }

    /// What comes of the future, if it does so before `until`. One at a time waits here.
    pub(super) async fn within<T>(&self, until: Instant, future: impl Future<Output = T>) -> Result<T, Rung> {
        let mut future = pin!(future);
        let mut set = false;
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            let mut sleep = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !set {
                sleep.as_mut().reset(until);
                set = true;
            }
            sleep.as_mut().poll(cx).map(|()| Err(Rung))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_in_time_however_often_it_was_moved() {
        let alarm = Alarm::new();
        let begun = Instant::now();
        for millis in [50, 100, 10, 70] {
            let until = Instant::now() + Duration::from_millis(millis);
            assert!(alarm.within(until, std::future::ready(())).await.is_ok());
            let soon = tokio::time::sleep(Duration::from_millis(millis / 2));
            assert!(alarm.within(until, soon).await.is_ok());
            assert!(alarm.within(until, std::future::pending::<()>()).await.is_err());
        }
        assert_eq!(begun.elapsed().as_millis(), 230);
    }
}
