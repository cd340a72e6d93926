//! What is set for a function or one of its qualifiers beside its configuration.

use serde::{Deserialize, Serialize};

/// A resource policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// Changes with the policy.
    #[serde(default)]
    pub revision_id: String,
    /// In the order they were added.
    #[serde(default)]
    pub statements: Vec<Statement>,
}

/// A statement of a resource policy, as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Its id within the policy.
    pub sid: String,
    /// `lambda:InvokeFunction`
    pub action: String,
    /// An account, an ARN, a service (`s3.amazonaws.com`) or `*`.
    pub principal: String,
    /// Which resource may cause it, with `*` and `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
    /// Whose resource may cause it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
    /// Alexa's skill id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source_token: Option<String>,
    /// An organization's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// `NONE` or `AWS_IAM`: only for function URLs of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_auth_type: Option<String>,
    /// Only (or not) through a function URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_via_url: Option<bool>,
}

/// How asynchronous invokes of a qualifier are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvokeConfigRow {
    /// Last changed, milliseconds since the epoch.
    pub modified: u64,
    /// How often a failed event is tried again, 0–2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// How old an event may get, 60–21 600 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_s: Option<u32>,
    /// ARN of where a record of success goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<String>,
    /// ARN of where a record of failure goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
}

/// A function URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlRow {
    /// The first label of its host.
    pub id: String,
    /// Made, milliseconds since the epoch.
    pub created: u64,
    /// Last changed, milliseconds since the epoch.
    pub modified: u64,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: String,
    /// Whether the mode was ever asked for: only then do changes tell it.
    #[serde(default)]
    pub mode_chosen: bool,
    /// What web pages of other origins may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsRow>,
}

/// Cross-origin rules of a function URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRow {
    /// Whether cookies may come along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_headers: Option<Vec<String>>,
    /// Methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_methods: Option<Vec<String>>,
    /// Origins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_origins: Option<Vec<String>>,
    /// Response headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose_headers: Option<Vec<String>>,
    /// Seconds a browser may keep the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i32>,
}

/// Provisioned concurrency of a version or an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionedRow {
    /// Environments to be kept ready.
    pub requested: u32,
    /// Last changed, milliseconds since the epoch.
    pub modified: u64,
}
