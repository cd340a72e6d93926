//! Latency histogram: log-linear buckets, relative error below 1/64, fixed memory, no allocation while recording.

use std::time::Duration;

/// Linear steps per power of two, as a power of two: 64 steps, so a bucket is at most 1.6 % wide.
const STEP_BITS: u32 = 6;
const STEPS: u64 = 1 << STEP_BITS;
/// Largest exponent kept: 2^40 ns is 18 minutes, longer than any run.
const MAX_EXPONENT: u32 = 40;

/// Counts of durations, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
    sum_ns: u128,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; slot(1 << MAX_EXPONENT) + 1], total: 0, sum_ns: 0 }
    }
}

/// Bucket of a value: exact below 64 ns, then 64 linear steps per power of two.
fn slot(ns: u64) -> usize {
    let ns = ns.min(1 << MAX_EXPONENT);
    let slot = if ns < STEPS {
        ns
    } else {
        let exponent = ns.ilog2();
        let shift = exponent - STEP_BITS;
        u64::from(shift + 1) * STEPS + ((ns >> shift) - STEPS)
    };
    usize::try_from(slot).unwrap_or(usize::MAX)
}

/// Upper end of a bucket, in nanoseconds.
fn upper(slot: usize) -> u64 {
    let slot = slot as u64;
    if slot < STEPS {
        return slot;
    }
    let shift = slot / STEPS - 1;
    ((STEPS + slot % STEPS + 1) << shift) - 1
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(slot(ns)) {
            *count = count.saturating_add(1);
        }
        self.total += 1;
        self.sum_ns += u128::from(ns);
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        self.total += other.total;
        self.sum_ns += other.sum_ns;
    }

    /// How many durations were recorded.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The duration in milliseconds that the share `quantile` (0 to 1) of all does not exceed; 0 when empty.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        let wanted = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0_u64;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return upper(slot) as f64 / 1e6;
            }
        }
        0.0
    }

    /// Mean in milliseconds; 0 when empty.
    #[allow(clippy::cast_precision_loss)]
    pub fn mean_ms(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.sum_ns as f64 / self.total as f64 / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket_of_the_truth() {
        let mut histogram = Histogram::default();
        for micros in 1..=10_000 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.total(), 10_000);
        for (quantile, truth) in [(0.5, 5.0), (0.99, 9.9), (1.0, 10.0)] {
            let got = histogram.quantile_ms(quantile);
            assert!((got / truth - 1.0).abs() < 1.0 / 64.0, "p{quantile}: {got} for {truth}");
        }
        assert!((histogram.mean_ms() - 5.0005).abs() < 1e-9);
    }

    #[test]
    fn buckets_follow_one_another_without_gap() {
        for ns in (0..100_000).chain([1 << 20, (1 << 30) + 12345, u64::MAX]) {
            let slot = slot(ns);
            assert!(upper(slot) >= ns.min(1 << MAX_EXPONENT), "{ns}");
            assert!(slot == 0 || upper(slot - 1) < ns, "{ns}");
        }
    }

    #[test]
    fn empty_is_zero_and_merging_adds() {
        let mut all = Histogram::default();
        assert!(all.quantile_ms(0.5) < f64::EPSILON);
        let mut one = Histogram::default();
        one.record(Duration::from_millis(3));
        all.merge(&one);
        all.merge(&one);
        assert_eq!(all.total(), 2);
    }
}
