//! The query protocol: form-encoded parameters in, XML out.

mod params;

pub use params::{PARAMS, Params};
