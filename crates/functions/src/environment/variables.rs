//! The variables of an environment's processes.

use std::collections::BTreeMap;

use crate::{Family, LogFormat, Revision};

use super::Keys;

/// What an extension does not see (AWS: "Lambda Extensions API", environment variables).
const RUNTIME_ONLY: &[&str] = &[
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_LAMBDA_TELEMETRY_LOG_FD",
    "_HANDLER",
];

/// What an environment tells its processes.
pub(super) struct Told<'a> {
    pub(super) revision: &'a Revision,
    pub(super) keys: &'a Keys,
    /// `host:port` of the Runtime API.
    pub(super) api: String,
    /// `AWS_ENDPOINT_URL`
    pub(super) endpoint: &'a str,
    pub(super) stream: &'a str,
    pub(super) provisioned: bool,
    /// The number of the telemetry descriptor.
    pub(super) telemetry: Option<i32>,
}

/// The runtime's variables: its own (`launch`), then ours, then the function's, each over the ones before.
pub(super) fn of_runtime(launch: &[(String, String)], told: &Told<'_>) -> BTreeMap<String, String> {
    let revision = told.revision;
    let mut all: BTreeMap<String, String> = launch.iter().cloned().collect();
    let mut set = |name: &str, value: &str| {
        all.insert(name.to_owned(), value.to_owned());
    };
    set("_HANDLER", &revision.handler);
    set("AWS_REGION", revision.region.as_str());
    set("AWS_DEFAULT_REGION", revision.region.as_str());
    set("AWS_LAMBDA_FUNCTION_NAME", &revision.function);
    set("AWS_LAMBDA_FUNCTION_VERSION", &revision.version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &revision.memory_mb.to_string());
    let kind = if told.provisioned { "provisioned-concurrency" } else { "on-demand" };
    set("AWS_LAMBDA_INITIALIZATION_TYPE", kind);
    set("AWS_LAMBDA_LOG_GROUP_NAME", &revision.logging.group);
    set("AWS_LAMBDA_LOG_STREAM_NAME", told.stream);
    // AWS's recordings show no format where it is the default one.
    if revision.logging.format != LogFormat::Text {
        set("AWS_LAMBDA_LOG_FORMAT", revision.logging.format.as_str());
    }
    if let Some(level) = revision.logging.application_level {
        set("AWS_LAMBDA_LOG_LEVEL", level.as_str());
    }
    set("AWS_ACCESS_KEY_ID", &told.keys.id);
    set("AWS_SECRET_ACCESS_KEY", &told.keys.secret);
    set("AWS_SESSION_TOKEN", &told.keys.token);
    set("AWS_LAMBDA_RUNTIME_API", &told.api);
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    set("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000");
    set("_AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129");
    set("_AWS_XRAY_DAEMON_PORT", "2000");
    set("AWS_ENDPOINT_URL", told.endpoint);
    if revision.runtime.family() == Family::Provided {
        all.remove("AWS_EXECUTION_ENV");
    } else if let Some(descriptor) = told.telemetry {
        all.insert("_LAMBDA_TELEMETRY_LOG_FD".into(), descriptor.to_string());
    }
    all.extend(revision.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

/// An extension's variables: the runtime's without those that are for the runtime alone.
pub(super) fn of_extension(runtime: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = runtime.clone();
    all.retain(|name, _| !RUNTIME_ONLY.contains(&name.as_str()));
    all
}
