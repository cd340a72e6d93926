//! XML: answers of the query protocol, bodies of REST-XML.

mod write;

pub use write::{Dialect, XmlWriter};
pub(crate) use write::{escape, start_tag};
