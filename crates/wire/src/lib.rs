//! AWS's wire protocols. Shapes describe themselves once, as a [`Schema`] and by [`ReadShape`] / [`WriteShape`] over an
//! abstract reader and writer; each protocol is written once over the same two traits. N shapes + M protocols.

pub mod schema;
pub mod service;
pub mod shape;

pub use schema::{Kind, Member, Schema};
pub use service::{Answer, Operation, Protocol, Service, ServiceModel};
pub use shape::{Opaque, ReadError, ReadShape, ShapeReader, ShapeWriter, WriteShape};
