//! The APIs that events make without saying which: `ServerlessRestApi` and `ServerlessHttpApi`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::editor;
use super::resource::put;

/// What differs between the two.
struct Flavour {
    event: &'static str,
    member: &'static str,
    id: &'static str,
    kind: &'static str,
    is_rest: bool,
}

const FLAVOURS: [Flavour; 2] = [
    Flavour {
        event: "Api",
        member: "RestApiId",
        id: "ServerlessRestApi",
        kind: "AWS::Serverless::Api",
        is_rest: true,
    },
    Flavour {
        event: "HttpApi",
        member: "ApiId",
        id: "ServerlessHttpApi",
        kind: "AWS::Serverless::HttpApi",
        is_rest: false,
    },
];

/// The member that says that the transform writes the definition itself.
pub(super) const MANAGED: &str = "__MANAGE_SWAGGER";

/// Conditions of methods: API → path → method → condition.
type Conditions = BTreeMap<String, BTreeMap<String, BTreeMap<String, Option<String>>>>;

/// Gives APIs without a definition an empty one, makes the implicit APIs, and tells every event which API is meant.
pub(super) fn make(template: &mut Map<String, Value>, errors: &mut Vec<String>) {
    for resource in
        template.get_mut("Resources").and_then(Value::as_object_mut).into_iter().flat_map(|r| r.values_mut())
    {
        let is_rest = match resource.get("Type").and_then(Value::as_str) {
            Some("AWS::Serverless::Api") => true,
            Some("AWS::Serverless::HttpApi") => false,
            _ => continue,
        };
        let Some(resource) = resource.as_object_mut() else { continue };
        let properties = resource.entry("Properties").or_insert_with(|| json!({}));
        let Some(properties) = properties.as_object_mut() else { continue };
        if !properties.contains_key("DefinitionBody") && !properties.contains_key("DefinitionUri") {
            properties.insert("DefinitionBody".into(), editor::skeleton(is_rest));
            properties.insert(MANAGED.into(), true.into());
        }
    }
    for flavour in &FLAVOURS {
        if let Err(error) = flavour.make(template, errors) {
            errors.push(error);
        }
    }
}

impl Flavour {
    fn make(&self, template: &mut Map<String, Value>, errors: &mut Vec<String>) -> Result<(), String> {
        let globals = template.get("Globals").cloned().unwrap_or_default();
        let Some(resources) = template.get_mut("Resources").and_then(Value::as_object_mut) else {
            return Ok(());
        };
        let existing = resources.remove(self.id);
        let mut properties = json!({ "DefinitionBody": editor::skeleton(self.is_rest), MANAGED: true });
        if self.is_rest {
            put(&mut properties, &["StageName"], "Prod".into());
        }
        resources.insert(self.id.into(), json!({ "Type": self.kind, "Properties": properties }));
        let mut conditions = Conditions::new();
        let mut policies: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let owners: Vec<String> = resources
            .iter()
            .filter(|(_, resource)| {
                let kind = resource.get("Type").and_then(Value::as_str);
                kind == Some("AWS::Serverless::Function")
                    || self.is_rest && kind == Some("AWS::Serverless::StateMachine")
            })
            .map(|(id, _)| id.clone())
            .collect();
        for owner in owners {
            let Some(mut resource) = resources.remove(&owner) else { continue };
            let outcome = self.events(&mut resource, resources, &globals, &mut conditions, &mut policies);
            resources.insert(owner.clone(), resource);
            if let Err(error) = outcome {
                errors.push(format!("Resource with id [{owner}] is invalid. {error}"));
            }
        }
        let made = self.condition_all(resources, &conditions)?;
        if let Some(api) = resources.get_mut(self.id).and_then(Value::as_object_mut) {
            for (attribute, said) in &policies {
                let strongest =
                    ["Retain", "Snapshot", "Delete"].into_iter().find(|policy| said.contains(*policy));
                if let Some(policy) = strongest {
                    api.insert((*attribute).to_owned(), policy.into());
                }
            }
        }
        let is_empty = resources.get(self.id).and_then(|api| api.pointer("/Properties/DefinitionBody"));
        if is_empty.is_some_and(|body| editor::path_names(body).is_empty()) {
            resources.remove(self.id);
            resources.extend(existing.map(|existing| (self.id.to_owned(), existing)));
        }
        if !made.is_empty() {
            let all = template.entry("Conditions").or_insert_with(|| json!({}));
            all.as_object_mut().into_iter().for_each(|all| all.extend(made.clone()));
        }
        Ok(())
    }

