//! The background job that moves messages out of dead-letter queues: written to their destination, removed and
//! counted in one commit. Nothing is hidden on the way, so that after a restart it goes on exactly where it was.

use std::{collections::BTreeMap, sync::Arc};

use moln_fabric::{Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Timestamp, clock::BoxFuture};
use moln_store::Batch;
use tokio::sync::watch;

use super::{Core, Live, Queue, tasks::TaskKey, transfer::Leaving};
use crate::{
    ids,
    limits::{INLINE_BYTES, MOVE_TASK_MS},
    queue::Incoming,
    tables::{Message, Status, Task, message},
};

/// Messages taken at once.
const TAKE: u64 = 10;
/// Why a task fails whose destination is gone.
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";
/// Why a task without a destination fails at a message that was sent here directly.
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

/// The worker.
pub(crate) struct Moving {
    core: Arc<Core>,
    changes: watch::Receiver<u64>,
    /// From when on each task's rate has not been used, milliseconds since the epoch.
    earned_from: BTreeMap<TaskKey, u64>,
}

/// A message on its way.
struct Load {
    destination: Arc<Queue>,
    stamp: u64,
    rows: u8,
    incoming: Incoming,
}

/// What became of a piece of a task.
enum Piece {
    Moved,
    /// Not before this moment.
    Wait(u64),
    Ended(Status, Option<&'static str>),
}

impl Moving {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { changes: core.changes.subscribe(), core, earned_from: BTreeMap::new() }
    }

    async fn round(&mut self) -> Result<WorkerState, ApiError> {
        let tasks = self.core.tasks.active();
        self.earned_from.retain(|key, _| tasks.iter().any(|task| task.0 == *key));
        let mut next: Option<u64> = None;
        let mut busy = false;
        for (key, task) in tasks {
            match self.piece(key, &task).await? {
                Piece::Moved => busy = true,
                Piece::Wait(until) => next = Some(next.map_or(until, |next| next.min(until))),
                Piece::Ended(status, failure) => {
                    self.core.tasks.end(&self.core, key.0, key.1, status, failure).await?;
                }
            }
        }
        Ok(if busy { WorkerState::Busy } else { WorkerState::Idle { until: next.map(Timestamp) } })
    }

    async fn piece(&mut self, key: TaskKey, task: &Task) -> Result<Piece, ApiError> {
        if task.status == Status::Cancelling {
            return Ok(Piece::Ended(Status::Cancelled, None));
        }
        let now = self.core.clock.now().millis();
        if now >= task.started.saturating_add(MOVE_TASK_MS) {
            return Ok(Piece::Ended(Status::Failed, Some("The task ran for longer than 36 hours.")));
        }
        let Some(source) = self.core.find_arn(&task.source).filter(|queue| queue.id == key.0) else {
            return Ok(Piece::Ended(Status::Failed, Some(NO_QUEUE)));
        };
        if task.destination.as_deref().is_some_and(|arn| self.core.find_arn(arn).is_none()) {
            return Ok(Piece::Ended(Status::Failed, Some(NO_QUEUE)));
        }
        let mut most = TAKE;
        if let Some(rate) = task.rate.and_then(|rate| u64::try_from(rate).ok()).filter(|rate| *rate > 0) {
            // The first message goes at once; what was not used for longer than a second is lost.
            let start = now.saturating_sub(1_000 / rate);
            let from = self.earned_from.entry(key).or_insert(start);
            *from = (*from).max(now.saturating_sub(1_000));
            most = (now.saturating_sub(*from) * rate / 1_000).min(TAKE);
            if most == 0 {
                return Ok(Piece::Wait(from.saturating_add((1_000 / rate).max(1))));
            }
            *from += most * 1_000 / rate;
        }
        let taken = source.take_away(&self.core, usize::try_from(most).unwrap_or(1)).await?;
        if taken.messages.is_empty() {
            return Ok(Piece::Ended(Status::Completed, None));
        }
        let piece = self.carry(key, task, &source, &taken).await;
        if !matches!(piece, Ok(Piece::Moved)) {
            // Not moved, or not all of them: the store still has the rest here.
            source.reload();
        }
        piece
    }

    /// Writes messages to where they belong.
    async fn carry(
        &self,
        key: TaskKey,
        task: &Task,
        source: &Arc<Queue>,
        taken: &Leaving,
    ) -> Result<Piece, ApiError> {
        let now = self.core.clock.now().millis();
        let rows = source.rows_of(&self.core, taken).await?;
        let mut loads = Vec::with_capacity(rows.len());
        for (stamp, _, row) in &rows {
            let Some(stored) = Message::decode(row) else { continue };
            let arn = match (&task.destination, stored.history) {
                (Some(arn), _) => arn.as_str(),
                (None, Some(history)) if !history.source_arn.is_empty() => history.source_arn,
                _ => return Ok(Piece::Ended(Status::Failed, Some(NO_SOURCE))),
            };
            let Some(destination) = self.core.find_arn(arn) else {
                return Ok(Piece::Ended(Status::Failed, Some(NO_QUEUE)));
            };
            // A redriven message is a new one: id, age and receive count begin anew.
            let fresh =
                Message { id: ids::uuid(), sent: now, delayed: false, history: None, ..stored.clone() };
            let group = stored.group.filter(|_| destination.fifo).map(Into::into);
            let incoming = Incoming { row: fresh.encode(), visible_at: now, group };
            loads.push(Load { destination, stamp: *stamp, rows: message::rows(row), incoming });
        }
        let together = |a: &Load, b: &Load| {
            Arc::ptr_eq(&a.destination, &b.destination)
                && a.incoming.row.len() + b.incoming.row.len() < INLINE_BYTES
        };
        for group in loads.chunk_by(together) {
            let Some(first) = group.first() else { continue };
            let stamps: Vec<_> = group.iter().map(|load| (load.stamp, load.rows)).collect();
            let mut counted = false;
            let arrive = |live: &mut Live, batch: &mut Batch| {
                for load in group {
                    live.state.send(now, self.core.store.stamp(), &load.incoming, batch);
                }
                counted = true;
                self.core.tasks.count(key, group.len() as u64, batch);
            };
            let passed = source.transfer(&self.core, &first.destination, taken.epoch, &stamps, arrive).await;
            if passed.is_err() && counted {
                self.core.tasks.discount(key, group.len() as u64);
            }
            if !passed? {
                break;
            }
        }
        Ok(Piece::Moved)
    }
}

impl Worker for Moving {
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

    fn info(&self) -> String {
        format!("{} message move tasks", self.core.tasks.active().len())
    }
}
