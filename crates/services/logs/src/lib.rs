//! Amazon `CloudWatch` Logs: groups, streams, events, filters, subscriptions, Insights.
//!
//! # Invariants
//! - Events lie in chunks, written once, in the same commit as the stream's figures and the deliveries that subscription
//!   filters cause. A stream that was deleted takes nothing more: a put demands that its row is unchanged.
//! - Reading is in order of time, then of arrival; a position ([`tables`]) never changes its meaning, so that tokens and
//!   event ids stay true over restarts.
//! - Memory: groups and their filters are held, streams and events are not. Lines on their way to the disk are bounded
//!   over all and for each stream ([`limits::BUFFER_BYTES`], [`limits::STREAM_BUFFER_BYTES`]).
//! - What is past its group's retention is not seen any more at that moment of the clock; the space follows.
//!
//! # Rooms
//! `pattern` is the filter pattern language, `insights` the query language, both pure. `read` merges streams. `live`
//! joins the store, the clock and those who write. `api` is the operations. `tables` is all that stands on disk.

mod api;
mod errors;
mod insights;
pub mod limits;
mod live;
mod pattern;
mod port;
mod read;
pub mod resources;
mod tables;

use std::sync::Arc;

use moln_fabric::{Outbox, Workers};
use moln_kernel::{
    Endpoint, SharedClock,
    ports::{InvokeFunction, RecordMetric},
};
use moln_store::{Store, StoreError};

moln_wire::api!(pub mod model);

/// The service.
pub struct LogGroups {
    core: Arc<live::Core>,
}

impl LogGroups {
    /// Reads the groups there are. `metrics` takes what metric filters find.
    pub fn open(
        store: Store,
        clock: SharedClock,
        metrics: Arc<dyn RecordMetric>,
    ) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self { core: live::Core::open(store, clock, metrics)? }))
    }

    /// Says who invokes functions for subscription filters. Until then such filters are answered with 501. Functions write
    /// logs themselves, so the two cannot be made in order.
    pub fn functions(&self, functions: Arc<dyn InvokeFunction>) {
        if self.core.functions.set(functions).is_err() {
            tracing::warn!("functions were given to the logs twice; the first ones are kept");
        }
    }

    /// Registers the delivery of subscription filters; belongs before [`Outbox::start`]. `endpoint` is what a context made
    /// here says of the server's address.
    pub fn register(&self, outbox: &Outbox, endpoint: Arc<Endpoint>) {
        let core = Arc::downgrade(&self.core);
        let target = live::subscription::Subscriptions { core, endpoint };
        outbox.register(live::subscription::KIND, Arc::new(target));
    }

    /// The server stops: live tails and queries end.
    pub fn close(&self) {
        self.core.tails.close();
        self.core.queries.cancel_all();
    }

    /// Starts the background: writing of lines, retention. Must be called within a tokio runtime.
    pub fn start(&self, workers: &Workers) {
        let core = Arc::clone(&self.core);
        workers.spawn("logs/writer", move || live::writer::Writer::new(Arc::clone(&core)));
        let core = Arc::clone(&self.core);
        workers.spawn("logs/retention", move || live::retention::Retention::new(Arc::clone(&core)));
    }
}
