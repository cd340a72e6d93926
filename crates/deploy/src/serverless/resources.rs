//! The stack as a whole: what the functions need, then what the file's own `resources` say.

use serde_json::{Map, Value as Json, json};

use super::lift::Constructs;
use super::packaging::Packaging;
use super::service::{Service, get, list, merge, text, truthy};
use super::stack::{Stack, set};
use super::{events, functions, layers, origins, requires, role};
use crate::document::{Node, Place, Problem};
use crate::project::Project;

/// The sections of a template that a file's `resources` may have.
const SECTIONS: [&str; 7] =
    ["Parameters", "Mappings", "Conditions", "Transform", "Metadata", "Rules", "Description"];

/// Makes the project.
pub(super) fn stack(mut service: Service<'_>, constructs: Constructs) -> Result<Project, Vec<Problem>> {
    let packaging = Packaging::new(&mut service)?;
    let mut stack = Stack { packages: packaging.packages().to_vec(), ..Stack::default() };
    let lacks = requires::check(&service, &packaging);
    let mut problems = Vec::new();
    if !service.functions.is_empty() {
        role::log_groups(&service, &mut stack);
        stack.role = role::begin(&service, constructs.statements);
    }
    let layers = layers::add(&service, &packaging, &mut stack)?;
    problems.extend(functions::add(&service, &packaging, &layers, &mut stack));
    problems.extend(events::add(&service, &mut stack));
    role::finish(&service, &mut stack);
    // Exported are the outputs that the framework makes, not the file's own.
    for (key, output) in &mut stack.outputs {
        let name = format!("sls-{}-{}-{key}", service.name, service.stage);
        set(output, "Export", json!({"Name": name}));
    }
    let mut own = service
        .root
        .get("resources")
        .cloned()
        .unwrap_or_else(|| Node::from_json(&json!({}), Place::default()));
    merge(&mut own, &constructs.resources);
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The AWS CloudFormation template for this Serverless application",
        "Resources": std::mem::take(&mut stack.resources),
        "Outputs": std::mem::take(&mut stack.outputs),
    });
    problems.extend(add_own(&mut template, &own));
    if template.get("Resources").and_then(Json::as_object).is_none_or(Map::is_empty) {
        problems.push(Problem::new(
            "the service has neither functions nor resources: there is nothing to deploy",
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut notices = unused_settings(&service);
    notices.append(&mut service.notices);
    notices.append(&mut stack.notices);
    Ok(Project {
        stack: service.stack_name(),
        region: Some(service.region.clone()),
        template,
        tags: tags(&service),
        parameters: parameters(&service),
        packages: stack.packages,
        disable_rollback: truthy(&service.root, "provider.disableRollback"),
        notices,
        lacks,
        source: origins::source(&service),
    })
}

/// Merges the file's own resources, outputs and sections, then what it changes of the generated resources.
fn add_own(template: &mut Json, own: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let sections = SECTIONS.iter().chain(&["Resources", "Outputs", "AWSTemplateFormatVersion"]);
    let sections = sections.filter_map(|section| Some(((*section).to_owned(), get(own, section)?.to_json())));
    merge_json(template, Json::Object(sections.collect()));
    let Some(resources) = template.get_mut("Resources").and_then(Json::as_object_mut) else {
        return problems;
    };
    for entry in get(own, "extensions").and_then(Node::as_mapping).into_iter().flatten() {
        let Some(resource) = resources.get_mut(&entry.key).and_then(Json::as_object_mut) else {
            let text = format!("there is no resource \"{}\" that could be extended", entry.key);
            let path = format!("resources.extensions.{}", entry.key);
            problems.push(Problem::new(text).placed(entry.place).path(path).code("serverless"));
            continue;
        };
        for change in entry.value.as_mapping().into_iter().flatten() {
            extend(resource, &change.key, change.value.to_json());
        }
    }
    resources.values_mut().filter_map(|resource| resource.get_mut("Properties")).for_each(strip_nulls);
    problems
}

fn extend(resource: &mut Map<String, Json>, attribute: &str, value: Json) {
    match attribute {
        "Properties" | "Metadata" => {
            let there = resource.entry(attribute).or_insert_with(|| json!({}));
            if let (Some(there), Json::Object(value)) = (there.as_object_mut(), value) {
                there.extend(value);
            }
        }
        "DependsOn" => {
            let many = |value: Json| match value {
                Json::Array(items) => items,
                Json::Null => Vec::new(),
                one => vec![one],
            };
            let mut all = many(resource.remove(attribute).unwrap_or_default());
            all.extend(many(value));
            resource.insert(attribute.to_owned(), Json::Array(all));
        }
        _ => {
            resource.insert(attribute.to_owned(), value);
        }
    }
}

/// Merges as lodash does it.
pub(super) fn merge_json(into: &mut Json, from: Json) {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(there) => merge_json(there, value),
                    None => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (Json::Array(into), Json::Array(from)) => {
            for (index, value) in from.into_iter().enumerate() {
                match into.get_mut(index) {
                    Some(there) => merge_json(there, value),
                    None => into.push(value),
                }
            }
        }
        (into, from) => *into = from,
    }
}

fn strip_nulls(value: &mut Json) {
    match value {
        Json::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(strip_nulls);
        }
        Json::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}

/// The stack's tags: the stage, and `stackTags`.
fn tags(service: &Service<'_>) -> Vec<(String, String)> {
    let own = service.provider_node("stackTags").and_then(Node::as_mapping).into_iter().flatten();
    let own: Vec<(String, String)> =
        own.filter_map(|entry| Some((entry.key.clone(), entry.value.scalar_text()?))).collect();
    let stage = (!own.iter().any(|(key, _)| key.eq_ignore_ascii_case("stage")))
        .then(|| ("STAGE".to_owned(), service.stage.clone()));
    stage.into_iter().chain(own).collect()
}

fn parameters(service: &Service<'_>) -> Vec<(String, String)> {
    let given = list(&service.root, "provider.stackParameters").iter();
    given.filter_map(|p| Some((text(p, "ParameterKey")?, text(p, "ParameterValue")?))).collect()
}

/// Settings of the framework that change nothing here, said aloud.
fn unused_settings(service: &Service<'_>) -> Vec<String> {
    let settings = [
        ("provider.deploymentBucket", "packages go into Moln's own bucket"),
        ("provider.notificationArns", "stack events are not sent to topics"),
        ("provider.rollbackConfiguration", "no alarm is watched during a deployment"),
        ("provider.stackPolicy", "the stack has no policy"),
        ("provider.iam.deploymentRole", "the deployment runs as the caller"),
        ("provider.cfnRole", "the deployment runs as the caller"),
        ("provider.profile", "credentials come from the environment"),
        ("package.path", "packages are not kept in a directory"),
    ];
    let used = settings.iter().filter(|(path, _)| truthy(&service.root, path));
    used.map(|(path, what)| format!("{path} has no effect: {what}")).collect()
}
