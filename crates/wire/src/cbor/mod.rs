//! CBOR (RFC 8949), as far as RPC v2 uses it.

mod read;
mod write;

pub use read::CborReader;
pub use write::CborWriter;
pub(crate) use write::{head, text};

/// Structures, lists, maps and tags inside of each other, at most: beyond that a body is refused.
pub const DEPTH: usize = 100;

/// The first three bits of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Major {
    Unsigned = 0,
    Negative = 1,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
    Tag = 6,
    Simple = 7,
}
