//! One execution environment: a sandbox, the runtime and extensions in it, its Runtime API, its log; from initialisation
//! over any number of invocations, one at a time and frozen between them, to its end.

mod alarm;
mod end;
mod invoke;
mod outcome;
mod prepare;
mod processes;
mod report;
mod start;
mod trace;
mod variables;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use moln_kernel::Timestamp;
use moln_sandbox::Sandbox;
use tokio::sync::{Mutex, Notify};

use crate::{
    Revision,
    capture::{Log, Pipe},
    runtime_api::{Api, Serving, State},
};

use alarm::Alarm;
use report::Untold;

pub(crate) use end::Reason;
pub(crate) use invoke::{Begun, Invoked, Then};
pub(crate) use outcome::Failure;
pub(crate) use prepare::{Keys, Prepared, fingerprint, prepare};
pub(crate) use processes::{Watched, watch};
pub(crate) use report::billed;
pub(crate) use start::{Host, NotStarted, Start, Warm, start, warm};

/// A running environment.
pub(crate) struct Environment {
    /// Unique in this process.
    pub(crate) id: u64,
    pub(crate) revision: Arc<Revision>,
    /// Started ahead of any invocation, and kept.
    pub(crate) provisioned: bool,
    api: Arc<Api>,
    log: Arc<Log>,
    /// What its log was not told of the last invocation.
    untold: std::sync::Mutex<Option<Untold>>,
    sandbox: Mutex<Held>,
    runtime: Watched,
    pipes: Vec<Arc<Pipe>>,
    /// Credentials, trees that must not be removed, what the code looked like.
    prepared: Arc<Prepared>,
    /// Grows when an invocation begins and when it has ended: odd while it is busy.
    turns: AtomicU64,
    /// Told when an invocation has ended.
    resting: Arc<Notify>,
    /// Somebody looks already whether it stays idle, and need not be told.
    watched: AtomicBool,
    /// Most memory that was seen, bytes.
    memory: AtomicU64,
    /// When it was looked at last, milliseconds after `born`; 0: never.
    looked: AtomicU64,
    born: Instant,
    alarm: Alarm,
    _serving: Vec<Serving>,
}

/// The sandbox, as long as it is there.
struct Held {
    sandbox: Option<Sandbox>,
    frozen: bool,
}

impl Environment {
    /// Whether it may take another invocation: alive, its credentials last, its code is what it was.
    pub(crate) fn is_fit(&self, now: Timestamp, fingerprint: Option<u64>) -> bool {
        self.prepared.keys.last(now, self.revision.timeout)
            && self.prepared.fingerprint == fingerprint
            && self.api.look(|state| {
                state.exit.is_none() && state.is_waiting() && state.failed_extension().is_none()
            })
    }

    /// It is idle from now on: it is frozen when it still is after a while.
    pub(crate) fn rest(&self) {
        let _ = self
            .turns
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |turn| (turn % 2 == 1).then_some(turn + 1));
        if !self.watched.swap(true, Ordering::SeqCst) {
            self.resting.notify_one();
        }
    }

    /// Freezes it whenever it has been idle for `after`, or up to twice that; until it is dropped. Quick calls in a row
    /// pay nothing for it: whether it has been idle is looked at once in that time.
    pub(crate) fn freeze_when_idle(self: &Arc<Self>, after: Duration) {
        let (environment, resting) = (Arc::downgrade(self), Arc::clone(&self.resting));
        tokio::spawn(async move {
            loop {
                resting.notified().await;
                loop {
                    let Some(turn) = environment.upgrade().map(|it| it.turns.load(Ordering::SeqCst)) else {
                        return;
                    };
                    tokio::time::sleep(after).await;
                    let Some(environment) = environment.upgrade() else { return };
                    if environment.freeze_unless_used(turn).await {
                        break;
                    }
                }
            }
        });
    }

    /// Freezes it if it has been idle since `turn`. Whether it need not be looked at any more until it is told to rest.
    async fn freeze_unless_used(&self, turn: u64) -> bool {
        let mut held = self.sandbox.lock().await;
        if self.turns.load(Ordering::SeqCst) == turn && turn.is_multiple_of(2) {
            if let Some(sandbox) = &held.sandbox
                && !held.frozen
            {
                self.api.look(State::send_held);
                held.frozen = sandbox.freeze().await.is_ok();
            }
            // Before the lock is let go of: whoever wakes it rests it later.
            self.watched.store(false, Ordering::SeqCst);
            return true;
        }
        drop(held);
        if self.turns.load(Ordering::SeqCst).is_multiple_of(2) {
            return false;
        }
        self.watched.store(false, Ordering::SeqCst);
        // It may have come to rest in between, and told nobody.
        let rests = self.turns.load(Ordering::SeqCst).is_multiple_of(2);
        !rests || self.watched.swap(true, Ordering::SeqCst)
    }

    /// It is busy from now on, and not frozen.
    async fn wake(&self) {
        // One that was just started is busy already.
        let _ = self
            .turns
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |turn| (turn % 2 == 0).then_some(turn + 1));
        let mut held = self.sandbox.lock().await;
        if held.frozen
            && let Some(sandbox) = &held.sandbox
        {
            let _ = sandbox.thaw().await;
            held.frozen = false;
        }
    }

    /// Most memory used so far, bytes; looked up anew at most every 50 ms.
    async fn memory(&self) -> u64 {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX) + 1;
        let looked = self.looked.load(Ordering::Relaxed);
        if looked == 0 || now.saturating_sub(looked) > 50 {
            let held = self.sandbox.lock().await;
            if let Some(sandbox) = &held.sandbox
                && let Ok(usage) = sandbox.usage().await
            {
                self.memory.fetch_max(usage.peak, Ordering::Relaxed);
                self.looked.store(now, Ordering::Relaxed);
            }
        }
        self.memory.load(Ordering::Relaxed)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.resting.notify_one();
    }
}

/// The moment that functions compare with their own clock: the system's. Moln's clock may have been moved, theirs has not.
pub(crate) fn system_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
