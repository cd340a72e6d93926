//! Load generator, limits and side-by-side comparison for servers that speak Amazon SQS.
//!
//! - [`client`]: keep-alive connections whose requests are really signed and whose answers are checked;
//! - [`load`]: the workloads and the harness that drives and measures them;
//! - [`limit`]: servers that do as little as possible, the best that hardware and runtime allow;
//! - [`functions`]: how fast functions run, against their runtime's bare round trip and their interpreter's start;
//! - [`compare`]: all of them in one run, side by side, and the promises checked against it.
//!
//! Invariants: no result without checked answers (a run with one error has no figures); figures are compared only
//! within one run; nothing but loopback is needed; every load is bounded in count and in time.

pub mod body;
pub mod cli;
pub mod client;
pub mod compare;
pub mod error;
pub mod functions;
pub mod histogram;
pub mod limit;
pub mod load;
pub mod process;
pub mod promise;
pub mod report;
pub mod results;
pub mod scan;
pub mod sign;
