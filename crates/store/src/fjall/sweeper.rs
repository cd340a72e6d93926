//! The thread that takes purged rows off the disk, a chunk per commit, through the same queue as everybody's commits.

use std::sync::{Condvar, Mutex, PoisonError};

use bytes::Bytes;
use fjall::Readable;
use tokio::sync::oneshot;

use super::{
    Shared,
    purge::{Purge, SWEEP_KEYS},
    queue::Job,
    rows,
};
use crate::StoreError;

/// Wakes the sweeper's thread.
#[derive(Default)]
pub(crate) struct Sweeper {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    woken: bool,
    closed: bool,
}

impl Sweeper {
    /// There is a purge to sweep.
    pub(crate) fn wake(&self) {
        self.change(|state| state.woken = true);
    }

    /// The store closes: what is not swept is swept after the next start.
    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits for `wake`. `false`: closed.
    fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.woken && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.woken = false;
        !state.closed
    }
}

/// Sweeps whatever purges there are until the store closes.
pub(crate) fn run(shared: &Shared) {
    while shared.sweeper.wait() {
        while let Some(purge) = shared.visible().purges.first().cloned() {
            match sweep(shared, &purge) {
                Ok(()) => {}
                Err(Stop::Closed) => return,
                Err(Stop::Unreadable(error)) => {
                    shared.fail(&format!("sweeping: {error}"));
                    return;
                }
            }
        }
    }
}

enum Stop {
    Closed,
    Unreadable(StoreError),
}

fn sweep(shared: &Shared, purge: &Purge) -> Result<(), Stop> {
    let mut from = purge.range.start.clone();
    while from < purge.range.end {
        let visible = shared.visible();
        let mut keys: Vec<Bytes> = Vec::new();
        let unreadable = |error: fjall::Error| Stop::Unreadable(rows::engine_error(&error));
        for row in
            visible.snapshot.range::<&[u8], _>(&shared.disk.space, from.as_ref()..purge.range.end.as_ref())
        {
            let (key, stored) = row.into_inner().map_err(unreadable)?;
            if rows::version_of(&stored).map_err(Stop::Unreadable)? < purge.version {
                keys.push(Bytes::copy_from_slice(&key));
            }
            if keys.len() >= SWEEP_KEYS {
                break;
            }
        }
        let Some(last) = keys.last() else { break };
        let mut next = last.to_vec();
        next.push(0);
        from = next.into();
        let seen = visible.version;
        drop(visible);
        ask(shared, |done| Job::Sweep { keys, seen, done })?;
    }
    ask(shared, |done| Job::Swept { version: purge.version, number: purge.number, done })
}

/// Has the sequencer do something and waits for it; a full queue is waited for too.
fn ask(shared: &Shared, job: impl FnOnce(super::queue::Done) -> Job) -> Result<(), Stop> {
    let (done, answer) = oneshot::channel();
    let mut job = job(done);
    loop {
        job = match shared.queue.push(job, SWEEP_KEYS) {
            Ok(()) => break,
            Err(super::queue::Refused::Closed(_)) => return Err(Stop::Closed),
            Err(super::queue::Refused::Full(job)) => job,
        };
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    match answer.blocking_recv() {
        Ok(Ok(_)) => Ok(()),
        // Not committed: the store has failed or closes.
        Ok(Err(_)) | Err(_) => Err(Stop::Closed),
    }
}
