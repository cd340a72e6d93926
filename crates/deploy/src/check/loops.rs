//! Functions that call themselves by way of what calls them: a graph of the template and of functions' environments.
//!
//! An edge is what an event takes: a queue, a table's stream, a topic or a bucket to the function that it calls, a topic to
//! a queue, a bucket to a queue or a topic. From a function it goes on to what its environment names, unless the function's
//! code is there and writes to nothing of that kind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Finding;
use super::facts::{Facts, is_told};

/// A kind of resource through which a loop can go.
struct Kind {
    resource: &'static str,
    rule: &'static str,
    name: &'static str,
    /// What code says that makes an event of it.
    writes: &'static [&'static str],
    end: &'static str,
    mend: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        resource: "AWS::SQS::Queue",
        rule: "queue-loop",
        name: "QueueName",
        writes: &["SendMessage", "sendMessage", "send_message"],
        end: "the chain is stopped after about 16 rounds",
        mend: "Send to another queue, or say RecursiveLoop: Allow where the loop is meant and ends.",
    },
    Kind {
        resource: "AWS::S3::Bucket",
        rule: "bucket-loop",
        name: "BucketName",
        writes: &[
            "PutObject",
            "putObject",
            "put_object",
            "CopyObject",
            "copyObject",
            "copy_object",
            "Upload",
            "upload",
            ".copy(",
            ".put(",
        ],
        end: "the chain is stopped after about 16 rounds",
        mend: "Write to another bucket, or under a prefix that the notification's filter leaves out.",
    },
    Kind {
        resource: "AWS::SNS::Topic",
        rule: "topic-loop",
        name: "TopicName",
        writes: &["Publish", "publish"],
        end: "the chain is stopped after about 16 rounds",
        mend: "Publish to another topic, or give the subscription a filter that leaves such messages out.",
    },
    Kind {
        resource: "AWS::DynamoDB::Table",
        rule: "table-loop",
        name: "TableName",
        writes: &[
            "PutCommand",
            "UpdateCommand",
            "DeleteCommand",
            "WriteCommand",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "WriteItem",
            "ExecuteStatement",
            "put_item",
            "update_item",
            "delete_item",
            "write_item",
            "batch_writer",
            "transact_write",
            ".put(",
            ".update(",
            ".delete(",
        ],
        end: "AWS does not stop such a chain",
        mend: "Write to another table, or give the mapping a filter that leaves such records out.",
    },
];

/// What an event goes to, by where it comes from.
type Edges<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let edges = edges(facts);
    for (id, function) in facts.all("AWS::Lambda::Function") {
        let allowed = function.get("RecursiveLoop").is_some_and(|said| said == "Allow");
        for kind in KINDS.iter().filter(|_| !allowed) {
            for target in told(facts, id, function, kind) {
                if let Some(way) = way(&edges, target, id) {
                    findings.push(finding(facts, id, kind, target, &way));
                }
            }
        }
    }
}

fn finding(facts: &Facts<'_>, function: &str, kind: &Kind, target: &str, way: &[&str]) -> Finding {
    let why = match way {
        [_] => format!(
            "{target} calls {function}, whose environment names it: if the function writes there, every event makes the next \
             one, and {}",
            kind.end
        ),
        _ => format!(
            "what {function} writes to {target}, which its environment names, comes back to it by way of {}: every event makes \
             the next one, and {}",
            way.join(" → "),
            kind.end
        ),
    };
    Finding::of(facts, kind.rule, function, "Environment", why, kind.mend)
}

/// The resources of a kind that a function is told of and may write to.
fn told<'a>(facts: &Facts<'a>, id: &str, function: &Value, kind: &Kind) -> Vec<&'a str> {
    let scripts = facts.scripts(id);
    if !scripts.is_empty() && !scripts.iter().any(|script| script.says(kind.writes)) {
        return Vec::new();
    }
    let named = facts.all(kind.resource).filter(|(resource, properties)| {
        is_told(function, resource, properties.get(kind.name).and_then(Value::as_str))
    });
    named.map(|(resource, _)| resource).collect()
}

/// The way of an event from a resource to a function, without the function; the shortest one.
fn way<'a>(edges: &Edges<'a>, from: &'a str, function: &str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::from([from]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = way.last()?;
            for next in edges.get(last).into_iter().flatten() {
                if *next == function {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push(way.iter().copied().chain([*next]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

fn edges<'a>(facts: &Facts<'a>) -> Edges<'a> {
    let mut edges = Edges::new();
    let mut add = |from: &'a str, to: &'a str| {
        edges.entry(from).or_default().insert(to);
    };
    for (_, mapping) in facts.all("AWS::Lambda::EventSourceMapping") {
        let source =
            facts.any_of(&["AWS::SQS::Queue", "AWS::DynamoDB::Table"], mapping.get("EventSourceArn"));
        let function = facts.mentioned("AWS::Lambda::Function", mapping.get("FunctionName"));
        if let (Some(source), Some((function, _))) = (source, function) {
            add(source, function);
        }
    }
    for subscription in facts.subscriptions() {
        let endpoint = subscription.properties.get("Endpoint");
        let to = facts.any_of(&["AWS::Lambda::Function", "AWS::SQS::Queue"], endpoint);
        if let (Some(topic), Some(to)) = (subscription.topic, to) {
            add(topic, to);
        }
    }
    for (id, bucket) in facts.all("AWS::S3::Bucket") {
        for (list, target) in [("Lambda", "Function"), ("Queue", "Queue"), ("Topic", "Topic")] {
            let configured = bucket.pointer(&format!("/NotificationConfiguration/{list}Configurations"));
            for notification in configured.and_then(Value::as_array).into_iter().flatten() {
                let event = notification.get("Event").and_then(Value::as_str).unwrap_or_default();
                let kinds = ["AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::SNS::Topic"];
                if event.starts_with("s3:ObjectCreated")
                    && let Some(to) = facts.any_of(&kinds, notification.get(target))
                {
                    add(id, to);
                }
            }
        }
    }
    // What a function writes makes events, too.
    for (id, function) in facts.all("AWS::Lambda::Function") {
        for kind in &KINDS {
            for target in told(facts, id, function, kind) {
                add(id, target);
            }
        }
    }
    edges
}
