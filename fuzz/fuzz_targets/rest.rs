//! The reader of REST requests against any bytes in every place.

#![no_main]

#[path = "../../crates/wire/tests/readers/shapes.rs"]
#[allow(dead_code)]
mod shapes;

use moln_wire::rest::Codec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = shapes::rest(bytes, Codec::Json);
    let _ = shapes::rest(bytes, Codec::Xml);
});