    fn events(
        &self,
        owner: &mut Value,
        resources: &mut Map<String, Value>,
        globals: &Value,
        conditions: &mut Conditions,
        policies: &mut BTreeMap<&'static str, BTreeSet<String>>,
    ) -> Result<(), String> {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).map(str::to_owned);
        let condition = text("Condition");
        let said = [
            ("DeletionPolicy", text("DeletionPolicy")),
            ("UpdateReplacePolicy", text("UpdateReplacePolicy")),
        ];
        let tags = propagated_tags(owner, globals);
        let events = owner.pointer_mut("/Properties/Events").and_then(Value::as_object_mut);
        for (id, event) in events.into_iter().flatten() {
            if event.get("Type").and_then(Value::as_str) != Some(self.event) {
                continue;
            }
            let invalid = |text: String| format!("Event with id [{id}] is invalid. {text}");
            let Some(event) = event.as_object_mut() else { continue };
            let properties = event.entry("Properties").or_insert_with(|| json!({}));
            let Some(properties) = properties.as_object_mut() else {
                return Err(invalid("Properties should be a map.".into()));
            };
            if !properties.contains_key(self.member) {
                properties.insert(self.member.into(), json!({ "Ref": self.id }));
                if let Some(tags) = &tags
                    && let Some(api) = resources.get_mut(self.id).and_then(|api| api.get_mut("Properties"))
                {
                    let all = api.as_object_mut().map(|api| {
                        api.insert("PropagateTags".into(), true.into());
                        api.entry("Tags").or_insert_with(|| json!({}))
                    });
                    all.and_then(Value::as_object_mut).into_iter().for_each(|all| all.extend(tags.clone()));
                }
            }
            if !self.is_rest && !properties.contains_key("Path") && !properties.contains_key("Method") {
                properties.insert("Path".into(), "$default".into());
                properties.insert("Method".into(), editor::ANY.into());
            }
            let (api_id, path, method) = self.place(properties).map_err(invalid)?;
            for (attribute, policy) in &said {
                if let Some(policy) = policy.clone().filter(|_| api_id == self.id) {
                    policies.entry(attribute).or_default().insert(policy);
                }
            }
            let by_path = conditions.entry(api_id.clone()).or_default();
            by_path.entry(path.clone()).or_default().insert(method.clone(), condition.clone());
            let Some(api) = resources
                .get_mut(&api_id)
                .filter(|api| api.get("Type").and_then(Value::as_str) == Some(self.kind))
            else {
                let text = format!(
                    "{} must be a valid reference to an '{}' resource in same template.",
                    self.member, self.kind
                );
                return Err(invalid(text));
            };
            let Some(api) = api.get_mut("Properties").and_then(Value::as_object_mut) else { continue };
            if api.get(MANAGED) == Some(&Value::Bool(true))
                && let Some(body) = api.get_mut("DefinitionBody")
            {
                editor::add_path(body, &path, &method).map_err(invalid)?;
            }
            if let Some(settings) = properties.get("RouteSettings").filter(|_| !self.is_rest) {
                let route =
                    if method == editor::ANY { path } else { format!("{} {path}", method.to_uppercase()) };
                let settings = super::resource::conditional(
                    condition.clone().map(Value::from).as_ref(),
                    settings.clone(),
                );
                let all = api.entry("RouteSettings").or_insert_with(|| json!({}));
                all.as_object_mut().into_iter().for_each(|all| {
                    all.insert(route.clone(), settings.clone());
                });
            }
        }
        Ok(())
    }

    /// Which API, path and method an event means.
    fn place(&self, properties: &Map<String, Value>) -> Result<(String, String, String), String> {
        let api =
            properties.get(self.member).map(|api| api.get("Ref").unwrap_or(api)).and_then(Value::as_str);
        let text = |name: &str| {
            let text = properties.get(name).and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| format!("Property '{name}' is required."))
        };
        let Some(api) = api else {
            return Err(format!(
                "{} must be a valid reference to an '{}' resource in same template.",
                self.member, self.kind
            ));
        };
        Ok((api.to_owned(), text("Path")?, text("Method")?))
    }

    /// Puts the implicit API and the paths of all APIs under the conditions of their functions. Returns conditions that
    /// had to be made.
    fn condition_all(
        &self,
        resources: &mut Map<String, Value>,
        conditions: &Conditions,
    ) -> Result<Map<String, Value>, String> {
        let mut made = Map::new();
        if let Some(paths) = conditions.get(self.id) {
            let all = paths.values().flat_map(BTreeMap::values);
            if let Some(condition) = common(all, &format!("{}Condition", self.id), &mut made)
                && let Some(api) = resources.get_mut(self.id).and_then(Value::as_object_mut)
            {
                api.insert("Condition".into(), condition.into());
            }
        }
        for (api_id, paths) in conditions {
            let Some(api) = resources.get_mut(api_id).and_then(|api| api.get_mut("Properties")) else {
                continue;
            };
            if api.get(MANAGED) != Some(&Value::Bool(true)) {
                continue;
            }
            let Some(body) = api.get_mut("DefinitionBody") else { continue };
            for (path, methods) in paths {
                let plain = path.replace('/', "SLASH").replace('{', "OB").replace('}', "CB");
                if let Some(condition) =
                    common(methods.values(), &format!("{api_id}{plain}PathCondition"), &mut made)
                {
                    editor::condition_path(body, path, &condition)?;
                }
            }
        }
        Ok(made)
    }
}

