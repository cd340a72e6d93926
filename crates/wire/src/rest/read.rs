//! Reads an input from all the places of a REST request.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;

use super::{Codec, text::TextReader};
use crate::{
    ByteStream, Kind, Location, Member, Schema,
    json::JsonReader,
    query::decode,
    schema::TimestampFormat,
    shape::{OnMember, Read, ReadError, ShapeReader},
    xml::{self, XmlReader},
};

/// The places of a request.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// Labels of the path, decoded.
    pub labels: &'r [(&'static str, String)],
    /// The query string as sent.
    pub query: &'r str,
    /// Headers.
    pub headers: &'r HeaderMap,
    /// The body, whole.
    pub body: &'r Bytes,
}

/// A reader of a whole request.
pub struct RestReader<'r> {
    request: Request<'r>,
    codec: Codec,
    params: Vec<(Cow<'r, str>, Cow<'r, str>)>,
    stream: Option<ByteStream>,
    /// The lengths of the headers' names, a bit each: a shape knows many more headers than a request has.
    lengths: u64,
}

/// The bit of a length.
fn bit(name: &str) -> u64 {
    1 << (name.len() % 64)
}

impl<'r> RestReader<'r> {
    /// Reads the query string.
    ///
    /// Errors: a broken percent escape, text that is not UTF-8.
    pub fn new(request: Request<'r>, codec: Codec) -> Read<Self> {
        let mut params = Vec::new();
        for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.push((decode(name.as_bytes())?, decode(value.as_bytes())?));
        }
        let lengths = request.headers.keys().fold(0, |bits, name| bits | bit(name.as_str()));
        Ok(Self { request, codec, params, stream: None, lengths })
    }

    /// Reads the body from here where the input takes it as a stream.
    pub fn streaming(mut self, body: ByteStream) -> Self {
        self.stream = Some(body);
        self
    }

    fn param(&self, of: &'static Member) -> Option<TextReader<'r>> {
        let named = self.params.iter().filter(|(name, _)| name == of.wire);
        let texts: Vec<_> = named.map(|(_, value)| value.clone()).collect();
        (!texts.is_empty()).then(|| TextReader::new(texts, of, TimestampFormat::DateTime))
    }

    /// All parameters, also those that other members take.
    fn param_map(&self, of: &'static Member) -> TextReader<'r> {
        let mut entries: Vec<(String, Vec<Cow<'r, str>>)> = Vec::new();
        for (name, value) in &self.params {
            match entries.iter_mut().find(|(other, _)| other == name) {
                Some((_, values)) => values.push(value.clone()),
                None => entries.push((name.clone().into_owned(), vec![value.clone()])),
            }
        }
        TextReader { entries, ..TextReader::new(Vec::new(), of, TimestampFormat::DateTime) }
    }

    /// A header's text. S3 takes its bytes for ISO 8859-1, whatever they are.
    fn text(&self, value: &'r http::HeaderValue) -> Read<Cow<'r, str>> {
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) if text.is_ascii() || self.codec == Codec::Json => Ok(Cow::Borrowed(text)),
            _ if self.codec == Codec::Xml => Ok(value.as_bytes().iter().copied().map(char::from).collect()),
            _ => Err(ReadError::new("A header is not UTF-8")),
        }
    }

    fn header(&self, of: &'static Member) -> Read<Option<TextReader<'r>>> {
        if self.lengths & bit(of.wire) == 0 {
            return Ok(None);
        }
        let values = self.request.headers.get_all(of.wire).iter();
        let values: Vec<Cow<'r, str>> = values.map(|value| self.text(value)).collect::<Read<_>>()?;
        if values.is_empty() {
            return Ok(None);
        }
        let target = of.target();
        let texts: Vec<_> = match target.element().filter(|_| target.kind == Kind::List) {
            Some(element) => values
                .iter()
                .flat_map(|value| split(value, element))
                .map(|item| Cow::Owned(item.into_owned()))
                .collect(),
            None => vec![Cow::Owned(values.join(", "))],
        };
        if texts.is_empty() {
            return Ok(None);
        }
        Ok(Some(TextReader::new(texts, of, TimestampFormat::HttpDate)))
    }

    fn header_map(&self, of: &'static Member) -> Read<TextReader<'r>> {
        let mut reader = TextReader::new(Vec::new(), of, TimestampFormat::HttpDate);
        for (name, value) in self.request.headers {
            let prefix = name.as_str().get(..of.wire.len());
            if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(of.wire)) {
                let key = name.as_str().get(of.wire.len()..).unwrap_or_default().to_owned();
                reader.entries.push((key, vec![self.text(value)?]));
            }
        }
        Ok(reader)
    }

    /// The member that is the body.
    fn payload(&mut self, index: usize, of: &'static Member, member: &mut OnMember<'_>) -> Read<()> {
        if let Some(stream) = self.stream.take() {
            return member(index, &mut StreamReader(Some(stream)));
        }
        let body = self.request.body;
        match of.target().kind {
            _ if body.is_empty() => Ok(()),
            Kind::Blob | Kind::String => member(index, &mut BodyReader { body }),
            _ => match self.codec {
                Codec::Json => {
                    let mut reader = JsonReader::new(body, of.target())?.at(of);
                    member(index, &mut reader)?;
                    reader.finish()
                }
                Codec::Xml => {
                    let document = xml::parse(body)?;
                    member(index, &mut XmlReader::new(&document, of.target()).at(of))
                }
            },
        }
    }

    /// The members that stand in a body of their own.
    fn body(&self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        let mut in_body = |index: usize, reader: &mut dyn ShapeReader| {
            let of = schema.members.get(index).filter(|of| of.location == Location::Body);
            // What belongs elsewhere is not taken from the body.
            if of.is_some() { member(index, reader) } else { reader.document().map(drop) }
        };
        match self.codec {
            Codec::Json => {
                let mut reader = JsonReader::new(self.request.body, schema)?;
                reader.structure(schema, &mut in_body)?;
                reader.finish()
            }
            Codec::Xml if self.request.body.is_empty() => Ok(()),
            Codec::Xml => {
                let document = xml::parse(self.request.body)?;
                XmlReader::new(&document, schema).structure(schema, &mut in_body)
            }
        }
    }
}

/// The elements of a list in a header. Texts may be quoted; HTTP dates hold a comma themselves.
fn split<'v>(value: &'v str, element: &'static Member) -> Vec<Cow<'v, str>> {
    let date = element.target().kind == Kind::Timestamp
        && element.timestamp_format(TimestampFormat::HttpDate) == TimestampFormat::HttpDate;
    let mut items = Vec::new();
    let mut rest = value.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"').filter(|_| element.target().kind == Kind::String) {
            let (item, after) = unquote(quoted);
            items.push(Cow::Owned(item));
            rest = after.trim_start().trim_start_matches(',').trim_start();
            continue;
        }
        let commas = rest.match_indices(',').map(|(at, _)| at).nth(usize::from(date));
        let (item, after) = commas.and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        items.push(Cow::Borrowed(item.trim()));
        rest = after.get(1..).unwrap_or_default().trim_start();
    }
    items
}

