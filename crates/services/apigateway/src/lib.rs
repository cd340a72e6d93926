//! Amazon API Gateway: HTTP and WebSocket APIs (version 2 of its API).
//!
//! # Invariants
//! - An API is changed one change at a time, each in one commit; requests see it whole, as it was before or as it is after.
//! - A stage serves a deployment, which is frozen; one that is deployed by itself serves what is current.
//! - What waits or expires (keys of issuers, results of authorizers, throttling, idle connections) goes by the clock.
//!
//! # Rooms
//! `state` is what APIs are made of and how they change, `api` the operations, `openapi` documents of APIs, `serve` how
//! requests to an API are answered, `websocket` connections that stay, `outbound` requests to others,
//! [`tables`] all that stands on disk, [`resources`] the `CloudFormation` types.

mod api;
mod errors;
pub mod limits;
mod openapi;
mod outbound;
mod recast;
pub mod resources;
mod serve;
mod state;
mod tables;
mod websocket;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use moln_kernel::{
    SharedClock,
    pagination::Pagination,
    ports::{InvokeFunction, Objects, PutEvent, SendToQueue, WriteLogs},
};
use moln_store::{Batch, Store, StoreError};

moln_wire::api!(pub mod model);

pub use serve::ExecuteApi;

/// Where page markers' key stands.
const SECRET: &str = "agwsecret";

/// What it needs of others.
pub struct Ports {
    /// Where everything is kept.
    pub store: Store,
    /// The clock.
    pub clock: SharedClock,
    /// Functions.
    pub functions: Arc<dyn InvokeFunction>,
    /// Access logs go there.
    pub logs: Arc<dyn WriteLogs>,
    /// Queues, for `SQS-SendMessage`.
    pub queues: Option<Arc<dyn SendToQueue>>,
    /// Buses, for `EventBridge-PutEvents`.
    pub buses: Option<Arc<dyn PutEvent>>,
    /// Buckets, for documents that templates name.
    pub objects: Option<Arc<dyn Objects>>,
}

/// The service.
pub struct Apis {
    store: Store,
    clock: SharedClock,
    ports: Ports,
    pagination: Pagination,
    outbound: outbound::Outbound,
    issuers: serve::Issuers,
    sockets: websocket::Sockets,
    registry: RwLock<state::Registry>,
    /// Changes, one at a time.
    changing: tokio::sync::Mutex<()>,
}

impl Apis {
    /// Over a store; reads all APIs.
    pub fn open(ports: Ports) -> Result<Arc<Self>, StoreError> {
        let store = ports.store.clone();
        let registry = state::load(&store)?;
        Ok(Arc::new(Self {
            pagination: Pagination::new(&secret(&store)?),
            clock: Arc::clone(&ports.clock),
            store,
            ports,
            outbound: outbound::Outbound::new(),
            issuers: serve::Issuers::default(),
            sockets: websocket::Sockets::default(),
            registry: RwLock::new(registry),
            changing: tokio::sync::Mutex::default(),
        }))
    }

    /// The server is about to end: callers of WebSocket APIs are told to go away.
    pub fn close(&self) {
        self.sockets.close();
    }

    fn registry(&self) -> RwLockReadGuard<'_, state::Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry_mut(&self) -> RwLockWriteGuard<'_, state::Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of page markers; made when there is none yet.
fn secret(store: &Store) -> Result<[u8; 32], StoreError> {
    if let Some((secret, _)) = store.snapshot().get(SECRET.as_bytes())? {
        return secret.as_ref().try_into().map_err(|_| StoreError::Corrupt("the key of page markers".into()));
    }
    let secret = moln_kernel::ids::secret::<32>().map_err(|error| StoreError::Io(error.message.into()))?;
    let mut batch = Batch::default();
    batch.put(SECRET, secret.to_vec());
    // Submitted before everything else: durable before the first marker is given.
    drop(store.submit(batch));
    Ok(secret)
}
