//! Durable delivery. What a committed batch says shall happen (a timer, a delivery to another resource) happens: after a
//! restart, after failures, in order of time, or it ends in a dead letter; nothing is fired and forgotten.
//!
//! - [`worker`]: every background job is a [`Worker`]; [`Workers`] supervises and shows them.
//! - [`timer`]: [`Timers`] are scheduled inside the batch that needs them and fire in due order.
//! - [`outbox`]: an [`Outbox`] delivery is put into the batch of the change that causes it.
//! - [`advance`]: moves the clock from one due moment to the next.
//!
//! Invariants: timers and deliveries are at-least-once, so receivers tolerate repetition. Memory does not grow with what
//! waits. All waiting is done on the [`moln_kernel::Clock`].

pub mod advance;
pub mod backoff;
pub mod fence;
mod guarded;
mod hash;
mod octets;
pub mod outbox;
pub mod timer;
pub mod worker;

pub use advance::{Advance, AdvanceError, DueSource};
pub use backoff::Backoff;
pub use fence::Fence;
pub use moln_kernel::{Lineage, LoopStopped, RecursiveLoop};
pub use outbox::{Delivery, Outbox, Target};
pub use timer::{Timer, TimerHandler, TimerKey, Timers};
pub use worker::{Wake, Worker, WorkerError, WorkerState, Workers};
