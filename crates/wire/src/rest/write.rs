//! Writes an output into all the places of a REST response.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

use super::{Codec, text::TextWriter};
use crate::{
    ByteStream, Kind, Location, Member, Schema, events,
    json::JsonWriter,
    schema::{Namespace, TimestampFormat, UNIT},
    shape::{ShapeWriter, WriteShape},
    values,
    xml::{Dialect, XmlWriter},
};

/// As many headers as an object's answer has, and its connection's.
const HEADERS: usize = 24;

/// The places of a response.
#[derive(Debug, Default)]
pub struct Parts {
    /// The status, if a member tells it.
    pub status: Option<u16>,
    /// Headers, `content-type` among them when there is a body.
    pub headers: HeaderMap,
    /// The body.
    pub body: ByteStream,
}

/// A writer of a whole response.
pub struct RestWriter {
    codec: Codec,
    namespace: Option<&'static str>,
    dialect: Dialect,
    parts: Parts,
}

impl RestWriter {
    /// `namespace`: the service's XML namespace.
    pub fn new(codec: Codec, namespace: Option<&'static str>) -> Self {
        Self { codec, namespace, dialect: Dialect::Rest, parts: Parts::default() }
    }

    /// Writes documents in S3's way.
    pub fn buckets(mut self) -> Self {
        self.dialect = Dialect::Buckets;
        self.parts.headers.reserve(HEADERS);
        self
    }

    /// What was written.
    pub fn into_parts(self) -> Parts {
        self.parts
    }

    fn content_type(&mut self, value: &'static str) {
        if !self.parts.headers.contains_key(CONTENT_TYPE) {
            self.parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
        }
    }

    fn header(&mut self, name: Option<HeaderName>, value: String) {
        // S3 writes ISO 8859-1, with spaces for what that has not.
        let bytes = if self.codec == Codec::Xml && !value.is_ascii() {
            value.chars().map(|c| u8::try_from(c).unwrap_or(b' ')).collect()
        } else {
            value.into_bytes()
        };
        // A value that no header can carry (a line break) is left out rather than split.
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(Bytes::from(bytes))) {
            self.parts.headers.insert(name, value);
        }
    }

    fn bound(&mut self, member: &'static Member, value: &dyn WriteShape) {
        let mut text = TextWriter::new(member, TimestampFormat::HttpDate);
        value.write(&mut text);
        match member.location {
            Location::Status => self.parts.status = text.text.and_then(|status| status.parse().ok()),
            // An empty list has no header.
            Location::Header => {
                if let Some(value) = text.text {
                    self.header(named(member.wire), value);
                }
            }
            Location::Headers => {
                for (key, value) in text.entries {
                    let name = HeaderName::try_from(format!("{}{key}", member.wire)).ok();
                    self.header(name, value.unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    fn payload(&mut self, member: &'static Member, value: &dyn WriteShape) {
        let mut body = Vec::new();
        let streams = member.traits.streaming || member.target().traits.streaming;
        match (member.target().kind, self.codec) {
            (Kind::Blob, codec) if streams => {
                self.parts.body = events::stream_of(value, codec);
                // A stream goes without `Content-Length` unless its size is known, as it is for everything stored.
                return self.content_type("application/octet-stream");
            }
            (_, codec) if member.target().traits.event_stream => {
                self.parts.body = events::stream_of(value, codec);
                self.parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(events::CONTENT_TYPE));
                return;
            }
            (Kind::Blob, _) => {
                self.parts.body = values::bytes_of(value).into();
                return self.content_type("application/octet-stream");
            }
            (Kind::String, _) => {
                self.parts.body = values::bytes_of(value).into();
                return self.content_type("text/plain");
            }
            (_, Codec::Json) => JsonWriter::new(&mut body).value(member, value),
            (_, Codec::Xml) => {
                let target = member.target();
                let own = if member.wire == member.name { target.traits.xml_name } else { Some(member.wire) };
                let namespace = member.traits.xml_namespace.or(target.traits.xml_namespace);
                XmlWriter::new(&mut body, self.dialect).root(
                    own.unwrap_or(target.name),
                    namespace.or(self.default_namespace()),
                    value,
                );
            }
        }
        self.document(body);
    }

    fn default_namespace(&self) -> Option<Namespace> {
        self.namespace.map(|uri| Namespace { uri, prefix: None })
    }

    fn document(&mut self, body: Vec<u8>) {
        self.parts.body = body.into();
        self.content_type(match self.codec {
            Codec::Json => "application/json",
            Codec::Xml => "application/xml",
        });
    }
}

/// A header's name. One in small letters is not copied.
fn named(wire: &'static str) -> Option<HeaderName> {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !wire.is_empty() && wire.bytes().all(small) {
        return Some(HeaderName::from_static(wire));
    }
    HeaderName::try_from(wire).ok()
}

impl ShapeWriter for RestWriter {
    fn structure(&mut self, schema: &'static Schema, values: &[&dyn WriteShape]) {
        let present = || {
            let members = schema.members.iter().zip(values);
            members.filter(|(_, value)| !value.absent()).map(|(member, value)| (member, *value))
        };
        for (member, value) in present().filter(|(member, _)| !member.location.answers_in_body()) {
            self.bound(member, value);
        }
        if let Some(payload) = schema.traits.payload {
            if let (Some(member), Some(value)) = (schema.members.get(payload), values.get(payload))
                && !value.absent()
            {
                self.payload(member, *value);
            }
            return;
        }
        let has_body = schema.members.iter().any(|member| member.location.answers_in_body());
        // An output that has nothing for its body is an empty object in JSON, and nothing in XML.
        if std::ptr::eq(schema, &raw const UNIT) || !has_body && self.codec == Codec::Xml {
            return;
        }
        let in_body = present().filter(|(member, _)| member.location.answers_in_body());
        let mut body = Vec::with_capacity(256);
        match self.codec {
            Codec::Json => {
                body.push(b'{');
                let mut writer = JsonWriter::new(&mut body);
                in_body.for_each(|(member, value)| writer.member(member, value));
                body.push(b'}');
            }
            Codec::Xml => {
                let name = schema.traits.xml_name.unwrap_or(schema.name);
                let namespace = schema.traits.xml_namespace.or(self.default_namespace());
                XmlWriter::new(&mut body, self.dialect).root(name, namespace, &Again { schema, values });
            }
        }
        self.document(body);
    }
}

/// A structure taken apart, to be written again.
struct Again<'v> {
    schema: &'static Schema,
    values: &'v [&'v dyn WriteShape],
}

impl WriteShape for Again<'_> {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.structure(self.schema, self.values);
    }
}
