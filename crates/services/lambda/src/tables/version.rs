//! A version of a function: its code and configuration. `$LATEST` is the one that can be changed.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// A version. Members are as the API has them unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRow {
    /// Its number; 0 is `$LATEST`.
    pub number: u64,
    /// Changes with every change, that of its state too.
    pub revision_id: String,
    /// Changes with what runs: environments of one generation never serve another.
    #[serde(default)]
    pub generation: String,
    /// Last changed, milliseconds since the epoch.
    pub modified: u64,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The role it runs in.
    pub role: String,
    /// `nodejs22.x`
    pub runtime: String,
    /// `index.handler`
    #[serde(default)]
    pub handler: String,
    /// What runs.
    pub code: CodeRow,
    /// Seconds, 1–900.
    pub timeout: u32,
    /// MiB, 128–10 240.
    pub memory_mb: u32,
    /// MiB of /tmp, 512–10 240.
    pub tmp_mb: u32,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Environment variables; absent when never set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
    /// Layers, in the order they are laid over one another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerUse>,
    /// Where events go that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// Whether every invoke is traced (`Active`).
    #[serde(default)]
    pub tracing: bool,
    /// Key for the environment variables; kept, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Where its logs go and how they look.
    pub logging: LoggingRow,
    /// Network; kept, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcRow>,
    /// File systems; kept, not mounted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_systems: Vec<FileSystem>,
    /// `SnapStart` for published versions.
    #[serde(default)]
    pub snap_start: bool,
    /// When the runtime's minor version changes.
    #[serde(default)]
    pub update_runtime_on: UpdateRuntimeOn,
    /// The runtime version it is pinned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    /// Whether it can be invoked.
    #[serde(default)]
    pub state: State,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<(String, String)>,
    /// What became of the last change.
    #[serde(default)]
    pub last_update: LastUpdate,
    /// Why it failed: code and words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_reason: Option<(String, String)>,
}

impl VersionRow {
    /// `$LATEST` or the number.
    pub fn name(&self) -> String {
        version_name(self.number)
    }
}

/// `$LATEST` or the number.
pub(crate) fn version_name(number: u64) -> String {
    if number == 0 { "$LATEST".to_owned() } else { number.to_string() }
}

/// What runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRow {
    /// SHA-256 of the archive, hex. Of a directory's name, for code served from a directory.
    pub sha256: String,
    /// Bytes of the archive.
    pub size: u64,
    /// Where it came from.
    #[serde(default)]
    pub origin: CodeOrigin,
}

/// Where code came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeOrigin {
    /// An archive, kept as a blob.
    #[default]
    Zip,
    /// A directory of this machine, read anew at every change.
    Directory(PathBuf),
}

/// A layer a function uses: what was there when it was chosen. The layer may be deleted since; its code stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerUse {
    /// ARN with its version.
    pub arn: String,
    /// Its archive.
    pub code: CodeRow,
}

/// Where logs go and how they look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggingRow {
    /// JSON instead of text.
    #[serde(default)]
    pub json: bool,
    /// Least level of the function's own lines; JSON only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_level: Option<String>,
    /// Least level of the platform's lines; JSON only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_level: Option<String>,
    /// The log group.
    pub group: String,
}

/// Network settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcRow {
    /// Subnets.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// Security groups.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// Whether IPv6 is wanted.
    #[serde(default)]
    pub ipv6: bool,
}

/// A file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystem {
    /// Its access point.
    pub arn: String,
    /// `/mnt/…`
    pub path: String,
}

/// When the runtime's minor version changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateRuntimeOn {
    /// By itself.
    #[default]
    Auto,
    /// With the function's next update.
    FunctionUpdate,
    /// Never: the pinned one stays.
    Manual,
}

/// Whether a version can be invoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Being made ready.
    #[default]
    Pending,
    /// Ready.
    Active,
    /// Cannot be made ready.
    Failed,
}

/// What became of the last change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LastUpdate {
    /// Under way.
    #[default]
    InProgress,
    /// Done.
    Successful,
    /// Failed; what was there before still runs.
    Failed,
}
