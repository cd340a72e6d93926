//! The transform `AWS::Serverless-2016-10-31`: SAM's resources written out as CloudFormation's.
//!
//! Logical ids, roles, policies and definitions are those of the public translator, which is the oracle of the tests. The
//! one difference: the hash in the id of a REST API's deployment is made of the definition's JSON, where the translator
//! hashes Python's own notation of it. What is not built (custom domains, usage plans, gradual deployments, connectors,
//! applications, rarer events) is refused by name.
//!
//! Source: <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html>.

mod api_events;
mod authorizers;
mod editor;
mod function;
mod globals;
mod hash;
mod http_api;
mod implicit;
mod intrinsics;
mod machine;
mod policies;
pub mod project;
mod publish;
mod pull;
mod push;
mod resource;
mod rest_api;
mod simple;
mod work;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::Problem;
use crate::template::{Pseudo, Settled};
use intrinsics::Parameters;
use work::Work;

pub use project::{Options, find, project};

/// The transform's name.
pub const TRANSFORM: &str = "AWS::Serverless-2016-10-31";

/// Writes a template's SAM resources out. The section `Transform` loses the transform's name.
///
/// # Errors
/// All that is wrong, in the translator's words: `Invalid Serverless Application Specification document. Number of errors
/// found: 1. Resource with id [F] is invalid. …`.
pub fn expand(template: &Value, settled: &[Settled], pseudo: &Pseudo) -> Result<Value, Problem> {
    let mut parameters: Parameters = settled
        .iter()
        .map(|settled| {
            (settled.name.clone(), settled.resolved.as_ref().unwrap_or(&settled.text).clone().into())
        })
        .collect();
    parameters.insert("AWS::Region".into(), pseudo.region.clone().into());
    parameters.insert("AWS::Partition".into(), pseudo.partition.clone().into());
    let Some(mut root) = template.as_object().cloned() else {
        return Err(invalid(&["the template is not a map".into()]));
    };
    let mut errors = Vec::new();
    implicit::make(&mut root, &mut errors);
    if let Err(error) = globals::merge(&mut root) {
        errors.push(error);
    }
    if !errors.is_empty() {
        return Err(invalid(&errors));
    }
    fix_versions(&mut root);
    let Some(resources) = root.get("Resources").and_then(Value::as_object).cloned() else {
        return Err(invalid(&["'Resources' section is required".into()]));
    };
    let made = intrinsics::Made { properties: BTreeMap::new(), renamed: BTreeMap::new() };
    let conditions = root.get("Conditions").and_then(Value::as_object).cloned().unwrap_or_default();
    let partition = pseudo.partition.clone();
    let out = resources.clone();
    let mut work = Work { resources, out, conditions, parameters: &parameters, partition, made };
    for id in in_order(&work.resources) {
        let Some(resource) = work.resources.get(&id).cloned() else { continue };
        if let Err(error) = write_out(&mut work, &id, &resource) {
            errors.push(format!("Resource with id [{id}] is invalid. {error}"));
        }
    }
    if !errors.is_empty() {
        return Err(invalid(&errors));
    }
    let Work { out, conditions, made, .. } = work;
    root.insert("Resources".into(), rename_dependencies(out, &made.renamed).into());
    if !conditions.is_empty() {
        root.insert("Conditions".into(), conditions.into());
    }
    drop_transform(&mut root);
    Ok(made.resolved(&Value::Object(root)))
}

fn invalid(errors: &[String]) -> Problem {
    let text = format!(
        "Invalid Serverless Application Specification document. Number of errors found: {}. {}",
        errors.len(),
        errors.join(" ")
    );
    Problem::new(text).code("sam")
}

