//! Queues in a running server: the pure domain joined with the store, the clock and those who wait.

pub(crate) mod activation;
pub(crate) mod core;
pub(crate) mod moving;
pub(crate) mod queue;
pub(crate) mod receive;
pub(crate) mod redrive;
pub(crate) mod refill;
pub(crate) mod retention;
pub(crate) mod send;
pub(crate) mod settling;
pub(crate) mod tasks;
pub(crate) mod timer;
pub(crate) mod transfer;

pub(crate) use core::Core;
pub(crate) use queue::{Live, Queue};
