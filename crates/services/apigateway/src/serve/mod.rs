//! How requests to APIs are answered: host and path → stage → route → who may → integration → answer.

mod authorize;
mod cors;
mod exchange;
mod host;
mod integrate;
pub(crate) mod log;
pub(crate) mod mapping;
pub(crate) mod plan;
mod refusal;
mod route;
mod site;
mod template;
mod throttle;

pub(crate) use authorize::{Issuers, lambda::allows};
pub(crate) use integrate::service::{self, edge_id};
pub(crate) use plan::{Plan, Planned};
pub(crate) use refusal::Refusal;
pub(crate) use route::RouteKey;
pub use site::ExecuteApi;
