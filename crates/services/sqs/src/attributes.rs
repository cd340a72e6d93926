//! Queue attributes: which exist, what values they take, what they mean.

use std::collections::BTreeMap;

use moln_kernel::ApiError;
use serde_json::Value;

use crate::{errors, limits};

/// Attributes a client may set, in AWS's order of checking.
const SETTABLE: &[&str] = &[
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];
/// Attributes of FIFO queues only.
const FIFO_ONLY: &[&str] =
    &["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];
/// Attributes that tell the queue's state.
const TOLD: &[&str] = &[
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

/// A redrive policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue.
    pub target_arn: String,
    /// Receives after which a message goes there.
    pub max_receives: u32,
}

/// Who may name this queue as its dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedriveAllow {
    /// Every queue of the account and region.
    #[default]
    All,
    /// None.
    Deny,
    /// These.
    Sources(Vec<String>),
}

/// Attributes read once, for use on every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Milliseconds a received message is hidden.
    pub visibility_ms: u64,
    /// Milliseconds a message is kept.
    pub retention_ms: u64,
    /// Milliseconds a sent message is hidden.
    pub delay_ms: u64,
    /// Seconds a receive waits.
    pub wait_seconds: i32,
    /// Longest message, bytes.
    pub max_bytes: usize,
    /// Deduplicate by content.
    pub content_deduplication: bool,
    /// Deduplicate within the group only.
    pub deduplicate_by_group: bool,
    /// Where dead letters go.
    pub redrive: Option<Redrive>,
    /// Whose dead letters come here.
    pub redrive_allow: RedriveAllow,
}

fn number(attributes: &BTreeMap<String, String>, name: &str, default: u64) -> u64 {
    attributes.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(default)
}

impl Settings {
    /// Reads checked attributes; absent ones have AWS's defaults.
    pub fn of(attributes: &BTreeMap<String, String>) -> Self {
        let is = |name: &str, value: &str| attributes.get(name).is_some_and(|text| text == value);
        Self {
            visibility_ms: number(attributes, "VisibilityTimeout", 30) * 1_000,
            retention_ms: number(attributes, "MessageRetentionPeriod", 345_600) * 1_000,
            delay_ms: number(attributes, "DelaySeconds", 0) * 1_000,
            wait_seconds: i32::try_from(number(attributes, "ReceiveMessageWaitTimeSeconds", 0)).unwrap_or(0),
            max_bytes: usize::try_from(number(
                attributes,
                "MaximumMessageSize",
                limits::MESSAGE_BYTES as u64,
            ))
            .unwrap_or(limits::MESSAGE_BYTES),
            content_deduplication: is("ContentBasedDeduplication", "true"),
            deduplicate_by_group: is("DeduplicationScope", "messageGroup"),
            redrive: attributes.get("RedrivePolicy").and_then(|text| redrive(text).ok()),
            redrive_allow: attributes
                .get("RedriveAllowPolicy")
                .and_then(|text| redrive_allow(text).ok())
                .unwrap_or_default(),
        }
    }
}

