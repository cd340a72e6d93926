//! Reads shapes from CBOR, of definite and indefinite lengths.

use std::borrow::Cow;

use bytes::Bytes;
use moln_kernel::Timestamp;

use super::{DEPTH, Major};
use crate::{
    Schema,
    shape::{OnEntry, OnItem, OnMember, Read, ReadError, ShapeReader},
    time,
};

/// A reader over one CBOR item.
pub struct CborReader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    schema: &'static Schema,
}

/// An item's head.
#[derive(Clone, Copy, Debug)]
struct Head {
    major: Major,
    /// The low five bits.
    info: u8,
    /// Value, length, or the bits of a floating-point number.
    value: u64,
}

impl Head {
    fn indefinite(self) -> bool {
        self.info == 31
    }
}

impl<'a> CborReader<'a> {
    /// A reader of a whole body; an empty one is an empty structure.
    pub fn new(body: &'a [u8], schema: &'static Schema) -> Self {
        let bytes: &[u8] = if body.is_empty() { &[0xA0] } else { body };
        Self { bytes, at: 0, depth: 0, schema }
    }

    /// Checks that nothing follows the item read.
    pub fn finish(&self) -> Read<()> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(ReadError::new("Bytes follow the CBOR document"))
        }
    }

    fn take(&mut self, length: u64) -> Read<&'a [u8]> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| ReadError::new("Unexpected end of the CBOR document"))?;
        self.at += length;
        Ok(taken)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes the break that ends an item of indefinite length.
    fn ended(&mut self) -> bool {
        let ended = self.peek() == Some(0xFF);
        self.at += usize::from(ended);
        ended
    }

    /// Takes a null or an undefined.
    fn null(&mut self) -> bool {
        let null = matches!(self.peek(), Some(0xF6 | 0xF7));
        self.at += usize::from(null);
        null
    }

    /// The next head; tags are passed over.
    fn head(&mut self) -> Read<Head> {
        for _ in 0..DEPTH {
            let head = self.one_head()?;
            if head.major != Major::Tag {
                return Ok(head);
            }
        }
        Err(too_deep())
    }

    fn one_head(&mut self) -> Read<Head> {
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let info = first & 31;
        let major = match first >> 5 {
            0 => Major::Unsigned,
            1 => Major::Negative,
            2 => Major::Bytes,
            3 => Major::Text,
            4 => Major::Array,
            5 => Major::Map,
            6 => Major::Tag,
            _ => Major::Simple,
        };
        let value = match info {
            0..=23 => u64::from(info),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            }
            31 if matches!(major, Major::Bytes | Major::Text | Major::Array | Major::Map) => 0,
            _ => return Err(ReadError::new("Malformed CBOR")),
        };
        Ok(Head { major, info, value })
    }

    /// The bytes of a text or byte string, whose head was taken.
    fn string_of(&mut self, head: Head) -> Read<Cow<'a, [u8]>> {
        if !head.indefinite() {
            return self.take(head.value).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while !self.ended() {
            let chunk = self.one_head()?;
            if chunk.major != head.major || chunk.indefinite() {
                return Err(ReadError::new("Malformed CBOR"));
            }
            whole.extend_from_slice(self.take(chunk.value)?);
        }
        Ok(Cow::Owned(whole))
    }

    fn text(&mut self) -> Read<Cow<'a, str>> {
        let head = self.head()?;
        if head.major != Major::Text {
            return Err(wrong("a String"));
        }
        let invalid = || ReadError::new("A text of the CBOR document is not UTF-8");
        match self.string_of(head)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| invalid()),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| invalid()),
        }
    }

    /// Calls `each` for every item of an array, or every key of a map, whose head was taken.
    fn each(&mut self, head: Head, each: &mut dyn FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(too_deep());
        }
        let mut left = head.value;
        loop {
            let done = if head.indefinite() { self.ended() } else { left == 0 };
            if done {
                break;
            }
            left = left.saturating_sub(1);
            each(self)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn skip(&mut self) -> Read<()> {
        let head = self.head()?;
        match head.major {
            Major::Bytes | Major::Text => self.string_of(head).map(drop),
            Major::Array => self.each(head, &mut Self::skip),
            Major::Map => self.each(head, &mut |reader| {
                reader.skip()?;
                reader.skip()
            }),
            _ => Ok(()),
        }
    }

    fn whole(&mut self, wanted: &str) -> Read<i64> {
        let head = self.head()?;
        let value = i64::try_from(head.value).map_err(|_| wrong(wanted));
        match head.major {
            Major::Unsigned => value,
            Major::Negative => value.map(|value| !value),
            _ => Err(wrong(wanted)),
        }
    }

    #[allow(clippy::cast_precision_loss)] // a whole number where a floating-point one is asked for
    fn real(&mut self, wanted: &str) -> Read<f64> {
        let head = self.head()?;
        match (head.major, head.info) {
            (Major::Unsigned, _) => Ok(head.value as f64),
            (Major::Negative, _) => Ok(-1.0 - head.value as f64),
            (Major::Simple, 25..=27) => Ok(floating(head)),
            _ => Err(wrong(wanted)),
        }
    }
}

