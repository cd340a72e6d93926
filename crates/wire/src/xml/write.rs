//! Writes shapes as XML.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_kernel::Timestamp;

use crate::{
    Kind, Member, Schema,
    schema::{Namespace, TimestampFormat},
    shape::{Entries, Items, ShapeWriter, WriteShape},
    text::find,
    time,
};

/// Whose names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The query protocol's ([`Member::query_name`]).
    Query,
    /// REST-XML's ([`Member::wire`]).
    Rest,
    /// As `Rest`, with moments to the millisecond (S3).
    Buckets,
}

/// A writer that appends elements to a buffer.
pub struct XmlWriter<'b> {
    out: &'b mut Vec<u8>,
    dialect: Dialect,
    member: Option<&'static Member>,
    /// The start tag still waits for attributes and its `>`.
    open: bool,
    /// An attribute's value is being written.
    attribute: bool,
}

impl<'b> XmlWriter<'b> {
    /// Appends to `out`.
    pub fn new(out: &'b mut Vec<u8>, dialect: Dialect) -> Self {
        Self { out, dialect, member: None, open: false, attribute: false }
    }

    /// Appends an element around a root value.
    pub fn root(&mut self, name: &str, namespace: Option<Namespace>, value: &dyn WriteShape) {
        self.start(name, namespace);
        value.write(self);
        self.end(name);
    }

    fn wire(&self, member: &Member) -> &'static str {
        match self.dialect {
            Dialect::Query => member.query_name(),
            Dialect::Rest | Dialect::Buckets => member.wire,
        }
    }

    /// Appends a member of a structure: one element, or several when its list or map is flattened.
    pub(crate) fn member(&mut self, member: &'static Member, value: &dyn WriteShape) {
        let target = member.target();
        let name = self.wire(member);
        let outer = self.member.replace(member);
        if matches!(target.kind, Kind::List | Kind::Map) && member.flattened() {
            self.content();
            value.write(self);
        } else {
            self.start(name, namespace_of(member));
            value.write(self);
            self.end(name);
        }
        self.member = outer;
    }

    fn start(&mut self, name: &str, namespace: Option<Namespace>) {
        self.content();
        start_tag(self.out, name, namespace);
        self.open = true;
    }

    fn end(&mut self, name: &str) {
        self.content();
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    /// Closes the start tag.
    fn content(&mut self) {
        if self.open {
            self.out.push(b'>');
            self.open = false;
        }
    }

    fn text(&mut self, text: &str) {
        if !self.attribute {
            self.content();
        }
        escape(self.out, text);
    }

    /// Appends one element of a list, key or value of a map.
    fn element(
        &mut self,
        name: &'static str,
        namespace: Option<Namespace>,
        of: &'static Member,
        value: &dyn WriteShape,
    ) {
        let outer = self.member.replace(of);
        self.start(name, namespace.or(namespace_of(of)));
        value.write(self);
        self.end(name);
        self.member = outer;
    }

    fn real(&mut self, value: f64, shortest: &str) {
        let text = match value {
            _ if value.is_finite() => shortest,
            _ if value.is_nan() => "NaN",
            _ if value > 0.0 => "Infinity",
            _ => "-Infinity",
        };
        self.text(text);
    }
}

