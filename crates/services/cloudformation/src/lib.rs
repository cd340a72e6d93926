//! AWS CloudFormation: stacks made from templates.
//!
//! # Invariants
//! - An operation on a stack is a row before its caller is answered, and so is every step on a resource before it is begun
//!   and after it has ended: after a crash the engine reads the rows and goes on. A resource that was begun and not
//!   recorded is found again by the token its name came from, so nothing is made twice and nothing is orphaned.
//! - One operation at a time works on a stack; its resources' rows are that operation's alone.
//! - A type or a property that nobody knows fails the stack before anything is made.
//!
//! # Rooms
//! `core` reads and changes rows, `sources` are templates on their way in, `dynamic` what they refer to elsewhere, `plan` is what
//! an update comes to, `drift` how a resource differs from its template, `engine` carries operations out, `own` are the types of this service itself (nested stacks, custom resources, wait conditions), `site` is where
//! custom resources answer, `api` is the operations, [`tables`] all that stands on disk.

mod api;
mod core;
mod drift;
mod dynamic;
mod engine;
pub mod errors;
pub mod limits;
mod own;
mod plan;
mod site;
mod sources;
pub mod tables;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use moln_fabric::Workers;
use moln_kernel::{
    Endpoint, SharedClock,
    pagination::Pagination,
    ports::{InvokeFunction, Objects, PublishToTopic, Secrets, StoredParameters},
    resources::ResourceHandler,
};
use moln_store::{Store, StoreError};

pub use site::Responses;

moln_wire::api!(pub mod model);

/// What the service is made of.
pub struct Ports {
    /// Where everything stands.
    pub store: Store,
    /// The clock.
    pub clock: SharedClock,
    /// The resource types of all services.
    pub handlers: Vec<Box<dyn ResourceHandler>>,
    /// Where templates by URL lie.
    pub objects: Option<Arc<dyn Objects>>,
    /// Functions behind custom resources and macros.
    pub functions: Option<Arc<dyn InvokeFunction>>,
    /// Topics behind custom resources, and those that hear of events.
    pub topics: Option<Arc<dyn PublishToTopic>>,
    /// Parameters that templates name.
    pub parameters: Option<Arc<dyn StoredParameters>>,
    /// Secrets that templates name.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// Under which address functions reach this server.
    pub endpoint: Endpoint,
}

/// The service.
pub struct Stacks {
    store: Store,
    clock: SharedClock,
    types: BTreeMap<&'static str, Arc<dyn ResourceHandler>>,
    objects: Option<Arc<dyn Objects>>,
    functions: Option<Arc<dyn InvokeFunction>>,
    topics: Option<Arc<dyn PublishToTopic>>,
    parameters: Option<Arc<dyn StoredParameters>>,
    secrets: Option<Arc<dyn Secrets>>,
    endpoint: Endpoint,
    pagination: Pagination,
    /// Decisions on stacks, one at a time.
    changing: tokio::sync::Mutex<()>,
    /// When the last event was.
    told: AtomicU64,
    pulse: engine::Pulse,
}

impl Stacks {
    /// Over a store. Nothing goes on before [`Stacks::start`].
    pub fn open(ports: Ports) -> Result<Arc<Self>, StoreError> {
        let pagination = Pagination::new(&core::secret(&ports.store)?);
        let types = ports.handlers.into_iter().map(Arc::from);
        let types = types.map(|handler: Arc<dyn ResourceHandler>| (handler.type_name(), handler)).collect();
        Ok(Arc::new(Self {
            store: ports.store,
            clock: ports.clock,
            types,
            objects: ports.objects,
            functions: ports.functions,
            topics: ports.topics,
            parameters: ports.parameters,
            secrets: ports.secrets,
            endpoint: ports.endpoint,
            pagination,
            changing: tokio::sync::Mutex::default(),
            told: AtomicU64::new(0),
            pulse: engine::Pulse::default(),
        }))
    }

    /// Starts the engine: what was under way when the process ended goes on.
    pub fn start(self: &Arc<Self>, workers: &Workers) {
        let service = Arc::clone(self);
        workers.spawn("cloudformation", move || engine::Worker::new(Arc::clone(&service)));
    }
}
