//! From a template's properties to an operation's input. Their members have the same names; a template may write numbers
//! and flags as texts, and documents as what they are.

use moln_kernel::ApiError;
use moln_wire::{Kind, ReadShape, Schema, accept, json::JsonReader};
use serde_json::{Map, Value};

use crate::{Apis, model};

fn invalid(words: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", words)
}

/// The properties as an object.
pub(super) fn members(properties: &Value) -> Map<String, Value> {
    properties.as_object().cloned().unwrap_or_default()
}

/// The input of an operation, judged as if a client had sent it.
pub(super) fn input<T: ReadShape>(
    apis: &Apis,
    operation: &str,
    properties: Map<String, Value>,
) -> Result<T, ApiError> {
    let operation = model::MODEL.operations.iter().find(|known| known.name == operation);
    let operation = operation.ok_or_else(|| ApiError::internal("The operation is not modelled."))?;
    let fitted = fit(Value::Object(properties), operation.input, "")?.to_string();
    let unread = |error: moln_wire::ReadError| invalid(error.message);
    let mut reader = JsonReader::new(fitted.as_bytes(), operation.input).map_err(unread)?;
    accept(apis, operation, &mut reader)
}

/// Gives values the kinds that the shape wants, and members the names they have on the wire; a member that the shape does not
/// have is refused.
fn fit(value: Value, schema: &'static Schema, path: &str) -> Result<Value, ApiError> {
    Ok(match (schema.kind, value) {
        (Kind::Structure | Kind::Union, Value::Object(members)) => {
            let mut fitted = Map::new();
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                let member = schema.members.iter().find(|member| member.name == name);
                let member = member.ok_or_else(|| {
                    invalid(format!("extraneous key [{name}] is not permitted at #/{path}"))
                })?;
                fitted.insert(member.wire.to_owned(), fit(value, member.target(), &path)?);
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
        // A model's schema stands there as what it is.
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

/// `ResponseParameters` of an integration: lists of sources and destinations become what the API takes.
pub(super) fn response_parameters(properties: &mut Map<String, Value>) -> Result<(), ApiError> {
    let Some(Value::Object(statuses)) = properties.get_mut("ResponseParameters") else { return Ok(()) };
    for (status, changes) in statuses {
        let Some(list) = changes.get("ResponseParameters").and_then(Value::as_array) else { continue };
        let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
        let pairs = list.iter().map(|one| Some((text(one, "Destination")?, text(one, "Source")?.into())));
        let pairs = pairs.collect::<Option<Map<String, Value>>>();
        *changes =
            Value::Object(pairs.ok_or_else(|| {
                invalid(format!("#/ResponseParameters/{status} needs Source and Destination"))
            })?);
    }
    Ok(())
}
