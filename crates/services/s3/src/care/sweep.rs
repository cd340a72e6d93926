//! Removes the parts of versions and uploads that are gone, a bounded number at a time.

use std::sync::Arc;

use moln_fabric::worker::{Worker, WorkerError, WorkerState};
use moln_kernel::clock::BoxFuture;

use crate::Buckets;

/// The worker.
pub(super) struct Sweeper(pub(super) Arc<Buckets>);

impl Worker for Sweeper {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            let more = self.0.sweep().await?;
            Ok(if more { WorkerState::Busy } else { WorkerState::Idle { until: None } })
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.waste.notified())
    }

    fn info(&self) -> String {
        "removes the parts of what was deleted".into()
    }
}