/// What a queue answers for attributes that were never set.
pub fn defaults(fifo: bool) -> Vec<(&'static str, &'static str)> {
    let mut defaults = vec![
        ("DelaySeconds", "0"),
        ("MaximumMessageSize", "1048576"),
        ("MessageRetentionPeriod", "345600"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("VisibilityTimeout", "30"),
        ("SqsManagedSseEnabled", "true"),
    ];
    if fifo {
        defaults.extend([
            ("FifoQueue", "true"),
            ("ContentBasedDeduplication", "false"),
            ("DeduplicationScope", "queue"),
            ("FifoThroughputLimit", "perQueue"),
        ]);
    }
    defaults
}

/// Whether a client may ask for it.
pub fn exists(name: &str) -> bool {
    SETTABLE.contains(&name) || TOLD.contains(&name)
}

fn redrive(text: &str) -> Result<Redrive, ApiError> {
    let refuse = |reason: &str| {
        errors::invalid_parameter(format!(
            "Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}"
        ))
    };
    let policy: Value =
        serde_json::from_str(text).map_err(|_| refuse("Redrive policy is not a valid JSON map."))?;
    let policy = policy.as_object().ok_or_else(|| refuse("Redrive policy is not a valid JSON map."))?;
    let target = policy
        .get("deadLetterTargetArn")
        .and_then(Value::as_str)
        .ok_or_else(|| refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn."))?;
    let count = policy
        .get("maxReceiveCount")
        .ok_or_else(|| refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount."))?;
    if policy.len() > 2 {
        return Err(refuse(
            "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].",
        ));
    }
    let (least, most) = limits::MAX_RECEIVE_COUNT;
    let max_receives = count
        .as_u64()
        .or_else(|| count.as_str().and_then(|text| text.parse().ok()))
        .filter(|count| (least..=most).contains(count))
        .and_then(|count| u32::try_from(count).ok())
        .ok_or_else(|| {
            refuse("Invalid value for maxReceiveCount. It should be an integer between 1 and 1000.")
        })?;
    if !target.starts_with("arn:") {
        return Err(refuse("Dead letter target does not exist or is not a valid ARN."));
    }
    Ok(Redrive { target_arn: target.to_owned(), max_receives })
}

fn redrive_allow(text: &str) -> Result<RedriveAllow, ApiError> {
    let refuse = |reason: &str| {
        errors::invalid_parameter(format!(
            "Value {text} for parameter RedriveAllowPolicy is invalid. Reason: {reason}"
        ))
    };
    let policy: Value = serde_json::from_str(text).map_err(|_| {
        refuse("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
    })?;
    let sources = policy.get("sourceQueueArns").and_then(Value::as_array);
    match (policy.get("redrivePermission").and_then(Value::as_str), sources) {
        (Some("allowAll"), None) => Ok(RedriveAllow::All),
        (Some("denyAll"), None) => Ok(RedriveAllow::Deny),
        (Some("byQueue"), Some(sources))
            if !sources.is_empty() && sources.len() <= limits::ALLOWED_SOURCES =>
        {
            Ok(RedriveAllow::Sources(sources.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
        }
        _ => {
            Err(refuse("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format."))
        }
    }
}

fn checked_number(name: &str, value: &str, (least, most): (u64, u64)) -> Result<String, ApiError> {
    value
        .trim()
        .parse::<u64>()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .map(|number| number.to_string())
        .ok_or_else(|| errors::invalid_attribute(name, None))
}

fn checked_flag(name: &str, value: &str) -> Result<String, ApiError> {
    match value.to_ascii_lowercase().as_str() {
        flag @ ("true" | "false") => Ok(flag.to_owned()),
        _ => Err(errors::invalid_attribute(name, None)),
    }
}

/// Checks a value and gives it in its plain form; `None`: the attribute is removed (an empty policy).
fn checked(name: &str, value: &str) -> Result<Option<String>, ApiError> {
    let second = |range: i32| (0, u64::from(range.unsigned_abs()));
    let plain = match name {
        "DelaySeconds" => checked_number(name, value, second(limits::DELAY_SECONDS))?,
        "VisibilityTimeout" => checked_number(name, value, second(limits::VISIBILITY_SECONDS))?,
        "ReceiveMessageWaitTimeSeconds" => checked_number(name, value, second(limits::WAIT_SECONDS))?,
        "MaximumMessageSize" => checked_number(name, value, limits::MESSAGE_BYTES_RANGE)?,
        "MessageRetentionPeriod" => checked_number(name, value, limits::RETENTION_SECONDS)?,
        "KmsDataKeyReusePeriodSeconds" => checked_number(name, value, limits::KMS_REUSE_SECONDS)?,
        "SqsManagedSseEnabled" | "FifoQueue" | "ContentBasedDeduplication" => checked_flag(name, value)?,
        "DeduplicationScope" if matches!(value, "queue" | "messageGroup") => value.to_owned(),
        "FifoThroughputLimit" if matches!(value, "perQueue" | "perMessageGroupId") => value.to_owned(),
        "DeduplicationScope" | "FifoThroughputLimit" => return Err(errors::invalid_attribute(name, None)),
        _ if value.is_empty() => return Ok(None),
        "RedrivePolicy" => redrive(value).map(|_| value.to_owned())?,
        "RedriveAllowPolicy" => redrive_allow(value).map(|_| value.to_owned())?,
        "Policy" => match serde_json::from_str::<Value>(value) {
            Ok(Value::Object(policy)) if policy.contains_key("Statement") => value.to_owned(),
            _ => return Err(errors::invalid_attribute(name, None)),
        },
        _ => value.to_owned(),
    };
    Ok(Some(plain))
}

/// Applies a client's attributes to those a queue has. `created`: the queue exists, its kind cannot change.
pub fn apply(
    attributes: &mut BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    fifo: bool,
    created: bool,
) -> Result<(), ApiError> {
    for name in wanted.keys() {
        if !SETTABLE.contains(&name.as_str()) || (!fifo && FIFO_ONLY.contains(&name.as_str())) {
            return Err(errors::unknown_attribute(name));
        }
    }
    for name in SETTABLE {
        let Some(value) = wanted.get(*name) else { continue };
        let value = checked(name, value)?;
        if *name == "FifoQueue" && created && value.as_deref() != Some("true") {
            return Err(errors::invalid_attribute(name, Some("Modifying queue type is not supported.")));
        }
        match value {
            Some(value) => attributes.insert((*name).to_owned(), value),
            None => attributes.remove(*name),
        };
    }
    if attributes.get("FifoThroughputLimit").is_some_and(|limit| limit == "perMessageGroupId")
        && attributes.get("DeduplicationScope").is_none_or(|scope| scope != "messageGroup")
    {
        return Err(errors::invalid_parameter(
            "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.",
        ));
    }
    let wants = |name: &str| wanted.get(name).is_some_and(|value| !value.is_empty());
    if wants("KmsMasterKeyId") {
        if wanted.get("SqsManagedSseEnabled").is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
            return Err(errors::invalid_attribute(
                "SqsManagedSseEnabled",
                Some(
                    "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS \
                      SSE or SQS SSE.",
                ),
            ));
        }
        attributes.insert("SqsManagedSseEnabled".into(), "false".into());
    } else if wanted.get("SqsManagedSseEnabled").is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
        attributes.remove("KmsMasterKeyId");
        attributes.remove("KmsDataKeyReusePeriodSeconds");
    }
    if !attributes.contains_key("KmsMasterKeyId") && wanted.contains_key("KmsMasterKeyId") {
        attributes.remove("KmsDataKeyReusePeriodSeconds");
    }
    Ok(())
}

/// The name of the first attribute in which a second `CreateQueue` differs from the queue there is.
pub fn difference(
    attributes: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    fifo: bool,
) -> Result<Option<String>, ApiError> {
    let mut fresh = BTreeMap::new();
    apply(&mut fresh, wanted, fifo, false)?;
    let defaults = defaults(fifo);
    let told = |name: &str| {
        attributes
            .get(name)
            .map(String::as_str)
            .or_else(|| defaults.iter().find(|entry| entry.0 == name).map(|entry| entry.1))
    };
    let same = |name: &str, wanted: &str| match told(name) {
        None => wanted.is_empty(),
        Some(there) if there == wanted => true,
        // Policies are the same when they say the same.
        Some(there) => match (serde_json::from_str::<Value>(there), serde_json::from_str::<Value>(wanted)) {
            (Ok(there), Ok(wanted)) => there.is_object() && there == wanted,
            _ => false,
        },
    };
    Ok(wanted.iter().find_map(|(name, value)| {
        let value = fresh.get(name).unwrap_or(value);
        (!same(name, value)).then(|| name.clone())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn ranges_are_aws_s() {
        for (name, good, bad) in [
            ("DelaySeconds", "900", "901"),
            ("VisibilityTimeout", "43200", "43201"),
            ("ReceiveMessageWaitTimeSeconds", "20", "21"),
            ("MaximumMessageSize", "1024", "1023"),
            ("MessageRetentionPeriod", "60", "59"),
            ("KmsDataKeyReusePeriodSeconds", "86400", "x"),
            ("DelaySeconds", "0", "-1"),
        ] {
            assert!(apply(&mut BTreeMap::new(), &map(&[(name, good)]), false, false).is_ok());
            let error = apply(&mut BTreeMap::new(), &map(&[(name, bad)]), false, false).unwrap_err();
            assert_eq!(
                (error.code.as_ref(), error.message),
                ("InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
            );
        }
    }

    #[test]
    fn fifo_attributes_and_unknown_ones_are_refused_on_standard_queues() {
        for name in ["FifoQueue", "ContentBasedDeduplication", "Nonsense", "QueueArn"] {
            let error = apply(&mut BTreeMap::new(), &map(&[(name, "true")]), false, false).unwrap_err();
            assert_eq!(error.message, format!("Unknown Attribute {name}."));
        }
        let per_group = map(&[("FifoThroughputLimit", "perMessageGroupId")]);
        assert!(apply(&mut BTreeMap::new(), &per_group, true, false).is_err());
    }

    #[test]
    fn one_kind_of_encryption_at_a_time() {
        let mut attributes = BTreeMap::new();
        apply(
            &mut attributes,
            &map(&[("KmsMasterKeyId", "key"), ("KmsDataKeyReusePeriodSeconds", "6000")]),
            false,
            true,
        )
        .unwrap();
        assert_eq!(attributes["SqsManagedSseEnabled"], "false");
        apply(
            &mut attributes,
            &map(&[("KmsMasterKeyId", ""), ("KmsDataKeyReusePeriodSeconds", "300")]),
            false,
            true,
        )
        .unwrap();
        assert_eq!(attributes, map(&[("SqsManagedSseEnabled", "false")]));
    }

    #[test]
    fn redrive_policies_are_read_strictly() {
        let good = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:d","maxReceiveCount":"3"}"#;
        assert_eq!(redrive(good).unwrap().max_receives, 3);
        for bad in [
            "x",
            "[]",
            "{}",
            r#"{"deadLetterTargetArn":"arn:x"}"#,
            r#"{"deadLetterTargetArn":"arn:x","maxReceiveCount":0}"#,
        ] {
            assert!(redrive(bad).is_err(), "{bad}");
        }
        assert_eq!(redrive_allow(r#"{"redrivePermission":"denyAll"}"#), Ok(RedriveAllow::Deny));
        assert!(redrive_allow(r#"{"redrivePermission":"byQueue"}"#).is_err());
    }

    #[test]
    fn creating_again_with_the_same_attributes_is_no_change() {
        let there = map(&[("DelaySeconds", "1"), ("RedrivePolicy", r#"{"a": 1}"#)]);
        assert_eq!(difference(&there, &map(&[("DelaySeconds", "1")]), false), Ok(None));
        assert_eq!(difference(&there, &map(&[("VisibilityTimeout", "30")]), false), Ok(None));
        assert_eq!(
            difference(&there, &map(&[("DelaySeconds", "2")]), false),
            Ok(Some("DelaySeconds".into()))
        );
    }
}
