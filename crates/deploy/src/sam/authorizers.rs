//! Who may call an API, as its definition says it.

use serde_json::{Map, Value, json};

use super::function::Target;
use super::push::permission;
use super::resource::{Made, is_set, put, reference};
use super::work::judge_members;

/// The member of a definition that says what API Gateway does.
const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";

/// Callers are known by IAM.
pub(super) fn aws_iam() -> Value {
    json!({ "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4" })
}

/// Callers show an API key.
pub(super) fn api_key() -> Value {
    json!({ "type": "apiKey", "name": "x-api-key", "in": "header" })
}

fn uri(function: &Value, partition: &str) -> Value {
    let arn = format!(
        "arn:{partition}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{__FunctionArn__}}/invocations"
    );
    json!({ "Fn::Sub": [arn, { "__FunctionArn__": function }] })
}

/// What an authorizer of a REST API becomes in the definition.
pub(super) fn rest(name: &str, config: &Value, partition: &str) -> Result<Value, String> {
    let members = config.as_object().ok_or_else(|| format!("Auth.Authorizers.{name} should be a map."))?;
    let known = [
        "UserPoolArn",
        "FunctionArn",
        "Identity",
        "FunctionPayloadType",
        "FunctionInvokeRole",
        "AuthorizationScopes",
        "DisableFunctionDefaultPermissions",
    ];
    judge_members(members, "Auth.Authorizers", &known, &[])?;
    let identity = config.get("Identity").cloned().unwrap_or_else(|| json!({}));
    let mut does = Map::new();
    let is_pool = is_set(config.get("UserPoolArn"));
    let payload = config.get("FunctionPayloadType").and_then(Value::as_str).unwrap_or("TOKEN");
    let is_request = !is_pool && payload == "REQUEST";
    if !["TOKEN", "REQUEST"].contains(&payload) {
        return Err(format!("{name} Authorizer has invalid 'FunctionPayloadType': {payload}."));
    }
    if is_pool {
        let pools = config.get("UserPoolArn").cloned().unwrap_or_default();
        does.insert("type".into(), "cognito_user_pools".into());
        does.insert("providerARNs".into(), if pools.is_array() { pools } else { json!([pools]) });
    } else {
        does.insert("type".into(), payload.to_lowercase().into());
        does.insert(
            "authorizerUri".into(),
            uri(config.get("FunctionArn").unwrap_or(&Value::Null), partition),
        );
        if let Some(seconds) = identity.get("ReauthorizeEvery") {
            does.insert("authorizerResultTtlInSeconds".into(), seconds.clone());
        }
        if let Some(role) =
            config.get("FunctionInvokeRole").filter(|role| is_set(Some(*role)) && **role != "NONE")
        {
            does.insert("authorizerCredentials".into(), role.clone());
        }
    }
    if is_request {
        let sources = sources(
            &identity,
            &[
                ("Headers", "method.request.header."),
                ("QueryStrings", "method.request.querystring."),
                ("StageVariables", "stageVariables."),
                ("Context", "context."),
            ],
        );
        if sources.is_empty() && identity.get("ReauthorizeEvery").and_then(Value::as_i64) != Some(0) {
            return Err(format!(
                "{name} Authorizer must specify Identity with at least one of Headers, QueryStrings, StageVariables, or \
                 Context."
            ));
        }
        if !sources.is_empty() {
            does.insert("identitySource".into(), sources.join(", ").into());
        }
    } else if let Some(expression) = identity.get("ValidationExpression").filter(|e| is_set(Some(*e))) {
        does.insert("identityValidationExpression".into(), expression.clone());
    }
    let header = identity.get("Header").filter(|header| is_set(Some(*header))).cloned();
    let header = if is_request { "Unused".into() } else { header.unwrap_or_else(|| "Authorization".into()) };
    let kind = if is_pool { "cognito_user_pools" } else { "custom" };
    Ok(
        json!({ "type": "apiKey", "name": header, "in": "header", "x-amazon-apigateway-authtype": kind, AUTHORIZER: does }),
    )
}

