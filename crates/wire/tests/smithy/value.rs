//! A value of any shape, which reads and writes itself as generated structures do.

use bytes::Bytes;
use moln_wire::{
    Kind, Location, ReadShape, Schema, ShapeReader, ShapeWriter, Timestamp, WriteShape, shape::Read,
};
use serde_json::Value as Json;

/// A value with its shape.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Absent,
    Structure(&'static Schema, Vec<Value>),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    Text(String),
    /// Text that holds JSON.
    Embedded(Json),
    Blob(Bytes),
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Timestamp(Timestamp),
    Document(Json),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        use Value::*;
        match (self, other) {
            (Absent, Absent) => true,
            (Structure(_, a), Structure(_, b)) | (List(a), List(b)) => a == b,
            (Map(a), Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| b.iter().any(|(k, v)| k == key && v == value))
            }
            (Text(a), Text(b)) => a == b,
            (Embedded(a), Embedded(b)) | (Document(a), Document(b)) => a == b,
            (Blob(a), Blob(b)) => a == b,
            (Boolean(a), Boolean(b)) => a == b,
            (Integer(a), Integer(b)) => a == b,
            (Long(a), Long(b)) => a == b,
            (Float(a), Float(b)) => a == b || a.is_nan() && b.is_nan(),
            (Double(a), Double(b)) => a == b || a.is_nan() && b.is_nan(),
            (Timestamp(a), Timestamp(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    /// A case's parameters or result. Members that are not named are absent.
    pub(crate) fn from_json(schema: &'static Schema, embedded: bool, json: &Json) -> Self {
        let texts = |text: &str| match text {
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            "NaN" => f64::NAN,
            other => panic!("{other} is no number"),
        };
        let number = || json.as_f64().unwrap_or_else(|| texts(json.as_str().expect("a number")));
        let of = |index: usize| &schema.members[index];
        match schema.kind {
            _ if json.is_null() => Self::Absent,
            Kind::Structure | Kind::Union => {
                let member = |of: &moln_wire::Member| {
                    let value = json.get(of.name);
                    let value =
                        value.map_or(Self::Absent, |v| Self::from_json(of.target(), of.traits.json_value, v));
                    // Without a body there is no way to say that a list or a map is there and empty.
                    match &value {
                        Self::List(items) if items.is_empty() && of.location != Location::Body => {
                            Self::Absent
                        }
                        Self::Map(entries) if entries.is_empty() && of.location != Location::Body => {
                            Self::Absent
                        }
                        _ => value,
                    }
                };
                Self::Structure(schema, schema.members.iter().map(member).collect())
            }
            Kind::List => {
                let items = json.as_array().expect("a list").iter().filter(|item| !item.is_null());
                Self::List(items.map(|item| Self::from_json(of(0).target(), false, item)).collect())
            }
            Kind::Map => {
                let entries = json.as_object().expect("a map").iter().filter(|(_, value)| !value.is_null());
                Self::Map(
                    entries.map(|(k, v)| (k.clone(), Self::from_json(of(1).target(), false, v))).collect(),
                )
            }
            Kind::String if embedded => Self::Embedded(
                json.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json.clone()),
            ),
            Kind::String => Self::Text(json.as_str().expect("a text").to_owned()),
            Kind::Blob => Self::Blob(Bytes::copy_from_slice(json.as_str().expect("a text").as_bytes())),
            Kind::Boolean => Self::Boolean(json.as_bool().expect("a boolean")),
            Kind::Integer => Self::Integer(json.as_i64().expect("a number").try_into().unwrap()),
            Kind::Long => Self::Long(json.as_i64().expect("a number")),
            Kind::Float => Self::Float(number() as f32),
            Kind::Double => Self::Double(number()),
            Kind::Timestamp => Self::Timestamp(Timestamp((number() * 1000.0).round().max(0.0) as u64)),
            Kind::Document => Self::Document(json.clone()),
        }
    }

    /// Reads what a reader stands on.
    pub(crate) fn read(schema: &'static Schema, embedded: bool, reader: &mut dyn ShapeReader) -> Read<Self> {
        Ok(match schema.kind {
            Kind::Structure | Kind::Union => {
                let mut members = vec![Self::Absent; schema.members.len()];
                reader.structure(schema, &mut |index, reader| {
                    let of = &schema.members[index];
                    members[index] = Self::read(of.target(), of.traits.json_value, reader)?;
                    Ok(())
                })?;
                Self::Structure(schema, members)
            }
            Kind::List => {
                let mut items = Vec::new();
                reader.list(&mut |reader| {
                    items.push(Self::read(schema.members[0].target(), false, reader)?);
                    Ok(())
                })?;
                Self::List(items)
            }
            Kind::Map => {
                let mut entries = Vec::new();
                reader.map(&mut |key, reader| {
                    entries.push((key, Self::read(schema.members[1].target(), false, reader)?));
                    Ok(())
                })?;
                Self::Map(entries)
            }
            Kind::String if embedded => {
                Self::Embedded(serde_json::from_str(&reader.string()?).expect("embedded JSON"))
            }
            Kind::String => Self::Text(reader.string()?),
            Kind::Blob => Self::Blob(reader.blob()?),
            Kind::Boolean => Self::Boolean(reader.boolean()?),
            Kind::Integer => Self::Integer(reader.integer()?),
            Kind::Long => Self::Long(reader.long()?),
            Kind::Float => Self::Float(reader.float()?),
            Kind::Double => Self::Double(reader.double()?),
            Kind::Timestamp => Self::Timestamp(Timestamp::read(reader)?),
            Kind::Document => Self::Document(reader.document()?),
        })
    }
}

impl WriteShape for Value {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        match self {
            Self::Absent => {}
            Self::Structure(schema, members) if schema.kind == Kind::Union => {
                let set = members.iter().position(|member| !member.absent()).expect("a member of a union");
                writer.union(schema, set, &members[set]);
            }
            Self::Structure(schema, members) => {
                let members: Vec<&dyn WriteShape> =
                    members.iter().map(|member| member as &dyn WriteShape).collect();
                writer.structure(schema, &members);
            }
            Self::List(items) => {
                writer.list(items.len(), &mut items.iter().map(|item| item as &dyn WriteShape));
            }
            Self::Map(entries) => {
                let mut pairs = entries.iter().map(|(key, value)| (key.as_str(), value as &dyn WriteShape));
                writer.map(entries.len(), &mut pairs);
            }
            Self::Text(value) => writer.string(value),
            Self::Embedded(value) => writer.string(&value.to_string()),
            Self::Blob(value) => writer.blob(value),
            Self::Boolean(value) => writer.boolean(*value),
            Self::Integer(value) => writer.integer(*value),
            Self::Long(value) => writer.long(*value),
            Self::Float(value) => writer.float(*value),
            Self::Double(value) => writer.double(*value),
            Self::Timestamp(value) => writer.timestamp(*value),
            Self::Document(value) => writer.document(value),
        }
    }

    fn absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}
