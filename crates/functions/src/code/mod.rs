//! Functions' code and layers: zips checked and unpacked into a cache that can be thrown away at any time.

mod cache;
mod zip;

pub use cache::{CodeCache, KEPT, ReadSeek, Tree, Unpack, ZipSource};
pub use zip::{BadZip, Facts, MAX_ENTRIES, MAX_UNZIPPED, inspect};
