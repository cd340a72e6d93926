//! From a template's properties to an operation's input. Their members have the same names; a template may write numbers
//! and flags as texts.

use std::collections::BTreeMap;

use moln_kernel::{
    ApiError,
    resources::{Origin, Resource},
};
use moln_wire::{Kind, ReadShape, Schema, accept, json::JsonReader};
use serde_json::{Map, Value};

use crate::{Lambda, errors, model};

/// The input of an operation, judged as if a client had sent it.
pub(super) fn input<T: ReadShape>(
    lambda: &Lambda,
    operation: &str,
    properties: Map<String, Value>,
) -> Result<T, ApiError> {
    let operation = model::MODEL.operations.iter().find(|known| known.name == operation);
    let operation = operation.ok_or_else(|| ApiError::internal("The operation is not modelled."))?;
    let fitted = fit(Value::Object(properties), operation.input, "")?.to_string();
    let unread = |error: moln_wire::ReadError| errors::validation(error.message);
    let mut reader = JsonReader::new(fitted.as_bytes(), operation.input).map_err(unread)?;
    accept(lambda, operation, &mut reader)
}

/// Gives values the kinds that the shape wants; a member that it does not have is refused.
fn fit(value: Value, schema: &'static Schema, path: &str) -> Result<Value, ApiError> {
    Ok(match (schema.kind, value) {
        (Kind::Structure | Kind::Union, Value::Object(members)) => {
            let mut fitted = Map::new();
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                let member = schema.members.iter().find(|member| member.name == name);
                let member = member.ok_or_else(|| {
                    errors::validation(format!("extraneous key [{name}] is not permitted at #/{path}"))
                })?;
                fitted.insert(name, fit(value, member.target(), &path)?);
            }
            Value::Object(fitted)
        }
        (Kind::List, Value::Array(items)) => {
            let Some(item) = schema.members.first() else { return Ok(Value::Array(items)) };
            let fitted = items.into_iter().enumerate();
            fitted
                .map(|(n, value)| fit(value, item.target(), &format!("{path}/{n}")))
                .collect::<Result<_, _>>()?
        }
        (Kind::Map, Value::Object(entries)) => {
            let Some(value) = schema.members.get(1) else { return Ok(Value::Object(entries)) };
            let fitted = entries.into_iter().map(|(name, entry)| {
                let path = format!("{path}/{name}");
                Ok((name, fit(entry, value.target(), &path)?))
            });
            Value::Object(fitted.collect::<Result<_, ApiError>>()?)
        }
        (Kind::String, flat @ (Value::Number(_) | Value::Bool(_))) => flat.to_string().into(),
        // A filter's pattern may stand there as what it is.
        (Kind::String, document @ Value::Object(_)) => document.to_string().into(),
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => true.into(),
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => false.into(),
        (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::String(text)) => {
            match text.trim().parse::<serde_json::Number>() {
                Ok(number) => number.into(),
                Err(_) => text.into(),
            }
        }
        (_, other) => other,
    })
}

/// The properties as an object.
pub(super) fn members(properties: &Value) -> Map<String, Value> {
    properties.as_object().cloned().unwrap_or_default()
}

/// Some of the properties.
pub(super) fn some(properties: &Value, names: &[&str]) -> Map<String, Value> {
    let pair = |name: &&str| {
        Some(((*name).to_owned(), properties.get(name).filter(|value| !value.is_null())?.clone()))
    };
    names.iter().filter_map(pair).collect()
}

pub(super) fn text(properties: &Value, name: &str) -> Option<String> {
    match properties.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

pub(super) fn required(properties: &Value, name: &str) -> Result<String, ApiError> {
    text(properties, name).ok_or_else(|| errors::validation(format!("required key [{name}] not found")))
}

/// `Tags` of a template are a list of keys and values.
pub(super) fn tags(properties: &Value) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((text(tag, "Key")?, text(tag, "Value").unwrap_or_default()));
    properties.get("Tags").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect()
}

/// `STACK-LOGICALID-SUFFIX`, cut where the whole would be longer than `most` characters.
pub(super) fn generated_name(origin: &Origin, most: usize) -> String {
    let suffix = origin.suffix(12);
    let room = most.saturating_sub(suffix.len() + 1);
    let stem: String = format!("{}-{}", origin.stack, origin.logical_id).chars().take(room).collect();
    format!("{stem}-{suffix}")
}

/// A resource whose `Ref` is its id.
pub(super) fn resource(id: &str, attributes: &[(&str, Option<String>)]) -> Resource {
    let attribute =
        |(name, value): &(&str, Option<String>)| Some(((*name).to_owned(), Value::from(value.clone()?)));
    Resource {
        id: id.to_owned(),
        reference: id.to_owned(),
        attributes: attributes.iter().filter_map(attribute).collect(),
    }
}

/// What is gone already need not be removed.
pub(super) fn gone_is_fine<T>(result: Result<T, ApiError>) -> Result<(), ApiError> {
    match result {
        Err(error) if error.code == "ResourceNotFoundException" => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_get_their_kinds() {
        let shape = &model::schemas::CREATE_FUNCTION_REQUEST;
        let fitted = fit(
            json!({
                "Timeout": "30", "Publish": "true", "Description": 5,
                "Environment": {"Variables": {"N": 1, "B": true}}, "Layers": ["a"],
            }),
            shape,
            "",
        );
        let wanted = json!({
            "Timeout": 30, "Publish": true, "Description": "5",
            "Environment": {"Variables": {"N": "1", "B": "true"}}, "Layers": ["a"],
        });
        assert_eq!(fitted.unwrap(), wanted);
        let error = fit(json!({"VpcConfig": {"SubnetId": []}}), shape, "").unwrap_err();
        assert_eq!(error.message, "extraneous key [SubnetId] is not permitted at #/VpcConfig/SubnetId");
    }
}
