//! The background job that removes events past their group's retention: whole chunks, by range, stream by stream. A group
//! is looked at only when its oldest event may be due.

use std::sync::{Arc, atomic::Ordering};

use moln_fabric::{Worker, WorkerError, WorkerState};
use moln_kernel::{Timestamp, clock::BoxFuture};
use moln_store::{Batch, KeyRange, Scan, StoreError};
use tokio::sync::watch;

use super::{Core, Group};
use crate::{
    limits::DAY_MS,
    read,
    tables::keys::{self, ChunkKey, Field},
};

/// Streams cleared in one commit.
const STREAMS: usize = 100;
/// Removals lie at least this far apart for one group, in milliseconds (an hour): many small ones would cost more than the
/// space is worth. Readers do not see what is past its retention in any case.
const APART_MS: u64 = 3_600_000;

/// The worker.
pub(crate) struct Retention {
    core: Arc<Core>,
    changes: watch::Receiver<u64>,
}

impl Retention {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { changes: core.changes.subscribe(), core }
    }

    async fn round(&self) -> Result<WorkerState, WorkerError> {
        let now = self.core.clock.now().millis();
        let mut next = u64::MAX;
        for group in self.core.all() {
            if group.sweep_due.load(Ordering::Acquire) <= now {
                // Whoever writes meanwhile lowers this again.
                group.sweep_due.store(u64::MAX, Ordering::Release);
                match self.sweep(&group, now).await {
                    Ok(due) => {
                        group.sweep_due.fetch_min(due, Ordering::AcqRel);
                    }
                    Err(why) => {
                        group.sweep_due.store(now, Ordering::Release);
                        return Err(why);
                    }
                }
            }
            next = next.min(group.sweep_due.load(Ordering::Acquire));
        }
        Ok(WorkerState::Idle { until: (next < u64::MAX).then_some(Timestamp(next)) })
    }

    /// Removes what is due in a group; says when there is more.
    async fn sweep(&self, group: &Group, now: u64) -> Result<u64, WorkerError> {
        let Some(days) = group.meta().row.retention_days else { return Ok(u64::MAX) };
        let kept = u64::from(days) * DAY_MS;
        let cutoff = now.saturating_sub(kept);
        let figures = read::of_group(&*self.core.store.snapshot(), group.id)?;
        let mut oldest = u64::MAX;
        let mut due = Vec::new();
        for (stream, figures) in figures {
            if figures.last.is_none() {
                continue;
            }
            if figures.first < cutoff { due.push(stream) } else { oldest = oldest.min(figures.first) }
        }
        for streams in due.chunks(STREAMS) {
            let mut batch = Batch::default();
            for stream in streams {
                oldest = oldest.min(self.clear(&mut batch, group.id, *stream, cutoff)?);
            }
            self.core.store.commit(batch).await?;
        }
        Ok(oldest.saturating_add(kept).max(now.saturating_add(APART_MS)).max(if oldest == u64::MAX {
            u64::MAX
        } else {
            0
        }))
    }

    /// Removes the chunks of a stream that lie wholly before `cutoff`. Answers the time of its oldest event then.
    fn clear(&self, batch: &mut Batch, group: u64, stream: u64, cutoff: u64) -> Result<u64, StoreError> {
        let snapshot = self.core.store.snapshot();
        let (mut bytes, mut oldest, mut whole) = (0i64, u64::MAX, true);
        let mut gone: Option<KeyRange> = None;
        let mut range = Some(keys::all_chunks(group, stream));
        'rows: while let Some(next) = range {
            let page = snapshot.scan(&next, Scan { limit: 10_000, keys_only: true, ..Scan::default() })?;
            for (key, _, _) in &page.rows {
                let chunk = ChunkKey::read(key).ok_or_else(|| StoreError::Corrupt("a log chunk".into()))?;
                if chunk.first >= cutoff {
                    oldest = oldest.min(chunk.first);
                    break 'rows;
                }
                if chunk.last() >= cutoff {
                    // Some of its events are kept: so is all of it, a minute's worth, until they are due. What lies behind
                    // it is looked at next time.
                    oldest = oldest.min(chunk.first);
                    whole = false;
                    break 'rows;
                }
                if chunk.part == 0 {
                    bytes += i64::from(chunk.bytes);
                }
                let mut end = key.to_vec();
                end.push(0);
                match &mut gone {
                    Some(range) => range.end = end.into(),
                    None => gone = Some(KeyRange::new(key.clone(), end)),
                }
            }
            range = page.rest;
        }
        if let Some(range) = gone {
            batch.delete_range(range);
            batch.add(keys::figure(group, stream, Field::Bytes), -bytes);
            batch.add(keys::bytes(group), -bytes);
        }
        // Nothing older can come: events past the retention are refused. The chunk that stays in part begins earlier.
        let first = if whole { cutoff } else { oldest.min(cutoff) };
        batch.put(keys::figure(group, stream, Field::First), (!first).to_be_bytes().to_vec());
        Ok(oldest)
    }
}

impl Worker for Retention {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            self.changes.borrow_and_update();
            self.round().await
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The sender lives in the core, so this does not fail.
            let _ = self.changes.changed().await;
        })
    }
}
