//! `sqs`.

use serde_json::{Value as Json, json};

use super::{all, filters, mapping_waits_for, member, name_of_reference};
use crate::document::{Node, Problem};
use crate::serverless::naming;
use crate::serverless::service::Service;
use crate::serverless::stack::{Stack, target};

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    let mut queues: Vec<Json> = Vec::new();
    for (function, event) in all(service, "sqs") {
        let arn = event.get("arn").unwrap_or(&event.node);
        let name = match arn.as_str() {
            Some(arn) => arn.rsplit(':').next().map(str::to_owned),
            None => name_of_reference(arn),
        };
        let Some(name) = name else {
            problems
                .push(event.problem("the queue's ARN is a string, Fn::GetAtt, Fn::ImportValue or Fn::Join"));
            continue;
        };
        let arn = arn.to_json();
        let most = event.get("maximumConcurrency").map(|n| json!({"MaximumConcurrency": n.to_json()}));
        stack.resource(
            &format!("{}EventSourceMappingSQS{}", naming::normalized(&function.key), naming::alphanumeric(&name)),
            json!({
                "Type": "AWS::Lambda::EventSourceMapping",
                "DependsOn": mapping_waits_for(service, function),
                "Properties": {
                    "BatchSize": event.get("batchSize").map_or(json!(10), Node::to_json),
                    "MaximumBatchingWindowInSeconds": member(event, "maximumBatchingWindow"),
                    "EventSourceArn": arn,
                    "FunctionName": target(function),
                    "Enabled": event.get("enabled").map_or(json!(true), Node::to_json),
                    "FunctionResponseTypes": event.get("functionResponseType").map(|kind| json!([kind.to_json()])),
                    "FilterCriteria": filters(event),
                    "ScalingConfig": most,
                },
            }),
        );
        queues.push(arn);
    }
    if !queues.is_empty() {
        stack.allow(&["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], json!(queues));
    }
}
