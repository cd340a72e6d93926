//! The rules that can be set for a bucket: what they may say, and what follows from them. Pure.

pub(crate) mod cors;
pub(crate) mod lifecycle;
pub(crate) mod lock;
pub(crate) mod replication;
pub(crate) mod website;
