//! `stream`: of tables and of Kinesis.

use serde_json::{Value as Json, json};

use super::{filters, mapping_waits_for, member, name_of_reference};
use crate::document::{Node, Problem};
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service};
use crate::serverless::stack::{Stack, target};

/// What the streams of one function need, by the actions.
#[derive(Default)]
struct Needs {
    tables: Vec<Json>,
    kinesis: Vec<Json>,
    consumed: Vec<Json>,
    consumers: Vec<Json>,
    topics: Vec<Json>,
    queues: Vec<Json>,
}

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    for function in &service.functions {
        let mut needs = Needs::default();
        for event in function.events("stream") {
            if let Err(problem) = mapping(service, function, event, stack, &mut needs) {
                problems.push(problem);
            }
        }
        let allowed = [
            (
                &[
                    "dynamodb:GetRecords",
                    "dynamodb:GetShardIterator",
                    "dynamodb:DescribeStream",
                    "dynamodb:ListStreams",
                ][..],
                needs.tables,
            ),
            (
                &[
                    "kinesis:GetRecords",
                    "kinesis:GetShardIterator",
                    "kinesis:DescribeStream",
                    "kinesis:ListStreams",
                ][..],
                needs.kinesis,
            ),
            (
                &[
                    "kinesis:GetRecords",
                    "kinesis:GetShardIterator",
                    "kinesis:DescribeStreamSummary",
                    "kinesis:ListShards",
                ][..],
                needs.consumed,
            ),
            (&["kinesis:SubscribeToShard"][..], needs.consumers),
            (&["sns:Publish"][..], needs.topics),
            (&["sqs:ListQueues", "sqs:SendMessage"][..], needs.queues),
        ];
        for (actions, resources) in allowed {
            if !resources.is_empty() {
                stack.allow(actions, json!(resources));
            }
        }
    }
}

fn mapping(
    service: &Service<'_>,
    function: &Function,
    event: &Event,
    stack: &mut Stack,
    needs: &mut Needs,
) -> Result<(), Problem> {
    let arn = event.get("arn").unwrap_or(&event.node);
    let wrong = || {
        event.problem("the stream's ARN is a string, or a reference together with type: dynamodb or kinesis")
    };
    let parts: Vec<&str> = arn.as_str().unwrap_or_default().split(':').collect();
    let kind = event.text("type").or_else(|| parts.get(2).map(|&kind| kind.to_owned())).ok_or_else(wrong)?;
    let name = match arn.as_str() {
        Some(arn) => arn.split('/').nth(1).map(str::to_owned),
        None => name_of_reference(arn).map(|name| name.rsplit('/').next().unwrap_or_default().to_owned()),
    };
    let name = name.ok_or_else(wrong)?;
    let id = naming::normalized(&function.key);
    let mut after = mapping_waits_for(service, function);
    let mut source = arn.to_json();
    let consumer = event.get("consumer").filter(|c| c.as_bool() != Some(false));
    match (kind.as_str(), consumer) {
        ("dynamodb", _) => needs.tables.push(source.clone()),
        (_, None) => needs.kinesis.push(source.clone()),
        (_, Some(consumer)) => {
            needs.consumed.push(source.clone());
            source = if consumer.as_bool() == Some(true) {
                let consumer = consumer_name(service, function, &name);
                let consumer_id = format!("{}StreamConsumer", naming::normalized(&consumer));
                let properties = json!({"StreamARN": source, "ConsumerName": consumer});
                stack.add(&consumer_id, "AWS::Kinesis::StreamConsumer", properties);
                after.push(consumer_id.clone());
                json!({"Ref": consumer_id})
            } else {
                consumer.to_json()
            };
            needs.consumers.push(source.clone());
        }
    }
    let at_timestamp = event.text("startingPosition").as_deref() == Some("AT_TIMESTAMP");
    if at_timestamp && event.get("startingPositionTimestamp").is_none() {
        return Err(event.problem("startingPosition: AT_TIMESTAMP needs startingPositionTimestamp"));
    }
    let failures = failures(event, needs);
    stack.resource(
        &format!("{id}EventSourceMapping{}{}", naming::upper_first(&kind), naming::alphanumeric(&name)),
        json!({
            "Type": "AWS::Lambda::EventSourceMapping",
            "DependsOn": after,
            "Properties": {
                "BatchSize": event.get("batchSize").map_or(json!(10), Node::to_json),
                "Enabled": event.get("enabled").map_or(json!(true), Node::to_json),
                "EventSourceArn": source,
                "FunctionName": target(function),
                "ParallelizationFactor": member(event, "parallelizationFactor"),
                "StartingPosition": event.text("startingPosition").unwrap_or_else(|| "TRIM_HORIZON".to_owned()),
                "StartingPositionTimestamp": member(event, "startingPositionTimestamp"),
                "MaximumBatchingWindowInSeconds": member(event, "batchWindow"),
                "MaximumRetryAttempts": member(event, "maximumRetryAttempts"),
                "BisectBatchOnFunctionError": member(event, "bisectBatchOnFunctionError"),
                "FunctionResponseTypes": event.get("functionResponseType").map(|kind| json!([kind.to_json()])),
                "MaximumRecordAgeInSeconds": member(event, "maximumRecordAgeInSeconds"),
                "TumblingWindowInSeconds": member(event, "tumblingWindowInSeconds"),
                "DestinationConfig": failures,
                "FilterCriteria": filters(event),
            },
        }),
    );
    Ok(())
}

fn consumer_name(service: &Service<'_>, function: &Function, stream: &str) -> String {
    let key = &function.key;
    if service.provider("kinesis.consumerNamingMode").is_some() {
        format!("{key}{stream}{}{}Consumer", service.name, service.stage)
    } else {
        format!("{key}{stream}Consumer")
    }
}

/// Where batches go that fail for good.
fn failures(event: &Event, needs: &mut Needs) -> Option<Json> {
    let destination = event.get("destinations.onFailure")?;
    let arn = destination.get("arn").unwrap_or(destination);
    let kind = event.text("destinations.onFailure.type");
    let kind = kind.or_else(|| arn.as_str().and_then(|arn| arn.split(':').nth(2)).map(str::to_owned));
    let list = if kind.as_deref() == Some("sns") { &mut needs.topics } else { &mut needs.queues };
    list.push(arn.to_json());
    Some(json!({"OnFailure": {"Destination": arn.to_json()}}))
}
