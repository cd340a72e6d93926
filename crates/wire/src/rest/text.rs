//! Values as the text of a label, a query parameter or a header.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_kernel::Timestamp;

use crate::{
    Member,
    schema::TimestampFormat,
    shape::{Entries, Items, OnEntry, OnItem, Read, ReadError, ShapeReader, ShapeWriter},
    time,
};

/// A reader of texts: several for lists, entries for maps.
pub(super) struct TextReader<'t> {
    pub(super) texts: Vec<Cow<'t, str>>,
    /// For maps: name and texts.
    pub(super) entries: Vec<(String, Vec<Cow<'t, str>>)>,
    pub(super) member: &'static Member,
    /// How moments are written in this place.
    pub(super) format: TimestampFormat,
}

impl<'t> TextReader<'t> {
    pub(super) fn new(texts: Vec<Cow<'t, str>>, member: &'static Member, format: TimestampFormat) -> Self {
        Self { texts, entries: Vec::new(), member, format }
    }

    fn text(&self) -> &str {
        self.texts.first().map(Cow::as_ref).unwrap_or_default()
    }
}

impl ShapeReader for TextReader<'_> {
    fn list(&mut self, item: &mut OnItem<'_>) -> Read<()> {
        let of = self.member.target().element().unwrap_or(self.member);
        for text in std::mem::take(&mut self.texts) {
            item(&mut TextReader::new(vec![text], of, self.format))?;
        }
        Ok(())
    }

    fn map(&mut self, entry: &mut OnEntry<'_>) -> Read<()> {
        let of = self.member.target().element().unwrap_or(self.member);
        for (name, texts) in std::mem::take(&mut self.entries) {
            entry(name, &mut TextReader::new(texts, of, self.format))?;
        }
        Ok(())
    }

    fn scalar(&self) -> Read<(Cow<'_, str>, &'static str)> {
        Ok((Cow::Borrowed(self.text()), self.member.wire))
    }

    fn string(&mut self) -> Read<String> {
        if self.member.traits.json_value {
            // A JSON value travels in headers as base64.
            let decoded = STANDARD.decode(self.text()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            return decoded.ok_or_else(|| ReadError::new(format!("{} must be base64", self.member.wire)));
        }
        Ok(self.text().to_owned())
    }

    fn boolean(&mut self) -> Read<bool> {
        match self.text().trim() {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err(ReadError::new(format!("{} must be true or false", self.member.wire))),
        }
    }

    fn timestamp(&mut self) -> Read<Timestamp> {
        time::parse(self.text(), self.member.timestamp_format(self.format))
    }
}

/// A writer of a text: a scalar's, or those of a list joined by commas; entries for a map.
pub(super) struct TextWriter {
    /// `None`: nothing was written, or an empty list.
    pub(super) text: Option<String>,
    pub(super) entries: Vec<(String, Option<String>)>,
    member: &'static Member,
    format: TimestampFormat,
    /// Elements of a list quote what a comma would tear apart.
    quote: bool,
}

impl TextWriter {
    pub(super) fn new(member: &'static Member, format: TimestampFormat) -> Self {
        Self { text: None, entries: Vec::new(), member, format, quote: false }
    }

    fn put(&mut self, text: String) {
        match &mut self.text {
            Some(all) => {
                all.push_str(", ");
                all.push_str(&text);
            }
            none => *none = Some(text),
        }
    }
}

impl ShapeWriter for TextWriter {
    fn list(&mut self, _: usize, items: &mut Items<'_>) {
        self.member = self.member.target().element().unwrap_or(self.member);
        self.quote = true;
        for item in items {
            item.write(self);
        }
    }

    fn map(&mut self, _: usize, entries: &mut Entries<'_>) {
        let of = self.member.target().element().unwrap_or(self.member);
        for (key, value) in entries {
            let mut writer = TextWriter::new(of, self.format);
            value.write(&mut writer);
            self.entries.push((key.to_owned(), writer.text));
        }
    }

    fn string(&mut self, value: &str) {
        self.put(if self.member.traits.json_value {
            STANDARD.encode(value)
        } else if self.quote && value.contains([',', '"']) {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            value.to_owned()
        });
    }

    fn blob(&mut self, value: &Bytes) {
        self.put(STANDARD.encode(value));
    }

    fn boolean(&mut self, value: bool) {
        self.put(value.to_string());
    }

    fn integer(&mut self, value: i32) {
        self.put(value.to_string());
    }

    fn long(&mut self, value: i64) {
        self.put(value.to_string());
    }

    fn float(&mut self, value: f32) {
        self.put(real(f64::from(value), value.to_string()));
    }

    fn double(&mut self, value: f64) {
        self.put(real(value, value.to_string()));
    }

    fn timestamp(&mut self, value: Timestamp) {
        self.put(time::format(value, self.member.timestamp_format(self.format)));
    }

    fn document(&mut self, value: &serde_json::Value) {
        self.put(value.to_string());
    }
}

/// A floating-point number; infinities have names.
fn real(value: f64, shortest: String) -> String {
    match value {
        _ if value.is_finite() || value.is_nan() => shortest,
        _ if value > 0.0 => "Infinity".to_owned(),
        _ => "-Infinity".to_owned(),
    }
}
