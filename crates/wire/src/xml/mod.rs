//! XML: answers of the query protocol, bodies of REST-XML.

mod read;
mod write;

pub use read::{XmlReader, parse};
pub use write::{Dialect, XmlWriter};
pub(crate) use write::{escape, start_tag};
