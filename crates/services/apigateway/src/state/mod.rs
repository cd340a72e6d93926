//! APIs in memory: what they are made of, what a stage serves, and how they change.

mod change;
mod definition;
mod load;
mod registry;

pub(crate) use change::{Draft, id};
pub(crate) use definition::{Definition, Entity, Rows};
pub(crate) use load::load;
pub(crate) use registry::{Deployed, Domain, Entry, Registry};
