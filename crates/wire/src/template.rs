//! From a template's properties to an operation's input. Their members have the same names; a template may write numbers
//! and flags as texts, and documents as what they are.

use moln_kernel::ApiError;
use serde_json::{Map, Value};

use crate::{
    Hooks, Kind, Member, ReadError, Schema, ServiceModel, Shape, accept, json::JsonReader, shape::Read,
};

/// The input of an operation, judged as if a client had sent it.
///
/// Errors: a member that the input does not have, a value of another kind, and what a client would be told.
pub fn input<T: Shape>(
    hooks: &dyn Hooks,
    model: &'static ServiceModel,
    properties: Map<String, Value>,
) -> Result<T, ApiError> {
    let operation = model.operations.iter().find(|known| std::ptr::eq(known.input, T::schema()));
    let operation = operation.ok_or_else(|| ApiError::internal("The operation is not modelled."))?;
    let invalid = |error: ReadError| ApiError::sender("ValidationError", error.message);
    let fitted = fit(Value::Object(properties), operation.input, &[]).map_err(invalid)?.to_string();
    let mut reader = JsonReader::new(fitted.as_bytes(), operation.input).map_err(invalid)?;
    accept(hooks, operation, &mut reader)
}

/// Gives values the kinds that a shape wants, and members the names they have on the wire. `others`: what templates call
/// otherwise than the API, wherever it stands.
///
/// Errors: a member that the shape does not have.
pub fn fit(value: Value, schema: &'static Schema, others: &[(&str, &str)]) -> Read<Value> {
    fit_at(value, schema, others, "#")
}

fn fit_at(value: Value, schema: &'static Schema, others: &[(&str, &str)], path: &str) -> Read<Value> {
    Ok(match (schema.kind, value) {
        (Kind::Structure | Kind::Union, Value::Object(members)) => {
            let mut fitted = Map::new();
            for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
                let path = format!("{path}/{name}");
                let known = |name: &str| schema.members.iter().find(|member| member.name == name);
                let other = || others.iter().filter(|of| of.0 == name).find_map(|of| known(of.1));
                let member = known(&name).or_else(other).ok_or_else(|| {
                    ReadError::new(format!("extraneous key [{name}] is not permitted at {path}"))
                })?;
                let value = match value {
                    document @ Value::Object(_) if is_document(member) => document.to_string().into(),
                    value => fit_at(value, member.target(), others, &path)?,
                };
                fitted.insert(member.wire.to_owned(), value);
            }
            Value::Object(fitted)
        }
        (Kind::List, Value::Array(items)) => {
            let Some(item) = schema.members.first() else { return Ok(Value::Array(items)) };
            let fitted = items.into_iter().enumerate();
            fitted
                .map(|(n, value)| fit_at(value, item.target(), others, &format!("{path}/{n}")))
                .collect::<Read<_>>()?
        }
        (Kind::Map, Value::Object(entries)) => {
            let Some(value) = schema.members.get(1) else { return Ok(Value::Object(entries)) };
            let fitted = entries.into_iter().map(|(name, entry)| {
                let path = format!("{path}/{name}");
                Ok((name, fit_at(entry, value.target(), others, &path)?))
            });
            Value::Object(fitted.collect::<Read<_>>()?)
        }
        (Kind::String, flat @ (Value::Number(_) | Value::Bool(_))) => flat.to_string().into(),
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

/// A filter's pattern, a model's schema: what the API takes as text may stand in a template as what it is.
fn is_document(member: &Member) -> bool {
    member.target().kind == Kind::String && matches!(member.name, "Pattern" | "Schema")
}
