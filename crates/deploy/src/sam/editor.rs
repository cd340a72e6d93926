//! Paths and methods of an API's definition (Swagger 2 and OpenAPI 3), with conditions in them.

use serde_json::{Map, Value, json};

use super::resource::{conditional, no_value};

/// What a method is called that takes all.
pub(super) const ANY: &str = "x-amazon-apigateway-any-method";
/// Where a method's integration stands.
pub(super) const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// A method's name in a definition.
pub(super) fn method_name(method: &str) -> String {
    let method = method.to_lowercase();
    if method == "any" { ANY.to_owned() } else { method }
}

/// An empty definition: Swagger for REST APIs, OpenAPI for HTTP APIs.
pub(super) fn skeleton(is_rest: bool) -> Value {
    let info = json!({ "version": "1.0", "title": { "Ref": "AWS::StackName" } });
    if is_rest {
        json!({ "swagger": "2.0", "info": info, "paths": {} })
    } else {
        json!({ "openapi": "3.0.1", "info": info, "paths": {} })
    }
}

/// Whether a definition is OpenAPI 3.
pub(super) fn is_openapi(definition: &Value) -> bool {
    definition.get("swagger").is_none()
        && definition.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with("3."))
}

/// Whether something can be added to a definition.
pub(super) fn is_valid(definition: Option<&Value>) -> bool {
    definition.is_some_and(|body| {
        body.get("paths").is_some_and(Value::is_object) && (body.get("swagger").is_some() || is_openapi(body))
    })
}

fn paths(definition: &mut Value) -> Result<&mut Map<String, Value>, String> {
    let paths = definition.get_mut("paths").and_then(Value::as_object_mut);
    paths.ok_or_else(|| "Invalid definition: 'paths' must be a map.".to_owned())
}

/// The names of all paths.
pub(super) fn path_names(definition: &Value) -> Vec<String> {
    definition
        .get("paths")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|paths| paths.keys().cloned())
        .collect()
}

/// What a value is, in all branches of its condition.
fn branches(value: &mut Value) -> Vec<&mut Value> {
    if value.get("Fn::If").is_some_and(Value::is_array) {
        let items = value.get_mut("Fn::If").and_then(Value::as_array_mut).into_iter().flatten();
        return items.skip(1).filter(|item| **item != no_value()).collect();
    }
    vec![value]
}

/// Makes room for a method.
pub(super) fn add_path(definition: &mut Value, path: &str, method: &str) -> Result<(), String> {
    let item = paths(definition)?.entry(path).or_insert_with(|| json!({}));
    for branch in branches(item) {
        let members = branch.as_object_mut().ok_or_else(|| not_a_map(path))?;
        members.entry(method_name(method)).or_insert_with(|| json!({}));
    }
    Ok(())
}

fn not_a_map(path: &str) -> String {
    format!("Value of '{path}' path must be a dictionary according to Swagger spec.")
}

/// Puts a path under a condition.
pub(super) fn condition_path(definition: &mut Value, path: &str, condition: &str) -> Result<(), String> {
    if let Some(item) = paths(definition)?.get_mut(path) {
        *item = conditional(Some(&condition.into()), item.take());
    }
    Ok(())
}

/// Visits the definitions of one method, or of all (`None`), of a path.
pub(super) fn methods(
    definition: &mut Value,
    path: &str,
    method: Option<&str>,
    visit: &mut dyn FnMut(&str, &mut Map<String, Value>),
) -> Result<(), String> {
    let wanted = method.map(method_name);
    let Some(item) = paths(definition)?.get_mut(path) else { return Ok(()) };
    for branch in branches(item) {
        let members = branch.as_object_mut().ok_or_else(|| not_a_map(path))?;
        for (name, definition) in members.iter_mut() {
            let name = method_name(name);
            let is_none = ["summary", "description", "parameters"].contains(&name.as_str());
            if is_none || wanted.as_ref().is_some_and(|wanted| *wanted != name) {
                continue;
            }
            for definition in branches(definition) {
                if let Some(definition) = definition.as_object_mut() {
                    visit(&name, definition);
                }
            }
        }
    }
    Ok(())
}

/// Whether a method has an integration already.
pub(super) fn has_integration(definition: &mut Value, path: &str, method: &str) -> Result<bool, String> {
    let mut found = false;
    methods(definition, path, Some(method), &mut |_, method| found |= method.contains_key(INTEGRATION))?;
    Ok(found)
}

/// Adds a method with its integration, under a condition if there is one.
pub(super) fn integrate(
    definition: &mut Value,
    path: &str,
    method: &str,
    integration: &Value,
    more: &Map<String, Value>,
    condition: Option<&Value>,
) -> Result<(), String> {
    add_path(definition, path, method)?;
    let Some(item) = paths(definition)?.get_mut(path) else { return Ok(()) };
    for branch in branches(item) {
        let Some(slot) = branch.get_mut(method_name(method)) else { continue };
        let mut members = slot.as_object().cloned().unwrap_or_default();
        members.insert(INTEGRATION.into(), integration.clone());
        for (key, value) in more {
            members.entry(key.clone()).or_insert_with(|| value.clone());
        }
        *slot = conditional(condition, Value::Object(members));
    }
    Ok(())
}

/// Adds to the security of a method what is to be added.
pub(super) fn secure(method: &mut Map<String, Value>, name: &str, scopes: &Value) {
    let mut security = method.get("security").and_then(Value::as_array).cloned().unwrap_or_default();
    security.push(json!({ name: scopes }));
    method.insert("security".into(), security.into());
}

/// A path with `*` for its parameters, as ARNs of methods have it.
pub(super) fn wildcard_path(path: &str) -> String {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let (mut out, mut rest) = (String::new(), path);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push('*');
        rest = behind;
    }
    out + rest
}