/// The condition under which any of these holds: none if one of them has none.
fn common<'a>(
    all: impl Iterator<Item = &'a Option<String>>,
    name: &str,
    made: &mut Map<String, Value>,
) -> Option<String> {
    let all: Option<BTreeSet<&String>> = all.map(Option::as_ref).collect();
    let mut all: Vec<String> = all?.into_iter().cloned().collect();
    if all.len() < 2 {
        return all.pop();
    }
    // An `Fn::Or` takes ten at most: more are put together in steps.
    let mut left = 1 + (all.len() - 2) / 9 - 1;
    while all.len() > 1 {
        let step = if left > 0 { format!("{name}{left}") } else { name.to_owned() };
        left = left.saturating_sub(1);
        let rest = all.split_off(all.len().min(10));
        let operands: Vec<Value> = all.iter().map(|condition| json!({ "Condition": condition })).collect();
        made.insert(step.clone(), json!({ "Fn::Or": operands }));
        all = rest;
        all.push(step);
    }
    all.pop()
}

/// The tags that go from a function to the API that it makes.
fn propagated_tags(owner: &Value, globals: &Value) -> Option<Map<String, Value>> {
    let kind = owner.get("Type").and_then(Value::as_str)?.strip_prefix("AWS::Serverless::")?;
    let find = |name: &str| {
        let own = owner.get("Properties").and_then(|properties| properties.get(name));
        own.or_else(|| globals.get(kind)?.get(name))
    };
    (find("PropagateTags") == Some(&Value::Bool(true))).then(|| find("Tags")?.as_object().cloned())?
}
