//! Properties as templates write them, and the inputs of operations that they become.

use moln_kernel::ApiError;
use moln_wire::{Kind, Schema, Shape, template};
use serde_json::{Map, Value};

use crate::{Apis, model, recast};

fn invalid(words: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", words)
}

/// The input of an operation, judged as if a client had sent it.
pub(super) fn input<T: Shape>(apis: &Apis, properties: Map<String, Value>) -> Result<T, ApiError> {
    template::input(apis, &model::MODEL, properties)
}

/// A shape as a template writes it: members by their names.
pub(super) fn told<T: Shape>(shape: &T) -> Value {
    named(serde_json::from_str(&recast::json(shape)).unwrap_or_default(), T::schema())
}

fn named(value: Value, schema: &'static Schema) -> Value {
    match (schema.kind, value) {
        (Kind::Structure | Kind::Union, Value::Object(members)) => {
            let named = members.into_iter().filter_map(|(wire, value)| {
                let member = schema.members.iter().find(|member| member.wire == wire)?;
                Some((member.name.to_owned(), named(value, member.target())))
            });
            Value::Object(named.collect())
        }
        (_, other) => other,
    }
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
