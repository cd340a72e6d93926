//! The one clock. Everything that waits reads it; a test moves it. No other code asks the system for the time
//! (monotonic durations for metrics apart).

mod manual;
mod system;
mod text;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

pub use manual::ManualClock;
pub use system::SystemClock;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }
    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0
    }
    /// This moment plus a duration; saturates.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A boxed future that owns or borrows for `'a`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Resolves once `now() >= deadline`, also when the clock is moved there. Cancel by dropping.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()>;
}

/// A clock that can be moved forward. It cannot be moved back: what has fallen due stays due.
pub trait MovableClock: Clock {
    /// Moves the clock so that `now() >= target` and wakes everyone whose deadline was passed. A target that lies in
    /// the past does nothing.
    fn advance_to(&self, target: Timestamp);
    /// How far the clock has been moved away from the time it would show by itself. Whoever moves it stores this and
    /// hands it back at the next start.
    fn offset(&self) -> Duration;
    /// Moves the clock by a duration; see [`MovableClock::advance_to`].
    fn advance(&self, by: Duration) {
        self.advance_to(self.now().after(by));
    }
}

/// The clock as it is handed about.
pub type SharedClock = Arc<dyn Clock>;
