//! Amazon SQS: standard and FIFO queues.
pub mod attributes;
pub mod errors;
pub(crate) mod ids;
pub mod limits;
pub(crate) mod live;
pub mod md5;
pub mod queue;
pub mod receipt;
pub mod tables;

moln_wire::api!(pub mod model);
