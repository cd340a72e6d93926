//! IAM's errors, in AWS's words.

use moln_kernel::ApiError;
use moln_store::{CommitError, StoreError};

use crate::{model, tables::Kind};

/// There is nothing of that name.
pub fn no_such(words: impl Into<String>) -> ApiError {
    model::errors::no_such_entity_exception(words)
}
/// No role, user, group or instance profile of that name.
pub fn no_such_entity(kind: Kind, name: &str) -> ApiError {
    match kind {
        Kind::Profile => no_such(format!("Instance Profile {name} cannot be found.")),
        _ => no_such(format!("The {} with name {name} cannot be found.", kind.word())),
    }
}
/// No managed policy of that ARN.
pub fn no_such_policy(arn: &str) -> ApiError {
    no_such(format!("Policy {arn} was not found."))
}
/// No managed policy of that ARN can be attached.
pub fn not_attachable(arn: &str) -> ApiError {
    no_such(format!("Policy {arn} does not exist or is not attachable."))
}
/// The name is taken.
pub fn exists(kind: Kind, name: &str) -> ApiError {
    let what = match kind {
        Kind::Role => "Role",
        Kind::User => "User",
        Kind::Group => "Group",
        Kind::Profile => "Instance Profile",
    };
    let middle = if kind == Kind::Profile { "" } else { "with name " };
    already_exists(format!("{what} {middle}{name} already exists."))
}
/// Something of that name is there, in words of its own.
pub fn already_exists(words: impl Into<String>) -> ApiError {
    model::errors::entity_already_exists_exception(words)
}
/// It cannot be removed as long as something hangs on it.
pub fn conflict(words: impl Into<String>) -> ApiError {
    model::errors::delete_conflict_exception(words)
}
/// A quota.
pub fn quota(name: &str, limit: usize) -> ApiError {
    limit_exceeded(format!("Cannot exceed quota for {name}: {limit}"))
}
/// A quota, in words of its own.
pub fn limit_exceeded(words: impl Into<String>) -> ApiError {
    model::errors::limit_exceeded_exception(words)
}
/// A document that is no policy.
pub fn malformed(words: impl Into<String>) -> ApiError {
    model::errors::malformed_policy_document_exception(words)
}
/// An input that does not fit.
pub fn invalid_input(words: impl Into<String>) -> ApiError {
    model::errors::invalid_input_exception(words)
}
/// Only the service the role is linked to may change it.
pub fn unmodifiable(role: &str) -> ApiError {
    model::errors::unmodifiable_entity_exception(format!(
        "Cannot perform the operation on the protected role '{role}' - this role is only modifiable by AWS"
    ))
}
/// A parameter breaks a rule.
pub fn validation(words: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", words)
}
/// A failed commit as clients see it; the reason is for the log.
pub(crate) fn refused(error: &CommitError) -> ApiError {
    tracing::error!(%error, "a commit failed; nothing was acknowledged");
    model::errors::service_failure_exception("The service is unavailable. Please try again.")
}
/// A failed read as clients see it.
pub(crate) fn unread(error: &StoreError) -> ApiError {
    tracing::error!(%error, "the store could not be read");
    model::errors::service_failure_exception("The service could not read its data.")
}
