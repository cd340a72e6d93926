//! Schemas built at run time from a case's shapes, and kept for good.

use std::{collections::HashMap, sync::OnceLock};

use moln_codegen::model::{Member as ModelMember, Namespace as ModelNamespace, Ordered, Shape};
use moln_wire::{
    Kind, Location, Member, Schema,
    schema::{DOCUMENT, ErrorTraits, MemberTraits, Namespace, Target, TimestampFormat, Traits},
};

/// Forgets to free.
pub(crate) fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(crate) fn keep_text(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

/// All shapes of a suite, by name.
pub(crate) fn build(shapes: &Ordered<Shape>) -> HashMap<String, &'static Schema> {
    let cells: HashMap<&str, &'static OnceLock<&'static Schema>> =
        shapes.iter().map(|(name, _)| (name, keep(OnceLock::new()))).collect();
    for (name, shape) in shapes.iter() {
        let _ = cells[name].set(keep(schema(&cells, name, shape)));
    }
    cells.into_iter().map(|(name, cell)| (name.to_owned(), *cell.get().unwrap())).collect()
}

fn schema(cells: &HashMap<&str, &'static OnceLock<&'static Schema>>, name: &str, shape: &Shape) -> Schema {
    let required = |name: &str| shape.required.iter().any(|other| other == name);
    let mut members: Vec<Member> =
        shape.members.iter().map(|(name, of)| member(cells, name, of, required(name))).collect();
    for (name, of) in [("member", &shape.member), ("key", &shape.key), ("value", &shape.value)] {
        members.extend(of.as_ref().map(|of| member(cells, name, of, false)));
    }
    let kind = match shape.kind.as_str() {
        "structure" if shape.document => return Schema { name: keep_text(name), ..copy(&DOCUMENT) },
        "structure" if shape.union => Kind::Union,
        "structure" => Kind::Structure,
        "list" => Kind::List,
        "map" => Kind::Map,
        "string" => Kind::String,
        "blob" => Kind::Blob,
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "timestamp" => Kind::Timestamp,
        other => panic!("unknown type {other}"),
    };
    let error = shape.error.clone().unwrap_or_default();
    let traits = Traits {
        flattened: shape.flattened,
        xml_name: shape.location_name.as_deref().map(keep_text),
        xml_namespace: namespace(shape.xml_namespace.as_ref()),
        timestamp_format: format(shape.timestamp_format.as_deref()),
        payload: shape
            .payload
            .as_ref()
            .and_then(|name| shape.members.iter().position(|(other, _)| other == name)),
        error: shape.exception.then(|| ErrorTraits {
            code: error.code.as_deref().map(keep_text),
            status: error.http_status_code.unwrap_or(if shape.fault { 500 } else { 400 }),
            sender: error.sender_fault.unwrap_or(!shape.fault),
        }),
        ..Traits::NONE
    };
    Schema { members: members.leak(), traits, ..Schema::new(keep_text(name), kind) }
}

fn copy(schema: &Schema) -> Schema {
    Schema { name: schema.name, kind: schema.kind, members: schema.members, traits: schema.traits }
}

fn member(
    cells: &HashMap<&str, &'static OnceLock<&'static Schema>>,
    name: &str,
    of: &ModelMember,
    required: bool,
) -> Member {
    let cell = cells.get(of.shape.as_str()).copied();
    let is_map = |shape: &str| shape.contains("Map") || shape.contains("Params");
    Member {
        name: keep_text(name),
        wire: keep_text(of.location_name.as_deref().unwrap_or(name)),
        target: cell.map_or(Target::Fixed(&DOCUMENT), Target::Late),
        required,
        location: match of.location.as_deref() {
            None => Location::Body,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("uri") => Location::Uri,
            Some("querystring") if of.location_name.is_none() || is_map(&of.shape) => Location::QueryMap,
            Some("querystring") => Location::Query,
            Some("statusCode") => Location::Status,
            Some(other) => panic!("unknown location {other}"),
        },
        traits: keep(MemberTraits {
            flattened: of.flattened,
            xml_attribute: of.xml_attribute,
            xml_namespace: namespace(of.xml_namespace.as_ref()),
            timestamp_format: format(of.timestamp_format.as_deref()),
            json_value: of.jsonvalue,
            ..MemberTraits::NONE
        }),
    }
}

fn namespace(namespace: Option<&ModelNamespace>) -> Option<Namespace> {
    namespace.map(|of| Namespace { uri: keep_text(of.uri()), prefix: of.prefix().map(keep_text) })
}

fn format(format: Option<&str>) -> Option<TimestampFormat> {
    Some(match format? {
        "iso8601" => TimestampFormat::DateTime,
        "unixTimestamp" => TimestampFormat::EpochSeconds,
        "rfc822" => TimestampFormat::HttpDate,
        other => panic!("unknown format {other}"),
    })
}
