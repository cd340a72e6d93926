//! What calls the functions: one file a kind of event, in the framework's order.

mod buses;
mod http_api;
mod logs;
mod queues;
mod rest_api;
mod rules;
mod s3;
mod schedules;
mod sns;
mod streams;
mod websockets;

use serde_json::{Value as Json, json};

use super::service::{Event, Function, Service};
use super::stack::{Stack, join, reference};
use crate::document::{Node, Problem};

/// Adds the events of all functions.
pub(super) fn add(service: &Service<'_>, stack: &mut Stack) -> Vec<Problem> {
    let mut problems = Vec::new();
    let kinds: [fn(&Service<'_>, &mut Stack, &mut Vec<Problem>); 11] = [
        schedules::add,
        s3::add,
        rest_api::add,
        websockets::add,
        sns::add,
        streams::add,
        rules::add,
        logs::add,
        buses::add,
        queues::add,
        http_api::add,
    ];
    for add in kinds {
        add(service, stack, &mut problems);
    }
    problems
}

/// Every event of a kind, with its function.
fn all<'s>(service: &'s Service<'_>, kind: &'static str) -> impl Iterator<Item = (&'s Function, &'s Event)> {
    service
        .functions
        .iter()
        .flat_map(move |function| function.events(kind).map(move |event| (function, event)))
}

/// The name within an ARN that is a reference or imported, for logical ids: the reference's target, the last part of a
/// join; none if it is a string or something else.
fn name_of_reference(arn: &Node) -> Option<String> {
    let entry = arn.as_mapping()?.only()?;
    let items = entry.value.as_sequence().unwrap_or_default();
    match entry.key.as_str() {
        "Fn::GetAtt" => items.first()?.scalar_text(),
        "Fn::ImportValue" | "Ref" => entry.value.scalar_text(),
        "Fn::Join" => items.get(1)?.as_sequence()?.last()?.scalar_text(),
        _ => None,
    }
}

/// `arn:…:service:region:account:` and what follows.
fn own_arn(service: &str, tail: Json) -> Json {
    join(&[
        json!("arn:"),
        reference("AWS::Partition"),
        json!(format!(":{service}:")),
        reference("AWS::Region"),
        json!(":"),
        reference("AWS::AccountId"),
        json!(":"),
        tail,
    ])
}

/// Filters of an event source mapping.
fn filters(event: &Event) -> Option<Json> {
    let patterns = event.get("filterPatterns").and_then(Node::as_sequence)?;
    let filters: Vec<Json> = patterns.iter().map(|p| json!({"Pattern": p.to_json().to_string()})).collect();
    Some(json!({"Filters": filters}))
}

/// What a mapping waits for: the role, and the function's alias.
fn mapping_waits_for(service: &Service<'_>, function: &Function) -> Vec<String> {
    let role = super::role::dependency(service, function);
    role.into_iter().chain(super::stack::alias(function).map(|alias| alias.1)).collect()
}

/// The value of a member as JSON; null if there is none.
fn member(event: &Event, path: &str) -> Json {
    event.get(path).map(Node::to_json).unwrap_or_default()
}

/// `DISABLED` if `enabled` is false.
fn state(event: &Event) -> &'static str {
    if event.get("enabled").and_then(Node::as_bool) == Some(false) { "DISABLED" } else { "ENABLED" }
}
