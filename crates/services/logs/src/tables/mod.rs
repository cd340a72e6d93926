//! Everything on disk: keys, rows, chunks of events.

pub(crate) mod chunk;
pub(crate) mod group;
pub(crate) mod kept;
pub(crate) mod keys;
pub(crate) mod query;

pub(crate) use group::{GroupRow, MetricFilterRow, StreamRow, SubscriptionRow};
