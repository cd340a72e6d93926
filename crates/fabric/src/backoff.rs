//! How long to wait before trying again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Exponential waiting with jitter. The jitter comes from a seed, so that a schedule can be computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Before the second attempt.
    pub first: Duration,
    /// Never longer than this.
    pub most: Duration,
}

impl Backoff {
    /// Doubles from `first` up to `most`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most }
    }

    /// How long to wait once `failures` attempts (at least one) have failed: the upper half of the exponential delay is
    /// scattered, so between half of it and all of it. `seed` names what is tried, so that all do not come at once.
    pub fn delay(&self, failures: u32, seed: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.most);
        let half = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX);
        let jitter = crate::hash::mix(seed ^ u64::from(failures).rotate_left(32)) % (half + 1);
        whole.saturating_sub(Duration::from_millis(jitter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_most_and_are_scattered() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_mins(1));
        for (failures, whole) in
            [(1, 100), (2, 200), (3, 400), (10, 51_200), (11, 60_000), (u32::MAX, 60_000)]
        {
            let delays: Vec<_> = (0..1_000).map(|seed| backoff.delay(failures, seed).as_millis()).collect();
            assert!(delays.iter().all(|d| (whole / 2..=whole).contains(d)), "{failures}");
            let mean = delays.iter().sum::<u128>() / 1_000;
            assert!(mean > whole * 70 / 100 && mean < whole * 80 / 100, "{failures}: {mean}");
            assert_eq!(delays[7], backoff.delay(failures, 7).as_millis());
        }
    }

    #[test]
    fn a_zero_delay_is_zero() {
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).delay(5, 1), Duration::ZERO);
    }
}
