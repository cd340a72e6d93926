//! Amazon SQS: standard and FIFO queues, all operations.
//!
//! # Invariants
//! - A message is acknowledged when its commit is durable, and handed out only in a commit behind that one.
//! - Each queue has one lock; a decision is made and its commit submitted under it, so the store's order is the
//!   decisions' order, and memory never knows less than the store will.
//! - Memory does not grow with a backlog: never-received messages cost nothing beyond a bounded window; a received or
//!   delayed message at most 64 bytes; bodies in memory are bounded per queue
//!   ([`limits::WINDOW_BYTES`]) and over all queues ([`limits::ALL_WINDOW_BYTES`]).
//! - Nothing scans a drained range: a cursor tells where the never-received begin.
//! - Everything that waits reads the clock it was given.
//!
//! # Rooms
//! [`queue`] is the domain, pure: state, command, moment → rows to write and a reply. `live` joins it with the store,
//! the clock and those who wait. `api` is the operations. [`tables`] is all that stands on disk.

mod api;
pub mod attributes;
pub mod errors;
mod ids;
pub mod limits;
mod live;
pub mod md5;
pub(crate) mod ports;
pub mod queue;
pub mod receipt;
pub mod resources;
pub mod tables;

use std::{sync::Arc, time::Duration};

use moln_fabric::Workers;
use moln_kernel::{SharedClock, Timestamp};
use moln_store::{Store, StoreError};

moln_wire::api!(pub mod model);

/// Receivers that are woken answer within this much real time.
const SETTLING: Duration = Duration::from_secs(30);

/// The service.
pub struct Queues {
    core: Arc<live::Core>,
    /// Changes of queues themselves, one at a time.
    creating: tokio::sync::Mutex<()>,
}

impl Queues {
    /// Reads the queues there are; their messages are read when a queue is first touched.
    pub fn open(store: Store, clock: SharedClock) -> Result<Arc<Self>, StoreError> {
        let core = live::Core::open(store, clock)?;
        Ok(Arc::new(Self { core, creating: tokio::sync::Mutex::default() }))
    }

    /// Starts the background: message moves, retention. Must be called within a tokio runtime.
    pub fn start(&self, workers: &Workers) {
        let core = Arc::clone(&self.core);
        workers.spawn("sqs/moves", move || live::moving::Moving::new(Arc::clone(&core)));
        let core = Arc::clone(&self.core);
        workers.spawn("sqs/retention", move || live::retention::Retention::new(Arc::clone(&core)));
    }

    /// The server stops: those who wait are answered with what there is, which is nothing.
    pub fn close(&self) {
        self.core.closing.send_replace(true);
    }

    /// The next moment a message becomes visible by itself in a queue someone waits at, or someone stops waiting.
    pub fn next_due(&self) -> Option<Timestamp> {
        let awaited = |queue: &Arc<live::Queue>| {
            let inner = queue.lock();
            let passes = inner.timer.filter(|_| !inner.waiters.is_empty());
            passes.into_iter().chain(inner.waiters.next_deadline()).min()
        };
        let due = self.core.all().iter().filter_map(awaited).min();
        due.filter(|due| *due < live::queue::NOTHING_DUE).map(Timestamp)
    }

    /// Resolves when everyone who waits for a message and can be served at this moment has been answered; after half a
    /// minute of real time in any case.
    pub async fn settled(&self) {
        let all = async {
            let mut served = true;
            // Serving at one queue can put a message into another, where someone waits, too.
            while std::mem::take(&mut served) {
                for queue in self.core.all() {
                    match queue.serve_waiting(&self.core).await {
                        Ok(some) => served |= some,
                        Err(error) => {
                            tracing::warn!(queue = %queue.arn, %error, "those who wait cannot be served");
                        }
                    }
                }
            }
        };
        if tokio::time::timeout(SETTLING, all).await.is_err() {
            tracing::warn!("someone who waits for a message is not answered yet; the clock goes on");
        }
    }
}
