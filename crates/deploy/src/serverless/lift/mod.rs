//! The constructs of serverless-lift: `queue`, `storage`, `webhook`. They become what the plugin makes of them, with the
//! logical ids that the AWS CDK gives.

mod queue;
mod storage;
mod webhook;

use md5::{Digest, Md5};
use moln_kernel::encoding::hex;
use serde_json::{Map, Value as Json, json};

use super::resources::merge_json;
use super::service::{Service, get, text};
use super::stack::{object, set};
use super::{schema, service};
use crate::document::{Mapping, Node, Place, Problem};

/// What the constructs of a service come to.
pub(super) struct Constructs {
    /// `Resources` and `Outputs`.
    pub(super) resources: Node,
    /// Statements of the functions' role.
    pub(super) statements: Vec<Json>,
}

/// The constructs that Moln does not have, and why.
const REFUSED: [(&str, &str); 5] = [
    ("static-website", "it needs CloudFront; a bucket with a website serves files"),
    ("single-page-app", "it needs CloudFront; a bucket with a website serves files"),
    ("server-side-website", "it needs CloudFront"),
    ("vpc", "there are no virtual networks"),
    ("database/dynamodb-single-table", "write the AWS::DynamoDB::Table under resources instead"),
];

/// A construct in the making.
struct Construct<'a> {
    id: &'a str,
    node: &'a Node,
    resources: Map<String, Json>,
    outputs: Map<String, Json>,
    /// What `extensions` may change: the name and the logical id.
    extensible: Vec<(&'static str, String)>,
    statements: Vec<Json>,
}

impl Construct<'_> {
    /// The logical id of a resource within the construct.
    fn resource_id(&self, parts: &[&str]) -> String {
        logical_id(self.id, parts, true)
    }

    fn add(&mut self, id: &str, kind: &str, properties: Json) {
        self.resources.insert(id.to_owned(), object([("Type", json!(kind)), ("Properties", properties)]));
    }

    /// Adds a resource that is deleted, or kept, with the stack.
    fn add_with_policy(&mut self, id: &str, kind: &str, policy: &str, properties: Json) {
        let resource = object([
            ("Type", json!(kind)),
            ("Properties", properties),
            ("UpdateReplacePolicy", json!(policy)),
            ("DeletionPolicy", json!(policy)),
        ]);
        self.resources.insert(id.to_owned(), resource);
    }

    fn output(&mut self, name: &str, description: Option<String>, value: Json) {
        let mut output = object([("Value", value)]);
        if let Some(description) = description {
            set(&mut output, "Description", json!(description));
        }
        self.outputs.insert(logical_id(self.id, &[name], false), output);
    }

    fn text(&self, path: &str) -> Option<String> {
        text(self.node, path)
    }

    fn json(&self, path: &str) -> Option<Json> {
        get(self.node, path).map(Node::to_json)
    }

    fn wrong(&self, path: &str, text: impl Into<String>) -> Problem {
        service::problem(self.node, path, text)
            .path(format!("constructs.{}.{path}", self.id))
            .code("construct")
    }
}

/// The CDK's logical id: the path without what is neither letter nor digit, and eight digits of the path's MD5.
fn logical_id(id: &str, parts: &[&str], resource: bool) -> String {
    let mut path = vec![id];
    path.extend(parts);
    // Names that follow upon themselves count once for people.
    let mut human: Vec<String> = Vec::new();
    for part in &path {
        let part: String = part.chars().filter(char::is_ascii_alphanumeric).collect();
        if human.last().is_none_or(|last| !last.ends_with(&part)) {
            human.push(part);
        }
    }
    if resource {
        path.push("Resource");
    }
    let digest = Md5::digest(path.join("/"));
    let digits: String = hex(&digest).to_uppercase().chars().take(8).collect();
    let mut name: String = human.concat();
    name.truncate(240);
    format!("{name}{digits}")
}

/// What `${construct:id.property}` is: a reference into the stack.
pub(super) fn variable(root: &Node, address: &str, place: Place) -> Result<Node, Problem> {
    let (id, property) = address.split_once('.').unwrap_or((address, ""));
    let Some(construct) = root.get("constructs").and_then(|constructs| constructs.get(id)) else {
        return Err(Problem::new(format!("there is no construct \"{id}\" in this file")));
    };
    let kind = text(construct, "type").unwrap_or_default();
    let variables = match kind.as_str() {
        "queue" => queue::variables(id),
        "storage" => storage::variables(id, get(construct, "publicPath").is_some()),
        "webhook" => webhook::variables(id),
        _ => Vec::new(),
    };
    if let Some((_, value)) = variables.iter().find(|(name, _)| *name == property) {
        return Ok(Node::from_json(value, place));
    }
    let names: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
    let there = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Err(Problem::new(format!(
        "the construct \"{id}\" of the type {kind} gives {there}, and not \"{property}\""
    )))
}

