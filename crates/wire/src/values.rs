//! The Rust types of members read and write themselves.

use std::collections::BTreeMap;

use bytes::Bytes;
use moln_kernel::Timestamp;

use crate::shape::{Read, ReadShape, ShapeReader, ShapeWriter, WriteShape};

macro_rules! scalar {
    ($($type:ty: $method:ident, |$value:ident| $pass:expr;)*) => {$(
        impl ReadShape for $type {
            fn read(reader: &mut dyn ShapeReader) -> Read<Self> {
                reader.$method()
            }
        }
        impl WriteShape for $type {
            fn write(&self, writer: &mut dyn ShapeWriter) {
                let $value = self;
                writer.$method($pass);
            }
        }
    )*};
}

scalar! {
    String: string, |v| v;
    Bytes: blob, |v| v;
    bool: boolean, |v| *v;
    i32: integer, |v| *v;
    i64: long, |v| *v;
    f32: float, |v| *v;
    f64: double, |v| *v;
    Timestamp: timestamp, |v| *v;
    serde_json::Value: document, |v| v;
}

impl<T: ReadShape> ReadShape for Option<T> {
    fn read(reader: &mut dyn ShapeReader) -> Read<Self> {
        T::read(reader).map(Some)
    }
}

impl<T: WriteShape> WriteShape for Option<T> {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        if let Some(value) = self {
            value.write(writer);
        }
    }
    fn absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: ReadShape> ReadShape for Box<T> {
    fn read(reader: &mut dyn ShapeReader) -> Read<Self> {
        T::read(reader).map(Box::new)
    }
}

impl<T: WriteShape> WriteShape for Box<T> {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        (**self).write(writer);
    }
}

impl<T: ReadShape> ReadShape for Vec<T> {
    fn read(reader: &mut dyn ShapeReader) -> Read<Self> {
        let mut items = Self::new();
        reader.list(&mut |reader| {
            items.push(T::read(reader)?);
            Ok(())
        })?;
        Ok(items)
    }
}

impl<T: WriteShape> WriteShape for Vec<T> {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.list(self.len(), &mut self.iter().map(|item| item as &dyn WriteShape));
    }
}

impl<T: ReadShape> ReadShape for BTreeMap<String, T> {
    fn read(reader: &mut dyn ShapeReader) -> Read<Self> {
        let mut entries = Self::new();
        reader.map(&mut |key, reader| {
            entries.insert(key, T::read(reader)?);
            Ok(())
        })?;
        Ok(entries)
    }
}

impl<T: WriteShape> WriteShape for BTreeMap<String, T> {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.map(self.len(), &mut self.iter().map(|(key, value)| (key.as_str(), value as &dyn WriteShape)));
    }
}

impl WriteShape for &str {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.string(self);
    }
}

/// The output of an operation that has none.
impl WriteShape for () {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.structure(&crate::schema::UNIT, &[]);
    }
}

/// The bytes of a blob or a text.
pub(crate) fn bytes_of(value: &dyn WriteShape) -> Bytes {
    struct Taker(Bytes);
    impl ShapeWriter for Taker {
        fn string(&mut self, value: &str) {
            self.0 = Bytes::copy_from_slice(value.as_bytes());
        }
        fn blob(&mut self, value: &Bytes) {
            self.0 = value.clone();
        }
    }
    let mut taker = Taker(Bytes::new());
    value.write(&mut taker);
    taker.0
}

/// A scalar as the text of a header.
pub(crate) fn text_of(value: &dyn WriteShape) -> String {
    let mut body = Vec::new();
    value.write(&mut crate::json::JsonWriter::new(&mut body));
    let json = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}
