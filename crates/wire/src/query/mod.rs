//! The query protocol: form-encoded parameters in, XML out.

mod params;
mod read;

pub(crate) use params::decode;
pub use params::{PARAMS, Params};
pub use read::QueryReader;
