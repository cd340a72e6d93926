//! Pre-warmed processes: of the kinds that were used last, so that the next environment of that kind starts in a few
//! milliseconds.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moln_kernel::Timestamp;

use super::{Pool, Seat};
use crate::{
    Revision, Runtime,
    bootstrap::can_be_assigned,
    environment::{Prepared, Warm, warm},
    provision::Installed,
};

/// What must be the same for a process to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    runtime: Runtime,
    memory_mb: u32,
    tmp_mb: u32,
}

struct Ready {
    kind: Kind,
    warm: Warm,
    seat: Seat,
    since: Timestamp,
}

/// The processes that wait.
#[derive(Default)]
pub(super) struct Warmth {
    ready: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// Oldest first.
    ready: Vec<Ready>,
    /// Kinds that are being started.
    starting: Vec<Kind>,
    closed: bool,
}

/// The kind a revision can use; `None`: it needs a process of its own.
fn kind(revision: &Revision, prepared: &Prepared) -> Option<Kind> {
    let assignable =
        can_be_assigned(revision.runtime, &revision.environment) && prepared.extensions.is_empty();
    assignable.then_some(Kind {
        runtime: revision.runtime,
        memory_mb: revision.memory_mb,
        tmp_mb: revision.tmp_mb,
    })
}

impl Warmth {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waiting(&self) -> usize {
        self.shelf().ready.len()
    }

    /// Takes a process for the revision.
    pub(super) fn take(&self, revision: &Revision, prepared: &Prepared) -> Option<(Warm, Seat)> {
        let kind = kind(revision, prepared)?;
        let mut shelf = self.shelf();
        let at = shelf.ready.iter().rposition(|ready| {
            ready.kind == kind
                && ready.warm.is_alive()
                && Arc::ptr_eq(ready.warm.installed(), &prepared.installed)
        })?;
        let ready = shelf.ready.remove(at);
        Some((ready.warm, ready.seat))
    }

    /// Ends the oldest one. `false`: there is none.
    pub(super) fn give_up_one(&self) -> bool {
        let mut shelf = self.shelf();
        if shelf.ready.is_empty() {
            return false;
        }
        let ready = shelf.ready.remove(0);
        drop(shelf);
        end(ready);
        true
    }

    /// Ends all, for good.
    pub(super) fn give_up_all(&self) {
        let mut shelf = self.shelf();
        shelf.closed = true;
        let all = std::mem::take(&mut shelf.ready);
        drop(shelf);
        all.into_iter().for_each(end);
    }

    /// Ends those that nobody used for so long.
    pub(super) fn give_up_older(&self, now: Timestamp, after: Duration) {
        let mut shelf = self.shelf();
        let kept =
            shelf.ready.iter().position(|ready| ready.since.after(after) > now).unwrap_or(shelf.ready.len());
        let old: Vec<Ready> = shelf.ready.drain(..kept).collect();
        drop(shelf);
        old.into_iter().for_each(end);
    }
}

fn end(ready: Ready) {
    tokio::spawn(async move {
        ready.warm.kill().await;
        drop(ready.seat);
    });
}

impl Pool {
    /// Starts a process like the revision's, for the next environment of its kind, when there is none waiting. Returns at
    /// once; a failure costs nothing but the time it would have saved.
    pub(super) fn warm_up(self: &Arc<Self>, revision: &Revision, prepared: &Prepared) {
        let limits = &self.host.settings.limits;
        let Some(kind) = kind(revision, prepared) else { return };
        if limits.warm == 0 || !self.host.settings.launcher.report().late_binds {
            return;
        }
        let crowded = {
            let mut shelf = self.warmth.shelf();
            let here = shelf.ready.iter().filter(|ready| ready.kind == kind && ready.warm.is_alive()).count();
            let coming = shelf.starting.iter().filter(|starting| **starting == kind).count();
            if shelf.closed || here + coming >= limits.warm {
                return;
            }
            shelf.starting.push(kind);
            shelf.ready.len() + shelf.starting.len() > limits.warm_total
        };
        if crowded {
            self.warmth.give_up_one();
        }
        let (pool, installed) = (Arc::clone(self), Arc::clone(&prepared.installed));
        tokio::spawn(async move {
            let ready = pool.start_warm(kind, &installed).await;
            let mut shelf = pool.warmth.shelf();
            if let Some(at) = shelf.starting.iter().position(|starting| *starting == kind) {
                shelf.starting.swap_remove(at);
            }
            match ready {
                Some(ready) if shelf.closed => {
                    drop(shelf);
                    end(ready);
                }
                Some(ready) => shelf.ready.push(ready),
                None => {}
            }
        });
    }

    async fn start_warm(&self, kind: Kind, installed: &Arc<Installed>) -> Option<Ready> {
        // Not while invocations start environments: they are in a hurry.
        let _permit = self.starting.acquire().await.ok()?;
        let seat = self.seats.take(kind.memory_mb)?;
        match warm(&self.host, installed, kind.runtime, kind.memory_mb, kind.tmp_mb).await {
            Ok(warm) => Some(Ready { kind, warm, seat, since: self.host.settings.clock.now() }),
            Err(error) => {
                tracing::debug!(runtime = %kind.runtime, %error, "no pre-warmed process");
                None
            }
        }
    }
}
