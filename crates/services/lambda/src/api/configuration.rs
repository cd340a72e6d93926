//! What a function may be configured to, checked where the model does not.

use std::collections::BTreeMap;

use moln_functions::Runtime;
use moln_kernel::{ApiError, Arn};

use crate::{
    errors, limits, model as m,
    tables::{FileSystem, LoggingRow, VpcRow},
};

/// The runtimes in AWS's own order of naming them.
const NAMED: &str = "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, \
                     python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, \
                     dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2";

/// How long a function may take, seconds.
pub(super) fn timeout(given: Option<i32>, default: u32) -> Result<u32, ApiError> {
    let timeout = given.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(default);
    if timeout > limits::TIMEOUT_SECONDS {
        return Err(errors::validation(format!(
            "1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy constraint: Member must have value \
             less than or equal to {}",
            limits::TIMEOUT_SECONDS
        )));
    }
    Ok(timeout)
}

/// Runtimes with `SnapStart`.
fn snap_starts(runtime: &str) -> bool {
    matches!(
        runtime,
        "java11"
            | "java17"
            | "java21"
            | "java25"
            | "python3.12"
            | "python3.13"
            | "python3.14"
            | "dotnet8"
            | "dotnet10"
    )
}

/// Variables that functions cannot set.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const RESERVED: [&str; 20] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
];

/// A runtime's name.
pub(super) fn runtime(name: &str) -> Result<Runtime, ApiError> {
    let unknown = || {
        errors::invalid_parameter(format!(
            "Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{NAMED}] or be \
             a valid ARN"
        ))
    };
    let runtime: Runtime = name.parse().map_err(|_| unknown())?;
    match runtime.refused() {
        None => Ok(runtime),
        Some(instead) => Err(errors::invalid_parameter(format!(
            "The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda functions. We \
             recommend you use a supported runtime while creating or updating functions, such as {instead}."
        ))),
    }
}

/// The runtimes as AWS names them when a layer names another.
pub(super) fn named_runtimes() -> &'static str {
    NAMED
}

/// Environment variables.
pub(super) fn environment(
    environment: Option<m::Environment>,
) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    let Some(environment) = environment else { return Ok(None) };
    let variables = environment.variables.unwrap_or_default();
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(errors::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             contains reserved keys that are currently not supported for modification. Reserved keys used in this request: \
             {}",
            reserved.join(", ")
        )));
    }
    let text = serde_json::to_string(&variables).unwrap_or_default();
    if text.len() > limits::ENVIRONMENT_BYTES {
        return Err(errors::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit. String measured: {text}"
        )));
    }
    Ok(Some(variables))
}

/// Where events go that failed.
pub(super) fn dead_letter(config: m::DeadLetterConfig) -> Result<Option<String>, ApiError> {
    let Some(target) = config.target_arn.filter(|target| !target.is_empty()) else { return Ok(None) };
    let fits = target.parse::<Arn>().is_ok_and(|arn| matches!(arn.service(), "sqs" | "sns"));
    if fits {
        Ok(Some(target))
    } else {
        Err(errors::invalid_parameter(format!(
            "The provided dead letter config is invalid: {target} is neither a queue nor a topic."
        )))
    }
}

/// A change of the logging settings. Levels exist in JSON only, and are `INFO` there unless set.
pub(super) fn logging(before: &LoggingRow, config: Option<m::LoggingConfig>) -> Result<LoggingRow, ApiError> {
    let mut row = before.clone();
    let Some(config) = config else { return Ok(row) };
    if let Some(format) = config.log_format {
        let json = format == "JSON";
        if json != row.json {
            (row.application_level, row.system_level) = (None, None);
        }
        row.json = json;
    }
    if let Some(group) = config.log_group.filter(|group| !group.is_empty()) {
        row.group = group;
    }
    if !row.json {
        if config.application_log_level.is_some() || config.system_log_level.is_some() {
            return Err(errors::invalid_parameter(
                "You can only set log levels for a function with its log format set to JSON",
            ));
        }
        return Ok(row);
    }
    row.application_level =
        config.application_log_level.or(row.application_level).or_else(|| Some("INFO".to_owned()));
    row.system_level = config.system_log_level.or(row.system_level).or_else(|| Some("INFO".to_owned()));
    Ok(row)
}

/// Network settings; what is left out stays.
pub(super) fn network(before: Option<&VpcRow>, config: m::VpcConfig) -> VpcRow {
    let before = before.cloned().unwrap_or_default();
    VpcRow {
        subnets: config.subnet_ids.unwrap_or(before.subnets),
        security_groups: config.security_group_ids.unwrap_or(before.security_groups),
        ipv6: config.ipv6_allowed_for_dual_stack.unwrap_or(before.ipv6),
    }
}

/// File systems.
pub(super) fn file_systems(configs: Vec<m::FileSystemConfig>) -> Vec<FileSystem> {
    configs.into_iter().map(|config| FileSystem { arn: config.arn, path: config.local_mount_path }).collect()
}

/// `SnapStart` for a runtime.
pub(super) fn snap_start(config: Option<&m::SnapStart>, runtime: &str) -> Result<Option<bool>, ApiError> {
    let Some(wanted) = config.and_then(|config| config.apply_on.as_deref()) else { return Ok(None) };
    let wanted = wanted == "PublishedVersions";
    if wanted && !snap_starts(runtime) {
        return Err(errors::invalid_parameter(format!(
            "{runtime} is not supported for SnapStart enabled functions."
        )));
    }
    Ok(Some(wanted))
}

/// Refuses what is not built, if it is wanted: said, and not ignored.
pub(super) fn refuse_unbuilt(wanted: &[(bool, &str)]) -> Result<(), ApiError> {
    match wanted.iter().find(|(wanted, _)| *wanted) {
        None => Ok(()),
        Some((_, what)) => Err(ApiError {
            message: format!("Moln does not implement {what} yet."),
            ..ApiError::not_implemented("Lambda", what)
        }),
    }
}
