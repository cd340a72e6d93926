//! Lambda's errors in its own words. Every modelled one carries `Type`: `User` or `Service`.

use moln_kernel::{ApiError, ports::InvocationType};

use crate::model::errors as modelled;

fn user(mut error: ApiError) -> ApiError {
    error.members.push(("Type", "User".to_owned()));
    error
}

fn service(mut error: ApiError) -> ApiError {
    error.members.push(("Type", "Service".to_owned()));
    error
}

/// 400: a parameter's value is refused.
pub fn invalid_parameter(message: impl Into<String>) -> ApiError {
    user(modelled::invalid_parameter_value_exception(message))
}
/// 404: what was named is not there.
pub fn not_found(message: impl Into<String>) -> ApiError {
    user(modelled::resource_not_found_exception(message))
}
/// 404: no such function (or version, or alias of it).
pub fn function_not_found(arn: &str, qualifier: Option<&str>) -> ApiError {
    match qualifier {
        Some(qualifier) => not_found(format!("Function not found: {arn}:{qualifier}")),
        None => not_found(format!("Function not found: {arn}")),
    }
}
/// 404: the name says another region.
pub fn other_region(named: &str, here: &str) -> ApiError {
    not_found(format!("Functions from '{named}' are not reachable in this region ('{here}')"))
}
/// 409: it exists already, or is in the way.
pub fn conflict(message: impl Into<String>) -> ApiError {
    user(modelled::resource_conflict_exception(message))
}
/// 412: the revision id is not the latest.
pub fn precondition() -> ApiError {
    user(modelled::precondition_failed_exception(
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve \
         the latest Revision Id",
    ))
}
/// 400: the body is not what it should be.
pub fn invalid_content(message: impl Into<String>) -> ApiError {
    user(modelled::invalid_request_content_exception(message))
}
/// 413: the body is too long. AWS counts what was sent and what may be.
pub fn payload_too_large(sent: usize, kind: InvocationType) -> ApiError {
    let most = match kind {
        InvocationType::RequestResponse => crate::limits::SYNC_PAYLOAD_BYTES,
        InvocationType::Event => crate::limits::ASYNC_PAYLOAD_BYTES,
    };
    user(modelled::request_too_large_exception(format!(
        "{sent} byte payload is too large for the {} invocation type (limit {most} bytes)",
        match kind {
            InvocationType::RequestResponse => "RequestResponse",
            InvocationType::Event => "Event",
        }
    )))
}
/// 429: over a concurrency limit; `reason` names it.
pub fn too_many_requests(reason: &'static str) -> ApiError {
    let mut error = service(modelled::too_many_requests_exception("Rate Exceeded."));
    error.members.retain(|(name, _)| *name != "Type");
    error.members.push(("Type", "User".to_owned()));
    error.members.push(("Reason", reason.to_owned()));
    error
}
/// 400: the chain of events came through the function too often.
pub fn recursion() -> ApiError {
    user(modelled::recursive_invocation_exception(
        "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources \
         and stopped your function's invocation.",
    ))
}
/// 500: something of ours.
pub fn service_failure(message: impl Into<String>) -> ApiError {
    service(modelled::service_exception(message))
}
/// 400: too much code, in one archive or in all.
pub fn code_storage(message: impl Into<String>) -> ApiError {
    user(modelled::code_storage_exceeded_exception(message))
}
/// 400: a policy over its size.
pub fn policy_length(message: impl Into<String>) -> ApiError {
    user(modelled::policy_length_exceeded_exception(message))
}
/// 403: somebody else's.
pub fn access_denied(message: impl Into<String>) -> ApiError {
    ApiError::sender("AccessDeniedException", message).with_status(403)
}
/// 400 in the words of constraints, without a modelled shape.
pub fn validation(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationException", message)
}
/// 412: the policy's revision id is not the latest; `operation` tells it.
pub fn stale(operation: &str) -> ApiError {
    user(modelled::precondition_failed_exception(format!(
        "The Revision Id provided does not match the latest Revision Id. Call the {operation} API to retrieve the latest \
         Revision Id"
    )))
}
/// 404: nothing is provisioned there.
pub fn not_provisioned() -> ApiError {
    user(modelled::provisioned_concurrency_config_not_found_exception(
        "No Provisioned Concurrency Config found for this function",
    ))
}
