//! An ordered, transactional, durable key-value store. Engines implement [`Kv`]; everything above this crate sees only
//! [`Store`], a cheap handle. Order of effect is order of [`Store::submit`]; an acknowledged commit is on disk.

pub mod backup;
pub mod batch;
pub mod blobs;
#[cfg(any(test, feature = "conformance"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "it is a test, also where it is built for an engine elsewhere"
)]
pub mod conformance;
pub mod failpoint;
pub mod fjall;
pub mod key;
pub mod kv;
pub mod limits;
pub mod memory;
mod page;
mod sequence;
pub mod stats;
pub mod table;
mod threads;
mod watchers;

pub use self::fjall::{FjallStore, Options};
pub use batch::{Batch, KeyRange, Op, Pre, Version};
pub use blobs::{BlobError, BlobRef, Blobs};
pub use kv::{CommitError, Committed, Kv, Page, Pending, Scan, Snapshot, Store, StoreError};
pub use limits::Limits;
pub use memory::MemoryStore;
pub use stats::Stats;
pub use threads::Threads;
