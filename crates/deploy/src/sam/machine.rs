//! `AWS::Serverless::StateMachine`.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::implicit::MANAGED;
use super::policies::{self, Role};
use super::resource::{
    Made, attribute, conditional, is_intrinsic, is_set, kept, passed_on, put, reference, s3_place, tag_list,
};
use super::work::{Work, judge_members};
use super::{api_events, editor, push};

const KNOWN: [&str; 18] = [
    "Definition",
    "DefinitionUri",
    "Logging",
    "Role",
    "RolePath",
    "DefinitionSubstitutions",
    "Events",
    "Name",
    "Type",
    "Tags",
    "PropagateTags",
    "Policies",
    "Tracing",
    "PermissionsBoundary",
    "AutoPublishAlias",
    "DeploymentPreference",
    "UseAliasAsEventTarget",
    MANAGED,
];

/// What the events of a state machine start.
struct Target {
    arn: Value,
    machine: String,
    attributes: Map<String, Value>,
    boundary: Option<Value>,
}

/// Makes what a state machine stands for.
pub(super) fn make(work: &mut Work<'_>, logical: &str, resource: &Value) -> Result<Vec<Made>, String> {
    let empty = Map::new();
    let properties = resource.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    judge_members(properties, "AWS::Serverless::StateMachine", &KNOWN, &[])?;
    let get = |name: &str| properties.get(name).cloned().unwrap_or_default();
    let attributes = passed_on(resource);
    let mut machine = Made::new(logical, "AWS::StepFunctions::StateMachine", &kept(resource));
    machine.depends_on = resource.get("DependsOn").cloned();
    let mut substitutions = get("DefinitionSubstitutions").as_object().cloned().unwrap_or_default();
    match (properties.get("Definition"), properties.get("DefinitionUri")) {
        (Some(_), Some(_)) => {
            return Err("Specify either 'Definition' or 'DefinitionUri' property and not both.".into());
        }
        (Some(definition), None) => {
            let mut definition = definition.clone();
            substitute(&mut definition, &mut substitutions, &mut 0);
            machine.set("DefinitionString", json!({ "Fn::Join": ["\n", lines(&definition)] }));
        }
        (None, Some(location)) => {
            machine.set("DefinitionS3Location", s3_place(Some(location), "DefinitionUri")?);
        }
        (None, None) => {
            return Err("Either 'Definition' or 'DefinitionUri' property must be specified.".into());
        }
    }
    if !substitutions.is_empty() {
        machine.set("DefinitionSubstitutions", substitutions);
    }
    let mut tags = vec![json!({ "Key": "stateMachine:createdBy", "Value": "SAM" })];
    tags.extend(tag_list(properties.get("Tags")));
    machine.set("StateMachineName", get("Name")).set("StateMachineType", get("Type"));
    machine.set("LoggingConfiguration", get("Logging")).set("TracingConfiguration", get("Tracing"));
    machine.set("Tags", tags.clone());
    let mut made = Vec::new();
    match (is_set(properties.get("Role")), is_set(properties.get("Policies"))) {
        (true, true) => {
            return Err(
                "Specify either 'Role' or 'Policies' (but not both at the same time) or neither of them"
                    .into(),
            );
        }
        (true, false) => {
            machine.set("RoleArn", get("Role"));
        }
        (false, _) => {
            let role = role(work, logical, properties, &attributes, tags)?;
            machine.set("RoleArn", attribute(&role.logical, "Arn"));
            made.push(role);
        }
    }
    let mut target = Target {
        arn: reference(logical),
        machine: logical.to_owned(),
        attributes,
        boundary: properties.get("PermissionsBoundary").cloned(),
    };
    made.extend(publish(&mut target, properties)?);
    for (id, event) in properties.get("Events").and_then(Value::as_object).into_iter().flatten() {
        let invalid = |text: String| format!("Event with id [{id}] is invalid. {text}");
        made.extend(self::event(work, &target, id, event).map_err(invalid)?);
    }
    made.insert(0, machine);
    work.propagate_tags(&mut made, properties.get("Tags"), properties.get("PropagateTags"));
    Ok(made)
}

fn role(
    work: &Work<'_>,
    logical: &str,
    properties: &Map<String, Value>,
    attributes: &Map<String, Value>,
    tags: Vec<Value>,
) -> Result<Made, String> {
    let mut made = Made::new(format!("{logical}Role"), "AWS::IAM::Role", attributes);
    made.set("AssumeRolePolicyDocument", policies::trust("states.amazonaws.com")).set("Tags", tags);
    made.set("Path", properties.get("RolePath").cloned().unwrap_or_default());
    made.set("PermissionsBoundary", properties.get("PermissionsBoundary").cloned().unwrap_or_default());
    let mut role = Role { made, managed: Vec::new(), policies: Vec::new() };
    policies::add(&mut role, properties.get("Policies"), &work.partition)?;
    if properties.get("Tracing").and_then(|tracing| tracing.get("Enabled")) == Some(&Value::Bool(true)) {
        role.add_managed(policies::managed_arn("AWSXrayWriteOnlyAccess", &work.partition).into());
    }
    Ok(role.finish())
}

