//! Schemas: the model as statics.

use std::fmt::Write as _;

use super::{Names, is_required, shape_of};
use crate::{
    Failure,
    model::{Member, Model, Namespace, Shape},
};

pub(super) fn emit(out: &mut String, model: &Model, names: &Names) -> Result<(), Failure> {
    out.push_str(
        "/// What the shapes look like.\npub mod schemas {\n    use ::moln_wire::schema::{self, *};\n\n",
    );
    for (name, shape) in model.shapes.iter() {
        schema(out, model, names, name, shape)?;
    }
    out.push_str("}\n\n");
    Ok(())
}

fn schema(out: &mut String, model: &Model, names: &Names, name: &str, shape: &Shape) -> Result<(), Failure> {
    let (of, kind) = (names.static_of(name)?, kind(name, shape)?);
    if plain(shape).is_some() {
        return Ok(());
    }
    let mut members = Vec::new();
    for (member, target) in shape.members.iter() {
        members.push(self::member(model, names, member, target, is_required(shape, member))?);
    }
    for (member, target) in [("member", &shape.member), ("key", &shape.key), ("value", &shape.value)] {
        if let Some(target) = target {
            members.push(self::member(model, names, member, target, false)?);
        }
    }
    let traits = traits(of, shape);
    if let Some(pattern) = &shape.pattern {
        let _ = writeln!(out, "    static {of}__PATTERN: Pattern = Pattern::new({pattern:?});");
    }
    let mut fields = String::new();
    if !members.is_empty() {
        let _ = write!(fields, "members: &[{}], ", members.join(", "));
    }
    if !traits.is_empty() {
        let _ = write!(fields, "traits: Traits {{ {traits}..Traits::NONE }}, ");
    }
    let base = format!("Schema::new({name:?}, Kind::{kind})");
    let _ = if fields.is_empty() {
        writeln!(out, "    pub static {of}: Schema = {base};")
    } else {
        writeln!(out, "    pub static {of}: Schema = Schema {{ {fields}..{base} }};")
    };
    Ok(())
}

fn kind(name: &str, shape: &Shape) -> Result<&'static str, Failure> {
    Ok(match shape.kind.as_str() {
        "structure" if shape.document => "Document",
        "structure" if shape.union || shape.eventstream => "Union",
        "structure" => "Structure",
        "list" => "List",
        "map" => "Map",
        "string" | "character" => "String",
        "blob" => "Blob",
        "boolean" => "Boolean",
        "integer" => "Integer",
        "long" => "Long",
        "float" => "Float",
        "double" => "Double",
        "timestamp" => "Timestamp",
        other => return Err(Failure(format!("the shape {name} is of the unknown type {other}"))),
    })
}

/// The shared static for a scalar without traits.
fn plain(shape: &Shape) -> Option<&'static str> {
    if !traits("", shape).is_empty() {
        return None;
    }
    Some(match shape.kind.as_str() {
        "string" | "character" => "STRING",
        "blob" => "BLOB",
        "boolean" => "BOOLEAN",
        "integer" => "INTEGER",
        "long" => "LONG",
        "float" => "FLOAT",
        "double" => "DOUBLE",
        "timestamp" => "TIMESTAMP",
        _ => return None,
    })
}

fn traits(of: &str, shape: &Shape) -> String {
    let mut out = String::new();
    for (name, set) in [
        ("flattened", shape.flattened),
        ("sparse", shape.sparse),
        ("sensitive", shape.sensitive),
        ("streaming", shape.streaming),
        ("event_stream", shape.eventstream),
        ("event", shape.event),
    ] {
        if set {
            let _ = write!(out, "{name}: true, ");
        }
    }
    if let Some(name) = &shape.location_name {
        let _ = write!(out, "xml_name: Some({name:?}), ");
    }
    namespace(&mut out, shape.xml_namespace.as_ref());
    timestamp(&mut out, shape.timestamp_format.as_deref());
    if let Some(payload) = &shape.payload {
        let index = shape.members.iter().position(|(name, _)| name == payload);
        let _ = write!(out, "payload: {index:?}, ");
    }
    if !shape.values.is_empty() {
        let _ = write!(out, "enum_values: &{:?}, ", shape.values);
    }
    if shape.pattern.is_some() {
        let _ = write!(out, "pattern: Some(&{of}__PATTERN), ");
    }
    bound(&mut out, "min", shape.min.as_ref());
    bound(&mut out, "max", shape.max.as_ref());
    if shape.exception {
        let error = shape.error.clone().unwrap_or_default();
        let status = error.http_status_code.unwrap_or(if shape.fault { 500 } else { 400 });
        let sender = error.sender_fault.unwrap_or(!shape.fault && status < 500);
        let code = error.code;
        let _ = write!(
            out,
            "error: Some(ErrorTraits {{ code: {code:?}, status: {status}, sender: {sender} }}), "
        );
    }
    out
}

