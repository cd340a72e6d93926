//! `AWS::Serverless::Api`: the REST API, its deployment and its stage.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::api_events::define;
use super::implicit::MANAGED;
use super::resource::{Made, is_intrinsic, is_set, kept, passed_on, put, reference, s3_place, tag_list};
use super::work::{Work, judge_members};
use super::{authorizers, editor, hash};

const TO_API: [&str; 9] = [
    "Name",
    "Description",
    "Mode",
    "ApiKeySourceType",
    "Policy",
    "BinaryMediaTypes",
    "MinimumCompressionSize",
    "SecurityPolicy",
    "EndpointAccessMode",
];
const TO_STAGE: [&str; 8] = [
    "StageName",
    "CacheClusterEnabled",
    "CacheClusterSize",
    "Variables",
    "MethodSettings",
    "AccessLogSetting",
    "CanarySetting",
    "TracingEnabled",
];
const OTHER: [&str; 12] = [
    MANAGED,
    "Tags",
    "PropagateTags",
    "DefinitionBody",
    "DefinitionUri",
    "EndpointConfiguration",
    "Cors",
    "Auth",
    "GatewayResponses",
    "OpenApiVersion",
    "FailOnWarnings",
    "DisableExecuteApiEndpoint",
];
const WITHOUT: [&str; 4] = ["Models", "Domain", "MergeDefinitions", "AlwaysDeploy"];

/// Makes what a REST API stands for.
pub(super) fn make(work: &mut Work<'_>, logical: &str, resource: &Value) -> Result<Vec<Made>, String> {
    let empty = Map::new();
    let properties = resource.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    let known = [TO_API.as_slice(), &TO_STAGE, &OTHER].concat();
    judge_members(properties, "AWS::Serverless::Api", &known, &WITHOUT)?;
    let Some(stage_name) = properties.get("StageName") else {
        return Err("Missing required property 'StageName'.".into());
    };
    if properties.contains_key("DefinitionUri") && properties.contains_key("DefinitionBody") {
        return Err("Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.".into());
    }
    let attributes = passed_on(resource);
    let mut api = Made::new(logical, "AWS::ApiGateway::RestApi", &kept(resource));
    api.depends_on = resource.get("DependsOn").cloned();
    api.copy(properties, &TO_API);
    if let Some(media) = properties.get("BinaryMediaTypes") {
        api.set("BinaryMediaTypes", work.resolved(media));
    }
    if let Some(endpoint) = properties.get("EndpointConfiguration") {
        let kind = endpoint.get("Type").unwrap_or(endpoint);
        let mut types = json!({ "Types": [kind] });
        let vpc = endpoint.get("VPCEndpointIds").or_else(|| endpoint.get("VpcEndpointIds"));
        for (name, value) in [("VpcEndpointIds", vpc), ("IpAddressType", endpoint.get("IpAddressType"))] {
            if let Some(value) = value {
                put(&mut types, &[name], value.clone());
            }
        }
        api.set("EndpointConfiguration", types);
        api.set("Parameters", json!({ "endpointConfigurationTypes": kind }));
    }
    let auth = work.resolved(properties.get("Auth").unwrap_or(&Value::Null));
    let mut body = properties.get("DefinitionBody").cloned();
    if body.is_none() {
        let inline = ["Cors", "Auth", "GatewayResponses", "DisableExecuteApiEndpoint"];
        if let Some(name) = inline.iter().find(|name| is_set(properties.get(**name))) {
            return Err(format!(
                "{name} works only with inline Swagger specified in 'DefinitionBody' property."
            ));
        }
    }
    if let Some(body) = &mut body {
        define_body(work, body, properties, &auth)?;
        api.set("Body", body.clone());
    } else {
        api.set("BodyS3Location", s3_place(properties.get("DefinitionUri"), "DefinitionUri")?);
    }
    if is_set(properties.get("FailOnWarnings")) {
        api.copy(properties, &["FailOnWarnings"]);
    }
    // The deployment is a new one whenever what it deploys is.
    let what = api.properties.get("Body").or_else(|| api.properties.get("BodyS3Location"));
    let digest = hash::digest(&hash::dumps(what.unwrap_or(&Value::Null)));
    let short: String = digest.chars().take(10).collect();
    let mut deployment =
        Made::new(format!("{logical}Deployment{short}"), "AWS::ApiGateway::Deployment", &attributes);
    deployment
        .set("RestApiId", reference(logical))
        .set("Description", format!("RestApi deployment id: {digest}"));
    if !is_set(properties.get("OpenApiVersion")) {
        deployment.set("StageName", "Stage");
    }
    let mut stage = Made::new(stage_id(logical, stage_name), "AWS::ApiGateway::Stage", &attributes);
    stage.copy(properties, &TO_STAGE);
    stage.set("RestApiId", reference(logical)).set("DeploymentId", reference(&deployment.logical));
    if let Some(tags) = properties.get("Tags") {
        stage.set("Tags", tag_list(Some(tags)));
    }
    let mut made = vec![api, deployment, stage];
    for (name, config) in auth.get("Authorizers").and_then(Value::as_object).into_iter().flatten() {
        let Some(function) = config.get("FunctionArn").filter(|function| is_set(Some(*function))) else {
            continue;
        };
        if !is_set(config.get("DisableFunctionDefaultPermissions")) {
            made.push(authorizers::allow(logical, name, function, &work.partition, &attributes));
        }
    }
    work.propagate_tags(&mut made, properties.get("Tags"), properties.get("PropagateTags"));
    Ok(made)
}