/// What an authorizer of an HTTP API becomes in the definition.
pub(super) fn http(name: &str, config: &Value, partition: &str) -> Result<Value, String> {
    let members = config.as_object().ok_or_else(|| format!("Auth.Authorizers.{name} should be a map."))?;
    if let Some(jwt) = config.get("JwtConfiguration").filter(|jwt| is_set(Some(*jwt))) {
        judge_members(
            members,
            "Auth.Authorizers",
            &["AuthorizationScopes", "JwtConfiguration", "IdentitySource"],
            &[],
        )?;
        let Some(source) = config.get("IdentitySource") else {
            return Err(format!("{name} OAuth2 Authorizer must define 'IdentitySource'."));
        };
        let jwt: Map<String, Value> = jwt
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.to_lowercase(), value.clone()))
            .collect();
        let does = json!({ "jwtConfiguration": jwt, "identitySource": source, "type": "jwt" });
        return Ok(json!({ "type": "oauth2", AUTHORIZER: does }));
    }
    let known = [
        "FunctionArn",
        "FunctionInvokeRole",
        "Identity",
        "AuthorizerPayloadFormatVersion",
        "EnableSimpleResponses",
        "EnableFunctionDefaultPermissions",
    ];
    judge_members(members, "Auth.Authorizers", &known, &[])?;
    let Some(function) = config.get("FunctionArn") else {
        return Err(format!("{name} Lambda Authorizer must define 'FunctionArn'."));
    };
    let Some(version) = config.get("AuthorizerPayloadFormatVersion") else {
        return Err(format!("{name} Lambda Authorizer must define 'AuthorizerPayloadFormatVersion'."));
    };
    let mut does = json!({
        "type": "request", "authorizerUri": uri(function, partition), "authorizerPayloadFormatVersion": version,
    });
    if let Some(role) =
        config.get("FunctionInvokeRole").filter(|role| is_set(Some(*role)) && **role != "NONE")
    {
        put(&mut does, &["authorizerCredentials"], role.clone());
    }
    if let Some(identity) = config.get("Identity").filter(|identity| is_set(Some(*identity))) {
        if let Some(seconds) = identity.get("ReauthorizeEvery") {
            put(&mut does, &["authorizerResultTtlInSeconds"], seconds.clone());
        }
        put(
            &mut does,
            &["identitySource"],
            json!(sources(
                identity,
                &[
                    ("Headers", "$request.header."),
                    ("QueryStrings", "$request.querystring."),
                    ("StageVariables", "$stageVariables."),
                    ("Context", "$context."),
                ]
            )),
        );
    }
    if is_set(config.get("EnableSimpleResponses")) {
        put(&mut does, &["enableSimpleResponses"], true.into());
    }
    Ok(json!({ "type": "apiKey", "name": "Unused", "in": "header", AUTHORIZER: does }))
}

fn sources(identity: &Value, kinds: &[(&str, &str)]) -> Vec<String> {
    let all = kinds.iter().flat_map(|(member, prefix)| {
        let values = identity.get(*member).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(move |value| Some(format!("{prefix}{}", value.as_str()?)))
    });
    all.collect()
}

/// The permission for an API to call an authorizer.
pub(super) fn allow(
    api: &str,
    name: &str,
    function: &Value,
    partition: &str,
    attributes: &Map<String, Value>,
) -> Made {
    let nobody = Target { function: String::new(), alias: None, attributes: attributes.clone() };
    let id = format!("{api}{name}AuthorizerPermission");
    let mut permission = permission(&nobody, &id, "apigateway.amazonaws.com");
    let arn = format!(
        "arn:{partition}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{__ApiId__}}/authorizers/*"
    );
    permission.set("FunctionName", function.clone());
    permission.set("SourceArn", json!({ "Fn::Sub": [arn, { "__ApiId__": reference(api) }] }));
    permission
}
