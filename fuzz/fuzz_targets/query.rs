//! The query reader against any bytes.

#![no_main]

#[path = "../../crates/wire/tests/readers/shapes.rs"]
#[allow(dead_code)]
mod shapes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = shapes::query(bytes);
});
