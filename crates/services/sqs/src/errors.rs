//! SQS's errors: the modelled shape name (AWS JSON), the code of the old query protocol, and AWS's words.

use moln_kernel::ApiError;

fn named(code: &'static str, query: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::sender(code, message).with_query_code(query)
}

/// No such queue, or not yours to know.
pub fn queue_does_not_exist() -> ApiError {
    named(
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    )
    .with_query_message("The specified queue does not exist for this wsdl version.")
}
/// The name is taken by a queue with another value of `attribute`.
pub fn queue_name_exists(attribute: &str) -> ApiError {
    named(
        "QueueNameExists",
        "QueueAlreadyExists",
        format!("A queue already exists with the same name and a different value for attribute {attribute}"),
    )
}
/// A queue of that name was deleted within the last minute.
pub fn queue_deleted_recently() -> ApiError {
    named(
        "QueueDeletedRecently",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    )
}
/// The queue was purged within the last minute.
pub fn purge_in_progress(queue: &str) -> ApiError {
    named(
        "PurgeQueueInProgress",
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        format!("Only one PurgeQueue operation on {queue} is allowed every 60 seconds."),
    )
    .with_status(403)
}
/// A parameter's value is refused, in AWS's free words.
pub fn invalid_parameter(message: impl Into<String>) -> ApiError {
    named("InvalidParameterValueException", "InvalidParameterValue", message)
}
/// A parameter's value is refused: `Value V for parameter P is invalid. Reason: R`.
pub fn invalid_value(value: impl std::fmt::Display, parameter: &str, reason: &str) -> ApiError {
    invalid_parameter(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}
/// A required parameter is missing.
pub fn missing_parameter(name: &str) -> ApiError {
    named(
        "MissingRequiredParameterException",
        "MissingParameter",
        format!("The request must contain the parameter {name}."),
    )
}
/// No attribute of that name.
pub fn unknown_attribute(name: &str) -> ApiError {
    named("InvalidAttributeName", "InvalidAttributeName", format!("Unknown Attribute {name}."))
}
/// An attribute's value is refused.
pub fn invalid_attribute(name: &str, reason: Option<&str>) -> ApiError {
    let message = match reason {
        Some(reason) => format!("Invalid value for the parameter {name}. Reason: {reason}"),
        None => format!("Invalid value for the parameter {name}."),
    };
    named("InvalidAttributeValue", "InvalidAttributeValue", message)
}
/// The body or an attribute has a character outside the allowed set.
pub fn invalid_contents(message: impl Into<String>) -> ApiError {
    named("InvalidMessageContents", "InvalidMessageContents", message)
}
/// Not a receipt handle of this queue.
pub fn invalid_handle(handle: &str) -> ApiError {
    named(
        "ReceiptHandleIsInvalid",
        "ReceiptHandleIsInvalid",
        format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
    )
}
/// The message is visible again.
pub fn not_in_flight(handle: &str) -> ApiError {
    named(
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
        format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not \
             available for visibility timeout change."
        ),
    )
}
/// The message is gone, or was received by someone else since.
pub fn not_available(handle: &str) -> ApiError {
    invalid_value(
        handle,
        "ReceiptHandle",
        "Message does not exist or is not available for visibility timeout change.",
    )
}
/// A FIFO queue's message became visible again: the handle is worth nothing.
pub fn handle_expired(handle: &str) -> ApiError {
    invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
}
/// Too many messages in flight, permissions, or the like.
pub fn over_limit(message: impl Into<String>) -> ApiError {
    named("OverLimit", "OverLimit", message).with_status(403)
}
/// The operation does not fit the queue or its state.
pub fn unsupported(message: impl Into<String>) -> ApiError {
    named("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", message)
}
/// A batch without entries.
pub fn empty_batch(entry: &str) -> ApiError {
    named(
        "EmptyBatchRequest",
        "AWS.SimpleQueueService.EmptyBatchRequest",
        format!("There should be at least one {entry} in the request."),
    )
}
/// A batch with too many entries.
pub fn too_many_entries(sent: usize) -> ApiError {
    named(
        "TooManyEntriesInBatchRequest",
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        format!(
            "Maximum number of entries per request are {}. You have sent {sent}.",
            crate::limits::BATCH_ENTRIES
        ),
    )
}
/// Two entries with one id.
pub fn ids_not_distinct(id: &str) -> ApiError {
    named(
        "BatchEntryIdsNotDistinct",
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        format!("Id {id} repeated."),
    )
}
/// An entry's id has other characters than allowed, or too many.
pub fn invalid_entry_id() -> ApiError {
    named(
        "InvalidBatchEntryId",
        "AWS.SimpleQueueService.InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 \
         letters long.",
    )
}
/// The sum of a batch is over the limit.
pub fn batch_too_long(sent: usize) -> ApiError {
    let most = crate::limits::MESSAGE_BYTES;
    named(
        "BatchRequestTooLong",
        "AWS.SimpleQueueService.BatchRequestTooLong",
        format!("Batch requests cannot be longer than {most} bytes. You have sent {sent} bytes."),
    )
}
/// A resource of a message move task does not exist.
pub fn resource_not_found(message: impl Into<String>) -> ApiError {
    named("ResourceNotFoundException", "ResourceNotFoundException", message).with_status(404)
}
/// Another account's queue whose policy does not let the caller in.
pub fn access_denied(action: &str) -> ApiError {
    named(
        "AccessDenied",
        "AccessDenied",
        format!("User is not authorized to perform: sqs:{action} on the resource: the queue's policy does not allow it."),
    )
    .with_status(403)
}
/// Not the URL of a queue.
pub fn invalid_address(url: &str) -> ApiError {
    named("InvalidAddress", "InvalidAddress", format!("The address {url} is not valid for this endpoint."))
        .with_status(404)
}
/// The store did not take the commit; nothing was acknowledged.
pub fn unavailable() -> ApiError {
    ApiError { status: 503, ..ApiError::internal("The service is unavailable. Please try again.") }
}
