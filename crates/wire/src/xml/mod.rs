//! XML: answers of the query protocol, bodies of REST-XML.

mod read;
mod write;

pub use read::{XmlReader, parse};
pub(crate) use write::start_tag;
pub use write::{Dialect, XmlWriter, escape};
