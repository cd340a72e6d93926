//! A shape that holds every kind, and itself; and a walk over whatever a reader finds of it.

use bytes::Bytes;
use http::HeaderMap;
use moln_wire::{
    Kind, Location, Member, Schema, ShapeReader,
    cbor::CborReader,
    json::JsonReader,
    query::{Params, QueryReader},
    rest::{Codec, Request, RestReader},
    schema::{self, MemberTraits, Traits},
    shape::Read,
    xml::{self, XmlReader},
};

const FLAT: MemberTraits = MemberTraits { flattened: true, ..MemberTraits::NONE };
const QUERY: MemberTraits =
    MemberTraits { query: Some("Renamed"), query_aliases: &["Alias"], ..MemberTraits::NONE };
const ATTRIBUTE: MemberTraits = MemberTraits { xml_attribute: true, ..MemberTraits::NONE };

static TEXTS: Schema =
    Schema { members: &[Member::new("member", &schema::STRING)], ..Schema::new("Texts", Kind::List) };
static SELVES: Schema =
    Schema { members: &[Member::new("member", &ALL)], ..Schema::new("Selves", Kind::List) };
static BY_NAME: Schema = Schema {
    members: &[Member::new("key", &schema::STRING), Member::new("value", &ALL)],
    ..Schema::new("ByName", Kind::Map)
};
static CHOICE: Schema = Schema {
    members: &[Member::new("Left", &schema::INTEGER), Member::new("Right", &ALL)],
    ..Schema::new("Choice", Kind::Union)
};

/// Every kind, and itself.
pub(crate) static ALL: Schema = Schema {
    members: &[
        Member::new("Text", &schema::STRING),
        Member::new("Blob", &schema::BLOB),
        Member::new("Flag", &schema::BOOLEAN),
        Member::new("Integer", &schema::INTEGER),
        Member::new("Long", &schema::LONG),
        Member::new("Float", &schema::FLOAT),
        Member::new("Double", &schema::DOUBLE),
        Member::new("Moment", &schema::TIMESTAMP),
        Member::new("Document", &schema::DOCUMENT),
        Member::new("Self", &ALL),
        Member::new("Choice", &CHOICE),
        Member::new("Texts", &TEXTS),
        Member::new("Selves", &SELVES),
        Member::new("ByName", &BY_NAME),
        Member { traits: &FLAT, ..Member::new("FlatTexts", &TEXTS) },
        Member { traits: &FLAT, ..Member::new("FlatByName", &BY_NAME) },
        Member { traits: &QUERY, ..Member::new("Named", &SELVES) },
        Member { traits: &ATTRIBUTE, ..Member::new("Attribute", &schema::STRING) },
    ],
    ..Schema::new("All", Kind::Structure)
};

static HEADERS: Schema = Schema {
    members: &[Member::new("key", &schema::STRING), Member::new("value", &schema::STRING)],
    ..Schema::new("Headers", Kind::Map)
};
static MOMENTS: Schema =
    Schema { members: &[Member::new("member", &schema::TIMESTAMP)], ..Schema::new("Moments", Kind::List) };

/// Every place of a REST request.
pub(crate) static PLACES: Schema = Schema {
    members: &[
        Member { location: Location::Uri, ..Member::new("Label", &schema::STRING) },
        Member { location: Location::Query, ..Member::new("Number", &schema::LONG) },
        Member { location: Location::Query, ..Member::new("Texts", &TEXTS) },
        Member { location: Location::QueryMap, ..Member::new("All", &HEADERS) },
        Member { location: Location::Header, wire: "x-texts", ..Member::new("HeaderTexts", &TEXTS) },
        Member { location: Location::Header, wire: "x-moments", ..Member::new("Moments", &MOMENTS) },
        Member { location: Location::Header, wire: "x-flag", ..Member::new("Flag", &schema::BOOLEAN) },
        Member { location: Location::Headers, wire: "x-meta-", ..Member::new("Meta", &HEADERS) },
        Member::new("Payload", &ALL),
    ],
    traits: Traits { payload: Some(8), ..Traits::NONE },
    ..Schema::new("Places", Kind::Structure)
};

/// Reads everything and counts the values.
pub(crate) fn walk(schema: &'static Schema, reader: &mut dyn ShapeReader) -> Read<usize> {
    let mut count = 1;
    match schema.kind {
        Kind::Structure | Kind::Union => reader.structure(schema, &mut |index, reader| {
            count += walk(schema.members[index].target(), reader)?;
            Ok(())
        })?,
        Kind::List => reader.list(&mut |reader| {
            count += walk(schema.members[0].target(), reader)?;
            Ok(())
        })?,
        Kind::Map => reader.map(&mut |_, reader| {
            count += walk(schema.members[1].target(), reader)?;
            Ok(())
        })?,
        Kind::String => drop(reader.string()?),
        Kind::Blob => drop(reader.blob()?),
        Kind::Boolean => drop(reader.boolean()?),
        Kind::Integer => drop(reader.integer()?),
        Kind::Long => drop(reader.long()?),
        Kind::Float => drop(reader.float()?),
        Kind::Double => drop(reader.double()?),
        Kind::Timestamp => drop(reader.timestamp()?),
        Kind::Document => drop(reader.document()?),
    }
    Ok(count)
}

pub(crate) fn json(body: &[u8]) -> Read<usize> {
    let mut reader = JsonReader::new(body, &ALL)?;
    let count = walk(&ALL, &mut reader)?;
    reader.finish()?;
    Ok(count)
}

pub(crate) fn cbor(body: &[u8]) -> Read<usize> {
    let mut reader = CborReader::new(body, &ALL);
    let count = walk(&ALL, &mut reader)?;
    reader.finish()?;
    Ok(count)
}

pub(crate) fn xml(body: &[u8]) -> Read<usize> {
    let document = xml::parse(body)?;
    walk(&ALL, &mut XmlReader::new(&document, &ALL))
}

pub(crate) fn query(body: &[u8]) -> Read<usize> {
    let mut params = Params::parse("", body)?;
    walk(&ALL, &mut QueryReader::new(&mut params, &ALL))
}

/// A REST request all of whose places hold the same bytes.
pub(crate) fn rest(bytes: &[u8], codec: Codec) -> Read<usize> {
    let text = String::from_utf8_lossy(bytes);
    let mut headers = HeaderMap::new();
    for name in ["x-texts", "x-moments", "x-flag", "x-meta-a"] {
        if let Ok(value) = http::HeaderValue::from_bytes(bytes) {
            headers.insert(http::HeaderName::from_static(name), value);
        }
    }
    let (labels, body) = ([("Label", text.to_string())], Bytes::copy_from_slice(bytes));
    let request = Request { labels: &labels, query: &text, headers: &headers, body: &body };
    walk(&PLACES, &mut RestReader::new(request, codec)?)
}
