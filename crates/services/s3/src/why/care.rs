//! Writes reads, and takes away what is too old to be asked for.

use std::{sync::Arc, time::Duration};

use moln_fabric::worker::{Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Timestamp, clock::BoxFuture};
use moln_store::{
    Batch, KeyRange, Scan,
    key::Key,
    table::{Row, Table},
};

use crate::{
    Buckets, errors,
    limits::WHY_DAYS,
    rules::lifecycle::DAY,
    tables::why::{ENDS, EVENTS, READS},
};

/// Reads gather for so long, real time.
const GATHER: Duration = Duration::from_millis(500);
/// Rows looked at in one step.
const PAGE: usize = 1_000;

/// The worker.
pub(crate) struct Chronicler {
    buckets: Arc<Buckets>,
    /// The day whose sweep is done, in days since 1970.
    done: u64,
    /// What is left to look at: of events, reads and ends.
    left: [Option<KeyRange>; 3],
}

impl Chronicler {
    pub(crate) fn new(buckets: Arc<Buckets>) -> Self {
        let done = buckets.clock.now().millis() / DAY;
        Self { buckets, done, left: [None, None, None] }
    }

    /// A page of a table: rows that are too old go.
    async fn page<K: Key, V: Row>(
        &self,
        table: &Table<K, V>,
        range: &KeyRange,
        when: impl Fn(&V) -> u64,
    ) -> Result<Option<KeyRange>, ApiError> {
        let unreadable = |why| errors::unreadable(&why);
        let oldest = self.buckets.clock.now().millis().saturating_sub(WHY_DAYS * DAY);
        let mut batch = Batch::default();
        let rest = {
            let snapshot = self.buckets.store.snapshot();
            let how = Scan { limit: PAGE, ..Scan::default() };
            let page = table.scan(&*snapshot, range, how).map_err(unreadable)?;
            for (key, _, version) in page.rows.iter().filter(|(_, row, _)| when(row) < oldest) {
                // Not what somebody writes in this moment.
                batch.unchanged(table.key(key), *version);
                table.delete(&mut batch, key);
            }
            page.rest
        };
        if !batch.ops.is_empty() {
            match self.buckets.store.commit(batch).await {
                Ok(_) | Err(moln_store::CommitError::Conflict { .. }) => {}
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Ok(rest)
    }
}

impl Worker for Chronicler {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            self.buckets.write_reads().await?;
            let today = self.buckets.clock.now().millis() / DAY;
            if self.done != today {
                self.done = today;
                self.left = [Some(EVENTS.all()), Some(READS.all()), Some(ENDS.all())];
            }
            let [events, reads, ends] = self.left.clone();
            if let Some(range) = events {
                let rest = self.page(&EVENTS, &range, |row| row.when).await?;
                self.left = [rest, reads, ends];
                return Ok(WorkerState::Busy);
            }
            if let Some(range) = reads {
                let newest = |row: &crate::tables::why::ReadsRow| row.0.last().map_or(0, |read| read.when);
                let rest = self.page(&READS, &range, newest).await?;
                self.left = [None, rest, ends];
                return Ok(WorkerState::Busy);
            }
            if let Some(range) = ends {
                let rest = self.page(&ENDS, &range, |row| row.when).await?;
                self.left = [None, None, rest];
                return Ok(WorkerState::Busy);
            }
            Ok(WorkerState::Idle { until: Some(Timestamp((today + 1) * DAY)) })
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        let buckets = Arc::clone(&self.buckets);
        Box::pin(async move {
            buckets.readers.some.notified().await;
            tokio::time::sleep(GATHER).await;
        })
    }

    fn info(&self) -> String {
        "writes down who read what".into()
    }
}
