//! Properties as templates write them.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, resources::Origin};
use serde_json::Value;

use crate::{errors, model::Tag, tables::Kind};

/// Whom a policy of a template is put on.
pub(super) const HOLDERS: [(&str, Kind); 3] =
    [("Roles", Kind::Role), ("Users", Kind::User), ("Groups", Kind::Group)];

pub(super) fn text(properties: &Value, name: &str) -> Option<String> {
    match properties.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

pub(super) fn texts(properties: &Value, name: &str) -> Vec<String> {
    let all = properties.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A document: an object, or the text of one.
pub(super) fn document(properties: &Value, name: &str) -> Result<String, ApiError> {
    match properties.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(document @ Value::Object(_)) => Ok(document.to_string()),
        _ => Err(missing(name)),
    }
}

pub(super) fn missing(name: &str) -> ApiError {
    errors::validation(format!("Property {name} cannot be empty."))
}

pub(super) fn tags(properties: &Value) -> Vec<Tag> {
    let pair = |tag: &Value| Some(Tag { key: text(tag, "Key")?, value: text(tag, "Value")? });
    properties.get("Tags").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect()
}

/// `Policies`: names and documents.
pub(super) fn inline(properties: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let all = properties.get("Policies").and_then(Value::as_array).into_iter().flatten();
    all.map(|policy| {
        let name = text(policy, "PolicyName").ok_or_else(|| missing("PolicyName"))?;
        Ok((name, document(policy, "PolicyDocument")?))
    })
    .collect()
}

/// `STACK-LOGICALID-SUFFIX`, cut where the whole would be longer than `most` characters.
pub(super) fn generated_name(origin: &Origin, most: usize) -> String {
    let suffix = origin.suffix(12);
    let room = most.saturating_sub(suffix.len() + 1);
    let stem: String = format!("{}-{}", origin.stack, origin.logical_id).chars().take(room).collect();
    format!("{stem}-{suffix}")
}
