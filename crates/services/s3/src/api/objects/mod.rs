//! The operations on objects.

#[macro_use]
mod tell;
pub(crate) mod completions;
pub(crate) mod copies;
pub(crate) mod deletes;
pub(crate) mod describe;
pub(crate) mod gets;
pub(crate) mod lists;
pub(crate) mod marks;
pub(crate) mod parts;
pub(crate) mod puts;
mod restores;
pub(crate) mod uploads;
mod words;