/// Functions first, since they add to APIs; then machines, then APIs, then the rest.
fn in_order(resources: &Map<String, Value>) -> Vec<String> {
    let rank = |resource: &Value| {
        let kind = resource.get("Type").and_then(Value::as_str)?.strip_prefix("AWS::Serverless::")?;
        Some(match kind {
            "Function" => 0,
            "StateMachine" => 1,
            "Api" | "HttpApi" => 2,
            _ => 3,
        })
    };
    let mut ids: Vec<(i32, &String)> = resources.iter().filter_map(|(id, r)| Some((rank(r)?, id))).collect();
    ids.sort();
    ids.into_iter().map(|(_, id)| id.clone()).collect()
}

fn write_out(work: &mut Work<'_>, id: &str, resource: &Value) -> Result<(), String> {
    if resource.get("Connectors").is_some() {
        return Err("Connectors are not built here: write the policies out".into());
    }
    let (made, referable): (_, &[(&str, &str)]) = match resource
        .get("Type")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "AWS::Serverless::Function" => (
            function::make(work, id, resource)?,
            &[
                ("Alias", "AWS::Lambda::Alias"),
                ("Version", "AWS::Lambda::Version"),
                ("DestinationTopic", "AWS::SNS::Topic"),
                ("DestinationQueue", "AWS::SQS::Queue"),
            ],
        ),
        "AWS::Serverless::StateMachine" => (machine::make(work, id, resource)?, &[]),
        "AWS::Serverless::Api" => (
            rest_api::make(work, id, resource)?,
            &[("Stage", "AWS::ApiGateway::Stage"), ("Deployment", "AWS::ApiGateway::Deployment")],
        ),
        "AWS::Serverless::HttpApi" => {
            (http_api::make(work, id, resource)?, &[("Stage", "AWS::ApiGatewayV2::Stage")])
        }
        "AWS::Serverless::SimpleTable" => (simple::table(id, resource)?, &[]),
        "AWS::Serverless::LayerVersion" => (simple::layer(work, id, resource)?, &[]),
        other => {
            return Err(format!(
                "resources of type {other} are not built: there are Function, Api, HttpApi, SimpleTable, LayerVersion and \
                 StateMachine"
            ));
        }
    };
    work.remember(id, referable, &made);
    work.replace(id, &made)
}

/// A REST API that asks for OpenAPI has a definition that says so.
fn fix_versions(root: &mut Map<String, Value>) {
    let resources = root.get_mut("Resources").and_then(Value::as_object_mut);
    for resource in resources.into_iter().flat_map(|resources| resources.values_mut()) {
        if resource.get("Type").and_then(Value::as_str) != Some("AWS::Serverless::Api") {
            continue;
        }
        let Some(properties) = resource.get_mut("Properties").and_then(Value::as_object_mut) else {
            continue;
        };
        let version =
            properties.get("OpenApiVersion").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let version = version.filter(|version| version.starts_with("3."));
        let is_managed = properties.contains_key(implicit::MANAGED);
        let body = properties.get_mut("DefinitionBody").and_then(Value::as_object_mut);
        if let (Some(version), Some(body), true) = (version, body, is_managed) {
            body.insert("openapi".into(), version.into());
            body.remove("swagger");
        }
    }
}

fn rename_dependencies(
    mut out: Map<String, Value>,
    renamed: &BTreeMap<String, String>,
) -> Map<String, Value> {
    let name = |value: &Value| match value.as_str().and_then(|id| renamed.get(id)) {
        Some(id) => id.clone().into(),
        None => value.clone(),
    };
    for resource in out.values_mut() {
        let Some(resource) = resource.as_object_mut() else { continue };
        let depends_on = match resource.get("DependsOn") {
            None => continue,
            Some(Value::Array(items)) => items.iter().map(name).collect(),
            Some(one) => name(one),
        };
        resource.insert("DependsOn".into(), depends_on);
    }
    out
}

fn drop_transform(root: &mut Map<String, Value>) {
    let left = match root.remove("Transform") {
        Some(Value::Array(items)) => items.into_iter().filter(|item| item != TRANSFORM).collect(),
        Some(other) if other != TRANSFORM => vec![other],
        _ => Vec::new(),
    };
    if !left.is_empty() {
        root.insert("Transform".into(), left.into());
    }
}
