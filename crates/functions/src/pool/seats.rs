//! Places for environments: bounded in number and in memory.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

pub(super) struct Seats {
    most: usize,
    most_memory: Option<u64>,
    taken: Mutex<(usize, u64)>,
    freed: Arc<Notify>,
}

/// A place; it comes free when this is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    memory_mb: u64,
}

impl Seats {
    pub(super) fn new(most: usize, most_memory: Option<u64>, freed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), most_memory, taken: Mutex::new((0, 0)), freed })
    }

    /// A place for an environment of this much memory. One alone always fits.
    pub(super) fn take(self: &Arc<Self>, memory_mb: u32) -> Option<Seat> {
        let memory_mb = u64::from(memory_mb);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = self.most_memory.is_none_or(|most| taken.0 == 0 || taken.1 + memory_mb <= most);
        if taken.0 >= self.most || !fits {
            return None;
        }
        *taken = (taken.0 + 1, taken.1 + memory_mb);
        Some(Seat { seats: Arc::clone(self), memory_mb })
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = (taken.0.saturating_sub(1), taken.1.saturating_sub(self.memory_mb));
        drop(taken);
        self.seats.freed.notify_waiters();
    }
}

/// Leave to start an environment now; who waits looks again when this is dropped.
pub(crate) struct Permit {
    permit: Option<OwnedSemaphorePermit>,
    freed: Arc<Notify>,
}

impl Permit {
    pub(super) fn take(starting: &Arc<Semaphore>, freed: &Arc<Notify>) -> Option<Self> {
        let permit = Arc::clone(starting).try_acquire_owned().ok()?;
        Some(Self { permit: Some(permit), freed: Arc::clone(freed) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_number_and_memory() {
        let seats = Seats::new(3, Some(512), Arc::new(Notify::new()));
        let big = seats.take(2_048).unwrap();
        assert!(seats.take(128).is_none(), "one alone fits, however large; nothing beside it");
        drop(big);
        let all: Vec<Seat> = (0..3).filter_map(|_| seats.take(128)).collect();
        assert_eq!((all.len(), seats.taken()), (3, 3));
        assert!(seats.take(128).is_none());
        drop(all);
        assert_eq!(seats.taken(), 0);
    }
}
