//! A value known as JSON, written as a shape: further members of errors, which services give as text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value as Json;

use crate::{
    Kind, Member, Schema,
    schema::TimestampFormat,
    shape::{ShapeWriter, WriteShape},
    time,
};

/// JSON with the shape it stands for. What does not fit the shape is written as the shape's empty value.
pub(crate) struct Loose {
    schema: &'static Schema,
    json: Json,
}

impl Loose {
    /// A member's value, given as text: the text itself for texts, JSON for everything else.
    pub(crate) fn parse(member: &'static Member, text: &str) -> Self {
        let schema = member.target();
        let json = match schema.kind {
            Kind::String | Kind::Blob => None,
            _ => serde_json::from_str(text).ok(),
        };
        Self { schema, json: json.unwrap_or_else(|| Json::String(text.to_owned())) }
    }

    fn of(member: &'static Member, json: Option<&Json>) -> Self {
        Self { schema: member.target(), json: json.cloned().unwrap_or_default() }
    }

    fn text(&self) -> std::borrow::Cow<'_, str> {
        self.json.as_str().map_or_else(|| self.json.to_string().into(), Into::into)
    }
}

impl WriteShape for Loose {
    #[allow(clippy::cast_possible_truncation)] // as narrow as the model says
    fn write(&self, writer: &mut dyn ShapeWriter) {
        let (schema, json) = (self.schema, &self.json);
        match schema.kind {
            Kind::Structure | Kind::Union => {
                let values: Vec<Self> =
                    schema.members.iter().map(|member| Self::of(member, json.get(member.name))).collect();
                let values: Vec<&dyn WriteShape> =
                    values.iter().map(|value| value as &dyn WriteShape).collect();
                writer.structure(schema, &values);
            }
            Kind::List => {
                let Some((of, items)) = schema.element().zip(json.as_array()) else {
                    return writer.list(0, &mut std::iter::empty());
                };
                let items: Vec<Self> = items.iter().map(|item| Self::of(of, Some(item))).collect();
                writer.list(items.len(), &mut items.iter().map(|item| item as &dyn WriteShape));
            }
            Kind::Map => {
                let Some((of, entries)) = schema.element().zip(json.as_object()) else {
                    return writer.map(0, &mut std::iter::empty());
                };
                let entries: Vec<(&str, Self)> =
                    entries.iter().map(|(key, value)| (key.as_str(), Self::of(of, Some(value)))).collect();
                writer.map(
                    entries.len(),
                    &mut entries.iter().map(|(key, value)| (*key, value as &dyn WriteShape)),
                );
            }
            Kind::String => writer.string(&self.text()),
            Kind::Blob => writer.blob(&Bytes::from(STANDARD.decode(&*self.text()).unwrap_or_default())),
            Kind::Boolean => writer.boolean(json.as_bool().unwrap_or_default()),
            Kind::Integer => {
                writer.integer(json.as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or_default());
            }
            Kind::Long => writer.long(json.as_i64().unwrap_or_default()),
            Kind::Float => writer.float(json.as_f64().unwrap_or_default() as f32),
            Kind::Double => writer.double(json.as_f64().unwrap_or_default()),
            Kind::Timestamp => {
                writer.timestamp(time::parse(&self.text(), TimestampFormat::DateTime).unwrap_or_default());
            }
            Kind::Document => writer.document(json),
        }
    }

    fn absent(&self) -> bool {
        self.json.is_null()
    }
}
