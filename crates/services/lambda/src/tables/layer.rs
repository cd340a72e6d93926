//! Layers: numbered, unchangeable archives.

use serde::{Deserialize, Serialize};

use super::{CodeRow, PolicyRow};

/// What is kept of a layer's name even when all its versions are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRow {
    /// The number of the next version. Numbers are never used again.
    pub next_version: u64,
}

/// A version of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerVersionRow {
    /// Made, milliseconds since the epoch.
    pub created: u64,
    /// The archive.
    pub code: CodeRow,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// For which runtimes it says it is; absent: it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtimes: Option<Vec<String>>,
    /// For which architectures it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architectures: Option<Vec<String>>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Who may use it.
    #[serde(default)]
    pub policy: PolicyRow,
    /// What told its publishing from every other one; a stack that repeats it after a crash gets this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
