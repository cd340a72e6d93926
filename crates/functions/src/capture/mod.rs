//! Logs of an environment: what its processes write and what the platform says of it, on the way to the log stream, the
//! tail of an invocation and the subscribers of the Telemetry API. Everything is bounded; what does not fit is dropped,
//! counted and said.

mod level;
mod log;
mod pipe;
mod platform;
mod reader;
mod subscriber;
#[cfg(test)]
mod tests;

pub(crate) use log::{Log, LogFacts};
pub(crate) use pipe::{Pipe, Writer, drain, pipe};
pub(crate) use platform::{Phase, Platform, Status, Tracing};
pub(crate) use reader::Form;
pub(crate) use subscriber::{Destination, Schema, Subscription, Types};

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The runtime and whatever it starts.
    Function,
    /// An extension.
    Extension,
}
