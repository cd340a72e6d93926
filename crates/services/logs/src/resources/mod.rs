//! The `CloudFormation` types of `CloudWatch` Logs: `AWS::Logs::LogGroup`, `LogStream`, `MetricFilter`,
//! `SubscriptionFilter`, `QueryDefinition`.

mod definition;
mod filters;
mod group;
mod stream;

use std::sync::Arc;

use moln_kernel::{
    ApiError,
    resources::{
        Origin, ResourceHandler,
        properties::{self, required, retagged, tag_list, tags, text, texts},
    },
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

/// A number, also when the template has it as text.
fn number(properties: &Value, name: &str) -> Result<Option<i32>, ApiError> {
    let parsed = text(properties, name).map(|text| text.parse());
    parsed.transpose().map_err(|_| ApiError::sender("ValidationError", format!("{name} must be an integer")))
}

/// A flag, also when the template has it as text.
fn flag(properties: &Value, name: &str) -> Option<bool> {
    text(properties, name).map(|text| text.eq_ignore_ascii_case("true"))
}

/// The name of a thing: the template's own, or a generated one.
fn name_of(origin: &Origin, properties: &Value, name: &str) -> String {
    // Names of groups, streams and filters have that many characters.
    text(properties, name).unwrap_or_else(|| origin.name(512))
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

/// `None` for what is not there.
fn unless_gone<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    properties::unless_gone(result, "ResourceNotFoundException")
}
