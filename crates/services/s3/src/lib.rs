//! Amazon S3: buckets and objects.
//!
//! Invariants: a bucket's name is unique over accounts and regions; every commit that rests on a bucket has the bucket's
//! row as a precondition, so that nothing is written into a bucket that is gone.

mod access;
mod acl;
mod api;
mod bucket;
mod care;
mod content;
mod errors;
mod front;
pub mod limits;
mod logging;
mod names;
mod notification;
mod objects;
mod policy;
mod port;
mod post;
mod replication;
pub mod resources;
mod rules;
mod tables;
mod tags;
mod together;
mod versions;
mod why;

use std::sync::{Arc, OnceLock};

use moln_fabric::{Outbox, Timers};
use moln_kernel::{
    ApiError, SharedClock, ids,
    pagination::Pagination,
    ports::{Credentials, InvokeFunction, PublishToTopic, PutEvent, SendToQueue},
};
use moln_store::{Store, blobs::Blobs};

pub use front::{Website, claims, is_raw};

moln_wire::api!(pub mod model);

/// The services S3 tells what happens. What is not there cannot be set as a target.
#[derive(Clone, Default)]
pub struct Ports {
    /// Queues.
    pub queues: Option<Arc<dyn SendToQueue>>,
    /// Topics.
    pub topics: Option<Arc<dyn PublishToTopic>>,
    /// Event buses.
    pub buses: Option<Arc<dyn PutEvent>>,
    /// The keys that forms are signed with.
    pub credentials: Option<Arc<dyn Credentials>>,
    /// What lets restored copies come and go.
    pub timers: Option<Timers>,
}

/// S3 over a store.
pub struct Buckets {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) clock: SharedClock,
    pub(crate) locks: objects::locks::KeyLocks,
    pub(crate) pictures: bucket::Pictures,
    pub(crate) pages: Pagination,
    pub(crate) ports: Ports,
    pub(crate) functions: OnceLock<Arc<dyn InvokeFunction>>,
    /// There are log records to be delivered.
    pub(crate) records: tokio::sync::Notify,
    /// What functions read.
    pub(crate) readers: why::Readers,
    /// Where notifications wait: to tell how they stand.
    pub(crate) outbox: OnceLock<Outbox>,
}

impl Buckets {
    /// Over this store.
    pub fn open(store: Store, blobs: Blobs, clock: SharedClock, ports: Ports) -> Result<Arc<Self>, ApiError> {
        let pages = Pagination::new(&ids::secret()?);
        Ok(Arc::new(Self {
            store,
            blobs,
            clock,
            locks: objects::locks::KeyLocks::default(),
            pictures: bucket::Pictures::default(),
            pages,
            ports,
            functions: OnceLock::new(),
            records: tokio::sync::Notify::new(),
            readers: why::Readers::default(),
            outbox: OnceLock::new(),
        }))
    }

    /// Who runs functions, which read their code from here: known only after both are there.
    pub fn functions(&self, functions: Arc<dyn InvokeFunction>) {
        // A second one would change nothing: there is one way to functions in a process.
        let _ = self.functions.set(functions);
    }
}
