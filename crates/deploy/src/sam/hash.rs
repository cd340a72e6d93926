//! Logical ids with a hash of what they stand for, as SAM makes them: ten hexadecimal digits of a SHA-1.

use std::fmt::Write;

use moln_kernel::encoding::hex;
use serde_json::Value;
use sha1::{Digest, Sha1};

/// The prefix and the hash of a text or a value; the prefix alone for nothing.
pub(super) fn logical(prefix: &str, of: &Value) -> String {
    let text = match of {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Object(members) if members.is_empty() => String::new(),
        other => dumps(other),
    };
    if text.is_empty() {
        return prefix.to_owned();
    }
    let digest: String = digest(&text).chars().take(10).collect();
    format!("{prefix}{digest}")
}

/// SHA-1 of a text, 40 hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    hex(&Sha1::digest(text.as_bytes()))
}

/// JSON as Python writes it with sorted keys and without blanks: nothing but ASCII.
pub(super) fn dumps(value: &Value) -> String {
    ascii(&value.to_string())
}

/// JSON without anything but ASCII.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}