fn wrong(wanted: &str) -> ReadError {
    ReadError::new(format!("A value of the CBOR document can not be converted to {wanted}"))
}

fn too_deep() -> ReadError {
    ReadError::new(format!("The CBOR document is nested deeper than {DEPTH}"))
}

/// A floating-point number of 16, 32 or 64 bits.
#[allow(clippy::cast_possible_truncation)] // as wide as `info` says
fn floating(head: Head) -> f64 {
    match head.info {
        25 => {
            let bits = head.value as u16;
            let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let size = match exponent {
                0 => fraction * 2_f64.powi(-24),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
            };
            if sign == 1 { -size } else { size }
        }
        26 => f64::from(f32::from_bits(head.value as u32)),
        _ => f64::from_bits(head.value),
    }
}

impl ShapeReader for CborReader<'_> {
    fn structure(&mut self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        let head = self.head()?;
        if head.major != Major::Map {
            return Err(wrong("a structure"));
        }
        let mut hint = 0;
        self.each(head, &mut |reader| {
            let key = reader.text()?;
            match schema.wire_index(&key, hint).and_then(|index| Some((index, schema.members.get(index)?))) {
                _ if reader.null() => Ok(()),
                Some((index, of)) => {
                    hint = index + 1;
                    let outer = std::mem::replace(&mut reader.schema, of.target());
                    let result = member(index, reader);
                    reader.schema = outer;
                    result
                }
                None => reader.skip(),
            }
        })
    }

    fn list(&mut self, item: &mut OnItem<'_>) -> Read<()> {
        let head = self.head()?;
        let of =
            self.schema.element().filter(|_| head.major == Major::Array).ok_or_else(|| wrong("a list"))?;
        let outer = std::mem::replace(&mut self.schema, of.target());
        let result = self.each(head, &mut |reader| {
            reader.schema = of.target();
            if reader.null() { Ok(()) } else { item(reader) }
        });
        self.schema = outer;
        result
    }

    fn map(&mut self, entry: &mut OnEntry<'_>) -> Read<()> {
        let head = self.head()?;
        let of = self.schema.element().filter(|_| head.major == Major::Map).ok_or_else(|| wrong("a map"))?;
        let outer = std::mem::replace(&mut self.schema, of.target());
        let result = self.each(head, &mut |reader| {
            let key = reader.text()?.into_owned();
            reader.schema = of.target();
            if reader.null() { Ok(()) } else { entry(key, reader) }
        });
        self.schema = outer;
        result
    }

    fn string(&mut self) -> Read<String> {
        self.text().map(Cow::into_owned)
    }

    fn blob(&mut self) -> Read<Bytes> {
        let head = self.head()?;
        if head.major != Major::Bytes {
            return Err(wrong("a Blob"));
        }
        self.string_of(head).map(|bytes| Bytes::from(bytes.into_owned()))
    }

    fn boolean(&mut self) -> Read<bool> {
        match self.head()? {
            Head { major: Major::Simple, info: 20, .. } => Ok(false),
            Head { major: Major::Simple, info: 21, .. } => Ok(true),
            _ => Err(wrong("a Boolean")),
        }
    }

    fn integer(&mut self) -> Read<i32> {
        i32::try_from(self.whole("an Integer")?).map_err(|_| wrong("an Integer"))
    }

    fn long(&mut self) -> Read<i64> {
        self.whole("a Long")
    }

    #[allow(clippy::cast_possible_truncation)] // what the model asks for
    fn float(&mut self) -> Read<f32> {
        self.real("a Float").map(|value| value as f32)
    }

    fn double(&mut self) -> Read<f64> {
        self.real("a Double")
    }

    fn timestamp(&mut self) -> Read<Timestamp> {
        time::from_seconds(self.real("a Timestamp")?)
    }

    #[allow(clippy::cast_precision_loss)] // beyond 64 bits only
    fn document(&mut self) -> Read<serde_json::Value> {
        use serde_json::Value;
        if matches!(self.peek(), Some(byte) if byte >> 5 == Major::Text as u8) {
            return self.string().map(Value::String);
        }
        let head = self.head()?;
        Ok(match (head.major, head.info) {
            (Major::Unsigned, _) => head.value.into(),
            (Major::Negative, _) => i64::try_from(head.value).map_or(Value::Null, |value| (!value).into()),
            (Major::Simple, 20 | 21) => (head.info == 21).into(),
            (Major::Simple, 25..=27) => floating(head).into(),
            (Major::Array, _) => {
                let mut items = Vec::new();
                self.each(head, &mut |reader| {
                    items.push(reader.document()?);
                    Ok(())
                })?;
                Value::Array(items)
            }
            (Major::Map, _) => {
                let mut entries = serde_json::Map::new();
                self.each(head, &mut |reader| {
                    let key = reader.text()?.into_owned();
                    entries.insert(key, reader.document()?);
                    Ok(())
                })?;
                Value::Object(entries)
            }
            (Major::Bytes | Major::Text, _) => return Err(wrong("a document")),
            _ => Value::Null,
        })
    }
}
