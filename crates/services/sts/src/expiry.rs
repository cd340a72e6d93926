//! The background job that removes sessions whose end is long past.

use std::{sync::Arc, time::Duration};

use moln_fabric::{Worker, WorkerError, WorkerState};
use moln_kernel::{Timestamp, clock::BoxFuture};
use moln_store::{Batch, Scan};
use tokio::sync::watch;

use crate::{
    Sessions,
    limits::{REMEMBERED, SWEEP},
    tables::{ENDS, SESSIONS, count},
};

/// The worker.
pub(crate) struct Expiry {
    sessions: Arc<Sessions>,
    changes: watch::Receiver<u64>,
}

impl Expiry {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Self {
        Self { changes: sessions.changes.subscribe(), sessions }
    }

    async fn round(&mut self) -> Result<WorkerState, WorkerError> {
        let now = self.sessions.clock.now();
        let due = |ends: u64| Timestamp(ends).after(REMEMBERED);
        let page = ENDS.scan(
            &*self.sessions.store.snapshot(),
            &ENDS.all(),
            Scan { limit: SWEEP, ..Scan::default() },
        )?;
        let mut batch = Batch::default();
        let mut until = None;
        for ((ends, id), row, _) in page.rows {
            if due(ends) > now {
                until = Some(due(ends));
                break;
            }
            batch.add(count(&row.account()), -1);
            SESSIONS.delete(&mut batch, &id);
            ENDS.delete(&mut batch, &(ends, id));
        }
        if batch.is_empty() {
            // A session that is made later may end sooner, but not before the shortest session's time is over.
            let sooner = now.after(REMEMBERED + Duration::from_mins(15));
            return Ok(WorkerState::Idle { until: until.map(|until| until.min(sooner)) });
        }
        self.sessions.store.commit(batch).await?;
        Ok(WorkerState::Busy)
    }
}

impl Worker for Expiry {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(self.round())
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Without the service nothing changes any more.
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
