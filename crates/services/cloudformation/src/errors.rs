//! CloudFormation's errors, in AWS's words.

use moln_kernel::ApiError;
use moln_store::{CommitError, StoreError};

use crate::model;

/// A parameter or a template breaks a rule.
pub fn validation(words: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", words)
}
/// There is no such stack.
pub fn no_stack(name: &str) -> ApiError {
    validation(format!("Stack with id {name} does not exist"))
}
/// There is no such stack, as some operations say it.
pub fn stack_missing(name: &str) -> ApiError {
    validation(format!("Stack [{name}] does not exist"))
}
/// There is no such stack, as operations on change sets say it.
pub fn no_change_set(name: &str) -> ApiError {
    model::errors::change_set_not_found_exception(format!("ChangeSet [{name}] does not exist"))
}
/// What a template makes needs the caller's word.
pub fn capabilities(needed: &[&str]) -> ApiError {
    model::errors::insufficient_capabilities_exception(format!(
        "Requires capabilities : [{}]",
        needed.join(", ")
    ))
}
/// Not built.
pub fn not_built(what: &str) -> ApiError {
    ApiError::not_implemented("CloudFormation", what)
}
/// A failed commit as clients see it; the reason is for the log.
pub(crate) fn refused(error: &CommitError) -> ApiError {
    tracing::error!(%error, "a commit failed; nothing was acknowledged");
    ApiError::internal("The service is unavailable. Please try again.")
}
/// A failed read as clients see it.
pub(crate) fn unread(error: &StoreError) -> ApiError {
    tracing::error!(%error, "the store could not be read");
    ApiError::internal("The service could not read its data.")
}
