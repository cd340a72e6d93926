//! The `CloudFormation` types of `CloudWatch` Logs: `AWS::Logs::LogGroup`, `LogStream`, `MetricFilter`,
//! `SubscriptionFilter`, `QueryDefinition`.

mod definition;
mod filters;
mod group;
mod stream;

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

pub use definition::DefinitionHandler;
pub use filters::{MetricFilterHandler, SubscriptionFilterHandler};
pub use group::GroupHandler;
pub use stream::StreamHandler;

use crate::LogGroups;

/// A handler for each type.
pub fn handlers(logs: &Arc<LogGroups>) -> Vec<Box<dyn ResourceHandler>> {
    vec![
        Box::new(GroupHandler(Arc::clone(logs))),
        Box::new(StreamHandler(Arc::clone(logs))),
        Box::new(MetricFilterHandler(Arc::clone(logs))),
        Box::new(SubscriptionFilterHandler(Arc::clone(logs))),
        Box::new(DefinitionHandler(Arc::clone(logs))),
    ]
}

/// A property as text.
fn text(properties: &Value, name: &str) -> Option<String> {
    match properties.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A property that must be there.
fn need(properties: &Value, name: &str) -> Result<String, ApiError> {
    text(properties, name)
        .ok_or_else(|| ApiError::sender("ValidationError", format!("Property {name} cannot be empty.")))
}

/// A list of texts.
fn list(properties: &Value, name: &str) -> Option<Vec<String>> {
    let items = properties.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// A number, also when the template has it as text.
fn number(properties: &Value, name: &str) -> Option<i32> {
    text(properties, name)?.parse().ok()
}

/// A flag, also when the template has it as text.
fn flag(properties: &Value, name: &str) -> Option<bool> {
    text(properties, name).map(|text| text == "true")
}

/// `[{"Key": …, "Value": …}]` as a map.
fn pairs(properties: &Value, name: &str) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((text(tag, "Key")?, text(tag, "Value")?));
    properties.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect()
}

/// `STACK-LOGICALID-SUFFIX`.
fn generated(origin: &Origin) -> String {
    format!("{}-{}-{}", origin.stack, origin.logical_id, origin.suffix(12))
}

/// Two names that together name a resource.
fn joined(group: &str, name: &str) -> String {
    format!("{group}|{name}")
}

/// Reads [`joined`].
fn parted(id: &str) -> Result<(&str, &str), ApiError> {
    // Names of groups have no bar in them.
    id.split_once('|').ok_or_else(|| ApiError::sender("ValidationError", "The physical id is not valid."))
}

fn resource(id: String, reference: &str, attributes: &[(&str, String)]) -> Resource {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into()));
    Resource { id, reference: reference.to_owned(), attributes: attributes.collect() }
}

/// What is gone already is no error.
fn unless_gone<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}
