//! The worker that owns one shard: reads what has arrived, starts deliveries by lane, follows them to their commit.

use std::{future::pending, sync::Arc};

use bytes::Bytes;
use moln_kernel::{Timestamp, clock::BoxFuture};
use moln_store::{Batch, CommitError, KeyRange, Scan, Snapshot, StoreError, Version};
use tokio::{sync::watch, task::JoinSet};

use super::{
    Delivery, Inner,
    attempt::{Attempt, End},
    keys,
    lanes::{LANE, LaneId, Lanes},
};
use crate::{
    Worker, WorkerError, WorkerState,
    fence::{self, Fence},
};

/// Rows remembered in all; when there are more, nothing is read until some are through.
const REMEMBERED: usize = 8_192;
/// Deliveries under way at once, and their bytes.
const RUNNING: usize = 512;
const RUNNING_BYTES: usize = 16 << 20;
/// Rows read at once.
const PAGE: usize = 512;
/// Deliveries between two notes of how far the shard is drained.
const NOTE_EVERY: u32 = 4_096;

pub(super) struct Shard {
    shared: Arc<Inner>,
    index: u8,
    fence: Option<Fence>,
    changes: watch::Receiver<Version>,
    lanes: Lanes,
    running: JoinSet<Finished>,
    running_bytes: usize,
    /// New rows not read yet; `None` before the first step.
    unread: Option<KeyRange>,
    /// There may be rows in `unread`.
    more: bool,
    /// Failed rows not read yet.
    failed: KeyRange,
    /// When the first of them is due, if there is one.
    next_failed: Option<Timestamp>,
    since_note: u32,
}

struct Finished {
    lane: LaneId,
    row: Bytes,
    bytes: usize,
    end: Result<End, CommitError>,
}

impl Shard {
    pub(super) fn new(shared: Arc<Inner>, index: u8, fence: Option<Fence>) -> Self {
        let changes = shared.store.watch(keys::new_prefix(index));
        Self {
            shared,
            index,
            fence,
            changes,
            lanes: Lanes::default(),
            running: JoinSet::new(),
            running_bytes: 0,
            unread: None,
            more: true,
            failed: keys::failed(index),
            next_failed: Some(Timestamp(0)),
            since_note: 0,
        }
    }

