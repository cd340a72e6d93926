//! The role that the functions share, and their log groups.

use serde_json::{Value as Json, json};

use super::naming;
use super::service::{Function, Service, get, list};
use super::stack::Stack;
use crate::document::{Node, Value};

/// The role's logical id.
pub(super) const ROLE: &str = "IamRoleLambdaExecution";

/// The default role in the making.
#[derive(Default)]
pub(super) struct Role {
    /// The statements of its policy, in order.
    pub(super) statements: Vec<Json>,
    /// Whether `EventBridge` Scheduler takes it on, too.
    pub(super) scheduler: bool,
}

/// Adds the log groups of the functions.
pub(super) fn log_groups(service: &Service<'_>, stack: &mut Stack) {
    for function in &service.functions {
        if function.get("disableLogs").and_then(Node::as_bool) == Some(true) {
            continue;
        }
        let setting =
            |name: &str| function.get(name).or_else(|| service.provider_node(name)).map(Node::to_json);
        stack.add(
            &naming::log_group(&function.key),
            "AWS::Logs::LogGroup",
            json!({
                "LogGroupName": format!("/aws/lambda/{}", function.name),
                "RetentionInDays": setting("logRetentionInDays"),
                "DataProtectionPolicy": setting("logDataProtectionPolicy"),
            }),
        );
    }
}

/// The role that somebody else made, for a function or for all; none if the default one serves.
pub(super) fn custom<'a>(service: &'a Service<'_>, function: Option<&'a Function>) -> Option<&'a Node> {
    if let Some(role) = function.and_then(|function| function.get("role")) {
        return Some(role);
    }
    let role = service.provider_node("iam.role").filter(|role| match &role.value {
        Value::String(_) => true,
        Value::Mapping(mapping) => mapping.iter().any(|entry| entry.key.contains("::")),
        _ => false,
    });
    role.or_else(|| service.provider_node("role"))
}

/// Begins the default role, if a function needs it: logs, then what the file says.
pub(super) fn begin(service: &Service<'_>, more: Vec<Json>) -> Option<Role> {
    if custom(service, None).is_some() || service.functions.iter().all(|f| f.get("role").is_some()) {
        return None;
    }
    let mut role = Role::default();
    let canonical = format!("{}-{}", service.name, service.stage);
    let group = |name: &str, tail: &str| {
        json!({"Fn::Sub": format!(
            "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/lambda/{name}{tail}"
        )})
    };
    let silent = |f: &Function| f.get("disableLogs").and_then(Node::as_bool) == Some(true);
    let canonically = |f: &&Function| f.name.starts_with(&canonical);
    let (mut streams, mut events): (Vec<Json>, Vec<Json>) = (Vec::new(), Vec::new());
    for function in service.functions.iter().filter(|f| !canonically(f) && !silent(f)) {
        streams.push(group(&function.name, ":*"));
        events.push(group(&function.name, ":*:*"));
    }
    let talking = service.functions.iter().filter(canonically).any(|f| !silent(f));
    if talking {
        streams.push(group(&canonical, "*:*"));
        events.push(group(&canonical, "*:*:*"));
    }
    role.statements.push(json!({
        "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:CreateLogGroup", "logs:TagResource"], "Resource": streams,
    }));
    role.statements.push(json!({"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": events}));
    let silenced: Vec<Json> = service
        .functions
        .iter()
        .filter(canonically)
        .filter(|f| silent(f))
        .map(|f| group(&f.name, ":*"))
        .collect();
    if talking && !silenced.is_empty() {
        role.statements.push(json!({"Effect": "Deny", "Action": "logs:PutLogEvents", "Resource": silenced}));
    }
    let own = ["provider.iam.role.statements", "provider.iamRoleStatements"];
    let own = own.iter().map(|path| list(&service.root, path)).find(|list| !list.is_empty());
    role.statements.extend(own.unwrap_or_default().iter().map(Node::to_json));
    role.statements.extend(more);
    Some(role)
}

/// Adds the role to the stack.
pub(super) fn finish(service: &Service<'_>, stack: &mut Stack) {
    let Some(role) = stack.role.take() else { return };
    let setting = |paths: &[&str]| paths.iter().find_map(|path| get(&service.root, path)).map(Node::to_json);
    let managed = setting(&["provider.iam.role.managedPolicies", "provider.iamManagedPolicies"]);
    let mut managed: Vec<Json> = managed.as_ref().and_then(Json::as_array).cloned().unwrap_or_default();
    let vpc = service.provider_node("vpc").is_some()
        || service.functions.iter().any(|f| f.node.get("vpc").is_some());
    if vpc {
        managed.push(super::stack::join(&[
            json!("arn:"),
            super::stack::reference("AWS::Partition"),
            json!(":iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"),
        ]));
    }
    let tags = get(&service.root, "provider.iam.role.tags").and_then(Node::as_mapping).map(|tags| {
        tags.iter().map(|tag| json!({"Key": tag.key, "Value": tag.value.to_json()})).collect::<Vec<_>>()
    });
    let mut principals = vec!["lambda.amazonaws.com"];
    if role.scheduler {
        principals.push("scheduler.amazonaws.com");
    }
    let name = setting(&["provider.iam.role.name"]).unwrap_or_else(
        || json!({"Fn::Join": ["-", [service.name, service.stage, {"Ref": "AWS::Region"}, "lambdaRole"]]}),
    );
    stack.add(
        ROLE,
        "AWS::IAM::Role",
        json!({
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": principals}, "Action": ["sts:AssumeRole"]},
                ],
            },
            "Policies": [{
                "PolicyName": {"Fn::Join": ["-", [service.name, service.stage, "lambda"]]},
                "PolicyDocument": {"Version": "2012-10-17", "Statement": role.statements},
            }],
            "Path": service.provider("iam.role.path").unwrap_or_else(|| "/".to_owned()),
            "RoleName": name,
            "PermissionsBoundary": setting(&[
                "provider.iam.role.permissionsBoundary",
                "provider.iam.role.permissionBoundary",
                "provider.rolePermissionsBoundary",
            ]),
            "Tags": tags,
            "ManagedPolicyArns": (!managed.is_empty()).then_some(managed),
        }),
    );
}

/// The role's resource that a mapping must wait for, if the role is of this stack.
pub(super) fn dependency(service: &Service<'_>, function: &Function) -> Option<String> {
    let Some(role) = custom(service, Some(function)) else { return Some(ROLE.to_owned()) };
    if let Value::String(name) = &role.value {
        return (!name.contains(':')).then(|| name.clone());
    }
    match list(role, "Fn::GetAtt") {
        [id, name] if name.as_str() == Some("Arn") => id.as_str().map(str::to_owned),
        _ => None,
    }
}