/// The version and alias, where one is wanted.
fn publish(target: &mut Target, properties: &Map<String, Value>) -> Result<Vec<Made>, String> {
    let alias = properties.get("AutoPublishAlias").filter(|alias| is_set(Some(*alias)));
    let Some(alias) = alias else {
        for name in ["UseAliasAsEventTarget", "DeploymentPreference"] {
            if is_set(properties.get(name)) {
                return Err(format!("'{name}' requires 'AutoPublishAlias' property to be specified."));
            }
        }
        return Ok(Vec::new());
    };
    let logical = &target.machine;
    let mut version =
        Made::new(format!("{logical}Version"), "AWS::StepFunctions::StateMachineVersion", &target.attributes);
    for name in ["DeletionPolicy", "UpdateReplacePolicy"] {
        version.attributes.entry(name).or_insert_with(|| "Retain".into());
    }
    version.set("StateMachineArn", reference(logical));
    version.set("StateMachineRevisionId", attribute(logical, "StateMachineRevisionId"));
    let name = alias.as_str().ok_or("'AutoPublishAlias' must be a string")?;
    let kind = "AWS::StepFunctions::StateMachineAlias";
    let mut made = Made::new(format!("{logical}Alias{name}"), kind, &target.attributes);
    let given = properties.get("DeploymentPreference").cloned();
    let mut preference = given.unwrap_or_else(|| json!({ "Type": "ALL_AT_ONCE" }));
    put(&mut preference, &["StateMachineVersionArn"], reference(&version.logical));
    made.set("Name", alias.clone()).set("DeploymentPreference", preference);
    if is_set(properties.get("UseAliasAsEventTarget")) {
        target.arn = reference(&made.logical);
    }
    Ok(vec![version, made])
}

fn event(work: &mut Work<'_>, target: &Target, id: &str, event: &Value) -> Result<Vec<Made>, String> {
    let empty = Map::new();
    let properties = event.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    let logical = format!("{}{id}", target.machine);
    let (arn, attributes) = (&target.arn, &target.attributes);
    match event.get("Type").and_then(Value::as_str).unwrap_or_default() {
        kind @ ("Schedule" | "CloudWatchEvent" | "EventBridgeRule") => {
            push::machine_rule(arn, target.boundary.as_ref(), attributes, &logical, kind, properties)
        }
        "ScheduleV2" => push::schedule(arn, true, attributes, &logical, properties),
        "Api" => api(work, target, &logical, properties),
        other => Err(format!(
            "events of type '{other}' are not built: there are Api, Schedule, ScheduleV2, EventBridgeRule and CloudWatchEvent"
        )),
    }
}

/// A method that starts the machine.
fn api(
    work: &mut Work<'_>,
    target: &Target,
    logical: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let known = ["Path", "Method", "RestApiId", "Stage", "Auth", "UnescapeMappingTemplate"];
    judge_members(properties, "Api", &known, &[])?;
    let text =
        |name: &str| properties.get(name).and_then(Value::as_str).ok_or_else(|| format!("Missing '{name}'."));
    let (path, method) = (text("Path")?, text("Method")?.to_lowercase());
    let api = properties.get("RestApiId").map(|api| api.get("Ref").unwrap_or(api)).and_then(Value::as_str);
    let boundary = target.boundary.as_ref();
    let role = push::start_role(
        &format!("{logical}Role"),
        "apigateway.amazonaws.com",
        &target.arn,
        boundary,
        &target.attributes,
    );
    let parameters = work.parameters;
    let api = work.resources.get_mut(api.unwrap_or_default()).and_then(|api| api.get_mut("Properties"));
    let Some(api) = api.filter(|api| is_set(api.get(MANAGED))) else { return Ok(vec![role]) };
    let api_auth = super::intrinsics::resolved(api.get("Auth").unwrap_or(&Value::Null), parameters);
    let Some(body) = api.get_mut("DefinitionBody") else { return Ok(vec![role]) };
    if editor::has_integration(body, path, &method)? {
        return Err(format!("API method \"{method}\" defined multiple times for path \"{path}\"."));
    }
    let condition = target.attributes.get("Condition");
    let uri =
        json!({ "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution" });
    let machine = target.arn.get("Ref").and_then(Value::as_str).unwrap_or(&target.machine);
    let input = if is_set(properties.get("UnescapeMappingTemplate")) {
        r#"$util.escapeJavaScript($input.json('$')).replaceAll("\\'","'")"#
    } else {
        "$util.escapeJavaScript($input.json('$'))"
    };
    let template = format!("{{\"input\": \"{input}\", \"stateMachineArn\": \"${{{machine}}}\"}}");
    let integration = json!({
        "type": "aws", "httpMethod": "POST", "uri": conditional(condition, uri),
        "responses": { "200": { "statusCode": "200" }, "400": { "statusCode": "400" } },
        "credentials": attribute(&role.logical, "Arn"),
        "requestTemplates": { "application/json": { "Fn::Sub": template } },
    });
    let responses = json!({ "200": { "description": "OK" }, "400": { "description": "Bad Request" } });
    let more = Map::from_iter([("responses".to_owned(), responses)]);
    editor::integrate(body, path, &method, &integration, &more, condition)?;
    let auth = properties.get("Auth").cloned().unwrap_or_else(|| json!({}));
    api_events::secure_rest(body, path, &method, &auth, &api_auth)?;
    Ok(vec![role])
}

/// Functions inside a definition become substitutions.
fn substitute(value: &mut Value, substitutions: &mut Map<String, Value>, count: &mut u32) {
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        let is_dynamic =
            child.as_str().is_some_and(|text| text.starts_with("{{resolve:") && text.ends_with("}}"));
        if is_intrinsic(child) || is_dynamic {
            *count += 1;
            let name = format!("definition_substitution_{count}");
            substitutions.insert(name.clone(), std::mem::replace(child, format!("${{{name}}}").into()));
        } else {
            substitute(child, substitutions, count);
        }
    }
}

/// A definition's text, four blanks a level, in lines.
fn lines(definition: &Value) -> Vec<String> {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    // Writing a value into memory does not fail.
    let _ = definition.serialize(&mut serializer);
    String::from_utf8_lossy(&text).split('\n').map(super::hash::ascii).collect()
}
