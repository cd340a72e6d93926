//! What is done without being asked: sweeping up after deletions, life cycles, the coming and going of restored copies. (It
//! starts the delivery of logs and replicas, too.)

mod lifecycle;
pub(crate) mod restores;
mod sweep;

use std::sync::Arc;

use moln_fabric::{Outbox, Workers};
use moln_kernel::{ApiError, Context, Endpoint, Principal, Region, Timestamp};

use crate::{
    Buckets,
    bucket::Bucket,
    logging::LogDelivery,
    replication::{self, Replicator},
    why::Chronicler,
};

/// On whose behalf.
pub(crate) const PRINCIPAL: &str = "lifecycle.s3.amazonaws.com";

/// What is gone, changed or locked meanwhile is left alone.
fn ignore_gone(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(why) if (400..500).contains(&why.status) => Ok(()),
        other => other,
    }
}

/// What is done on behalf of a bucket's owner.
fn context(bucket: &Bucket, now: Timestamp) -> Context {
    let endpoint = Arc::new(Endpoint { scheme: "http", authority: "localhost:4566".into() });
    let region = Region::new(bucket.row.region.as_str());
    let principal = Principal::Arn(PRINCIPAL.into());
    Context::internal(bucket.row.account.as_str().into(), region, principal, endpoint, now)
}

impl Buckets {
    /// Offers what the outbox delivers to: other buckets.
    pub fn register(self: &Arc<Self>, outbox: &Outbox) {
        self.ask(outbox);
        outbox.register(replication::KIND, Arc::new(Replicator(Arc::downgrade(self))));
    }

    /// Starts what is done in the background.
    pub fn start(self: &Arc<Self>, workers: &Workers) {
        restores::register(self);
        let buckets = Arc::clone(self);
        workers.spawn("s3/sweep", move || sweep::Sweeper::new(Arc::clone(&buckets)));
        let buckets = Arc::clone(self);
        workers.spawn("s3/why", move || Chronicler::new(Arc::clone(&buckets)));
        let buckets = Arc::clone(self);
        workers.spawn("s3/logs", move || LogDelivery::new(Arc::clone(&buckets)));
        let buckets = Arc::clone(self);
        workers.spawn("s3/lifecycle", move || lifecycle::LifeCycles::new(Arc::clone(&buckets)));
    }
}
