//! `cloudwatchEvent`: rules on the default event bus, in the older form.

use serde_json::json;

use super::schedules::transformer;
use super::{member, state};
use crate::document::{Node, Problem};
use crate::serverless::naming;
use crate::serverless::service::Service;
use crate::serverless::stack::{Stack, alias, target};

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    for function in &service.functions {
        for (index, event) in function.events("cloudwatchEvent").enumerate() {
            let number = index + 1;
            let ways = ["input", "inputPath", "inputTransformer"];
            if ways.iter().filter(|way| event.get(way).is_some()).count() > 1 {
                problems
                    .push(event.problem("only one of input, inputPath and inputTransformer can be given"));
                continue;
            }
            let input = event.get("input").map(|input| match input.as_str() {
                Some(text) => text.to_owned(),
                None => input.to_json().to_string(),
            });
            let id = naming::normalized(&function.key);
            let rule = format!("{id}EventsRuleCloudWatchEvent{number}");
            let properties = json!({
                "EventPattern": event.get("event").map(Node::to_json),
                "State": state(event),
                "Description": member(event, "description"),
                "Name": member(event, "name"),
                "Targets": [{
                    "Input": input,
                    "InputPath": member(event, "inputPath"),
                    "InputTransformer": transformer(event),
                    "Arn": target(function),
                    "Id": format!("{}CloudWatchEvent", function.key),
                }],
            });
            let after = alias(function).map(|alias| alias.1);
            stack.add_after(&rule, "AWS::Events::Rule", after.as_deref(), properties);
            let permission = format!("{id}LambdaPermissionEventsRuleCloudWatchEvent{number}");
            stack.permit(
                &permission,
                function,
                json!("events.amazonaws.com"),
                json!({"Fn::GetAtt": [rule, "Arn"]}),
            );
        }
    }
}
