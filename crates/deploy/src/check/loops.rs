//! Functions that call themselves by way of what calls them.

use serde_json::Value;

use super::Finding;
use super::facts::{Facts, is_told};

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let allowed = |function: &Value| function.get("RecursiveLoop").is_some_and(|said| said == "Allow");
    for mapping in facts.queue_mappings() {
        let name = mapping.queue_properties.get("QueueName").and_then(Value::as_str);
        let function = mapping.function_properties;
        if !allowed(function) && is_told(function, mapping.queue, name) {
            let why = format!(
                "{} calls {}, whose environment names the same queue: if it sends there, every message makes the next one, \
                 and the chain is stopped after about 16 rounds",
                mapping.queue, mapping.function
            );
            let mend = "Send to another queue, or say RecursiveLoop: Allow where the loop is meant and ends.";
            findings.push(Finding::of(facts, "queue-loop", mapping.function, "Environment", why, mend));
        }
    }
    for (id, bucket) in facts.all("AWS::S3::Bucket") {
        let name = bucket.get("BucketName").and_then(Value::as_str);
        let configured =
            bucket.pointer("/NotificationConfiguration/LambdaConfigurations").and_then(Value::as_array);
        for notification in configured.into_iter().flatten() {
            let event = notification.get("Event").and_then(Value::as_str).unwrap_or_default();
            let Some((function, properties)) =
                facts.mentioned("AWS::Lambda::Function", notification.get("Function"))
            else {
                continue;
            };
            if event.starts_with("s3:ObjectCreated") && !allowed(properties) && is_told(properties, id, name)
            {
                let why = format!(
                    "{id} calls {function} for new objects, and its environment names the same bucket: if it writes there, \
                     every object makes the next one"
                );
                let mend =
                    "Write to another bucket, or under a prefix that the notification's filter leaves out.";
                findings.push(Finding::of(facts, "bucket-loop", id, "NotificationConfiguration", why, mend));
            }
        }
    }
}
