//! An ordered, transactional, durable key-value store. Engines implement [`Kv`]; everything above this crate sees only
//! [`Store`], a cheap handle. Order of effect is order of [`Store::submit`]; an acknowledged commit is on disk.

pub mod batch;
pub mod kv;
pub mod memory;

pub use batch::{Batch, KeyRange, Op, Pre, Version};
pub use kv::{CommitError, Committed, Kv, Limits, Page, Pending, Scan, Snapshot, Store, StoreError};
