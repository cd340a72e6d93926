//! `queue`: a queue, the function that works it off, and a queue for what fails.

use serde_json::{Map, Value as Json, json};

use super::{Construct, attribute, function_name, logical_id};
use crate::document::{Node, Problem};
use crate::serverless::service::{Event, Service, get};
use crate::serverless::stack::set;

/// Seconds that messages stay in the queue of what failed: as long as there is.
const KEPT: u32 = 14 * 24 * 60 * 60;

/// What `${construct:}` gives.
pub(super) fn variables(id: &str) -> Vec<(&'static str, Json)> {
    let (queue, dead) = (logical_id(id, &["Queue"], true), logical_id(id, &["Dlq"], true));
    vec![
        ("queueUrl", json!({"Ref": queue})),
        ("queueArn", attribute(&queue, "Arn")),
        ("dlqUrl", json!({"Ref": dead})),
        ("dlqArn", attribute(&dead, "Arn")),
    ]
}

pub(super) fn make(construct: &mut Construct<'_>, service: &mut Service<'_>) -> Result<(), Problem> {
    let id = construct.id.to_owned();
    let number = |construct: &Construct<'_>, path: &str| construct.json(path).and_then(|n| n.as_f64());
    let fifo = construct.json("fifo") == Some(json!(true));
    let window = number(construct, "maxBatchingWindow").unwrap_or_default();
    let worker = get(construct.node, "worker");
    let named = worker.and_then(Node::as_str).map(str::to_owned);
    let timeout = match &named {
        Some(name) => {
            let Some(function) = service.function(name) else {
                return Err(
                    construct.wrong("worker", format!("there is no function \"{name}\" in this file"))
                );
            };
            function.get("timeout").map(Node::to_json)
        }
        None => worker.and_then(|worker| get(worker, "timeout")).map(Node::to_json),
    };
    // The provider's timeout does not count here: the construct does not look at it.
    let timeout = timeout.and_then(|n| n.as_f64().or_else(|| n.as_str()?.parse().ok())).unwrap_or(6.0);
    check(construct, fifo, window)?;
    let dead = construct.resource_id(&["Dlq"]);
    let queue = construct.resource_id(&["Queue"]);
    let key = key(construct)?;
    let base = format!("{}-{id}", service.stack_name());
    let suffix = if fifo { ".fifo" } else { "" };

    let mut properties = Map::new();
    properties.insert("MessageRetentionPeriod".into(), json!(KEPT));
    properties.insert("QueueName".into(), json!(format!("{base}-dlq{suffix}")));
    common(&mut properties, fifo, key.as_ref());
    construct.add_with_policy(&dead, "AWS::SQS::Queue", "Delete", Json::Object(properties));

    let mut properties = Map::new();
    properties.insert("QueueName".into(), json!(format!("{base}{suffix}")));
    properties.insert(
        "RedrivePolicy".into(),
        json!({
            "deadLetterTargetArn": attribute(&dead, "Arn"),
            "maxReceiveCount": construct.json("maxRetries").unwrap_or(json!(3)),
        }),
    );
    properties.insert("VisibilityTimeout".into(), whole(timeout * 6.0 + window));
    if let Some(delay) = construct.json("delay") {
        properties.insert("DelaySeconds".into(), delay);
    }
    if fifo {
        properties.insert("ContentBasedDeduplication".into(), json!(true));
    }
    common(&mut properties, fifo, key.as_ref());
    construct.add_with_policy(&queue, "AWS::SQS::Queue", "Delete", Json::Object(properties));
    construct.extensible = vec![("queue", queue.clone()), ("dlq", dead.clone())];
    if let Some(mail) = construct.text("alarm") {
        alarm(construct, &service.stack_name(), &dead, &mail);
    }
    construct.output("QueueArn", Some(format!("ARN of the \"{id}\" SQS queue.")), attribute(&queue, "Arn"));
    construct.output("QueueUrl", Some(format!("URL of the \"{id}\" SQS queue.")), json!({"Ref": queue}));
    construct.output(
        "DlqUrl",
        Some(format!("URL of the \"{id}\" SQS dead letter queue.")),
        json!({"Ref": dead}),
    );
    construct.statements.push(json!({
        "Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:ChangeMessageVisibility"],
        "Resource": [attribute(&queue, "Arn")],
    }));

    let name = named.unwrap_or_else(|| function_name(&id, "Worker"));
    if let Some(worker) = worker.filter(|worker| worker.as_str().is_none()) {
        service.add_function(&name, worker.clone(), format!("constructs.{id}.worker"));
    }
    let mut event = json!({
        "arn": attribute(&queue, "Arn"),
        "batchSize": construct.json("batchSize").unwrap_or(json!(1)),
        "maximumBatchingWindow": whole(window),
        "functionResponseType": "ReportBatchItemFailures",
    });
    if let Some(most) = construct.json("maxConcurrency") {
        set(&mut event, "maximumConcurrency", most);
    }
    let node = Node::from_json(&event, construct.node.place);
    let event = Event { kind: "sqs".to_owned(), node, path: format!("constructs.{id}") };
    if let Some(function) = service.functions.iter_mut().find(|function| function.key == name) {
        function.events.push(event);
    }
    Ok(())
}

