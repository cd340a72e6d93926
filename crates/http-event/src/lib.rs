//! HTTP requests as events of functions, and what functions return as HTTP answers: what function URLs and HTTP APIs have
//! in common (payload format 2.0). Pure.

pub mod cors;
pub mod event;
pub mod reply;
pub mod request;

pub use cors::Cors;
pub use event::{Visit, build};
pub use reply::{Front, NoAnswer};
