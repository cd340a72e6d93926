//! Reads shapes from JSON.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_kernel::Timestamp;

use super::scan::Scan;
use crate::{
    Member, Schema,
    schema::TimestampFormat,
    shape::{OnEntry, OnItem, OnMember, Read, ReadError, ShapeReader},
    time,
};

/// A reader over one JSON document.
pub struct JsonReader<'a> {
    scan: Scan<'a>,
    schema: &'static Schema,
    member: Option<&'static Member>,
}

impl<'a> JsonReader<'a> {
    /// A reader of a whole body; an empty one is an empty object.
    ///
    /// Errors: bytes that are not UTF-8.
    pub fn new(body: &'a [u8], schema: &'static Schema) -> Read<Self> {
        let text = std::str::from_utf8(body).map_err(|_| ReadError::new("The body is not UTF-8"))?;
        let text = if text.trim_ascii().is_empty() { "{}" } else { text };
        Ok(Self { scan: Scan::new(text), schema, member: None })
    }

    /// Positions it on a member of the root, for the REST protocols.
    pub(crate) fn at(mut self, member: &'static Member) -> Self {
        self.schema = member.target();
        self.member = Some(member);
        self
    }

    /// Checks that nothing follows the value read.
    pub fn finish(mut self) -> Read<()> {
        match self.scan.peek() {
            None => Ok(()),
            Some(_) => Err(self.scan.malformed()),
        }
    }

    /// Reads the value it stands on as this member's.
    fn value(&mut self, member: &'static Member, read: impl FnOnce(&mut Self) -> Read<()>) -> Read<()> {
        let outer = (self.schema, self.member);
        (self.schema, self.member) = (member.target(), Some(member));
        let result = read(self);
        (self.schema, self.member) = outer;
        result
    }

    /// Coral's words for a value of another type.
    fn wrong(&mut self, wanted: &str) -> ReadError {
        let token = match self.scan.peek() {
            Some(b'"') => "STRING_VALUE",
            Some(b'-' | b'0'..=b'9') => "NUMBER_VALUE",
            Some(b't') => "TRUE_VALUE",
            Some(b'f') => "FALSE_VALUE",
            Some(b'n') => "NULL_VALUE",
            Some(b'{') => return ReadError::new("Start of structure or map found where not expected."),
            Some(b'[') => return ReadError::new("Start of list found where not expected"),
            _ => return self.scan.malformed(),
        };
        match wanted {
            "" => ReadError::new("Unexpected field type"),
            _ => ReadError::new(format!("{token} can not be converted to {wanted}")),
        }
    }

    fn text(&mut self, wanted: &str) -> Read<Cow<'a, str>> {
        match self.scan.peek() {
            Some(b'"') => self.scan.string(),
            _ => Err(self.wrong(wanted)),
        }
    }

    fn whole(&mut self, wanted: &str) -> Read<i64> {
        if !matches!(self.scan.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.wrong(wanted));
        }
        let text = self.scan.number()?;
        let unfit = || ReadError::new(format!("NUMBER_VALUE can not be converted to {wanted}"));
        if let Ok(n) = text.parse() {
            return Ok(n);
        }
        // `1e3` and `10.0` are whole numbers too.
        let n: f64 = text.parse().map_err(|_| unfit())?;
        #[allow(clippy::cast_possible_truncation)] // checked just before
        if n.fract() == 0.0 && n.abs() < 9.0e18 { Ok(n as i64) } else { Err(unfit()) }
    }

    fn real(&mut self, wanted: &str) -> Read<f64> {
        match self.scan.peek() {
            Some(b'"') => match self.scan.string()?.as_ref() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => Err(ReadError::new(format!("STRING_VALUE can not be converted to {wanted}"))),
            },
            Some(b'-' | b'0'..=b'9') => {
                let text = self.scan.number()?;
                text.parse().map_err(|_| ReadError::new(format!("{text} can not be converted to {wanted}")))
            }
            _ => Err(self.wrong(wanted)),
        }
    }
}

impl ShapeReader for JsonReader<'_> {
    fn structure(&mut self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        if self.scan.peek() != Some(b'{') {
            return Err(self.wrong(""));
        }
        self.scan.begin(b'{')?;
        let (mut first, mut hint) = (true, 0);
        while self.scan.next(b'}', first)? {
            first = false;
            let key = self.scan.key()?;
            let index = schema.wire_index(&key, hint);
            match index.and_then(|index| schema.members.get(index).map(|of| (index, of))) {
                Some(_) if self.scan.word("null") => {}
                Some((index, of)) => {
                    hint = index + 1;
                    self.value(of, |reader| member(index, reader))?;
                }
                None => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn list(&mut self, item: &mut OnItem<'_>) -> Read<()> {
        let Some(of) = self.schema.element() else { return Err(self.wrong("")) };
        if self.scan.peek() != Some(b'[') {
            return Err(self.wrong(""));
        }
        self.scan.begin(b'[')?;
        let mut first = true;
        while self.scan.next(b']', first)? {
            first = false;
            if !self.scan.word("null") {
                self.value(of, |reader| item(reader))?;
            }
        }
        Ok(())
    }

    fn map(&mut self, entry: &mut OnEntry<'_>) -> Read<()> {
        let Some(of) = self.schema.element() else { return Err(self.wrong("")) };
        if self.scan.peek() != Some(b'{') {
            return Err(self.wrong(""));
        }
        self.scan.begin(b'{')?;
        let mut first = true;
        while self.scan.next(b'}', first)? {
            first = false;
            let key = self.scan.key()?;
            if !self.scan.word("null") {
                self.value(of, |reader| entry(key.into_owned(), reader))?;
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Read<String> {
        self.text("a String").map(Cow::into_owned)
    }

    fn blob(&mut self) -> Read<Bytes> {
        let text = self.text("a Blob")?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Bytes::from).map_err(|_| ReadError::new("Invalid base64 in a Blob"))
    }

    fn boolean(&mut self) -> Read<bool> {
        if self.scan.word("true") {
            Ok(true)
        } else if self.scan.word("false") {
            Ok(false)
        } else {
            Err(self.wrong("a Boolean"))
        }
    }

    fn integer(&mut self) -> Read<i32> {
        let whole = self.whole("an Integer")?;
        i32::try_from(whole).map_err(|_| ReadError::new("NUMBER_VALUE can not be converted to an Integer"))
    }

    fn long(&mut self) -> Read<i64> {
        self.whole("a Long")
    }

    #[allow(clippy::cast_possible_truncation)] // what the model asks for
    fn float(&mut self) -> Read<f32> {
        self.real("a Float").map(|n| n as f32)
    }

    fn double(&mut self) -> Read<f64> {
        self.real("a Double")
    }

    fn timestamp(&mut self) -> Read<Timestamp> {
        let default = TimestampFormat::EpochSeconds;
        let format = self.member.map_or(default, |member| member.timestamp_format(default));
        match self.scan.peek() {
            Some(b'"') => time::parse(&self.scan.string()?, format),
            Some(b'-' | b'0'..=b'9') => time::from_seconds(self.real("a Timestamp")?),
            _ => Err(self.wrong("a Timestamp")),
        }
    }

    fn document(&mut self) -> Read<serde_json::Value> {
        let text = self.scan.skip()?;
        serde_json::from_str(text).map_err(|_| ReadError::new("Invalid JSON in a document"))
    }
}