/// The logical id of a stage: with its name, if that is plain.
pub(super) fn stage_id(api: &str, name: &Value) -> String {
    match name.as_str() {
        Some(name) if !name.is_empty() && name.chars().all(char::is_alphanumeric) => {
            format!("{api}{name}Stage")
        }
        name => hash::logical(&format!("{api}Stage"), &name.unwrap_or_default().into()),
    }
}

fn define_body(
    work: &Work<'_>,
    body: &mut Value,
    properties: &Map<String, Value>,
    auth: &Value,
) -> Result<(), String> {
    let asks = ["Cors", "Auth", "GatewayResponses"];
    if let Some(name) = asks.iter().find(|name| is_set(properties.get(**name)))
        && !editor::is_valid(Some(body))
    {
        return Err(format!(
            "Unable to add {name} configuration because 'DefinitionBody' does not contain a valid Swagger definition."
        ));
    }
    if let Some(cors) = properties.get("Cors").filter(|cors| is_set(Some(*cors))) {
        add_cors(body, cors)?;
    }
    if is_set(Some(auth)) {
        add_auth(work, body, auth)?;
    }
    if let Some(responses) = properties.get("GatewayResponses") {
        add_gateway_responses(body, responses)?;
    }
    if let Some(media) = properties.get("BinaryMediaTypes").filter(|media| is_set(Some(*media))) {
        let media = work.resolved(media).to_string().replace("~1", "/");
        put(
            body,
            &["x-amazon-apigateway-binary-media-types"],
            serde_json::from_str(&media).unwrap_or_default(),
        );
    }
    if let Some(off) = properties.get("DisableExecuteApiEndpoint") {
        let said =
            json!({ "x-amazon-apigateway-endpoint-configuration": { "disableExecuteApiEndpoint": off } });
        if editor::is_openapi(body) {
            put(body, &["servers"], json!([said]));
        } else if let (Some(body), Value::Object(said)) = (body.as_object_mut(), said) {
            body.extend(said);
        }
    }
    if editor::is_openapi(body) {
        to_openapi(body)?;
    }
    Ok(())
}

