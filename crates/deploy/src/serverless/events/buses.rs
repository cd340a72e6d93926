//! `eventBridge`: rules on event buses.

use md5::{Digest, Md5};
use moln_kernel::encoding::hex;
use serde_json::{Map, Value as Json, json};

use super::{member, state};
use crate::document::{Node, Problem};
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service};
use crate::serverless::stack::{Stack, alias, reference, set, target};

/// Characters of a rule's name and of a target's id.
const NAME: usize = 64;

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    if service.provider_node("eventBridge.useCloudFormation").and_then(Node::as_bool) == Some(false) {
        let text = "custom resources for event buses are not made: leave the setting out";
        problems.push(crate::serverless::service::problem(
            &service.root,
            "provider.eventBridge.useCloudFormation",
            text,
        ));
        return;
    }
    for function in &service.functions {
        for (index, event) in function.events.iter().enumerate() {
            if event.kind != "eventBridge" {
                continue;
            }
            if let Err(problem) = rule(function, event, index + 1, stack) {
                problems.push(problem);
            }
        }
    }
}

fn rule(function: &Function, event: &Event, number: usize, stack: &mut Stack) -> Result<(), Problem> {
    let ways = ["input", "inputPath", "inputTransformer"];
    if ways.iter().filter(|way| event.get(way).is_some()).count() > 1 {
        return Err(event.problem("only one of input, inputPath and inputTransformer can be given"));
    }
    let plain = format!("{}-rule-{number}", function.name);
    let name = event.text("name").unwrap_or_else(|| shortened(&plain, &format!("rule-{number}")));
    // A bus that is named is made here; one that an ARN or a reference names is there.
    let mut bus = event.get("eventBus").map(Node::to_json);
    let mut after = alias(function).map(|alias| alias.1);
    if let Some(Json::String(text)) = &bus {
        if text.starts_with("arn") {
            bus = text.split_once('/').map(|(_, name)| json!(name));
        } else if text != "default" && !text.is_empty() {
            let id = format!("{}EventBridgeEventBus", naming::normalized(text));
            stack.add(&id, "AWS::Events::EventBus", json!({"Name": text}));
            after = Some(id);
        }
    }
    let mut target_of_rule = json!({
        "Arn": target(function),
        "Id": shortened(&format!("{name}-target"), "target"),
        "InputPath": member(event, "inputPath"),
        "InputTransformer": event.get("inputTransformer").and_then(Node::as_mapping).map(|transformer| {
            transformer.iter().map(|e| (naming::upper_first(&e.key), e.value.to_json())).collect::<Map<_, _>>()
        }),
        "Input": event.get("input").map(|input| input.to_json().to_string()),
    });
    if event.get("retryPolicy").is_some() {
        let policy = json!({
            "MaximumEventAgeInSeconds": member(event, "retryPolicy.maximumEventAge"),
            "MaximumRetryAttempts": member(event, "retryPolicy.maximumRetryAttempts"),
        });
        set(&mut target_of_rule, "RetryPolicy", policy);
    }
    if let Some(arn) = event.get("deadLetterQueueArn") {
        set(&mut target_of_rule, "DeadLetterConfig", json!({"Arn": arn.to_json()}));
    }
    let properties = json!({
        "Description": member(event, "description"),
        "EventBusName": bus.clone().filter(|bus| *bus != json!("default")),
        "EventPattern": member(event, "pattern"),
        "Name": name,
        "ScheduleExpression": member(event, "schedule"),
        "State": state(event),
        "Targets": [target_of_rule],
    });
    let id = format!("{}EventBridgeRule", naming::alphanumeric(&plain));
    stack.add_after(&id, "AWS::Events::Rule", after.as_deref(), properties);
    let path: Vec<Json> = [json!("rule")].into_iter().chain(bus).chain([json!(name)]).collect();
    let source = json!({"Fn::Join": [":", [
        "arn",
        reference("AWS::Partition"),
        "events",
        reference("AWS::Region"),
        reference("AWS::AccountId"),
        {"Fn::Join": ["/", path]},
    ]]});
    let permission = format!("{}EventBridgeLambdaPermission{number}", naming::normalized(&function.key));
    stack.permit(&permission, function, json!("events.amazonaws.com"), source);
    Ok(())
}

/// A name that is too long has the MD5 of all of it in its middle.
fn shortened(name: &str, suffix: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    let head: String = name.chars().take(31_usize.saturating_sub(suffix.len())).collect();
    let digest = hex(&Md5::digest(name));
    format!("{head}{digest}-{suffix}")
}
