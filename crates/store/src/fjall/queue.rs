//! Commits on their way to the sequencer: in order, bounded, waking the sequencer only when it sleeps.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{Notify, futures::Notified, oneshot};

use crate::{Batch, CommitError, Committed, Version};

/// Commits that may wait before callers who can wait are held back.
const SOFT_JOBS: usize = 16_384;
/// Bytes of them.
const SOFT_BYTES: usize = 16 << 20;
/// How much more is taken from callers who cannot wait.
const HARD_FACTOR: usize = 4;
/// What a waiting commit takes besides the bytes it writes.
const JOB_BYTES: usize = 256;

/// Who waits for a commit.
pub(crate) type Done = oneshot::Sender<Result<Committed, CommitError>>;

/// Work for the sequencer.
pub(crate) enum Job {
    /// A caller's batch.
    Commit { batch: Batch, done: Done },
    /// Rows of a purge to remove from the disk; `seen` is the version of the view they were found in.
    Sweep { keys: Vec<Bytes>, seen: Version, done: Done },
    /// A purge that is swept.
    Swept { version: Version, number: u32, done: Done },
    /// A look at what else is to be done (stamps to reserve).
    Look,
}

/// The queue.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    room: Notify,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: usize,
    asleep: bool,
    closed: bool,
}

/// Why a job was not taken; the job comes back.
pub(crate) enum Refused {
    Closed(Job),
    Full(Job),
}

impl Queue {
    /// Adds a job that stands for `bytes`.
    pub(crate) fn push(&self, job: Job, bytes: usize) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed(job));
        }
        if state.jobs.len() >= HARD_FACTOR * SOFT_JOBS || state.bytes >= HARD_FACTOR * SOFT_BYTES {
            return Err(Refused::Full(job));
        }
        state.bytes += bytes + JOB_BYTES;
        state.jobs.push_back(job);
        let wake = std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Takes everything, into the empty `into`; waits while there is nothing. `false`: closed, and nothing is left.
    pub(crate) fn take(&self, into: &mut VecDeque<Job>) -> bool {
        let mut state = self.lock();
        while state.jobs.is_empty() {
            if state.closed {
                return false;
            }
            state.asleep = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.asleep = false;
        self.hand_out(state, into);
        true
    }

    /// Takes what has come since, too.
    pub(crate) fn more(&self, into: &mut VecDeque<Job>) {
        self.hand_out(self.lock(), into);
    }

    fn hand_out(&self, mut state: MutexGuard<'_, State>, into: &mut VecDeque<Job>) {
        let was_full = state.is_full();
        state.bytes = 0;
        if into.is_empty() {
            std::mem::swap(&mut state.jobs, into);
        } else {
            into.append(&mut state.jobs);
        }
        drop(state);
        if was_full {
            self.room.notify_waiters();
        }
    }

    /// Takes no more. What is queued is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
        self.room.notify_waiters();
    }

    /// Resolves when the backlog is below its soft bound; `None`: it is.
    pub(crate) fn room(&self) -> Option<Notified<'_>> {
        // The lock is held while the waiter is made: `take` cannot empty the queue in between unnoticed.
        let state = self.lock();
        (state.is_full() && !state.closed).then(|| self.room.notified())
    }

    /// Jobs and bytes that wait.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        let state = self.lock();
        (state.jobs.len(), state.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.jobs.len() >= SOFT_JOBS || self.bytes >= SOFT_BYTES
    }
}