/// Answers of browsers' questions: a method OPTIONS for every path that has none.
fn add_cors(body: &mut Value, cors: &Value) -> Result<(), String> {
    let known = ["AllowMethods", "AllowHeaders", "AllowOrigin", "MaxAge", "AllowCredentials"];
    let config = match cors {
        Value::Object(members) if !is_intrinsic(cors) => {
            if let Some(stray) = members.keys().find(|key| !known.contains(&key.as_str())) {
                return Err(format!("Invalid key '{stray}' for 'Cors' property."));
            }
            cors.clone()
        }
        origin => json!({ "AllowOrigin": origin }),
    };
    let origin = config.get("AllowOrigin").cloned().unwrap_or_else(|| "'*'".into());
    let with_credentials = config.get("AllowCredentials") == Some(&Value::Bool(true));
    if with_credentials && origin == "'*'" {
        return Err("Unable to add Cors configuration because 'AllowCredentials' can not be true when 'AllowOrigin' is \
                    \"'*'\" or not set"
            .into());
    }
    let mut done = BTreeSet::new();
    for path in editor::path_names(body) {
        let plain = if path == "/" { path.as_str() } else { path.trim_end_matches('/') };
        if !done.insert(plain.to_owned()) {
            continue;
        }
        let mut there = BTreeSet::from(["OPTIONS".to_owned()]);
        let mut has_options = false;
        editor::methods(body, &path, None, &mut |name, _| {
            has_options |= name == "options";
            if name == editor::ANY {
                let all = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];
                there.extend(all.map(str::to_owned));
            } else {
                there.insert(name.to_uppercase());
            }
        })?;
        if has_options {
            continue;
        }
        let methods = config.get("AllowMethods").filter(|methods| is_set(Some(*methods))).cloned();
        let methods = methods.unwrap_or_else(|| format!("'{}'", Vec::from_iter(there).join(",")).into());
        let headers = [
            ("Access-Control-Allow-Origin", Some(origin.clone()), "string"),
            ("Access-Control-Allow-Headers", config.get("AllowHeaders").cloned(), "string"),
            ("Access-Control-Allow-Methods", Some(methods), "string"),
            ("Access-Control-Max-Age", config.get("MaxAge").cloned(), "integer"),
            ("Access-Control-Allow-Credentials", with_credentials.then(|| "'true'".into()), "string"),
        ];
        let (mut parameters, mut declared) = (Map::new(), Map::new());
        for (name, value, kind) in headers {
            let Some(value) = value else { continue };
            parameters.insert(format!("method.response.header.{name}"), value);
            declared.insert(name.into(), json!({ "type": kind }));
        }
        let integration = json!({
            "type": "mock",
            "requestTemplates": { "application/json": "{\n  \"statusCode\" : 200\n}\n" },
            "responses": { "default": {
                "statusCode": "200", "responseParameters": parameters,
                "responseTemplates": { "application/json": "{}\n" },
            } },
        });
        let responses =
            json!({ "200": { "description": "Default response for CORS method", "headers": declared } });
        let more = Map::from_iter([
            ("summary".to_owned(), json!("CORS support")),
            ("consumes".to_owned(), json!(["application/json"])),
            ("produces".to_owned(), json!(["application/json"])),
            ("responses".to_owned(), responses),
        ]);
        editor::integrate(body, &path, "options", &integration, &more, None)?;
    }
    Ok(())
}

