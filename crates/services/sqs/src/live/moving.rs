//! The background job that moves messages out of dead-letter queues: received there, written to their destination and
//! removed in one commit, counted in the same one. It goes on where it was after a restart.

use std::{collections::BTreeMap, sync::Arc};

use moln_fabric::{Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Timestamp, clock::BoxFuture};
use tokio::sync::watch;

use super::{Core, Queue, receive::Delivery, receive::Request, tasks::TaskKey};
use crate::{
    ids,
    limits::{INLINE_BYTES, MOVE_TASK_MS},
    queue::Incoming,
    tables::{Message, Status, Task, keys, message},
};

/// A message being moved is hidden this long, in milliseconds: when the process dies it comes back after that.
const HIDDEN_MS: u64 = 60_000;
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
        let request = Request {
            max: usize::try_from(most).unwrap_or(1),
            wait: std::time::Duration::ZERO,
            visibility_ms: HIDDEN_MS,
            attempt: None,
        };
        let taken = source.receive(&self.core, &request).await?;
        if taken.is_empty() {
            return Ok(Piece::Ended(Status::Completed, None));
        }
        self.carry(key, task, &source, &taken).await
    }

    /// Writes messages to where they belong. What cannot be moved becomes visible again.
    async fn carry(
        &self,
        key: TaskKey,
        task: &Task,
        source: &Arc<Queue>,
        taken: &[Delivery],
    ) -> Result<Piece, ApiError> {
        let now = self.core.clock.now().millis();
        let mut loads = Vec::with_capacity(taken.len());
        for delivery in taken {
            let Some(stored) = Message::decode(&delivery.row) else { continue };
            let arn = match (&task.destination, stored.history) {
                (Some(arn), _) => arn.as_str(),
                (None, Some(history)) if !history.source_arn.is_empty() => history.source_arn,
                _ => {
                    self.put_back(source, taken).await?;
                    return Ok(Piece::Ended(Status::Failed, Some(NO_SOURCE)));
                }
            };
            let Some(destination) = self.core.find_arn(arn) else {
                self.put_back(source, taken).await?;
                return Ok(Piece::Ended(Status::Failed, Some(NO_QUEUE)));
            };
            // A redriven message is a new one: id, age and receive count begin anew.
            let fresh =
                Message { id: ids::uuid(), sent: now, delayed: false, history: None, ..stored.clone() };
            let group = stored.group.filter(|_| destination.fifo).map(Into::into);
            let incoming = Incoming { row: fresh.encode(), visible_at: now, group };
            loads.push(Load {
                destination,
                stamp: delivery.stamp,
                rows: message::rows(&delivery.row),
                incoming,
            });
        }
        let together = |a: &Load, b: &Load| {
            Arc::ptr_eq(&a.destination, &b.destination)
                && a.incoming.row.len() + b.incoming.row.len() < INLINE_BYTES
        };
        for group in loads.chunk_by(together) {
            let Some(first) = group.first() else { continue };
            first
                .destination
                .commit(&self.core, |live, _, batch| {
                    for load in group {
                        live.state.send(now, self.core.store.stamp(), &load.incoming, batch);
                        message::delete(batch, source.id, load.stamp, load.rows);
                        batch.delete(keys::hidden(source.id, load.stamp));
                    }
                    self.core.tasks.count(key, group.len() as u64, batch);
                })
                .await?;
            source
                .commit(&self.core, |live, _, _| group.iter().for_each(|load| live.state.forget(load.stamp)))
                .await?;
        }
        Ok(Piece::Moved)
    }

    async fn put_back(&self, source: &Arc<Queue>, taken: &[Delivery]) -> Result<(), ApiError> {
        let now = self.core.clock.now().millis();
        source
            .commit(&self.core, |live, _, batch| {
                for delivery in taken {
                    let receipt = crate::receipt::Receipt {
                        queue: source.id,
                        stamp: delivery.stamp,
                        count: delivery.state.count(),
                        received: delivery.received,
                        rows: 1,
                    };
                    live.state.change(now, &receipt, now, batch);
                }
            })
            .await
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