fn namespace(out: &mut String, namespace: Option<&Namespace>) {
    if let Some(namespace) = namespace {
        let (uri, prefix) = (namespace.uri(), namespace.prefix());
        let _ = write!(out, "xml_namespace: Some(Namespace {{ uri: {uri:?}, prefix: {prefix:?} }}), ");
    }
}

fn timestamp(out: &mut String, format: Option<&str>) {
    let format = match format {
        Some("iso8601") => "DateTime",
        Some("unixTimestamp") => "EpochSeconds",
        Some("rfc822") => "HttpDate",
        _ => return,
    };
    let _ = write!(out, "timestamp_format: Some(TimestampFormat::{format}), ");
}

/// Bounds are whole numbers; one beyond 64 bits bounds nothing.
fn bound(out: &mut String, name: &str, number: Option<&serde_json::Number>) {
    #[allow(clippy::cast_possible_truncation)] // fractions do not occur; a bound of 1e9 does
    let whole =
        number.and_then(|n| n.as_i64().or_else(|| n.as_f64().filter(|f| f.abs() < 9e18).map(|f| f as i64)));
    if let Some(whole) = whole {
        let _ = write!(out, "{name}: Some({whole}), ");
    }
}

fn member(
    model: &Model,
    names: &Names,
    name: &str,
    member: &Member,
    required: bool,
) -> Result<String, Failure> {
    let target = match plain(shape_of(model, &member.shape)?) {
        Some(shared) => format!("&schema::{shared}"),
        None => format!("&self::{}", names.static_of(&member.shape)?),
    };
    let mut fields = String::new();
    if let Some(wire) = member.location_name.as_deref().filter(|wire| *wire != name) {
        let _ = write!(fields, "wire: {wire:?}, ");
    }
    if required {
        fields.push_str("required: true, ");
    }
    let location = match member.location.as_deref() {
        None => "",
        Some("header") => "Header",
        Some("headers") => "Headers",
        Some("uri") => "Uri",
        Some("querystring") if shape_of(model, &member.shape)?.kind == "map" => "QueryMap",
        Some("querystring") => "Query",
        Some("statusCode") => "Status",
        Some(other) => return Err(Failure(format!("the member {name} has the unknown location {other}"))),
    };
    if !location.is_empty() {
        let _ = write!(fields, "location: Location::{location}, ");
    }
    let traits = member_traits(name, member);
    if !traits.is_empty() {
        let _ = write!(fields, "traits: &MemberTraits {{ {traits}..MemberTraits::NONE }}, ");
    }
    let base = format!("Member::new({name:?}, {target})");
    Ok(if fields.is_empty() { base } else { format!("Member {{ {fields}..{base} }}") })
}

fn member_traits(name: &str, member: &Member) -> String {
    let mut out = String::new();
    if let Some((first, aliases)) = member.query.split_first() {
        if first != member.location_name.as_deref().unwrap_or(name) {
            let _ = write!(out, "query: Some({first:?}), ");
        }
        if !aliases.is_empty() {
            let _ = write!(out, "query_aliases: &{aliases:?}, ");
        }
    }
    for (name, set) in [
        ("flattened", member.flattened),
        ("xml_attribute", member.xml_attribute),
        ("json_value", member.jsonvalue),
        ("host_label", member.host_label),
        ("idempotency_token", member.idempotency_token),
        ("streaming", member.streaming),
        ("event_header", member.eventheader),
        ("event_payload", member.eventpayload),
    ] {
        if set {
            let _ = write!(out, "{name}: true, ");
        }
    }
    namespace(&mut out, member.xml_namespace.as_ref());
    timestamp(&mut out, member.timestamp_format.as_deref());
    bound(&mut out, "min", member.min.as_ref());
    bound(&mut out, "max", member.max.as_ref());
    out
}
