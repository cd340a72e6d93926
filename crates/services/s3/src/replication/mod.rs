//! Replication between buckets. What a change means for other buckets is decided, and handed to the outbox, in the batch of
//! the change; it is carried out behind it, at least once.
//!
//! A replica keeps its original's stamp. So it has its version id and its place among the key's versions, in whatever order
//! and however often deliveries arrive; and because replicas are not put on top like what clients write, they are never
//! replicated again.

mod order;
mod target;

pub(crate) use order::{Why, order};
pub(crate) use target::{KIND, Replicator};
