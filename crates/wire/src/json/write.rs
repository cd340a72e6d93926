//! Writes shapes as JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_kernel::Timestamp;

use crate::{
    Member, Schema,
    schema::TimestampFormat,
    shape::{Entries, Items, ShapeWriter, WriteShape},
    text::find,
    time,
};

/// A writer that appends one JSON value to a buffer.
pub struct JsonWriter<'b> {
    out: &'b mut Vec<u8>,
    member: Option<&'static Member>,
}

impl<'b> JsonWriter<'b> {
    /// Appends to `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out, member: None }
    }

    /// Appends a member of the structure under way, with its comma.
    pub(crate) fn member(&mut self, member: &'static Member, value: &dyn WriteShape) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(member.wire.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.value(member, value);
    }

    /// Appends a value that stands in a member's place.
    pub(crate) fn value(&mut self, member: &'static Member, value: &dyn WriteShape) {
        let outer = self.member.replace(member);
        value.write(self);
        self.member = outer;
    }

    fn element(&self) -> Option<&'static Member> {
        self.member.and_then(|member| member.target().element())
    }

    fn element_value(&mut self, element: Option<&'static Member>, value: &dyn WriteShape) {
        match element {
            Some(element) => self.value(element, value),
            None => value.write(self),
        }
    }

    fn real(&mut self, value: f64, shortest: &str) {
        let text = match value {
            _ if value.is_finite() => shortest,
            _ if value.is_nan() => "\"NaN\"",
            _ if value > 0.0 => "\"Infinity\"",
            _ => "\"-Infinity\"",
        };
        self.out.extend_from_slice(text.as_bytes());
    }
}

impl ShapeWriter for JsonWriter<'_> {
    fn structure(&mut self, schema: &'static Schema, values: &[&dyn WriteShape]) {
        self.out.push(b'{');
        for (member, value) in schema.members.iter().zip(values).filter(|(_, value)| !value.absent()) {
            self.member(member, *value);
        }
        self.out.push(b'}');
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn WriteShape) {
        self.out.push(b'{');
        if let Some(member) = schema.members.get(index) {
            self.member(member, value);
        }
        self.out.push(b'}');
    }

    fn list(&mut self, _: usize, items: &mut Items<'_>) {
        let element = self.element();
        self.out.push(b'[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.element_value(element, item);
        }
        self.out.push(b']');
    }

    fn map(&mut self, _: usize, entries: &mut Entries<'_>) {
        let element = self.element();
        self.out.push(b'{');
        for (index, (key, value)) in entries.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.string(key);
            self.out.push(b':');
            self.element_value(element, value);
        }
        self.out.push(b'}');
    }

    fn string(&mut self, value: &str) {
        text(self.out, value);
    }

    fn blob(&mut self, value: &Bytes) {
        self.out.push(b'"');
        self.out.extend_from_slice(STANDARD.encode(value).as_bytes());
        self.out.push(b'"');
    }

    fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn integer(&mut self, value: i32) {
        self.long(i64::from(value));
    }

    fn long(&mut self, value: i64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn float(&mut self, value: f32) {
        self.real(f64::from(value), &format!("{value:?}"));
    }

    fn double(&mut self, value: f64) {
        self.real(value, &format!("{value:?}"));
    }

    fn timestamp(&mut self, value: Timestamp) {
        let default = TimestampFormat::EpochSeconds;
        let format = self.member.map_or(default, |member| member.timestamp_format(default));
        let written = time::format(value, format);
        match format {
            TimestampFormat::EpochSeconds => self.out.extend_from_slice(written.as_bytes()),
            _ => text(self.out, &written),
        }
    }

    fn document(&mut self, value: &serde_json::Value) {
        self.out.extend_from_slice(value.to_string().as_bytes());
    }
}

/// Appends a text in quotes, escaped as JSON demands and no further.
pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(value.len() + 2);
    out.push(b'"');
    let mut rest = value.as_bytes();
    while let Some(plain) = find(rest, |byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        let (before, after) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((special, after)) = after.split_first() else { break };
        match special {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(other >> 4), digit(other & 15)]);
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
