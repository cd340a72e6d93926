//! An alias: a name for a version, or for two with weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An alias.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AliasRow {
    /// The version it names: a number or `$LATEST`.
    pub version: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which part (0–1) of the invokes goes to another version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
    /// Changes with the alias and its policy.
    pub revision_id: String,
}
