//! Proof of ownership: every commit of an owner carries the epoch of its lease.

use bytes::Bytes;
use moln_store::Batch;

/// A lease that its holder checks in every commit, so that nobody who has lost it writes any more.
#[derive(Clone, Debug)]
pub struct Fence {
    /// The lease's key.
    pub lease: Bytes,
    /// The epoch that was won.
    pub epoch: u64,
}

/// Adds the precondition. Without a fence there is only one process, which holds the directory's lock.
pub(crate) fn guard(fence: Option<&Fence>, batch: &mut Batch) {
    if let Some(fence) = fence {
        batch.epoch(fence.lease.clone(), fence.epoch);
    }
}
