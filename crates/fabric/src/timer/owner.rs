//! The worker that fires timers, in order of their moments over all shards.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use moln_kernel::{Timestamp, clock::BoxFuture};
use moln_store::{Batch, CommitError, Pending, Store, Version};
use tokio::sync::watch;

use super::{
    Inner, Timer, keys,
    window::{Row, Window},
};
use crate::{
    Backoff, Worker, WorkerError, WorkerState,
    fence::{self, Fence},
    guarded::guarded,
};

/// Timers fired in one step.
const STEP: usize = 512;
/// Commits waited for at once.
const IN_FLIGHT: usize = 64;
/// A handler that takes longer has failed.
const HANDLER: Duration = Duration::from_secs(30);
/// How often a conflict is answered by asking the handler again at once.
const CONFLICTS: usize = 8;
/// Between failures of a handler.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));

pub(super) struct Owner {
    shared: Arc<Inner>,
    fence: Option<Fence>,
    /// Changes to any shard.
    changes: watch::Receiver<Version>,
    windows: Vec<Window>,
}

/// Fired, and not known yet whether it is committed.
type Firing = VecDeque<(Row, Pending)>;

impl Owner {
    pub(super) fn new(shared: Arc<Inner>, fence: Option<Fence>) -> Self {
        let changes = shared.store.watch(keys::ROWS);
        Self { shared, fence, changes, windows: Vec::new() }
    }

    fn store(&self) -> &Store {
        &self.shared.store
    }

    async fn fire_due(&mut self) -> Result<WorkerState, WorkerError> {
        let now = self.shared.clock.now();
        self.changes.mark_unchanged();
        if self.windows.is_empty() {
            let open = (0..keys::SHARDS).map(|shard| Window::new(shard, &self.shared.store, now));
            self.windows = open.collect::<Result<_, _>>()?;
        }
        self.windows.iter_mut().for_each(|window| window.forget_if_stale(now));
        let mut firing = Firing::new();
        for fired in 0..STEP {
            self.look(&mut firing, now).await?;
            let Some(row) = self.next(now) else {
                self.settle(&mut firing, 0).await?;
                if fired > 0 {
                    self.note(now);
                    return Ok(WorkerState::Busy);
                }
                return Ok(WorkerState::Idle { until: self.next_due() });
            };
            if let Some(pending) = self.fire(&row).await? {
                firing.push_back((row, pending));
            }
            self.settle(&mut firing, IN_FLIGHT - 1).await?;
        }
        self.settle(&mut firing, 0).await?;
        self.note(now);
        Ok(WorkerState::Busy)
    }

    /// Makes sure that every shard's nearest timer is known.
    async fn look(&mut self, firing: &mut Firing, now: Timestamp) -> Result<(), WorkerError> {
        if self.windows.iter().any(Window::is_unknown) {
            self.settle(firing, 0).await?;
            let snapshot = self.shared.store.snapshot();
            for window in self.windows.iter_mut().filter(|window| window.is_unknown()) {
                window.load(&*snapshot, now)?;
            }
        }
        Ok(())
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.windows.iter().filter_map(Window::head).map(|row| row.due).min()
    }

    fn next(&mut self, now: Timestamp) -> Option<Row> {
        let first = self.windows.iter_mut().filter(|window| window.head().is_some());
        let first = first.min_by_key(|window| window.head().map(|row| row.due))?;
        if first.head()?.due > now { None } else { first.pop() }
    }

    /// Asks the handler and hands what it wants to the store. `None`: it failed, and the timer is put off.
    async fn fire(&self, row: &Row) -> Result<Option<Pending>, WorkerError> {
        match self.ask(row).await {
            Ok(mut batch) => {
                self.close(row, &mut batch);
                Ok(Some(self.store().submit(batch)))
            }
            Err(why) => {
                self.put_off(row, &why).await?;
                Ok(None)
            }
        }
    }

    async fn ask(&self, row: &Row) -> Result<Batch, String> {
        let timer = keys::parse(&row.key, &row.value).ok_or("the row is damaged")?;
        let handler = self.shared.handler(&timer.key.kind).ok_or("nobody handles this kind of timer")?;
        match guarded(handler.fire(&timer), HANDLER).await {
            Ok(Ok(batch)) => Ok(batch),
            Ok(Err(error)) => Err(error.to_string()),
            Err(gone) => Err(gone.to_string()),
        }
    }

    /// Adds the timer's removal; it must still be there as it was read.
    fn close(&self, row: &Row, batch: &mut Batch) {
        batch.unchanged(row.key.clone(), row.version);
        fence::guard(self.fence.as_ref(), batch);
        batch.delete(row.key.clone());
    }

    /// Waits for commits until at most `left` are under way.
    async fn settle(&self, firing: &mut Firing, left: usize) -> Result<(), WorkerError> {
        while firing.len() > left {
            let Some((row, pending)) = firing.pop_front() else { break };
            self.finish(row, pending).await?;
        }
        Ok(())
    }

    async fn finish(&self, mut row: Row, mut pending: Pending) -> Result<(), WorkerError> {
        for _ in 0..CONFLICTS {
            match pending.await {
                Ok(_) => {
                    self.shared.fired.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error @ (CommitError::TooLarge | CommitError::NotACounter { .. })) => {
                    return self.put_off(&row, &error.to_string()).await;
                }
                Err(error) => return Err(error.into()),
            }
            let current = self.store().snapshot().get(&row.key)?;
            // Gone: it was cancelled.
            let Some((value, version)) = current else { return Ok(()) };
            row = Row { value, version, ..row };
            let Some(again) = self.fire(&row).await? else { return Ok(()) };
            pending = again;
        }
        self.put_off(&row, "its target was changed by others again and again").await
    }

    /// Moves a timer whose handler failed to a later moment.
    async fn put_off(&self, row: &Row, why: &str) -> Result<(), WorkerError> {
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
        let Some(Timer { mut key, payload, failures }) = keys::parse(&row.key, &row.value) else {
            tracing::error!(row = ?row.key, "a timer's row is damaged and was removed");
            return self.replace(row, Batch::default()).await;
        };
        let failures = failures.saturating_add(1);
        let pause = RETRY.delay(failures, crate::hash::stable(&[&row.key]));
        tracing::error!(kind = %key.kind, id = ?key.id, failures, error = why, ?pause, "a timer's handler failed");
        key.due = self.shared.clock.now().after(pause);
        let mut batch = Batch::default();
        batch.put(keys::row(&key), keys::value(failures, &payload));
        self.replace(row, batch).await
    }

    async fn replace(&self, row: &Row, mut batch: Batch) -> Result<(), WorkerError> {
        self.close(row, &mut batch);
        match self.store().commit(batch).await {
            // Cancelled or scheduled anew meanwhile: that is seen at the next look.
            Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes down how far the shards are drained. Nobody waits for it: it only saves the next start some reading.
    fn note(&mut self, now: Timestamp) {
        let mut batch = Batch::default();
        for window in &mut self.windows {
            window.note(&mut batch, now);
        }
        if !batch.is_empty() {
            fence::guard(self.fence.as_ref(), &mut batch);
            drop(self.shared.store.submit(batch));
        }
    }
}

impl Worker for Owner {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(self.fire_due())
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }

    fn info(&self) -> String {
        match self.next_due() {
            Some(due) => format!("next timer at {}", due.millis()),
            None => "no timers".to_owned(),
        }
    }
}
