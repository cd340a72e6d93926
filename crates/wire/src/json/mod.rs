//! JSON bodies: AWS JSON 1.0 and 1.1, and REST-JSON's bodies.

mod read;
mod scan;
mod write;

pub use read::JsonReader;
pub use write::JsonWriter;
pub(crate) use write::text;

/// Structures, lists and maps inside of each other, at most: beyond that a body is refused.
pub const DEPTH: usize = 100;
