//! Whether the threads that commit are all busy: then more commits come soon, and a sync waits a moment for them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicIsize, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// How long a commit waits for company at most. Only while every thread has work: it holds up nobody who could go on.
const COMPANY: Duration = Duration::from_millis(1);

/// The threads of a runtime that commits: it tells when one of them runs out of work, and when it has some again.
///
/// On a fast disk a sync takes as long as the work of a request or two, and each group would be one commit, with its
/// sync and its wake-ups.
#[derive(Default)]
pub struct Threads {
    idle: AtomicIsize,
    gathering: AtomicBool,
    sequencer: Mutex<Option<Thread>>,
}

impl Threads {
    /// A thread has nothing to do.
    pub fn parks(&self) {
        self.idle.fetch_add(1, SeqCst);
        if self.gathering.swap(false, SeqCst)
            && let Some(sequencer) = &*self.sequencer.lock().unwrap_or_else(PoisonError::into_inner)
        {
            sequencer.unpark();
        }
    }

    /// It has something to do.
    pub fn unparks(&self) {
        self.idle.fetch_sub(1, SeqCst);
    }

    /// The calling thread is the one that gathers.
    pub(crate) fn gathers_here(&self) {
        *self.sequencer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current());
    }

    /// Waits until a thread is idle, or [`COMPANY`] is over.
    pub(crate) fn gather(&self) {
        let end = Instant::now() + COMPANY;
        self.gathering.store(true, SeqCst);
        // Who parks from here on sees `gathering`; who parked before is seen here.
        while self.idle.load(SeqCst) <= 0 && self.gathering.load(SeqCst) {
            let Some(rest) = end.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) else {
                break;
            };
            thread::park_timeout(rest);
        }
        self.gathering.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn nothing_waits_while_a_thread_is_idle() {
        let threads = Threads::default();
        threads.parks();
        threads.gather();
        assert!(!threads.gathering.load(SeqCst));
        threads.unparks();
        // All are busy: it ends by itself.
        threads.gather();
        assert!(!threads.gathering.load(SeqCst));
    }

    #[test]
    fn a_thread_that_parks_ends_the_wait() {
        let threads = Arc::new(Threads::default());
        let gathering = Arc::clone(&threads);
        let sequencer = thread::spawn(move || {
            gathering.gathers_here();
            for _ in 0..100 {
                gathering.gather();
            }
        });
        while !sequencer.is_finished() {
            threads.parks();
            threads.unparks();
        }
        sequencer.join().unwrap();
        assert_eq!(threads.idle.load(SeqCst), 0);
    }
}