fn check(construct: &Construct<'_>, fifo: bool, window: f64) -> Result<(), Problem> {
    let number = |path: &str| construct.json(path).and_then(|n| n.as_f64());
    if number("delay").is_some_and(|delay| !(0.0..=900.0).contains(&delay)) {
        return Err(construct.wrong("delay", "a delay is between 0 and 900 seconds"));
    }
    let batch = number("batchSize").unwrap_or_default();
    if batch > 10.0 && fifo {
        return Err(construct.wrong("batchSize", "a FIFO queue has batches of at most 10"));
    }
    if batch > 10.0 && window == 0.0 {
        return Err(construct.wrong("batchSize", "batches of more than 10 need a maxBatchingWindow"));
    }
    Ok(())
}

/// The key that messages are encrypted with; for one of its own a resource is added.
fn key(construct: &mut Construct<'_>) -> Result<Option<Json>, Problem> {
    match construct.text("encryption").as_deref() {
        None | Some("") => Ok(None),
        Some("kmsManaged") => Ok(Some(json!("alias/aws/sqs"))),
        Some("kms") => {
            let Some(name) = construct.text("encryptionKey").filter(|name| !name.is_empty()) else {
                return Err(
                    construct.wrong("encryption", "encryption with kms needs encryptionKey, the key's name")
                );
            };
            let id = construct.resource_id(&[&name]);
            let root = json!({"Fn::Join": ["", [
                "arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"
            ]]});
            let statement =
                json!({"Action": "kms:*", "Effect": "Allow", "Principal": {"AWS": root}, "Resource": "*"});
            let policy = json!({"KeyPolicy": {"Statement": [statement], "Version": "2012-10-17"}});
            construct.add_with_policy(&id, "AWS::KMS::Key", "Retain", policy);
            Ok(Some(attribute(&id, "Arn")))
        }
        Some(other) => {
            Err(construct
                .wrong("encryption", format!("\"{other}\" is not known: there are kms and kmsManaged")))
        }
    }
}

fn common(properties: &mut Map<String, Json>, fifo: bool, key: Option<&Json>) {
    if fifo {
        properties.insert("FifoQueue".into(), json!(true));
    }
    if let Some(key) = key {
        properties.insert("KmsMasterKeyId".into(), key.clone());
    }
}

/// A whole number of seconds, or what was written.
fn whole(seconds: f64) -> Json {
    #[expect(clippy::cast_possible_truncation)]
    if seconds.fract() == 0.0 { json!(seconds as i64) } else { json!(seconds) }
}

/// A mail as soon as something is in the queue of what failed.
fn alarm(construct: &mut Construct<'_>, stack: &str, dead: &str, mail: &str) {
    let id = construct.id.to_owned();
    let topic = construct.resource_id(&["AlarmTopic"]);
    let display: String = format!("[Alert][{id}] failed jobs in the DLQ.").chars().take(100).collect();
    let name = format!("{stack}-{id}-dlq-alarm");
    construct.add(
        &topic,
        "AWS::SNS::Topic",
        json!({"DisplayName": display, "TopicName": format!("{name}-topic")}),
    );
    let subscription = construct.resource_id(&["AlarmTopicSubscription"]);
    let properties = json!({"Endpoint": mail, "Protocol": "email", "TopicArn": {"Ref": topic}});
    construct.add(&subscription, "AWS::SNS::Subscription", properties);
    let alarm = construct.resource_id(&["Alarm"]);
    let properties = json!({
        "AlarmActions": [{"Ref": topic}],
        "AlarmDescription": "Alert triggered when there are failed jobs in the dead letter queue.",
        "AlarmName": name,
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": [{"Name": "QueueName", "Value": attribute(dead, "QueueName")}],
        "EvaluationPeriods": 1,
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Namespace": "AWS/SQS",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 0,
        "TreatMissingData": "notBreaching",
    });
    construct.add(&alarm, "AWS::CloudWatch::Alarm", properties);
    construct.extensible.push(("alarm", alarm));
}