impl ShapeWriter for XmlWriter<'_> {
    fn structure(&mut self, schema: &'static Schema, values: &[&dyn WriteShape]) {
        // At a REST response's root, other members travel elsewhere.
        let here = |member: &Member| self.dialect == Dialect::Query || member.location.answers_in_body();
        let all = schema.members.iter().zip(values);
        let present: Vec<_> = all.filter(|(member, value)| here(member) && !value.absent()).collect();
        let open = self.open;
        for (member, value) in present.iter().filter(|(member, _)| member.traits.xml_attribute && open) {
            self.out.push(b' ');
            self.out.extend_from_slice(self.wire(member).as_bytes());
            self.out.extend_from_slice(b"=\"");
            let outer = (self.member.replace(member), std::mem::replace(&mut self.attribute, true));
            value.write(self);
            (self.member, self.attribute) = outer;
            self.out.push(b'"');
        }
        self.content();
        for (member, value) in present.iter().filter(|(member, _)| !member.traits.xml_attribute) {
            self.member(member, **value);
        }
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn WriteShape) {
        self.content();
        if let Some(member) = schema.members.get(index) {
            self.member(member, value);
        }
    }

    fn list(&mut self, _: usize, items: &mut Items<'_>) {
        let Some((member, of)) = self.member.and_then(|m| m.target().element().map(|of| (m, of))) else {
            return;
        };
        self.content();
        // A flattened list repeats its own element.
        let (name, namespace) = if member.flattened() {
            (member.repeated(|member| self.wire(member)), member.traits.xml_namespace)
        } else {
            (self.wire(of), None)
        };
        for item in items {
            self.element(name, of.traits.xml_namespace.or(namespace), of, item);
        }
    }

    fn map(&mut self, _: usize, entries: &mut Entries<'_>) {
        let Some(member) = self.member else { return };
        let [key_of, of] = member.target().members else { return };
        self.content();
        let (name, namespace) = if member.flattened() {
            (self.wire(member), member.traits.xml_namespace)
        } else {
            ("entry", None)
        };
        for (key, value) in entries {
            self.start(name, namespace);
            self.element(self.wire(key_of), None, key_of, &key);
            self.element(self.wire(of), None, of, value);
            self.end(name);
        }
    }

    fn string(&mut self, value: &str) {
        self.text(value);
    }

    fn blob(&mut self, value: &Bytes) {
        self.text(&STANDARD.encode(value));
    }

    fn boolean(&mut self, value: bool) {
        self.text(if value { "true" } else { "false" });
    }

    fn integer(&mut self, value: i32) {
        self.long(i64::from(value));
    }

    fn long(&mut self, value: i64) {
        self.text(itoa::Buffer::new().format(value));
    }

    fn float(&mut self, value: f32) {
        self.real(f64::from(value), &value.to_string());
    }

    fn double(&mut self, value: f64) {
        self.real(value, &value.to_string());
    }

    fn timestamp(&mut self, value: Timestamp) {
        let default = TimestampFormat::DateTime;
        let format = self.member.map_or(default, |member| member.timestamp_format(default));
        let mut text = time::format(value, format);
        // S3 always tells the milliseconds in its documents, though it keeps none, except of what clients set.
        let kept = self.member.is_some_and(|member| member.wire == "RetainUntilDate");
        if self.dialect == Dialect::Buckets && format == default && !(kept && text.contains('.')) {
            let whole = text.split(['.', 'Z']).next().unwrap_or_default().len();
            text.truncate(whole);
            text.push_str(".000Z");
        }
        self.text(&text);
    }

    fn document(&mut self, value: &serde_json::Value) {
        self.text(&value.to_string());
    }
}

/// The namespace of a member's element: its own, or the one that declares the prefix its shape's attributes use.
fn namespace_of(member: &Member) -> Option<Namespace> {
    let shape = member.target().traits.xml_namespace.filter(|namespace| namespace.prefix.is_some());
    member.traits.xml_namespace.or(shape)
}

/// Appends `<name xmlns="…"`: attributes and `>` are the caller's.
pub(crate) fn start_tag(out: &mut Vec<u8>, name: &str, namespace: Option<Namespace>) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    if let Some(Namespace { uri, prefix }) = namespace {
        let colon = if prefix.is_some() { ":" } else { "" };
        out.extend_from_slice(format!(" xmlns{colon}{}=\"", prefix.unwrap_or_default()).as_bytes());
        escape(out, uri);
        out.push(b'"');
    }
}

/// Appends text with everything escaped that would not survive a reader, in content or in quotes.
pub fn escape(out: &mut Vec<u8>, text: &str) {
    let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\n' | b'\t');
    let special = |byte: u8| control(byte) || matches!(byte, b'&' | b'<' | b'>' | b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = find(rest, special) {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = after.split_first() else { break };
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            other => out.extend_from_slice(format!("&#{other};").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}
