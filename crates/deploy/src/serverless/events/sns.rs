//! `sns`.

use serde_json::{Value as Json, json};

use super::{all, member, own_arn};
use crate::document::{Node, Problem};
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service};
use crate::serverless::stack::{Stack, alias, join, reference, set, target};

/// The topic of an event.
struct Topic {
    name: String,
    /// None if the topic is made here.
    arn: Option<Json>,
    region: Option<String>,
}

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    for (function, event) in all(service, "sns") {
        match topic(service, event) {
            Ok(topic) => subscribe(function, event, &topic, stack),
            Err(problem) => problems.push(problem),
        }
    }
}

fn topic(service: &Service<'_>, event: &Event) -> Result<Topic, Problem> {
    let given = event.text("topicName");
    let arn = event
        .get("arn")
        .or_else(|| event.node.as_str().filter(|t| t.starts_with("arn:")).map(|_| &event.node));
    let Some(arn) = arn else {
        let name = given.or_else(|| event.node.scalar_text()).unwrap_or_default();
        return Ok(Topic { name, arn: None, region: None });
    };
    let mut region = None;
    let mut name = given;
    if let Some(text) = arn.as_str() {
        // The `::` of a pseudo parameter divides nothing.
        let marked = text.replace("::", "@@");
        let parts: Vec<String> = marked.split(':').map(|part| part.replace("@@", "::")).collect();
        name = name.or_else(|| parts.last().cloned());
        if event.get("arn").is_some() {
            region = parts.get(3).filter(|region| **region != service.region).cloned();
        }
    }
    let name = name.ok_or_else(|| {
        event.problem(
            "topicName is needed where the ARN is a function: the names of the resources are made of it",
        )
    })?;
    Ok(Topic { name, arn: Some(arn.to_json()), region })
}

fn subscribe(function: &Function, event: &Event, topic: &Topic, stack: &mut Stack) {
    let id = naming::normalized(&function.key);
    let name = naming::alphanumeric(&topic.name);
    let subscription = format!("{id}SnsSubscription{name}");
    let topic_id = format!("SNSTopic{name}");
    let topic_arn = topic.arn.clone().unwrap_or_else(|| own_arn("sns", json!(topic.name)));
    let redrive = redrive(event, &topic_arn, &format!("{name}To{id}DLQPolicy"), stack);
    let after = alias(function).map(|alias| alias.1);
    let policy = member(event, "filterPolicy");
    let plain = topic.arn.is_none() && policy.is_null() && redrive.is_null();
    if topic.arn.is_none() && !stack.resources.contains_key(&topic_id) {
        let properties = json!({"TopicName": topic.name, "DisplayName": member(event, "displayName")});
        stack.add_after(&topic_id, "AWS::SNS::Topic", after.as_deref(), properties);
    }
    if plain {
        let entry = json!({"Endpoint": target(function), "Protocol": "lambda"});
        if let Some(topic) = stack.resources.get_mut(&topic_id) {
            match topic.pointer_mut("/Properties/Subscription").and_then(Json::as_array_mut) {
                Some(there) => there.push(entry),
                None => topic
                    .pointer_mut("/Properties")
                    .into_iter()
                    .for_each(|p| set(p, "Subscription", json!([entry]))),
            }
        }
    } else {
        let properties = json!({
            "TopicArn": topic.arn.clone().unwrap_or_else(|| reference(&topic_id)),
            "Protocol": "lambda",
            "Endpoint": target(function),
            "FilterPolicy": policy,
            "FilterPolicyScope": member(event, "filterPolicyScope"),
            "RedrivePolicy": redrive,
            "Region": topic.region,
        });
        let after = after.filter(|_| topic.arn.is_some());
        stack.add_after(&subscription, "AWS::SNS::Subscription", after.as_deref(), properties);
    }
    stack.permit(&format!("{id}LambdaPermission{name}SNS"), function, json!("sns.amazonaws.com"), topic_arn);
}

/// Where messages go that cannot be delivered, and the topic's leave to send there.
fn redrive(event: &Event, topic: &Json, id: &str, stack: &mut Stack) -> Json {
    let Some(policy) = event.get("redrivePolicy") else { return Json::Null };
    let text = |path: &str| crate::serverless::service::text(policy, path);
    let (arn, url) = if let Some(arn) = text("deadLetterTargetArn") {
        let mut parts = arn.rsplit(':');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (queue, account, region) = (part(), part(), part());
        let host = json!(format!("https://sqs.{region}."));
        let url = join(&[host, reference("AWS::URLSuffix"), json!(format!("/{account}/{queue}"))]);
        (json!(arn), url)
    } else if let Some(id) = text("deadLetterTargetRef") {
        (json!({"Fn::GetAtt": [id, "Arn"]}), reference(&id))
    } else {
        let import = |path: &str| json!({"Fn::ImportValue": policy.get("deadLetterTargetImport").and_then(|i| i.get(path)).map(Node::to_json)});
        (import("arn"), import("url"))
    };
    let statement = json!({
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    });
    let document = json!({"Version": "2012-10-17", "Id": id, "Statement": [statement]});
    stack.add(id, "AWS::SQS::QueuePolicy", json!({"PolicyDocument": document, "Queues": [url]}));
    json!({"deadLetterTargetArn": arn})
}
