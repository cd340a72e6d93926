//! AWS IAM: roles, users, groups, their policies and keys.
//!
//! # Invariants
//! - IAM is global: an account's entities are the same in every region.
//! - Changes are made one at a time, each in one commit, so that a rule over several rows (a policy that is attached is not
//!   deleted, a name is given once whatever its case) holds at every moment.
//! - A document is kept as it came; what is stored was valid.
//!
//! # Rooms
//! `core` reads and changes rows, `entity` is what roles, users and groups have in common, `policies` the managed ones,
//! [`managed`] those that AWS provides, [`documents`] judges documents, `api` is the operations, `ports` what others use,
//! [`tables`] all that stands on disk.

mod api;
mod core;
pub mod documents;
mod entity;
pub mod errors;
pub mod limits;
pub mod managed;
mod policies;
mod ports;
pub mod resources;
mod service_linked;
pub mod tables;

use std::sync::Arc;

use moln_kernel::{SharedClock, pagination::Pagination};
use moln_store::{Store, StoreError};

moln_wire::api!(pub mod model);

/// The service.
pub struct Iam {
    store: Store,
    clock: SharedClock,
    pagination: Pagination,
    /// Changes, one at a time.
    changing: tokio::sync::Mutex<()>,
}

impl Iam {
    /// Over a store.
    pub fn open(store: Store, clock: SharedClock) -> Result<Arc<Self>, StoreError> {
        let pagination = Pagination::new(&core::secret(&store)?);
        Ok(Arc::new(Self { store, clock, pagination, changing: tokio::sync::Mutex::default() }))
    }
}
