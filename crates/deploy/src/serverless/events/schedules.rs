//! `schedule`: rules of `EventBridge`, or schedules of `EventBridge` Scheduler.

use serde_json::{Value as Json, json};

use super::{member, state};
use crate::document::{Node, Problem};
use crate::serverless::functions;
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service};
use crate::serverless::stack::{Stack, alias, set, target};

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    let mut scheduled = Vec::new();
    for function in &service.functions {
        let mut number = 0;
        let mut by_scheduler = false;
        for event in function.events("schedule") {
            match one(service, function, event, &mut number, stack) {
                Ok(scheduler) => by_scheduler |= scheduler,
                Err(problem) => problems.push(problem),
            }
        }
        if by_scheduler {
            let arn = format!(
                "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{}",
                function.name
            );
            scheduled.extend([json!({"Fn::Sub": arn}), json!({"Fn::Sub": format!("{arn}:*")})]);
        }
    }
    if !scheduled.is_empty() {
        if let Some(role) = &mut stack.role {
            role.scheduler = true;
        }
        stack.allow(&["lambda:InvokeFunction"], json!(scheduled));
    }
}

/// Adds an event; tells whether it is the scheduler's.
fn one(
    service: &Service<'_>,
    function: &Function,
    event: &Event,
    number: &mut u32,
    stack: &mut Stack,
) -> Result<bool, Problem> {
    let expressions: Vec<Json> = match event.get("rate").and_then(Node::as_sequence) {
        Some(rates) => rates.iter().map(Node::to_json).collect(),
        None => vec![event.node.to_json()],
    };
    let scheduler = event.text("method").as_deref() == Some("scheduler");
    if expressions.len() > 1 && event.get("name").is_some() {
        return Err(event.problem("a name cannot be given to more than one rate"));
    }
    let refused = if scheduler { ["inputPath", "inputTransformer"].as_slice() } else { &["timezone"] };
    if let Some(key) = refused.iter().find(|key| event.get(key).is_some()) {
        let mode =
            if scheduler { "does not go with method: scheduler" } else { "goes with method: scheduler only" };
        return Err(event.problem(format!("{key} {mode}")));
    }
    let input = input(event)?;
    let id = naming::normalized(&function.key);
    let after = alias(function).map(|alias| alias.1);
    for expression in expressions {
        *number += 1;
        if scheduler {
            let properties = json!({
                "ScheduleExpression": expression,
                "State": state(event),
                "Target": {"Arn": target(function), "RoleArn": functions::role_of(service, function), "Input": input},
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Name": member(event, "name"),
                "Description": member(event, "description"),
                "ScheduleExpressionTimezone": member(event, "timezone"),
            });
            let schedule = format!("{id}SchedulerSchedule{number}");
            stack.add_after(&schedule, "AWS::Scheduler::Schedule", after.as_deref(), properties);
            continue;
        }
        let rule = format!("{id}EventsRuleSchedule{number}");
        let properties = json!({
            "ScheduleExpression": expression,
            "State": state(event),
            "Name": member(event, "name"),
            "Description": member(event, "description"),
            "Targets": [{
                "Input": input,
                "InputPath": member(event, "inputPath"),
                "InputTransformer": transformer(event),
                "Arn": target(function),
                "Id": format!("{}Schedule", function.key),
            }],
        });
        stack.add_after(&rule, "AWS::Events::Rule", after.as_deref(), properties);
        let permission = format!("{id}LambdaPermissionEventsRuleSchedule{number}");
        stack.permit(
            &permission,
            function,
            json!("events.amazonaws.com"),
            json!({"Fn::GetAtt": [rule, "Arn"]}),
        );
    }
    Ok(scheduler)
}

/// The input as text; `body`, if it is a string, is JSON within.
fn input(event: &Event) -> Result<Option<String>, Problem> {
    let Some(input) = event.get("input") else { return Ok(None) };
    if let Some(text) = input.as_str() {
        return Ok(Some(text.to_owned()));
    }
    let mut input = input.to_json();
    if let Some(body) = input.get("body").and_then(Json::as_str) {
        let body: Json = serde_json::from_str(body)
            .map_err(|error| event.problem(format!("input.body is not JSON: {error}")))?;
        set(&mut input, "body", body);
    }
    Ok(Some(input.to_string()))
}

/// The transformer of an event.
pub(super) fn transformer(event: &Event) -> Json {
    if event.get("inputTransformer").is_none() {
        return Json::Null;
    }
    json!({
        "InputTemplate": member(event, "inputTransformer.inputTemplate"),
        "InputPathsMap": member(event, "inputTransformer.inputPathsMap"),
    })
}