/// A quoted text whose opening quote was taken, and what follows its closing one.
fn unquote(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (out, text.get(at + 1..).unwrap_or_default()),
            '\\' => out.extend(letters.next().map(|(_, letter)| letter)),
            _ => out.push(letter),
        }
    }
    (out, "")
}

impl ShapeReader for RestReader<'_> {
    fn structure(&mut self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        let mut has_body = false;
        for (index, of) in schema.members.iter().enumerate() {
            let reader = match of.location {
                Location::Uri => {
                    let label = self.request.labels.iter().find(|(name, _)| *name == of.wire);
                    label.map(|(_, text)| {
                        TextReader::new(vec![Cow::Borrowed(text.as_str())], of, TimestampFormat::DateTime)
                    })
                }
                Location::Query => self.param(of),
                Location::QueryMap => Some(self.param_map(of)).filter(|reader| !reader.entries.is_empty()),
                Location::Header => self.header(of)?,
                Location::Headers => Some(self.header_map(of)?).filter(|reader| !reader.entries.is_empty()),
                Location::Status => None,
                Location::Body => {
                    if schema.traits.payload == Some(index) {
                        self.payload(index, of, member)?;
                    }
                    has_body = true;
                    None
                }
            };
            if let Some(mut reader) = reader {
                member(index, &mut reader)?;
            }
        }
        if has_body && schema.traits.payload.is_none() { self.body(schema, member) } else { Ok(()) }
    }
}

/// The body, still coming.
struct StreamReader(Option<ByteStream>);

impl ShapeReader for StreamReader {
    fn stream(&mut self) -> Read<ByteStream> {
        self.0.take().ok_or_else(|| ReadError::new("The body was read already"))
    }
    fn blob(&mut self) -> Read<Bytes> {
        let whole = self.stream()?.whole();
        whole.map_err(|_| ReadError::new("The body is a stream"))
    }
}

/// The body itself, as bytes or text. Bytes are not copied.
struct BodyReader<'b> {
    body: &'b Bytes,
}

impl ShapeReader for BodyReader<'_> {
    fn string(&mut self) -> Read<String> {
        let text = std::str::from_utf8(self.body).map_err(|_| ReadError::new("The body is not UTF-8"))?;
        Ok(text.to_owned())
    }
    fn blob(&mut self) -> Read<Bytes> {
        Ok(self.body.clone())
    }
}