/// Makes the constructs; their functions and events are added to the service.
pub(super) fn constructs(service: &mut Service<'_>) -> Result<Constructs, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut template = json!({});
    let mut statements = Vec::new();
    let written = service.root.get("constructs").and_then(Node::as_mapping).cloned().unwrap_or_default();
    let plugins = get(&service.root, "plugins.modules").or_else(|| get(&service.root, "plugins"));
    let lifts = plugins
        .and_then(Node::as_sequence)
        .unwrap_or_default()
        .iter()
        .any(|p| p.as_str() == Some("serverless-lift"));
    if !written.is_empty() && !lifts {
        let text = "constructs are serverless-lift's: name it under plugins";
        problems.push(service::problem(&service.root, "constructs", text));
    }
    let id_is_good = |id: &str| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    for mut entry in written {
        let path = format!("constructs.{}", entry.key);
        let kind = text(&entry.value, "type").unwrap_or_default();
        let at = |text: String| Problem::new(text).placed(entry.place).path(path.clone()).code("construct");
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == kind) {
            problems.push(at(format!("constructs of the type {kind} are not there: {why}")));
            continue;
        }
        if !id_is_good(&entry.key) {
            problems.push(at("a construct's name has letters, digits, - and _".to_owned()));
            continue;
        }
        let Some(found) = schema::construct(&kind, &mut entry.value, &path) else {
            problems.push(at(format!(
                "\"{kind}\" is no type of construct: there are queue, storage and webhook"
            )));
            continue;
        };
        if !found.is_empty() {
            problems.extend(found);
            continue;
        }
        let mut construct = Construct {
            id: &entry.key,
            node: &entry.value,
            resources: Map::new(),
            outputs: Map::new(),
            extensible: Vec::new(),
            statements: Vec::new(),
        };
        let made = match kind.as_str() {
            "queue" => queue::make(&mut construct, service),
            "storage" => {
                storage::make(&mut construct);
                Ok(())
            }
            _ => webhook::make(&mut construct, service),
        };
        if let Err(problem) = made.and_then(|()| extend(&mut construct)) {
            problems.push(problem);
            continue;
        }
        statements.append(&mut construct.statements);
        merge_json(&mut template, json!({"Resources": construct.resources, "Outputs": construct.outputs}));
    }
    if get(&service.root, "lift.automaticPermissions").and_then(Node::as_bool) == Some(false) {
        statements.clear();
    }
    let resources = Node::from_json(&template, Place::default());
    if problems.is_empty() { Ok(Constructs { resources, statements }) } else { Err(problems) }
}

/// Changes the construct's resources as its `extensions` say.
fn extend(construct: &mut Construct<'_>) -> Result<(), Problem> {
    let extensions = get(construct.node, "extensions").and_then(Node::as_mapping).cloned();
    for entry in extensions.unwrap_or_default() {
        let Some((_, id)) = construct.extensible.iter().find(|(name, _)| *name == entry.key) else {
            let names: Vec<&str> = construct.extensible.iter().map(|(name, _)| *name).collect();
            let text = format!("there is nothing named so to be extended: there are {}", names.join(", "));
            return Err(construct.wrong(&format!("extensions.{}", entry.key), text));
        };
        if let Some(resource) = construct.resources.get_mut(id) {
            replace(resource, &entry.value);
        }
    }
    Ok(())
}

/// Sets every leaf; lists are leaves.
fn replace(there: &mut Json, node: &Node) {
    match node.as_mapping() {
        Some(mapping) if !Mapping::is_empty(mapping) => {
            if !there.is_object() {
                *there = json!({});
            }
            for entry in mapping {
                replace(&mut there[entry.key.as_str()], &entry.value);
            }
        }
        _ => *there = node.to_json(),
    }
}

/// The worker's or authorizer's name: `jobsWorker`.
fn function_name(id: &str, what: &str) -> String {
    format!("{id}{what}")
}

/// `Fn::GetAtt`.
fn attribute(id: &str, name: &str) -> Json {
    json!({"Fn::GetAtt": [id, name]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_cdk_s() {
        assert_eq!(logical_id("jobs", &["Queue"], true), "jobsQueueCEDBAE3E");
        assert_eq!(logical_id("jobs", &["QueueArn"], false), "jobsQueueArnA5A2FF7E");
        assert_eq!(logical_id("plain-q", &["AlarmTopic"], true), "plainqAlarmTopic06A753F9");
        assert_eq!(logical_id("hook", &["HttpApi", "DefaultStage"], true), "hookHttpApiDefaultStage00133A0B");
    }
}
