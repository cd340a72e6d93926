//! STS's errors, in AWS's words.

use moln_kernel::{ApiError, Context, Principal};
use moln_store::{CommitError, StoreError};

use crate::model;

/// The caller may not do that to the role (or there is no such role: AWS does not tell them apart).
pub fn not_authorized(ctx: &Context, action: &str, resource: &str) -> ApiError {
    let who = match &ctx.principal {
        Principal::Arn(arn) => arn.to_string(),
        Principal::Account(_) => ctx.global_arn("iam", "root"),
        Principal::Anonymous => "anonymous".to_owned(),
    };
    access_denied(format!("User: {who} is not authorized to perform: {action} on resource: {resource}"))
}
/// Refused, in words of its own.
pub fn access_denied(message: impl Into<String>) -> ApiError {
    ApiError::sender("AccessDenied", message).with_status(403)
}
/// A parameter breaks a rule.
pub fn validation(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", message)
}
/// A parameter's value does not fit the others.
pub fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::sender("InvalidParameterValue", message)
}
/// A session policy that is none.
pub fn malformed_policy(message: impl Into<String>) -> ApiError {
    model::errors::malformed_policy_document_exception(message)
}
/// The session's policies and tags are too much.
pub fn packed_too_large(percent: usize) -> ApiError {
    model::errors::packed_policy_too_large_exception(format!(
        "Packed policy consumes {percent}% of allotted space, please use smaller policy."
    ))
}
/// The call needs a signature.
pub fn unsigned() -> ApiError {
    ApiError::sender("MissingAuthenticationToken", "Request is missing Authentication Token").with_status(403)
}
/// Too many sessions.
pub fn throttled() -> ApiError {
    ApiError::sender("Throttling", "Rate exceeded")
}
/// A failed commit as clients see it; the reason is for the log.
pub(crate) fn refused(error: &CommitError) -> ApiError {
    tracing::error!(%error, "a commit failed; nothing was acknowledged");
    ApiError { status: 503, ..ApiError::internal("The service is unavailable. Please try again.") }
}
/// A failed read as clients see it.
pub(crate) fn unread(error: &StoreError) -> ApiError {
    tracing::error!(%error, "the store could not be read");
    ApiError::internal("The service could not read its data.")
}
