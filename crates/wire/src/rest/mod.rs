//! The REST protocols: members travel in the path, the query string, headers, the status and the body, whose form is
//! JSON or XML.

mod read;
mod text;
mod write;

pub use read::{Request, RestReader};
pub use write::{Parts, RestWriter};

/// The form of the bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// REST-JSON.
    Json,
    /// REST-XML.
    Xml,
}
