//! The client: own keep-alive HTTP/1.1 connections, every request really signed, next to no work beside that,
//! because on shared cores every microsecond it takes is missing to the server under test.

mod connection;
mod endpoint;
mod line;
mod request;
mod s3;
mod sqs;

pub mod payload;

pub use connection::Connection;
pub use endpoint::{Credentials, Endpoint};
pub use line::Line;
pub use request::Request;
pub use s3::{Check, Content, S3};
pub use sqs::{Queue, Receive, Received, Sqs};
