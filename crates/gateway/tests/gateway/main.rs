//! The gateway from outside: raw connections against a running one. One program, so that it is linked once.
#![allow(missing_docs, unreachable_pub)]

mod harness;

mod pages;
mod protocol;
mod signatures;
mod stopping;
mod tls;
