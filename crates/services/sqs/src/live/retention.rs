//! The background job that removes messages past their retention, and deduplication ids nobody asks for any more. It
//! looks at a queue only when its oldest message may be due, and removes a bounded number of rows in a commit.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use moln_fabric::{Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Timestamp, clock::BoxFuture};
use moln_store::{Batch, KeyRange, Scan, Snapshot, StoreError};
use tokio::sync::watch;

use super::{Core, Queue, core::unread};
use crate::{
    limits::{DEDUPLICATION_MS, SWEEP_ROWS},
    tables::{keys, message},
};

/// Rows of messages removed in one commit, about: long messages have many.
const MOST_DELETES: u32 = 400;

/// The worker.
pub(crate) struct Retention {
    core: Arc<Core>,
    changes: watch::Receiver<u64>,
}

struct Expired {
    stamp: u64,
    rows: u8,
    delayed: bool,
    /// The row of its age, when it has one.
    age: Option<Bytes>,
}

/// What a look at a queue found.
struct Look {
    expired: Vec<Expired>,
    /// Ages of messages that are gone.
    stale: Vec<Bytes>,
    /// Deduplication ids to be removed.
    forgotten: Option<KeyRange>,
    /// The next look.
    due: u64,
}

impl Retention {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { changes: core.changes.subscribe(), core }
    }

    fn next_due(&self) -> u64 {
        self.core.all().iter().map(|queue| queue.sweep_due.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }

    async fn round(&mut self) -> Result<WorkerState, ApiError> {
        let now = self.core.clock.now().millis();
        for queue in self.core.all() {
            if queue.sweep_due.load(Ordering::Acquire) <= now && self.sweep(&queue, now).await? {
                return Ok(WorkerState::Busy);
            }
        }
        let next = self.next_due();
        self.core.sweeping_at.store(next, Ordering::Release);
        if self.next_due() < next {
            // Asked for before the moment was told.
            return Ok(WorkerState::Busy);
        }
        Ok(WorkerState::Idle { until: (next < u64::MAX).then_some(Timestamp(next)) })
    }

    /// Removes what is due in a queue; whether there was something.
    async fn sweep(&self, queue: &Arc<Queue>, now: u64) -> Result<bool, ApiError> {
        let retention = queue.meta().settings.retention_ms;
        queue.sweep_due.store(now.saturating_add(retention), Ordering::Release);
        let (seen, core) = (Arc::clone(queue), Arc::clone(&self.core));
        let look = tokio::task::spawn_blocking(move || look(&*core.store.snapshot(), &seen, now, retention))
            .await
            .map_err(|_| ApiError::internal("The service is stopping."))?
            .map_err(|error| unread(&error))?;
        let idle = look.expired.is_empty() && look.stale.is_empty() && look.forgotten.is_none();
        // What was sent meanwhile and not seen is younger than now.
        queue.sweep_at(if idle { look.due } else { now });
        if idle {
            return Ok(false);
        }
        let mut tidy = Batch::default();
        for key in &look.stale {
            tidy.delete(key.clone());
        }
        if let Some(range) = look.forgotten {
            tidy.delete_range(range);
        }
        if !tidy.is_empty() {
            self.core.durable(Some(self.core.store.submit(tidy))).await?;
        }
        let result = queue
            .commit(&self.core, |live, _, batch| {
                for expired in &look.expired {
                    if live.state.expire(expired.stamp, expired.delayed) {
                        batch.delete(keys::hidden(queue.id, expired.stamp));
                    }
                    message::delete(batch, queue.id, expired.stamp, expired.rows);
                    if let Some(age) = &expired.age {
                        batch.delete(age.clone());
                    }
                }
            })
            .await;
        match result {
            Err(error) if error.code == "QueueDoesNotExist" => Ok(true),
            other => other.map(|()| true),
        }
    }
}

fn look(snapshot: &dyn Snapshot, queue: &Queue, now: u64, retention: u64) -> Result<Look, StoreError> {
    let mut look = Look { expired: Vec::new(), stale: Vec::new(), forgotten: None, due: u64::MAX };
    let mut deletes = 0;
    let some = Scan { limit: SWEEP_ROWS, ..Scan::default() };
    for (key, row, _) in snapshot.scan(&keys::bodies(queue.id), some)?.rows {
        let Some(stamp) = keys::last_number(&key) else { continue };
        if message::has_history(&row) && !queue.fifo {
            // Its age is told by a row of its own.
            continue;
        }
        let due = message::sent(&row).saturating_add(retention);
        if due > now {
            look.due = look.due.min(due);
            break;
        }
        let (rows, delayed) = (message::rows(&row), message::is_delayed(&row));
        look.expired.push(Expired { stamp, rows, delayed, age: None });
        deletes += u32::from(rows);
        if deletes > MOST_DELETES {
            break;
        }
    }
    for (key, ..) in snapshot.scan(&keys::all_redriven(queue.id), some)?.rows {
        let (Some(sent), Some(stamp)) = (keys::second_number(&key), keys::last_number(&key)) else {
            continue;
        };
        let due = sent.saturating_add(retention);
        if due > now {
            look.due = look.due.min(due);
            break;
        }
        match snapshot.get(&keys::body(queue.id, stamp))? {
            Some((row, _)) => {
                let rows = message::rows(&row);
                look.expired.push(Expired { stamp, rows, delayed: false, age: Some(key) });
                deletes += u32::from(rows);
                if deletes > MOST_DELETES {
                    break;
                }
            }
            None => look.stale.push(key),
        }
    }
    let first = Scan { limit: 1, keys_only: true, ..Scan::default() };
    if let Some((key, ..)) = snapshot.scan(&keys::all_seen(queue.id), first)?.rows.first() {
        let over = keys::second_number(key).unwrap_or(0).saturating_add(2) * DEDUPLICATION_MS;
        if over > now {
            look.due = look.due.min(over);
        } else {
            look.forgotten = Some(keys::seen_before(queue.id, (now / DEDUPLICATION_MS).saturating_sub(1)));
        }
    }
    Ok(look)
}

impl Worker for Retention {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            self.changes.mark_unchanged();
            self.round().await.map_err(WorkerError::from)
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
