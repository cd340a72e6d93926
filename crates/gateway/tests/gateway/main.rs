//! The gateway from outside: raw connections against a running one. One program, so that it is linked once.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // all of it is tests
#![allow(clippy::format_push_string, clippy::format_collect)] // readable requests matter more than allocations

mod harness;

mod pages;
mod protocol;
mod signatures;
mod stopping;
mod tls;
