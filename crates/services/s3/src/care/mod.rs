//! What is done without being asked: sweeping up after deletions, and life cycles.

mod lifecycle;
mod sweep;

use std::sync::Arc;

use moln_fabric::Workers;

use crate::Buckets;

impl Buckets {
    /// Starts what is done in the background.
    pub fn start(self: &Arc<Self>, workers: &Workers) {
        let buckets = Arc::clone(self);
        workers.spawn("s3/sweep", move || sweep::Sweeper(Arc::clone(&buckets)));
        let buckets = Arc::clone(self);
        workers.spawn("s3/lifecycle", move || lifecycle::LifeCycles::new(Arc::clone(&buckets)));
    }
}
