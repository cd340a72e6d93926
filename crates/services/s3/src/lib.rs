//! Amazon S3: buckets and objects.
//!
//! Invariants: a bucket's name is unique over accounts and regions; every commit that rests on a bucket has the bucket's
//! row as a precondition, so that nothing is written into a bucket that is gone.

mod acl;
mod api;
mod bucket;
mod errors;
pub mod limits;
mod names;
mod policy;
mod rules;
mod tables;
mod tags;

use std::sync::Arc;

use moln_kernel::{ApiError, SharedClock, ids, pagination::Pagination};
use moln_store::{Batch, Store};

moln_wire::api!(pub mod model);

/// S3 over a store.
pub struct Buckets {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) pictures: bucket::Pictures,
    pub(crate) pages: Pagination,
}

impl Buckets {
    /// Over this store.
    pub fn open(store: Store, clock: SharedClock) -> Result<Arc<Self>, ApiError> {
        let pages = Pagination::new(&ids::secret()?);
        Ok(Arc::new(Self { store, clock, pictures: bucket::Pictures::default(), pages }))
    }

    /// Refuses a bucket that holds something, and makes the batch rest on its being empty. (No operation puts anything in
    /// yet.)
    pub(crate) fn empty(&self, bucket: &bucket::Bucket, batch: &mut Batch) -> Result<(), ApiError> {
        let _ = (bucket, batch);
        Ok(())
    }
}
