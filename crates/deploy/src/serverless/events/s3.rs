//! `s3`: buckets that are made with the stack.

use serde_json::{Map, Value as Json, json};

use super::all;
use crate::document::{Node, Problem};
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service, text, truthy};
use crate::serverless::stack::{Stack, alias, join, reference, set, target};

/// A bucket in the making.
struct Bucket<'s> {
    /// What the events call it: its name, or a key under `provider.s3`.
    key: String,
    name: String,
    settings: Option<&'s Node>,
    notifications: Vec<Json>,
    after: Vec<String>,
}

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    let mut buckets: Vec<Bucket<'_>> = Vec::new();
    for (function, event) in all(service, "s3") {
        match key(event) {
            Ok(key) => {
                notify(service, function, event, key, &mut buckets, stack);
            }
            Err(problem) => problems.push(problem),
        }
    }
    for bucket in &buckets {
        make(bucket, stack);
    }
}

fn key(event: &Event) -> Result<String, Problem> {
    if truthy(&event.node, "existing") {
        return Err(event.problem(
            "the framework changes existing buckets by a program of its own that runs during the deployment, which Moln does \
             not. Declare the bucket under resources, or leave existing out: the bucket is then made with the stack",
        ));
    }
    let bucket = event.get("bucket").unwrap_or(&event.node);
    bucket.scalar_text().ok_or_else(|| event.problem("the name of a bucket that is made here is a string"))
}

fn notify<'s>(
    service: &'s Service<'_>,
    function: &Function,
    event: &Event,
    key: String,
    buckets: &mut Vec<Bucket<'s>>,
    stack: &mut Stack,
) {
    let settings = service.provider_node("s3").and_then(|s3| s3.get(&key));
    let name = settings.and_then(|settings| text(settings, "name")).unwrap_or_else(|| key.clone());
    let rules: Vec<Json> = event
        .get("rules")
        .and_then(Node::as_sequence)
        .unwrap_or_default()
        .iter()
        .filter_map(|rule| rule.as_mapping()?.iter().next())
        .map(|rule| json!({"Name": rule.key, "Value": rule.value.to_json()}))
        .collect();
    let mut notification = json!({
        "Event": event.text("event").unwrap_or_else(|| "s3:ObjectCreated:*".to_owned()),
        "Function": target(function),
    });
    if event.get("rules").is_some() {
        set(&mut notification, "Filter", json!({"S3Key": {"Rules": rules}}));
    }
    let permission =
        format!("{}LambdaPermission{}S3", naming::normalized(&function.key), naming::alphanumeric(&key));
    let after = alias(function).map(|alias| alias.1);
    let properties = json!({
        "FunctionName": target(function),
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": join(&[json!("arn:"), reference("AWS::Partition"), json!(format!(":s3:::{name}"))]),
        "SourceAccount": reference("AWS::AccountId"),
    });
    stack.add_after(&permission, "AWS::Lambda::Permission", after.as_deref(), properties);
    let index = buckets.iter().position(|bucket| bucket.name == name).unwrap_or_else(|| {
        buckets.push(Bucket { key, name, settings, notifications: Vec::new(), after: Vec::new() });
        buckets.len() - 1
    });
    if let Some(bucket) = buckets.get_mut(index) {
        bucket.notifications.push(notification);
        bucket.after.push(permission);
        bucket.after.extend(after);
    }
}

fn make(bucket: &Bucket<'_>, stack: &mut Stack) {
    let mut properties = Map::new();
    properties.insert("BucketName".into(), json!(bucket.name));
    let mut notifications = json!({"LambdaConfigurations": bucket.notifications});
    for entry in bucket.settings.and_then(Node::as_mapping).into_iter().flatten() {
        match entry.key.as_str() {
            "name" => {}
            "notificationConfiguration" => {
                for own in entry.value.as_mapping().into_iter().flatten() {
                    set(&mut notifications, &own.key, own.value.to_json());
                }
            }
            key => {
                properties.insert(naming::upper_first(key), entry.value.to_json());
            }
        }
    }
    properties.insert("NotificationConfiguration".into(), notifications);
    stack.resource(
        &format!("S3Bucket{}", naming::alphanumeric(&bucket.key)),
        json!({"Type": "AWS::S3::Bucket", "Properties": properties, "DependsOn": bucket.after}),
    );
}
