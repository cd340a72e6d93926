//! AWS STS: who the caller is, and sessions: temporary credentials of roles, users and federated users.
//!
//! # Invariants
//! - Credentials are handed out only after their session is durable; a restart forgets none.
//! - A session ends by the clock. Its keys are then refused as expired; a day later they are unknown, and their rows gone.
//! - A role is taken on only by whom its trust policy allows, and by nobody when something in it is not understood.
//!
//! # Rooms
//! `session` makes sessions, `tags` and `trust` judge what is asked for, `api` is the operations, `ports` is what other
//! services and the front door use, [`tables`] is all that stands on disk.

mod api;
pub mod errors;
mod expiry;
pub mod limits;
mod policies;
mod ports;
mod session;
pub mod tables;
mod tags;
mod trust;

use std::sync::Arc;

use moln_fabric::Workers;
use moln_kernel::{SharedClock, ports::Roles};
use moln_store::Store;
use tokio::sync::watch;

moln_wire::api!(pub mod model);

/// The service.
pub struct Sessions {
    store: Store,
    clock: SharedClock,
    roles: Arc<dyn Roles>,
    /// Wakes the removal of ended sessions: a new one may end before all others.
    changes: watch::Sender<u64>,
}

impl Sessions {
    /// Over a store; roles are asked for there.
    pub fn new(store: Store, clock: SharedClock, roles: Arc<dyn Roles>) -> Arc<Self> {
        Arc::new(Self { store, clock, roles, changes: watch::Sender::new(0) })
    }

    /// Starts the background: ended sessions are removed. Must be called within a tokio runtime.
    pub fn start(self: &Arc<Self>, workers: &Workers) {
        let sessions = Arc::clone(self);
        workers.spawn("sts/expiry", move || expiry::Expiry::new(Arc::clone(&sessions)));
    }
}
