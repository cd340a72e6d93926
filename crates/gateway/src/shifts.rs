//! How the clock was moved, and when: so that what was signed by the system's time expires by the moved one.

use std::sync::{Mutex, PoisonError};

/// Movements that are remembered.
const KEPT: usize = 256;

/// The movements of the clock since the start, oldest first: since which moment of the unmoved clock which offset holds,
/// both in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Shifts(Mutex<Vec<(u64, u64)>>);

impl Shifts {
    /// The offset is this one now. To be told at the start and after everything that may have moved the clock.
    pub(crate) fn note(&self, unmoved: u64, offset: u64) {
        let mut shifts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shifts.last().is_some_and(|(_, known)| *known == offset) {
            return;
        }
        if shifts.len() >= KEPT {
            shifts.remove(0);
        }
        shifts.push((unmoved, offset));
    }

    /// How far the clock was moved since a moment of the unmoved clock. What was before the oldest known movement counts
    /// as after it.
    pub(crate) fn since(&self, unmoved: u64, offset: u64) -> u64 {
        let shifts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let then = shifts.iter().rev().find(|(at, _)| *at <= unmoved).or(shifts.first());
        offset.saturating_sub(then.map_or(offset, |(_, then)| *then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_movements_after_the_moment_count() {
        let shifts = Shifts::default();
        shifts.note(1_000, 50);
        assert_eq!(shifts.since(10, 50), 0, "before the start");
        shifts.note(2_000, 50);
        shifts.note(3_000, 80);
        assert_eq!((shifts.since(2_500, 80), shifts.since(3_000, 80)), (30, 0));
    }
}
