//! What may be asked of a mapping of a queue, in AWS's words where they are known.

use std::time::Duration;

use moln_kernel::{ApiError, Arn, Context, ports::ReceiveFromQueue};

use super::{
    filter::Filter,
    limits::{BATCH, FILTERS, SMALL_BATCH},
    row::MappingRow,
    source::visibility_concern,
};
use crate::{
    destinations::is_fifo,
    errors,
    model::{CreateEventSourceMappingRequest, FilterCriteria, UpdateEventSourceMappingRequest},
};

/// Members that say something about streams, Kafka, message brokers or databases only.
const ELSEWHERE: &str = "Unsupported parameter for given event source mapping type.";

/// What kind of source an ARN names, and whether there are such here.
pub(crate) fn source(input: &CreateEventSourceMappingRequest) -> Result<String, ApiError> {
    let Some(text) = &input.event_source_arn else {
        return Err(match input.self_managed_event_source {
            Some(_) => not_built("self-managed Kafka"),
            None => errors::invalid_parameter("Unrecognized event source."),
        });
    };
    let arn: Arn = text.parse().map_err(|_| errors::invalid_parameter("Unrecognized event source."))?;
    match arn.service() {
        "sqs" => Ok(text.clone()),
        "kinesis" | "dynamodb" => {
            let starting = input.starting_position.as_deref().ok_or_else(|| {
                errors::invalid_parameter(
                    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member \
                     must not be null.",
                )
            })?;
            if arn.service() == "dynamodb" && starting == "AT_TIMESTAMP" {
                let message = format!("Unsupported starting position for arn type: {text}");
                return Err(errors::invalid_parameter(message));
            }
            Err(not_built(if arn.service() == "kinesis" { "Kinesis streams" } else { "DynamoDB streams" }))
        }
        "kafka" => Err(not_built("Amazon MSK")),
        "mq" => Err(not_built("Amazon MQ")),
        "rds" => Err(not_built("DocumentDB")),
        _ => Err(errors::invalid_parameter("Unrecognized event source.")),
    }
}

fn not_built(what: &str) -> ApiError {
    let message = format!("Moln does not read from {what} yet: queues are the event sources there are.");
    ApiError {
        status: 501,
        fault: moln_kernel::Fault::Receiver,
        ..ApiError::sender("NotImplemented", message)
    }
}

/// Refuses what only other sources know.
pub(crate) fn only_queues(input: &CreateEventSourceMappingRequest) -> Result<(), ApiError> {
    let elsewhere = input.starting_position.is_some()
        || input.starting_position_timestamp.is_some()
        || input.parallelization_factor.is_some()
        || input.destination_config.is_some()
        || input.maximum_record_age_in_seconds.is_some()
        || input.bisect_batch_on_function_error.is_some()
        || input.maximum_retry_attempts.is_some()
        || input.tumbling_window_in_seconds.is_some_and(|seconds| seconds != 0)
        || input.topics.is_some()
        || input.queues.is_some()
        || input.source_access_configurations.is_some()
        || input.self_managed_event_source.is_some()
        || input.amazon_managed_kafka_event_source_config.is_some()
        || input.self_managed_kafka_event_source_config.is_some()
        || input.document_db_event_source_config.is_some()
        || input.logging_config.is_some();
    if elsewhere { Err(errors::invalid_parameter(ELSEWHERE)) } else { Ok(()) }
}

/// The same of a change.
pub(crate) fn only_queues_changed(input: &UpdateEventSourceMappingRequest) -> Result<(), ApiError> {
    let elsewhere = input.parallelization_factor.is_some()
        || input.destination_config.is_some()
        || input.maximum_record_age_in_seconds.is_some()
        || input.bisect_batch_on_function_error.is_some()
        || input.maximum_retry_attempts.is_some()
        || input.tumbling_window_in_seconds.is_some_and(|seconds| seconds != 0)
        || input.source_access_configurations.is_some()
        || input.amazon_managed_kafka_event_source_config.is_some()
        || input.self_managed_kafka_event_source_config.is_some()
        || input.document_db_event_source_config.is_some()
        || input.logging_config.is_some();
    if elsewhere { Err(errors::invalid_parameter(ELSEWHERE)) } else { Ok(()) }
}

/// The patterns of filter criteria, each of which must be one.
pub(crate) fn filters(criteria: Option<FilterCriteria>) -> Result<Vec<String>, ApiError> {
    let filters = criteria.and_then(|criteria| criteria.filters).unwrap_or_default();
    if filters.len() > FILTERS {
        return Err(errors::invalid_parameter(format!(
            "Number of filters in FilterCriteria must be at most {FILTERS}."
        )));
    }
    let patterns: Vec<String> = filters.into_iter().filter_map(|filter| filter.pattern).collect();
    match Filter::read(&patterns) {
        Ok(_) => Ok(patterns),
        Err(why) => {
            tracing::debug!(%why, "a filter is refused");
            Err(errors::invalid_parameter("Invalid filter pattern definition."))
        }
    }
}

/// How large batches may be, and how long they may wait.
pub(crate) fn batches(row: &MappingRow) -> Result<(), ApiError> {
    let fifo = is_fifo(&row.source);
    if fifo && row.window > 0 {
        return Err(errors::invalid_parameter("Batching window is not supported for FIFO queues"));
    }
    if fifo && row.batch_size > SMALL_BATCH {
        return Err(errors::invalid_parameter(format!(
            "Batch size for FIFO queues must be less than or equal to {SMALL_BATCH}"
        )));
    }
    if row.batch_size > SMALL_BATCH && row.window == 0 {
        return Err(errors::invalid_parameter(format!(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than {SMALL_BATCH}"
        )));
    }
    if row.maximum_concurrency.is_some() && row.provisioned.is_some() {
        return Err(errors::invalid_parameter(
            "ScalingConfig and ProvisionedPollerConfig cannot be used together.",
        ));
    }
    if let Some((Some(least), Some(most))) = row.provisioned
        && least > most
    {
        return Err(errors::invalid_parameter(
            "MinimumPollers must be less than or equal to MaximumPollers.",
        ));
    }
    Ok(())
}

/// What the queue says: it must be there, and hide messages for as long as the function may take.
pub(crate) async fn queue(
    queues: &dyn ReceiveFromQueue,
    ctx: &Context,
    row: &MappingRow,
    timeout: Duration,
) -> Result<(), ApiError> {
    let facts = queues.facts(ctx, &row.source).await.map_err(|error| {
        let code = error.query_code.as_ref().unwrap_or(&error.code);
        let words = error.query_message.as_deref().unwrap_or(&error.message);
        errors::invalid_parameter(format!(
            "Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {words}"
        ))
    })?;
    match visibility_concern(facts.visibility_timeout, timeout) {
        Some(concern) => Err(errors::invalid_parameter(concern)),
        None => Ok(()),
    }
}

/// Records of a batch where nothing is set.
pub(crate) fn default_batch() -> i32 {
    BATCH
}
