//! `CloudWatch` Logs' errors in AWS's words.

use moln_kernel::{ApiError, Fault};
use moln_store::{CommitError, StoreError};

/// A parameter is refused.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::sender("InvalidParameterException", message)
}
/// The delivery operations' own word for a refused parameter.
pub(crate) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationException", message)
}
/// Something named is not there.
pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::sender("ResourceNotFoundException", message)
}
/// Something of that name is there already.
pub(crate) fn exists(message: impl Into<String>) -> ApiError {
    ApiError::sender("ResourceAlreadyExistsException", message)
}
/// No such group.
pub(crate) fn no_group() -> ApiError {
    not_found("The specified log group does not exist.")
}
/// No such stream.
pub(crate) fn no_stream() -> ApiError {
    not_found("The specified log stream does not exist.")
}
/// A quota is reached.
pub(crate) fn limit_exceeded() -> ApiError {
    ApiError::sender("LimitExceededException", "Resource limit exceeded.")
}
/// The operation does not fit the state.
pub(crate) fn operation(message: impl Into<String>) -> ApiError {
    ApiError::sender("InvalidOperationException", message)
}
/// A pagination token is not one of ours.
pub(crate) fn bad_token() -> ApiError {
    invalid("The specified nextToken is invalid.")
}
/// A filter pattern cannot be read.
pub(crate) fn bad_pattern() -> ApiError {
    invalid("Invalid filter pattern")
}
/// The store does not take or give what is asked.
pub(crate) fn unavailable() -> ApiError {
    ApiError {
        status: 500,
        fault: Fault::Receiver,
        ..ApiError::sender("ServiceUnavailableException", "The service cannot complete the request.")
    }
}
/// What a failed read is to the caller; said once, here, to the operator.
pub(crate) fn unread(why: &StoreError) -> ApiError {
    tracing::error!(error = %why, "logs cannot be read");
    unavailable()
}
/// What a refused commit is to the caller.
pub(crate) fn uncommitted(why: &CommitError) -> ApiError {
    if !matches!(why, CommitError::Unavailable | CommitError::Conflict { .. }) {
        tracing::error!(error = %why, "logs cannot be written");
    }
    unavailable()
}
