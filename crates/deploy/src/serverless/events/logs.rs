//! `cloudwatchLog`: subscription filters.

use std::collections::BTreeMap;

use serde_json::json;

use crate::document::Problem;
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service};
use crate::serverless::stack::{Stack, alias, join, reference, target};

/// Subscription filters of one log group, as AWS has it.
const FILTERS: u32 = 2;

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    for function in &service.functions {
        let mut groups = Vec::new();
        for event in function.events("cloudwatchLog") {
            let (group, filter) = said(event);
            let filters = used.entry(group.clone()).or_default();
            *filters += 1;
            if *filters > FILTERS {
                problems.push(event.problem(format!(
                    "a log group has at most {FILTERS} subscription filters, and {group} has more"
                )));
                continue;
            }
            groups.push(group.clone());
            subscribe(function, &groups, &group, &filter, stack);
        }
    }
}

fn said(event: &Event) -> (String, String) {
    let clean = |text: Option<String>| text.unwrap_or_default().replace("\r\n", "").replace('\n', "");
    let group = clean(event.text("logGroup").or_else(|| event.node.scalar_text()));
    let filter = clean(event.text("filter"));
    // Quotes that are escaped, since some files write them so, are taken literally.
    let escaped = match (filter.find('\\'), filter.find('"')) {
        (Some(slash), Some(quote)) => quote > slash,
        _ => false,
    };
    let filter =
        if escaped { filter.replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\") } else { filter };
    (group, filter)
}

fn subscribe(function: &Function, groups: &[String], group: &str, filter: &str, stack: &mut Stack) {
    let id = naming::normalized(&function.key);
    let permission = format!("{id}LambdaPermissionLogsSubscriptionFilterCloudWatchLog");
    let after: Vec<String> =
        [permission.clone()].into_iter().chain(alias(function).map(|alias| alias.1)).collect();
    stack.resource(
        &format!("{id}LogsSubscriptionFilterCloudWatchLog{}", groups.len()),
        json!({
            "Type": "AWS::Logs::SubscriptionFilter",
            "DependsOn": after,
            "Properties": {"LogGroupName": group, "FilterPattern": filter, "DestinationArn": target(function)},
        }),
    );
    let mut common = common(groups);
    if groups.len() > 1 && !common.ends_with('*') {
        common.push('*');
    }
    let principal = join(&[json!("logs."), reference("AWS::Region"), json!(".amazonaws.com")]);
    let source = join(&[
        json!("arn:"),
        reference("AWS::Partition"),
        json!(":logs:"),
        reference("AWS::Region"),
        json!(":"),
        reference("AWS::AccountId"),
        json!(":log-group:"),
        json!(common),
        json!(":*"),
    ]);
    let properties = json!({
        "FunctionName": target(function), "Action": "lambda:InvokeFunction",
        "Principal": principal, "SourceArn": source,
    });
    stack.add_after(
        &permission,
        "AWS::Lambda::Permission",
        alias(function).map(|a| a.1).as_deref(),
        properties,
    );
}

/// What all names begin with.
fn common(names: &[String]) -> String {
    let Some((first, rest)) = names.split_first() else { return String::new() };
    let mut common: Vec<char> = first.chars().collect();
    for name in rest {
        let same = common.iter().zip(name.chars()).take_while(|(a, b)| **a == *b).count();
        common.truncate(same);
    }
    common.into_iter().collect()
}
