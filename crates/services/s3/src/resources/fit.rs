//! From JSON with the API's member names to the API's shapes. A template may write numbers and flags as texts.

use moln_kernel::ApiError;
use moln_wire::{Kind, ReadError, Schema, Shape, json::JsonReader, template};
use serde_json::Value;

use crate::errors;

/// Members that templates name otherwise than the API, wherever they stand.
const NAMES: &[(&str, &str)] = &[
    ("AccelerationStatus", "Status"),
    ("BucketArn", "Bucket"),
    ("CorsRules", "CORSRules"),
    ("DestinationBucketName", "TargetBucket"),
    ("ExposedHeaders", "ExposeHeaders"),
    ("Function", "LambdaFunctionArn"),
    ("Id", "ID"),
    ("LambdaConfigurations", "LambdaFunctionConfigurations"),
    ("LogFilePrefix", "TargetPrefix"),
    ("MaxAge", "MaxAgeSeconds"),
    ("Queue", "QueueArn"),
    ("RedirectRule", "Redirect"),
    ("RoutingRuleCondition", "Condition"),
    ("Rules", "FilterRules"),
    ("S3Key", "Key"),
    ("ServerSideEncryptionByDefault", "ApplyServerSideEncryptionByDefault"),
    ("ServerSideEncryptionConfiguration", "Rules"),
    ("TagFilter", "Tag"),
    ("TagFilters", "Tags"),
    ("Topic", "TopicArn"),
    ("TransitionDate", "Date"),
    ("TransitionInDays", "Days"),
    ("TransitionInDays", "NoncurrentDays"),
];

/// A shape, judged as if a client had sent it.
///
/// Errors: a member that the shape does not have, a value of another kind, one that breaks the model's constraints.
pub(super) fn shape<T: Shape>(value: Value) -> Result<T, ApiError> {
    let unread = |error: ReadError| errors::invalid_request(error.message);
    let fitted = template::fit(value, T::schema(), NAMES).map_err(unread)?.to_string();
    let mut reader = JsonReader::new(fitted.as_bytes(), T::schema()).map_err(unread)?;
    let mut failures = Vec::new();
    let value = moln_wire::validate::check(T::schema(), &mut reader, &mut failures, |reader| T::read(reader));
    let value = value.map_err(unread)?;
    if failures.is_empty() { Ok(value) } else { Err(errors::malformed_xml()) }
}

/// The other way round: a shape's JSON with the names that a template writes, as `wanted` does.
pub(super) fn told(value: Value, schema: &'static Schema, wanted: &Value) -> Value {
    match (schema.kind, value) {
        (Kind::Structure | Kind::Union, Value::Object(members)) => {
            let named = members.into_iter().filter_map(|(wire, value)| {
                let member = schema.members.iter().find(|member| member.wire == wire)?;
                let own = NAMES.iter().find(|of| of.1 == member.name && wanted.get(of.0).is_some());
                let name = own.map_or(member.name, |of| of.0);
                let wanted = wanted.get(name).unwrap_or(&Value::Null);
                Some((name.to_owned(), told(value, member.target(), wanted)))
            });
            Value::Object(named.collect())
        }
        (Kind::List, Value::Array(items)) => {
            let Some(item) = schema.members.first() else { return Value::Array(items) };
            let items = items.into_iter().enumerate();
            items
                .map(|(n, value)| told(value, item.target(), wanted.get(n).unwrap_or(&Value::Null)))
                .collect()
        }
        (_, other) => other,
    }
}
