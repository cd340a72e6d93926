//! The contract of background jobs, and the registry that runs, supervises and shows them.

mod registry;
mod report;
mod run;

use std::time::Duration;

use moln_kernel::{Timestamp, clock::BoxFuture};

pub use registry::{NotQuiescent, Wake, Workers};
pub use report::{Phase, WorkerReport};
pub(crate) use run::panic_text;

/// Why a step failed. The worker is made anew and started again after a pause.
pub type WorkerError = Box<dyn std::error::Error + Send + Sync>;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Did something; there may be more: step again at once.
    Busy,
    /// Nothing to do until woken, or until a moment by the clock.
    Idle {
        /// The next moment at which something falls due; `None`: none is known.
        until: Option<Timestamp>,
    },
    /// Has work but must not do it yet; wakes are ignored.
    Throttled {
        /// How long to pause, by the clock.
        pause: Duration,
    },
    /// Will never have work again.
    Done,
}

/// A background job. It keeps nothing in memory that the store does not hold: it may be dropped and made anew at any time.
pub trait Worker: Send + 'static {
    /// Does a bounded piece of work. Work that was started and is not finished is waited for in here, so that a worker
    /// that says `Idle` has nothing under way. The future may be dropped when the process stops.
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>>;

    /// Resolves when there may be work; asked only while idle. By default only a [`Wake`] or the clock ends idleness.
    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// What it is doing, in a few words, for people.
    fn info(&self) -> String {
        String::new()
    }

    /// Finishes what is under way before the process stops; cut off when the time for stopping is over.
    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
