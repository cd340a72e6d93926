//! S3's errors: codes, words and statuses of
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, with the members S3 adds to `<Error>`.

use std::borrow::Cow;

use moln_kernel::ApiError;
use moln_store::{CommitError, StoreError};

fn error(status: u16, code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::sender(code, message).with_status(status)
}

/// Adds a member to `<Error>`.
pub(crate) fn with(mut error: ApiError, member: &'static str, value: impl Into<String>) -> ApiError {
    error.members.push((member, value.into()));
    error
}

/// There is no bucket of that name.
pub(crate) fn no_such_bucket(bucket: &str) -> ApiError {
    with(error(404, "NoSuchBucket", "The specified bucket does not exist"), "BucketName", bucket)
}
/// The name breaks the naming rules.
pub(crate) fn invalid_bucket_name(bucket: &str) -> ApiError {
    with(error(400, "InvalidBucketName", "The specified bucket is not valid."), "BucketName", bucket)
}
/// Somebody else has a bucket of that name.
pub(crate) fn bucket_already_exists(bucket: &str) -> ApiError {
    let words = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
                 Please select a different name and try again.";
    with(error(409, "BucketAlreadyExists", words), "BucketName", bucket)
}
/// The caller has a bucket of that name.
pub(crate) fn bucket_already_owned_by_you(bucket: &str) -> ApiError {
    let words = "Your previous request to create the named bucket succeeded and you already own it.";
    with(error(409, "BucketAlreadyOwnedByYou", words), "BucketName", bucket)
}
/// The bucket holds objects.
pub(crate) fn bucket_not_empty(bucket: &str) -> ApiError {
    with(error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"), "BucketName", bucket)
}
/// The bucket holds versions or delete markers.
pub(crate) fn versioned_bucket_not_empty(bucket: &str) -> ApiError {
    let words = "The bucket you tried to delete is not empty. You must delete all versions in the bucket.";
    with(error(409, "BucketNotEmpty", words), "BucketName", bucket)
}
/// The region in the configuration is not the one that was addressed.
pub(crate) fn illegal_location_constraint(message: impl Into<String>) -> ApiError {
    error(400, "IllegalLocationConstraintException", message)
}
/// The region in the configuration is none.
pub(crate) fn invalid_location_constraint(location: &str) -> ApiError {
    with(
        error(400, "InvalidLocationConstraint", "The specified location-constraint is not valid"),
        "LocationConstraint",
        location,
    )
}
/// Not allowed.
pub(crate) fn access_denied() -> ApiError {
    error(403, "AccessDenied", "Access Denied")
}
/// Not allowed, with a reason of its own.
pub(crate) fn access_denied_because(words: impl Into<String>) -> ApiError {
    error(403, "AccessDenied", words)
}
/// The body is no XML of the expected form.
pub(crate) fn malformed_xml() -> ApiError {
    error(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}
/// A general refusal.
pub(crate) fn invalid_request(message: impl Into<String>) -> ApiError {
    error(400, "InvalidRequest", message)
}
/// An argument is refused; names it and its value.
pub(crate) fn invalid_argument(
    message: impl Into<String>,
    name: impl Into<String>,
    value: impl Into<String>,
) -> ApiError {
    with(with(error(400, "InvalidArgument", message), "ArgumentName", name), "ArgumentValue", value)
}
/// An argument is refused; names it alone.
pub(crate) fn refused_argument(message: impl Into<String>, name: impl Into<String>) -> ApiError {
    with(error(400, "InvalidArgument", message), "ArgumentName", name)
}
/// Some other refusal with a code of its own.
pub(crate) fn other(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> ApiError {
    ApiError::sender(code, message).with_status(status)
}
/// The bucket has no configuration of a kind.
pub(crate) fn absent(code: &'static str, message: &'static str, bucket: &str) -> ApiError {
    with(error(404, code, message), "BucketName", bucket)
}
/// The named configuration does not exist.
pub(crate) fn no_such_configuration() -> ApiError {
    error(404, "NoSuchConfiguration", "The specified configuration does not exist.")
}
/// Another change came first, again and again.
pub(crate) fn operation_aborted() -> ApiError {
    error(
        409,
        "OperationAborted",
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    )
}

/// Ours.
pub(crate) fn internal() -> ApiError {
    ApiError {
        code: "InternalError".into(),
        ..ApiError::internal("We encountered an internal error. Please try again.")
    }
}

/// The disk is full: what S3 says when it cannot take more just now.
pub(crate) fn no_room() -> ApiError {
    ApiError {
        code: "ServiceUnavailable".into(),
        status: 503,
        ..ApiError::internal("The disk of the server is full. Please try again when there is room.")
    }
}

/// What the store cannot read is ours; the words tell nothing about the inside.
pub(crate) fn unreadable(why: &StoreError) -> ApiError {
    tracing::error!(%why, "S3's tables cannot be read");
    ApiError {
        code: "InternalError".into(),
        ..ApiError::internal("We encountered an internal error. Please try again.")
    }
}

/// A commit that did not happen.
pub(crate) fn uncommitted(why: &CommitError) -> ApiError {
    match why {
        CommitError::Conflict { .. } => operation_aborted(),
        CommitError::Unavailable => ApiError {
            code: "SlowDown".into(),
            status: 503,
            ..ApiError::internal("Please reduce your request rate.")
        },
        _ => {
            tracing::error!(%why, "S3's tables cannot be written");
            internal()
        }
    }
}
