//! Readers against everything that is not what they hope for: no panic, no endless work, an error or a value.

// All of this is test code, also what stands outside of `#[test]` functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_cmp
)]

mod hostile;
mod json;
mod shapes;
mod there_and_back;
mod validation;
