//! AWS Lambda: functions, their invocation, event source mappings.
//!
//! # Invariants
//! - What was acknowledged is on disk: a function is shown to others only after the commit that wrote it.
//! - A function is changed by one at a time; every change is one batch, computed from what the function was and what it
//!   is to be, so that rows and memory cannot differ.
//! - Code is a blob linked by the version that runs it; a version keeps the layers it uses even when they are deleted.
//! - Nothing runs above the account's, the function's and the version's concurrency.
//!
//! # Rooms
//! `api` is the operations; `state` the functions in memory; [`tables`] all that stands on disk; `core` finds what a name
//! means and runs it.

mod api;
mod asynchronous;
mod core;
mod destinations;
pub mod errors;
pub mod execute;
pub mod limits;
pub mod location;
mod mapping;
mod names;
mod ports;
pub mod resources;
mod revision;
mod running;
mod settling;
mod state;
pub mod tables;
#[cfg(test)]
mod testing;
mod urls;

use std::sync::{Arc, Weak};

use moln_fabric::{Outbox, Timers, Workers};
use moln_kernel::{
    ApiError, Endpoint, SharedClock, ids,
    pagination::Pagination,
    ports::{
        Objects, PublishToTopic, PutEvent, ReceiveFromQueue, RecordMetric, Roles, SendToQueue, WriteLogs,
    },
};
use moln_store::{Blobs, Store, StoreError};

pub use execute::Execute;
pub use urls::Urls;

moln_wire::api!(pub mod model);

/// What Lambda stands on. A port that is absent makes what needs it answer a clear error.
#[derive(Clone)]
pub struct Ports {
    /// Where everything is kept.
    pub store: Store,
    /// Where code is kept.
    pub blobs: Blobs,
    /// The time.
    pub clock: SharedClock,
    /// Runs functions.
    pub execute: Arc<dyn Execute>,
    /// Timers of what waits.
    pub timers: Timers,
    /// Deliveries.
    pub outbox: Outbox,
    /// Where lines about invokes go.
    pub logs: Arc<dyn WriteLogs>,
    /// Where figures go.
    pub metrics: Arc<dyn RecordMetric>,
    /// Queues to send to.
    pub queues: Arc<dyn SendToQueue>,
    /// Queues to receive from.
    pub sources: Arc<dyn ReceiveFromQueue>,
    /// Topics.
    pub topics: Option<Arc<dyn PublishToTopic>>,
    /// Event buses.
    pub buses: Option<Arc<dyn PutEvent>>,
    /// Buckets.
    pub objects: Option<Arc<dyn Objects>>,
    /// Roles.
    pub roles: Option<Arc<dyn Roles>>,
    /// The address in calls from inside.
    pub endpoint: Arc<Endpoint>,
}

/// The service.
pub struct Lambda {
    /// Itself, for work that goes on in the background.
    pub(crate) me: Weak<Self>,
    pub(crate) ports: Ports,
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) execute: Arc<dyn Execute>,
    pub(crate) registry: state::Registry,
    pub(crate) pages: Pagination,
    /// Changes of layers, one at a time.
    pub(crate) layering: tokio::sync::Mutex<()>,
    /// Events that wait for functions.
    pub(crate) events: Arc<asynchronous::Asynchronous>,
    /// Event source mappings.
    pub(crate) mappings: Arc<mapping::Mappings>,
}

impl Lambda {
    /// Reads the functions there are. Nothing runs before it is asked for.
    pub fn open(ports: Ports) -> Result<Arc<Self>, StoreError> {
        let registry = state::Registry::open(ports.store.clone())?;
        let key = secret(&ports.store)?;
        let (clock, metrics) = (&ports.clock, &ports.metrics);
        let destinations = destinations::Destinations {
            queues: Some(Arc::clone(&ports.queues)),
            topics: ports.topics.clone(),
            buses: ports.buses.clone(),
            objects: ports.objects.clone(),
        };
        let events = asynchronous::Asynchronous::open(
            ports.store.clone(),
            Arc::clone(clock),
            Arc::clone(metrics),
            destinations,
        )?;
        let mappings = mapping::Mappings::open(
            ports.store.clone(),
            Arc::clone(clock),
            Arc::clone(metrics),
            Arc::clone(&ports.sources),
            Arc::clone(&ports.endpoint),
        )?;
        Ok(Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            store: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
            execute: Arc::clone(&ports.execute),
            registry,
            pages: Pagination::new(&key),
            layering: tokio::sync::Mutex::default(),
            events,
            mappings,
            ports,
        }))
    }

    /// Starts what waits and what is mapped, and lets the outbox deliver to functions. Must be called within a tokio
    /// runtime, before the outbox is started.
    pub fn start(self: &Arc<Self>, workers: &Workers) {
        let functions: Arc<dyn running::RunFunction> = Arc::<Self>::clone(self);
        self.events.start(workers, &functions);
        self.mappings.start(workers, &functions);
        let target = asynchronous::FunctionTarget::new(
            Arc::clone(&self.events),
            Arc::clone(&functions),
            Arc::clone(&self.clock),
        );
        self.ports.outbox.register(asynchronous::FunctionTarget::KIND, Arc::new(target));
        self.settle_all();
    }
}

/// The key of page tokens; made once.
fn secret(store: &Store) -> Result<[u8; 32], StoreError> {
    const KEY: &str = "lam/secret";
    let made = |error: &ApiError| StoreError::Io(error.message.clone().into());
    if let Some((found, _)) = store.snapshot().get(KEY.as_bytes())?
        && let Ok(key) = <[u8; 32]>::try_from(&*found)
    {
        return Ok(key);
    }
    let key: [u8; 32] = ids::secret().map_err(|error| made(&error))?;
    let mut batch = moln_store::Batch::default();
    batch.put(KEY, key.to_vec());
    // What is lost with this commit is a page token.
    drop(store.submit(batch));
    Ok(key)
}
