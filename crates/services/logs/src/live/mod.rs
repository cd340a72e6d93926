//! What joins the tables with the clock and those who write: groups in memory, the way in, the background.

pub(crate) mod buffer;
pub(crate) mod core;
pub(crate) mod group;
pub(crate) mod ingest;
pub(crate) mod kept;
pub(crate) mod metrics;
pub(crate) mod retention;
pub(crate) mod subscription;
pub(crate) mod tail;
pub(crate) mod writer;

pub(crate) use core::Core;
pub(crate) use group::{Group, Meta};
