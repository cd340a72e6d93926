//! Properties as templates write them.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, resources::properties};
use serde_json::Value;

pub(super) use moln_kernel::resources::properties::{required, tag_list, text, texts};

use crate::{model::Tag, tables::Kind};

/// Whom a policy of a template is put on.
pub(super) const HOLDERS: [(&str, Kind); 3] =
    [("Roles", Kind::Role), ("Users", Kind::User), ("Groups", Kind::Group)];

pub(super) fn tags(properties: &Value) -> Vec<Tag> {
    properties::tags(properties).into_iter().map(|(key, value)| Tag { key, value }).collect()
}

/// `Policies`: names and documents.
pub(super) fn inline(properties: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let all = properties.get("Policies").and_then(Value::as_array).into_iter().flatten();
    all.map(|policy| Ok((required(policy, "PolicyName")?, required(policy, "PolicyDocument")?))).collect()
}
