//! Events that Lambda fetches: queues and streams.

use serde_json::{Map, Value};

use super::function::Target;
use super::policies::{self, Role};
use super::publish;
use super::resource::Made;
use super::work::{Work, judge_members};

/// What goes to the mapping as it is.
const PLAIN: [&str; 18] = [
    "StartingPosition",
    "StartingPositionTimestamp",
    "BatchSize",
    "Enabled",
    "MaximumBatchingWindowInSeconds",
    "MaximumRetryAttempts",
    "BisectBatchOnFunctionError",
    "MaximumRecordAgeInSeconds",
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
    "FunctionResponseTypes",
    "FilterCriteria",
    "KmsKeyArn",
    "ScalingConfig",
    "ProvisionedPollerConfig",
    "MetricsConfig",
    "LoggingConfig",
    "DestinationConfig",
];

/// The mapping of a queue or stream, and what the function's role needs for it.
pub(super) fn make(
    work: &Work<'_>,
    target: &Target,
    role: &mut Role,
    logical: &str,
    kind: &str,
    properties: &Map<String, Value>,
) -> Result<Made, String> {
    let source = if kind == "SQS" { "Queue" } else { "Stream" };
    judge_members(properties, kind, &[PLAIN.as_slice(), &[source]].concat(), &[])?;
    let arn = properties.get(source).ok_or_else(|| format!("Missing required property '{source}'."))?;
    if kind != "SQS" && !properties.contains_key("StartingPosition") {
        return Err("Missing required property 'StartingPosition'.".into());
    }
    let mut mapping = Made::new(logical, "AWS::Lambda::EventSourceMapping", &target.attributes);
    mapping.set("FunctionName", target.name()).set("EventSourceArn", arn.clone());
    mapping.copy(properties, &PLAIN);
    let policy = if kind == "SQS" { "SQSQueue" } else { kind };
    let policy =
        format!("arn:{}:iam::aws:policy/service-role/AWSLambda{policy}ExecutionRole", work.partition);
    role.add_managed(policy.into());
    let failures =
        mapping.properties.get_mut("DestinationConfig").and_then(|config| config.get_mut("OnFailure"));
    if let Some(failures) = failures.and_then(Value::as_object_mut)
        && let Some(kind) = failures.remove("Type")
    {
        let arn = failures.get("Destination").cloned().unwrap_or_default();
        match kind.as_str() {
            Some("SQS") => {
                role.add_policy(policies::policy(&format!("{logical}SQSPolicy"), "sqs:SendMessage", &arn));
            }
            Some("SNS") => {
                role.add_policy(policies::policy(&format!("{logical}SNSPolicy"), "sns:publish", &arn));
            }
            Some("S3") => role.add_policy(publish::s3_policy(logical, &arn)),
            _ => return Err("The only valid values for 'Type' are 'SQS', 'SNS', 'S3', and 'Kafka'".into()),
        }
    }
    Ok(mapping)
}
