//! How shapes read and write themselves, whatever the protocol.

use std::{borrow::Cow, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_kernel::Timestamp;

use crate::{ByteStream, Schema, rest::Codec};

/// Why an input could not be read; becomes the protocol's `SerializationException` or `MalformedInput`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// AWS's words.
    pub message: String,
}

impl ReadError {
    /// With these words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What a read comes to.
pub type Read<T> = Result<T, ReadError>;

/// Receives the members of a structure: index in [`Schema::members`], and a reader positioned on the value.
pub type OnMember<'f> = dyn FnMut(usize, &mut dyn ShapeReader) -> Read<()> + 'f;
/// Receives the elements of a list.
pub type OnItem<'f> = dyn FnMut(&mut dyn ShapeReader) -> Read<()> + 'f;
/// Receives the entries of a map.
pub type OnEntry<'f> = dyn FnMut(String, &mut dyn ShapeReader) -> Read<()> + 'f;

/// Reads one value. Each protocol implements it; generated code calls it. Object safe: one copy of the code for all
/// shapes. A reader is positioned on a value and knows the value's schema; exactly one method may be called, once. A method that a place has no use for stays an error.
pub trait ShapeReader {
    /// Calls `member` with the index in `schema.members` of each member present, positioned on its value.
    /// Unknown members are skipped, nulls are absent.
    fn structure(&mut self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        let _ = (schema, member);
        Err(misplaced())
    }
    /// Calls `item` for each element; nulls are left out.
    fn list(&mut self, item: &mut OnItem<'_>) -> Read<()> {
        let _ = item;
        Err(misplaced())
    }
    /// Calls `entry` for each entry; null values are left out.
    fn map(&mut self, entry: &mut OnEntry<'_>) -> Read<()> {
        let _ = entry;
        Err(misplaced())
    }
    /// A scalar's text, and what errors call it: what a protocol gives that writes all scalars as text. The methods below
    /// make of it what they are asked for.
    fn scalar(&self) -> Read<(Cow<'_, str>, &'static str)> {
        Err(misplaced())
    }
    /// UTF-8 text.
    fn string(&mut self) -> Read<String> {
        Ok(self.scalar()?.0.into_owned())
    }
    /// Bytes, decoded where the protocol encodes them.
    fn blob(&mut self) -> Read<Bytes> {
        let (text, name) = self.scalar()?;
        let bytes = STANDARD.decode(&*text);
        bytes.map(Bytes::from).map_err(|_| ReadError::new(format!("{name} must be base64")))
    }
    /// true or false.
    fn boolean(&mut self) -> Read<bool> {
        Err(misplaced())
    }
    /// 32 bits; an error when it does not fit.
    fn integer(&mut self) -> Read<i32> {
        number(self.scalar()?, "an integer")
    }
    /// 64 bits; an error when it does not fit.
    fn long(&mut self) -> Read<i64> {
        number(self.scalar()?, "a long integer")
    }
    /// 32-bit floating point, `NaN` and infinities included.
    fn float(&mut self) -> Read<f32> {
        number(self.scalar()?, "a number")
    }
    /// 64-bit floating point, `NaN` and infinities included.
    fn double(&mut self) -> Read<f64> {
        number(self.scalar()?, "a number")
    }
    /// A moment; before 1970 reads as 1970.
    fn timestamp(&mut self) -> Read<Timestamp> {
        Err(misplaced())
    }
    /// Any JSON.
    fn document(&mut self) -> Read<serde_json::Value> {
        self.string().map(serde_json::Value::String)
    }
    /// A body that may come piece by piece; everywhere but in the body of a REST request it is a plain blob.
    fn stream(&mut self) -> Read<ByteStream> {
        self.blob().map(ByteStream::from)
    }
}

fn number<T: FromStr>((text, name): (Cow<'_, str>, &str), wanted: &str) -> Read<T> {
    text.trim().parse().map_err(|_| ReadError::new(format!("{name} must be {wanted}")))
}

fn misplaced() -> ReadError {
    ReadError::new("A value of this kind can not stand here")
}

/// Elements to write.
pub type Items<'i> = dyn Iterator<Item = &'i dyn WriteShape> + 'i;
/// Entries to write.
pub type Entries<'i> = dyn Iterator<Item = (&'i str, &'i dyn WriteShape)> + 'i;

/// Writes one value. Each protocol implements it; generated code calls it. Like a reader, a writer is positioned and
/// knows the schema of what comes next. A method that a place has no use for writes nothing.
pub trait ShapeWriter {
    /// Writes a structure: `values[n]` is the value of `schema.members[n]`; absent ones are left out.
    fn structure(&mut self, schema: &'static Schema, values: &[&dyn WriteShape]) {
        let _ = (schema, values);
    }
    /// Writes a union with one member set.
    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn WriteShape) {
        let _ = (schema, index, value);
    }
    /// Writes a list of `len` elements.
    fn list(&mut self, len: usize, items: &mut Items<'_>) {
        let _ = (len, items);
    }
    /// Writes a map of `len` entries.
    fn map(&mut self, len: usize, entries: &mut Entries<'_>) {
        let _ = (len, entries);
    }
    /// Writes text.
    fn string(&mut self, value: &str) {
        let _ = value;
    }
    /// Writes bytes.
    fn blob(&mut self, value: &Bytes) {
        let _ = value;
    }
    /// Writes true or false.
    fn boolean(&mut self, value: bool) {
        let _ = value;
    }
    /// Writes 32 bits.
    fn integer(&mut self, value: i32) {
        let _ = value;
    }
    /// Writes 64 bits.
    fn long(&mut self, value: i64) {
        let _ = value;
    }
    /// Writes 32-bit floating point.
    fn float(&mut self, value: f32) {
        let _ = value;
    }
    /// Writes 64-bit floating point.
    fn double(&mut self, value: f64) {
        let _ = value;
    }
    /// Writes a moment.
    fn timestamp(&mut self, value: Timestamp) {
        let _ = value;
    }
    /// Writes any JSON.
    fn document(&mut self, value: &serde_json::Value) {
        let _ = value;
    }
    /// Takes a stream that leaves after everything else; `open` gives it once, its events encoded as told.
    fn stream(&mut self, open: &mut dyn FnMut(Codec) -> ByteStream) {
        let _ = open;
    }
}

/// A value that can be read: generated structures, and the Rust types their members have (see `values.rs`).
pub trait ReadShape: Sized {
    /// Reads itself.
    fn read(reader: &mut dyn ShapeReader) -> Read<Self>;
}

/// A value that can be written.
pub trait WriteShape {
    /// Writes itself.
    fn write(&self, writer: &mut dyn ShapeWriter);
    /// Whether there is nothing to write (`None`).
    fn absent(&self) -> bool {
        false
    }
}

/// A generated structure or union: knows its own schema.
pub trait Shape: ReadShape + WriteShape {
    /// Its description.
    fn schema() -> &'static Schema;
}

/// An output whose type only the service knows.
pub type Opaque = Box<dyn WriteShape + Send>;

/// Reads the value a reader stands on; the type is the place's. What generated code calls.
pub fn read<T: ReadShape>(reader: &mut dyn ShapeReader) -> Read<T> {
    T::read(reader)
}