    async fn work(&mut self) -> Result<WorkerState, WorkerError> {
        while let Some(finished) = self.running.try_join_next() {
            self.finish(finished?)?;
        }
        let now = self.shared.clock.now();
        self.lanes.resume(now);
        self.read(now)?;
        let started = self.start(now)?;
        self.note();
        let until = self.next_due();
        if self.running.is_empty() {
            let idle = !started && until.is_none_or(|until| until > now);
            return Ok(if idle { WorkerState::Idle { until } } else { WorkerState::Busy });
        }
        let clock = Arc::clone(&self.shared.clock);
        let due = async {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => pending().await,
            }
        };
        tokio::select! {
            Some(finished) = self.running.join_next() => self.finish(finished?)?,
            Ok(()) = self.changes.changed() => self.more = true,
            () = due => {}
        }
        Ok(WorkerState::Busy)
    }

    /// Paused lanes and failed deliveries go on then.
    fn next_due(&self) -> Option<Timestamp> {
        let room = self.lanes.waiting() < REMEMBERED;
        self.next_failed.filter(|_| room).into_iter().chain(self.lanes.next_resume()).min()
    }

    fn read(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.changes.has_changed().unwrap_or(false) {
            // Before the snapshot: a later change is seen again.
            self.changes.mark_unchanged();
            self.more = true;
        }
        let hungry = self.lanes.hungry();
        let failed_due = self.next_failed.is_some_and(|due| due <= now);
        if !self.more && !failed_due && hungry.is_empty() {
            return Ok(());
        }
        let snapshot = self.shared.store.snapshot();
        for (lane, from) in hungry {
            self.read_lane(&*snapshot, lane, from)?;
        }
        if failed_due {
            self.read_failed(&*snapshot, now)?;
        }
        if self.more {
            self.read_new(&*snapshot)?;
        }
        Ok(())
    }

    fn read_new(&mut self, snapshot: &dyn Snapshot) -> Result<(), StoreError> {
        let mut unread = match self.unread.take() {
            Some(unread) => unread,
            None => self.first_unread(snapshot)?,
        };
        while self.lanes.waiting() < REMEMBERED {
            let page = snapshot.scan(&unread, how(PAGE))?;
            if let Some((last, _, _)) = page.rows.last() {
                unread.start = keys::behind(last);
            }
            for (row, _, _) in page.rows {
                if let Some(lane) = keys::lane_of(&row) {
                    self.lanes.arrive(lane, row);
                }
            }
            self.more = page.rest.is_some();
            if !self.more {
                break;
            }
        }
        self.unread = Some(unread);
        Ok(())
    }

    /// Where an earlier process says that the shard is drained up to.
    fn first_unread(&self, snapshot: &dyn Snapshot) -> Result<KeyRange, StoreError> {
        let noted = snapshot.get(&keys::cursor(self.index))?;
        let stamp = noted.and_then(|(stamp, _)| stamp.as_ref().try_into().ok()).unwrap_or_default();
        Ok(keys::new_from(self.index, stamp))
    }

    fn read_failed(&mut self, snapshot: &dyn Snapshot, now: Timestamp) -> Result<(), StoreError> {
        let end = keys::failed_after(self.index, now);
        while self.lanes.waiting() < REMEMBERED && self.failed.start < end {
            let page =
                snapshot.scan(&KeyRange { start: self.failed.start.clone(), end: end.clone() }, how(PAGE))?;
            self.failed.start = match (&page.rest, page.rows.last()) {
                (Some(_), Some((last, _, _))) => keys::behind(last),
                _ => end.clone(),
            };
            for (row, _, _) in page.rows {
                if let Some(lane) = keys::lane_of(&row) {
                    self.lanes.retry(lane, row);
                }
            }
        }
        let next = snapshot.scan(&self.failed, how(1))?;
        self.next_failed = next.rows.first().and_then(|(row, _, _)| keys::due(row));
        Ok(())
    }

    /// Reads a lane on that had too much to be remembered.
    fn read_lane(&mut self, snapshot: &dyn Snapshot, lane: LaneId, from: Bytes) -> Result<(), StoreError> {
        let Some(unread) = &self.unread else { return Ok(()) };
        let page = snapshot.scan(&KeyRange { start: from, end: unread.start.clone() }, how(4 * PAGE))?;
        let mut rest = page.rest.map(|rest| rest.start);
        let mut rows = Vec::new();
        for (row, _, _) in page.rows {
            if keys::lane_of(&row) != Some(lane) {
                continue;
            }
            if rows.len() == LANE {
                rest = Some(row);
                break;
            }
            rows.push(row);
        }
        self.lanes.refill(lane, rows, rest);
        Ok(())
    }

    /// Starts what may start. Whether there was anything to start.
    fn start(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let mut snapshot = None;
        while self.running.len() < RUNNING && self.running_bytes < RUNNING_BYTES {
            let Some((lane, row)) = self.lanes.take() else { break };
            let snapshot = snapshot.get_or_insert_with(|| self.shared.store.snapshot());
            let Some((value, _)) = snapshot.get(&row)? else {
                self.lanes.finish(lane, &row, None);
                continue;
            };
            let Some(delivery) = Delivery::decode(&value) else {
                tracing::error!(?row, "a delivery's row is damaged and was left as it is");
                self.lanes.finish(lane, &row, None);
                continue;
            };
            if delivery.ordered && delivery.not_before > now {
                self.lanes.pause(lane, &row, delivery.not_before, None);
                continue;
            }
            self.run(lane, row, value.len(), delivery);
        }
        Ok(snapshot.is_some())
    }

    fn run(&mut self, lane: LaneId, row: Bytes, bytes: usize, delivery: Delivery) {
        let target = self.shared.target(&delivery.target.kind);
        self.lanes.limit(lane, target.as_ref().map_or(1, |target| target.concurrency()));
        self.running_bytes += bytes;
        let (shared, fence) = (Arc::clone(&self.shared), self.fence.clone());
        let attempt = Attempt { shared, fence, row: row.clone(), delivery, target };
        self.running.spawn(async move { Finished { lane, row, bytes, end: attempt.run().await } });
    }

    fn finish(&mut self, finished: Finished) -> Result<(), CommitError> {
        let Finished { lane, row, bytes, end } = finished;
        self.running_bytes = self.running_bytes.saturating_sub(bytes);
        self.since_note += 1;
        match end? {
            End::Through { failed } => self.lanes.finish(lane, &row, Some(failed)),
            End::Stays { until } => self.lanes.pause(lane, &row, until, Some(true)),
            End::Moved { row: moved, due } => {
                self.lanes.finish(lane, &row, Some(true));
                if moved < self.failed.start {
                    // Its commit took until after it was due, and others that were due have been read meanwhile: it
                    // may have been among them, or not have been visible yet. Nobody would look there again.
                    if !self.lanes.knows(lane, &moved) {
                        self.lanes.retry(lane, moved);
                    }
                } else {
                    self.next_failed = Some(self.next_failed.map_or(due, |next| next.min(due)));
                }
            }
        }
        Ok(())
    }

    /// Writes down how far the shard is drained. Nobody waits for it: it only saves the next start some reading.
    fn note(&mut self) {
        if self.since_note < NOTE_EVERY {
            return;
        }
        let oldest = self.lanes.oldest_new().or(self.unread.as_ref().map(|unread| &unread.start));
        if let Some(stamp) = oldest.and_then(|row| keys::stamp(row)) {
            let mut batch = Batch::default();
            fence::guard(self.fence.as_ref(), &mut batch);
            batch.put(keys::cursor(self.index), stamp.to_vec());
            drop(self.shared.store.submit(batch));
            self.since_note = 0;
        }
    }
}

fn how(limit: usize) -> Scan {
    Scan { limit, keys_only: true, ..Scan::default() }
}

impl Worker for Shard {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(self.work())
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.changes.changed().await.is_err() {
                pending::<()>().await;
            }
            self.more = true;
        })
    }

    fn info(&self) -> String {
        format!("{} under way, {} known to wait", self.running.len(), self.lanes.waiting())
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async { while self.running.join_next().await.is_some() {} })
    }
}
