//! The front door: takes connections, finds out who calls which operation of which service, and hands over to `wire`.
//!
//! - `route`: service, protocol and operation of a request.
//! - `sigv4`: signatures.
//! - `identity`: account, principal and region; whether a caller is let in.
//! - `browser`: what a web page may do (CORS, rebinding and forged requests).
//! - `server`: sockets, limits, time-outs, TLS, stopping.
//! - `admin`: health, metrics, clock, backup: Moln's own API.
//! - `Gateway`: a request's way through all of it.
//!
//! Invariants: no request reaches a service unless [`identity`] let it in; every limit is a number in
//! [`server::Limits`] or [`route::Registration`]; nothing a client sends panics (and if it did, that request alone gets
//! a 500); a request costs no lock that another one holds for longer than a map look-up.

pub mod admin;
pub mod body;
pub mod browser;
mod gateway;
pub mod identity;
mod incoming;
mod inflate;
mod meaning;
pub mod metrics;
mod names;
pub mod route;
pub mod server;
mod settings;
mod shifts;
pub mod sigv4;
mod visit;

pub use gateway::Gateway;
pub use settings::Settings;