fn add_auth(work: &Work<'_>, body: &mut Value, auth: &Value) -> Result<(), String> {
    let known = [
        "Authorizers",
        "DefaultAuthorizer",
        "InvokeRole",
        "AddDefaultAuthorizerToCorsPreflight",
        "AddApiKeyRequiredToCorsPreflight",
        "ApiKeyRequired",
    ];
    let empty = Map::new();
    judge_members(auth.as_object().unwrap_or(&empty), "Auth", &known, &["ResourcePolicy", "UsagePlan"])?;
    let default = auth.get("DefaultAuthorizer").and_then(Value::as_str).filter(|name| !name.is_empty());
    let configured = auth.get("Authorizers").and_then(Value::as_object).unwrap_or(&empty);
    for (name, config) in configured {
        let definition = authorizers::rest(name, config, &work.partition)?;
        put(body, &["securityDefinitions", name], definition);
    }
    if default == Some("AWS_IAM") {
        define(body, "AWS_IAM", authorizers::aws_iam());
    }
    let unless_off = |name: &str| auth.get(name) != Some(&Value::Bool(false));
    if let Some(default) = default {
        if default != "AWS_IAM" && !configured.contains_key(default) {
            return Err(format!(
                "Unable to set DefaultAuthorizer because '{default}' was not defined in 'Authorizers'."
            ));
        }
        let own = configured.get(default).and_then(|config| config.get("AuthorizationScopes"));
        let scopes = own.cloned().unwrap_or_else(|| json!([]));
        let on_preflight = unless_off("AddDefaultAuthorizerToCorsPreflight");
        let is_authorizer = |name: &str| name == "AWS_IAM" || configured.contains_key(name);
        for path in editor::path_names(body) {
            editor::methods(body, &path, None, &mut |name, method| {
                if !method.contains_key(editor::INTEGRATION) || (name == "options" && !on_preflight) {
                    return;
                }
                let there = method.get("security").and_then(Value::as_array).cloned().unwrap_or_default();
                let names = |wanted: &dyn Fn(&str) -> bool| {
                    there
                        .iter()
                        .any(|one| one.as_object().is_some_and(|one| one.keys().any(|name| wanted(name))))
                };
                if names(&|name| name == "NONE") {
                    let left: Vec<Value> =
                        there.iter().filter(|one| one.get("NONE").is_none()).cloned().collect();
                    if !left.is_empty() {
                        method.insert("security".into(), left.into());
                    }
                } else if !names(&is_authorizer) {
                    editor::secure(method, default, &scopes);
                }
            })?;
        }
    }
    if is_set(auth.get("ApiKeyRequired")) {
        define(body, "api_key", authorizers::api_key());
        let on_preflight = unless_off("AddApiKeyRequiredToCorsPreflight");
        for path in editor::path_names(body) {
            editor::methods(body, &path, None, &mut |name, method| {
                let there = method.get("security").and_then(Value::as_array).cloned().unwrap_or_default();
                let has = |key: &str| there.iter().any(|one| one.get(key).is_some());
                if !method.contains_key(editor::INTEGRATION) || (name == "options" && !on_preflight) {
                    return;
                }
                if has("api_key_false") {
                    let left: Vec<Value> =
                        there.iter().filter(|one| one.get("api_key_false").is_none()).cloned().collect();
                    method.insert("security".into(), left.into());
                } else if !has("api_key") {
                    editor::secure(method, "api_key", &json!([]));
                }
            })?;
        }
    }
    Ok(())
}

fn add_gateway_responses(body: &mut Value, responses: &Value) -> Result<(), String> {
    for (kind, response) in responses.as_object().into_iter().flatten() {
        let members =
            response.as_object().ok_or_else(|| format!("GatewayResponses.{kind} should be a map."))?;
        judge_members(
            members,
            "GatewayResponses",
            &["ResponseParameters", "ResponseTemplates", "StatusCode"],
            &[],
        )?;
        let mut parameters = Map::new();
        for (member, prefix) in [("Headers", "header"), ("Paths", "path"), ("QueryStrings", "querystring")] {
            let given = response.get("ResponseParameters").and_then(|given| given.get(member)?.as_object());
            for (name, value) in given.into_iter().flatten() {
                parameters.insert(format!("gatewayresponse.{prefix}.{name}"), value.clone());
            }
        }
        let templates = response.get("ResponseTemplates").cloned().unwrap_or_else(|| json!({}));
        let mut said = json!({ "responseParameters": parameters, "responseTemplates": templates });
        if let Some(code) = response.get("StatusCode") {
            put(
                &mut said,
                &["statusCode"],
                code.as_str().map_or_else(|| code.to_string(), str::to_owned).into(),
            );
        }
        put(body, &["x-amazon-apigateway-gateway-responses", kind], said);
    }
    Ok(())
}

/// What was said in Swagger's places, in OpenAPI's.
fn to_openapi(body: &mut Value) -> Result<(), String> {
    let members = body.as_object_mut().ok_or("DefinitionBody should be a map.")?;
    for (from, to) in [("securityDefinitions", "securitySchemes"), ("definitions", "schemas")] {
        if let Some(definitions) = members.remove(from) {
            members.entry("components").or_insert_with(|| json!({}))[to] = definitions;
        }
    }
    for path in editor::path_names(body) {
        editor::methods(body, &path, Some("options"), &mut |_, method| {
            method.remove("produces");
            method.remove("consumes");
            let headers = method.get_mut("responses").and_then(|all| all.get_mut("200")?.get_mut("headers"));
            for header in headers.and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut())
            {
                *header = json!({ "schema": header.take() });
            }
        })?;
    }
    Ok(())
}
