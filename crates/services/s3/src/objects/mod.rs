//! Versions of objects: finding them, putting one on top, taking one away, listing them.

pub(crate) mod amend;
pub(crate) mod archive;
pub(crate) mod conditions;
pub(crate) mod delete;
pub(crate) mod find;
pub(crate) mod list;
pub(crate) mod locks;
pub(crate) mod read;
pub(crate) mod write;

#[cfg(test)]
mod scale;
