//! Removes the parts of versions and uploads that are gone, a bounded number at a time.

use std::sync::Arc;

use moln_fabric::worker::{Worker, WorkerError, WorkerState};
use moln_kernel::clock::BoxFuture;
use moln_store::Version;
use tokio::sync::watch;

use crate::{Buckets, tables::object::WASTE};

/// The worker.
pub(super) struct Sweeper {
    buckets: Arc<Buckets>,
    /// Whatever leaves parts behind (a deletion, an overwriting, an upload that ends) says so in its commit.
    changes: watch::Receiver<Version>,
}

impl Sweeper {
    pub(super) fn new(buckets: Arc<Buckets>) -> Self {
        let changes = buckets.store.watch(WASTE.all().start);
        Self { buckets, changes }
    }
}

impl Worker for Sweeper {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            self.changes.mark_unchanged();
            let more = self.buckets.sweep().await?;
            Ok(if more { WorkerState::Busy } else { WorkerState::Idle { until: None } })
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.changes.changed().await.is_err() {
                // The store is closed: nothing comes any more.
                std::future::pending::<()>().await;
            }
        })
    }

    fn info(&self) -> String {
        "removes the parts of what was deleted".into()
    }
}
