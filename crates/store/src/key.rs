//! Keys made of parts, whose order as bytes is the order of the parts.
//!
//! A text or byte string is escaped (`00` → `00 ff`) and ended by `00 01`, so that a shorter one comes first and no part
//! runs into the next; a number is big endian; an inverse number is its complement, so that the newest comes first.

use bytes::{BufMut, Bytes, BytesMut};

use crate::StoreError;

/// Writes a key.
#[derive(Clone, Debug)]
pub struct KeyWriter(BytesMut);

impl KeyWriter {
    /// Begins with a table's prefix, as it is.
    pub fn new(prefix: &str) -> Self {
        let mut key = BytesMut::with_capacity(64);
        key.put_slice(prefix.as_bytes());
        Self(key)
    }
    /// Adds a text.
    pub fn str(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }
    /// Adds a byte string.
    pub fn bytes(mut self, part: &[u8]) -> Self {
        for byte in part {
            self.0.put_u8(*byte);
            if *byte == 0 {
                self.0.put_u8(0xff);
            }
        }
        self.0.put_slice(&[0, 1]);
        self
    }
    /// Adds a number.
    pub fn u64(mut self, part: u64) -> Self {
        self.0.put_u64(part);
        self
    }
    /// Adds a number that sorts from high to low.
    pub fn inverse(self, part: u64) -> Self {
        self.u64(!part)
    }
    /// Adds a small number.
    pub fn u32(mut self, part: u32) -> Self {
        self.0.put_u32(part);
        self
    }
    /// Adds a byte.
    pub fn u8(mut self, part: u8) -> Self {
        self.0.put_u8(part);
        self
    }
    /// The key, or a prefix of keys.
    pub fn finish(self) -> Bytes {
        self.0.freeze()
    }
}

/// Reads a key's parts in the order they were written.
#[derive(Clone, Debug)]
pub struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    /// Begins behind the prefix.
    pub fn new(key: &'a [u8], prefix: &str) -> Result<Self, StoreError> {
        key.strip_prefix(prefix.as_bytes()).map(Self).ok_or_else(corrupt)
    }
    /// Reads a text.
    pub fn str(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.bytes()?).map_err(|_| corrupt())
    }
    /// Reads a byte string.
    pub fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut part = Vec::new();
        loop {
            match self.u8()? {
                0 => match self.u8()? {
                    0xff => part.push(0),
                    1 => return Ok(part),
                    _ => return Err(corrupt()),
                },
                byte => part.push(byte),
            }
        }
    }
    /// Reads a number.
    pub fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_be_bytes(self.take()?))
    }
    /// Reads a number that sorts from high to low.
    pub fn inverse(&mut self) -> Result<u64, StoreError> {
        Ok(!self.u64()?)
    }
    /// Reads a small number.
    pub fn u32(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_be_bytes(self.take()?))
    }
    /// Reads a byte.
    pub fn u8(&mut self) -> Result<u8, StoreError> {
        Ok(u8::from_be_bytes(self.take()?))
    }
    /// Nothing may be left.
    pub fn finish(self) -> Result<(), StoreError> {
        if self.0.is_empty() { Ok(()) } else { Err(corrupt()) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (part, rest) = self.0.split_first_chunk::<N>().ok_or_else(corrupt)?;
        self.0 = rest;
        Ok(*part)
    }
}

fn corrupt() -> StoreError {
    StoreError::Corrupt("a key that is not of its table's form".into())
}

/// What can be a table's key, or part of one.
pub trait Key: Sized {
    /// Writes its parts.
    fn write(&self, to: KeyWriter) -> KeyWriter;
    /// Reads what `write` wrote.
    fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError>;
}

/// A number that sorts from high to low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inverse(pub u64);

impl Key for () {
    fn write(&self, to: KeyWriter) -> KeyWriter {
        to
    }
    fn read(_: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        Ok(())
    }
}
impl Key for String {
    fn write(&self, to: KeyWriter) -> KeyWriter {
        to.str(self)
    }
    fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        from.str()
    }
}
impl Key for Vec<u8> {
    fn write(&self, to: KeyWriter) -> KeyWriter {
        to.bytes(self)
    }
    fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        from.bytes()
    }
}
impl Key for u64 {
    fn write(&self, to: KeyWriter) -> KeyWriter {
        to.u64(*self)
    }
    fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        from.u64()
    }
}
impl Key for u32 {
    fn write(&self, to: KeyWriter) -> KeyWriter {
        to.u32(*self)
    }
    fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        from.u32()
    }
}
impl Key for u8 {
    fn write(&self, to: KeyWriter) -> KeyWriter {
        to.u8(*self)
    }
    fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        from.u8()
    }
}
impl Key for Inverse {
    fn write(&self, to: KeyWriter) -> KeyWriter {
        to.inverse(self.0)
    }
    fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        from.inverse().map(Self)
    }
}

macro_rules! tuple {
    ($($name:ident $at:tt),+) => {
        impl<$($name: Key),+> Key for ($($name,)+) {
            fn write(&self, to: KeyWriter) -> KeyWriter {
                $(let to = self.$at.write(to);)+
                to
            }
            fn read(from: &mut KeyReader<'_>) -> Result<Self, StoreError> {
                Ok(($($name::read(from)?,)+))
            }
        }
    };
}
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parts = (Vec<u8>, u64, Vec<u8>, Inverse);

    fn encode(parts: &Parts) -> Bytes {
        parts.write(KeyWriter::new("t/")).finish()
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let bytes =
            || proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 0..6);
        let number = || prop_oneof![0..4u64, any::<u64>()];
        (bytes(), number(), bytes(), number()).prop_map(|(a, b, c, d)| (a, b, c, Inverse(d)))
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(parts in parts()) {
            let key = encode(&parts);
            let mut reader = KeyReader::new(&key, "t/").unwrap();
            prop_assert_eq!(Parts::read(&mut reader).unwrap(), parts);
            reader.finish().unwrap();
        }

        #[test]
        fn sorts_as_its_parts(one in parts(), two in parts()) {
            let order = |p: Parts| (p.0, p.1, p.2, std::cmp::Reverse(p.3));
            prop_assert_eq!(encode(&one).cmp(&encode(&two)), order(one).cmp(&order(two)));
        }

        #[test]
        fn never_panics(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(mut reader) = KeyReader::new(&key, "") {
                let _ = Parts::read(&mut reader).and_then(|_| reader.finish());
            }
        }
    }
}
