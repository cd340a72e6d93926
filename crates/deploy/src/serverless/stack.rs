//! The stack in the making.

use serde_json::{Map, Value as Json, json};

use super::naming;
use super::service::{Function, Service};
use crate::project::{Package, Slot, SlotShape};

/// Resources, outputs, the role's statements and the packages, as they come together.
#[derive(Default)]
pub(super) struct Stack {
    pub(super) resources: Map<String, Json>,
    pub(super) outputs: Map<String, Json>,
    /// The statements of the default role, if there is that role.
    pub(super) role: Option<super::role::Role>,
    pub(super) packages: Vec<Package>,
    pub(super) notices: Vec<String>,
}

impl Stack {
    /// Adds a resource. Members that are null are left out.
    pub(super) fn add(&mut self, id: &str, kind: &str, properties: Json) {
        self.resource(id, object([("Type", json!(kind)), ("Properties", properties)]));
    }

    /// Adds a resource that depends on another one, if on any.
    pub(super) fn add_after(&mut self, id: &str, kind: &str, after: Option<&str>, properties: Json) {
        let members = [("Type", json!(kind)), ("DependsOn", json!(after)), ("Properties", properties)];
        self.resource(id, object(members));
    }

    /// Adds a whole resource.
    pub(super) fn resource(&mut self, id: &str, resource: Json) {
        self.resources.insert(id.to_owned(), pruned(resource));
    }

    /// Adds an output.
    pub(super) fn output(&mut self, id: &str, description: &str, value: Json) {
        self.outputs.insert(id.to_owned(), object([("Description", json!(description)), ("Value", value)]));
    }

    /// Adds a statement to the default role, if there is one.
    pub(super) fn allow(&mut self, actions: &[&str], resources: Json) {
        if let Some(role) = &mut self.role {
            role.statements.push(allowed(actions, resources));
        }
    }

    /// The same, unless it is there already.
    pub(super) fn allow_once(&mut self, actions: &[&str], resources: Json) {
        let statement = allowed(actions, resources);
        if let Some(role) = self.role.as_mut().filter(|role| !role.statements.contains(&statement)) {
            role.statements.push(statement);
        }
    }

    /// Adds a permission to invoke a function.
    pub(super) fn permit(&mut self, id: &str, function: &Function, principal: Json, source: Json) {
        let properties = object([
            ("FunctionName", target(function)),
            ("Action", json!("lambda:InvokeFunction")),
            ("Principal", principal),
            ("SourceArn", source),
        ]);
        self.add_after(id, "AWS::Lambda::Permission", alias(function).map(|a| a.1).as_deref(), properties);
    }

    /// Says where a package belongs.
    pub(super) fn place(&mut self, package: usize, pointer: String, shape: SlotShape) {
        if let Some(package) = self.packages.get_mut(package) {
            package.places.push(Slot { pointer, shape });
        }
    }
}

/// An object of members that it takes.
pub(super) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Sets a member of an object.
pub(super) fn set(object: &mut Json, key: &str, value: Json) {
    if let Some(members) = object.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

fn allowed(actions: &[&str], resources: Json) -> Json {
    object([("Effect", json!("Allow")), ("Action", json!(actions)), ("Resource", resources)])
}

/// A value without its members that are null.
fn pruned(value: Json) -> Json {
    match value {
        Json::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, pruned(value)))
            .collect(),
        Json::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}

/// The alias that events go to (name and logical id), where the function has provisioned concurrency or `SnapStart`.
pub(super) fn alias(function: &Function) -> Option<(&'static str, String)> {
    let id = naming::normalized(&function.key);
    if super::service::truthy(&function.node, "snapStart") {
        return Some(("snapstart", format!("{id}SnapStartLambdaAlias")));
    }
    super::service::truthy(&function.node, "provisionedConcurrency")
        .then(|| ("provisioned", format!("{id}ProvConcLambdaAlias")))
}

/// What events invoke: the function, or its alias.
pub(super) fn target(function: &Function) -> Json {
    let function_arn = json!({"Fn::GetAtt": [naming::function(&function.key), "Arn"]});
    match alias(function) {
        Some((name, _)) => json!({"Fn::Join": [":", [function_arn, name]]}),
        None => function_arn,
    }
}

/// `Fn::Join` with nothing between.
pub(super) fn join(parts: &[Json]) -> Json {
    json!({"Fn::Join": ["", parts]})
}

/// `Ref`.
pub(super) fn reference(id: &str) -> Json {
    json!({"Ref": id})
}

/// `{Key, Value}` for each tag.
pub(super) fn tags(service: &Service<'_>, more: Option<&crate::document::Node>) -> Option<Json> {
    let mut tags: Vec<(String, Json)> = Vec::new();
    let all = [service.provider_node("tags"), more];
    for entry in all.into_iter().flatten().filter_map(crate::document::Node::as_mapping).flatten() {
        let value = entry.value.to_json();
        match tags.iter_mut().find(|(key, _)| *key == entry.key) {
            Some((_, there)) => *there = value,
            None => tags.push((entry.key.clone(), value)),
        }
    }
    let tags: Vec<Json> = tags.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    (!tags.is_empty()).then_some(Json::Array(tags))
}
