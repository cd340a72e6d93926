//! Writes shapes as CBOR, with definite lengths.

use bytes::Bytes;
use moln_kernel::Timestamp;

use super::Major;
use crate::{
    Schema,
    shape::{Entries, Items, ShapeWriter, WriteShape},
};

/// A writer that appends one value to a buffer.
pub struct CborWriter<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> CborWriter<'b> {
    /// Appends to `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }
}

/// Appends an item's head: kind, and value or length in its shortest form.
#[allow(clippy::cast_possible_truncation)] // each arm's range is checked
pub(crate) fn head(out: &mut Vec<u8>, major: Major, value: u64) {
    let major = (major as u8) << 5;
    match value {
        0..24 => out.push(major | value as u8),
        24..=0xFF => out.extend_from_slice(&[major | 0x18, value as u8]),
        0x100..=0xFFFF => {
            out.push(major | 0x19);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xFFFF_FFFF => {
            out.push(major | 0x1A);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 0x1B);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    head(out, Major::Text, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

pub(crate) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xF5 } else { 0xF4 });
}

pub(crate) fn long(out: &mut Vec<u8>, value: i64) {
    match u64::try_from(value) {
        Ok(value) => head(out, Major::Unsigned, value),
        Err(_) => head(out, Major::Negative, (!value).cast_unsigned()),
    }
}

pub(crate) fn double(out: &mut Vec<u8>, value: f64) {
    out.push(0xFB);
    out.extend_from_slice(&value.to_be_bytes());
}

impl ShapeWriter for CborWriter<'_> {
    fn structure(&mut self, schema: &'static Schema, values: &[&dyn WriteShape]) {
        let present = || schema.members.iter().zip(values).filter(|(_, value)| !value.absent());
        head(self.out, Major::Map, present().count() as u64);
        for (member, value) in present() {
            text(self.out, member.wire);
            value.write(self);
        }
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn WriteShape) {
        let member = schema.members.get(index);
        head(self.out, Major::Map, u64::from(member.is_some()));
        if let Some(member) = member {
            text(self.out, member.wire);
            value.write(self);
        }
    }

    fn list(&mut self, len: usize, items: &mut Items<'_>) {
        head(self.out, Major::Array, len as u64);
        for item in items {
            item.write(self);
        }
    }

    fn map(&mut self, len: usize, entries: &mut Entries<'_>) {
        head(self.out, Major::Map, len as u64);
        for (key, value) in entries {
            text(self.out, key);
            value.write(self);
        }
    }

    fn string(&mut self, value: &str) {
        text(self.out, value);
    }

    fn blob(&mut self, value: &Bytes) {
        head(self.out, Major::Bytes, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    fn boolean(&mut self, value: bool) {
        boolean(self.out, value);
    }

    fn integer(&mut self, value: i32) {
        long(self.out, i64::from(value));
    }

    fn long(&mut self, value: i64) {
        long(self.out, value);
    }

    fn float(&mut self, value: f32) {
        self.out.push(0xFA);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn double(&mut self, value: f64) {
        double(self.out, value);
    }

    #[allow(clippy::cast_precision_loss)] // milliseconds fit 53 bits for 285,000 years
    fn timestamp(&mut self, value: Timestamp) {
        head(self.out, Major::Tag, 1);
        match value.millis() % 1000 {
            0 => head(self.out, Major::Unsigned, value.seconds()),
            _ => double(self.out, value.millis() as f64 / 1000.0),
        }
    }

    fn document(&mut self, value: &serde_json::Value) {
        match value {
            serde_json::Value::Null => self.out.push(0xF6),
            serde_json::Value::Bool(value) => boolean(self.out, *value),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(whole) => long(self.out, whole),
                None => double(self.out, n.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(value) => text(self.out, value),
            serde_json::Value::Array(items) => {
                head(self.out, Major::Array, items.len() as u64);
                for item in items {
                    self.document(item);
                }
            }
            serde_json::Value::Object(entries) => {
                head(self.out, Major::Map, entries.len() as u64);
                for (key, value) in entries {
                    text(self.out, key);
                    self.document(value);
                }
            }
        }
    }
}
