//! `AWS::Serverless::HttpApi`: the HTTP API and its stage.

use serde_json::{Map, Value, json};

use super::implicit::MANAGED;
use super::resource::{Made, is_intrinsic, is_set, kept, no_value, passed_on, put, reference, s3_place};
use super::rest_api::stage_id;
use super::work::{Work, judge_members};
use super::{authorizers, editor};

const KNOWN: [&str; 15] = [
    MANAGED,
    "Name",
    "StageName",
    "Tags",
    "PropagateTags",
    "DefinitionBody",
    "DefinitionUri",
    "StageVariables",
    "CorsConfiguration",
    "AccessLogSettings",
    "DefaultRouteSettings",
    "Auth",
    "RouteSettings",
    "FailOnWarnings",
    "Description",
];
const WITHOUT: [&str; 1] = ["Domain"];
const CREATED_BY: &str = "httpapi:createdBy";

/// Makes what an HTTP API stands for.
pub(super) fn make(work: &mut Work<'_>, logical: &str, resource: &Value) -> Result<Vec<Made>, String> {
    let empty = Map::new();
    let properties = resource.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    let known = [KNOWN.as_slice(), &["DisableExecuteApiEndpoint"]].concat();
    judge_members(properties, "AWS::Serverless::HttpApi", &known, &WITHOUT)?;
    let attributes = passed_on(resource);
    let mut api = Made::new(logical, "AWS::ApiGatewayV2::Api", &kept(resource));
    api.depends_on = resource.get("DependsOn").cloned();
    if is_set(properties.get("FailOnWarnings")) {
        api.copy(properties, &["FailOnWarnings"]);
    }
    let auth = properties.get("Auth").cloned().unwrap_or_default();
    let mut tags = properties.get("Tags").and_then(Value::as_object).cloned();
    match (properties.get("DefinitionBody"), properties.get("DefinitionUri")) {
        (Some(_), Some(_)) => {
            return Err("Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.".into());
        }
        (Some(body), None) => {
            let mut body = body.clone();
            let given = tags.get_or_insert_with(Map::new);
            given.insert(CREATED_BY.into(), "SAM".into());
            define(work, &mut body, properties, &auth, given)?;
            api.set("Body", body);
        }
        (None, location) => {
            let inline =
                ["CorsConfiguration", "Auth", "Tags", "DisableExecuteApiEndpoint", "Name", "Description"];
            if let Some(name) = inline.iter().find(|name| is_set(properties.get(**name))) {
                return Err(format!(
                    "{name} works only with inline OpenApi specified in the 'DefinitionBody' property."
                ));
            }
            api.set("BodyS3Location", s3_place(location, "DefinitionUri")?);
        }
    }
    let name = properties.get("StageName").cloned().unwrap_or_else(|| "$default".into());
    let id = if name == "$default" {
        format!("{logical}ApiGatewayDefaultStage")
    } else {
        stage_id(logical, &name)
    };
    let mut stage = Made::new(id, "AWS::ApiGatewayV2::Stage", &attributes);
    stage.copy(properties, &["StageVariables", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings"]);
    stage.set("ApiId", reference(logical)).set("StageName", name).set("AutoDeploy", true);
    if let Some(tags) = tags {
        stage.set("Tags", tags);
    }
    let mut made = vec![api];
    for (name, config) in auth.get("Authorizers").and_then(Value::as_object).into_iter().flatten() {
        let Some(function) = config.get("FunctionArn").filter(|function| is_set(Some(*function))) else {
            continue;
        };
        if is_set(config.get("EnableFunctionDefaultPermissions")) {
            made.push(authorizers::allow(logical, name, function, "${AWS::Partition}", &attributes));
        }
    }
    made.push(stage);
    Ok(made)
}

fn define(
    work: &Work<'_>,
    body: &mut Value,
    properties: &Map<String, Value>,
    auth: &Value,
    tags: &Map<String, Value>,
) -> Result<(), String> {
    let cors = work.resolved(properties.get("CorsConfiguration").unwrap_or(&Value::Null));
    if !editor::is_openapi(body) {
        let asks = ["CorsConfiguration", "Auth", "Tags", "Name", "Description"];
        return match asks.iter().find(|name| is_set(properties.get(**name))) {
            None => Ok(()),
            Some(name) => Err(format!(
                "Unable to add {name} configuration because 'DefinitionBody' does not contain a valid OpenApi definition."
            )),
        };
    }
    if is_set(Some(&cors)) {
        add_cors(body, &cors)?;
    }
    if is_set(Some(auth)) {
        add_auth(work, body, auth)?;
    }
    let mut all = body.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    // The one that says who made it stands last.
    let (own, others): (Vec<_>, Vec<_>) = tags.iter().partition(|(name, _)| *name == CREATED_BY);
    for (name, value) in others.into_iter().chain(own) {
        all.retain(|tag| tag.get("name").and_then(Value::as_str) != Some(name));
        all.push(json!({ "name": name, "x-amazon-apigateway-tag-value": value }));
    }
    put(body, &["tags"], all.into());
    if let Some(off) = properties.get("DisableExecuteApiEndpoint") {
        let mut servers =
            body.get("servers").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![json!({})]);
        for server in &mut servers {
            put(
                server,
                &["x-amazon-apigateway-endpoint-configuration", "disableExecuteApiEndpoint"],
                off.clone(),
            );
        }
        put(body, &["servers"], servers.into());
    }
    if let Some(name) = properties.get("Name") {
        if body.pointer("/info/title") != Some(&reference("AWS::StackName")) {
            return Err(
                "Unable to set Name because it is already defined within inline OpenAPI specified in the \
                        'DefinitionBody' property."
                    .into(),
            );
        }
        put(body, &["info", "title"], name.clone());
    }
    if let Some(description) = properties.get("Description") {
        if is_set(body.pointer("/info/description")) {
            return Err("Unable to set Description because it is already defined within inline OpenAPI specified in the \
                        'DefinitionBody' property."
                .into());
        }
        put(body, &["info", "description"], description.clone());
    }
    let paths = body
        .get_mut("paths")
        .and_then(Value::as_object_mut)
        .filter(|_| is_set(properties.get("FailOnWarnings")));
    if let Some(paths) = paths
        && let Some(default) = paths.remove("$default")
    {
        paths.insert("/$default".into(), default);
    }
    Ok(())
}

fn add_cors(body: &mut Value, cors: &Value) -> Result<(), String> {
    let names =
        ["AllowOrigins", "AllowHeaders", "AllowMethods", "ExposeHeaders", "MaxAge", "AllowCredentials"];
    let lower = |name: &str| {
        let mut chars = name.chars();
        chars.next().map(|first| first.to_lowercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    let mut said =
        body.get("x-amazon-apigateway-cors").and_then(Value::as_object).cloned().unwrap_or_default();
    match cors {
        Value::Bool(_) => {
            said.insert("allowOrigins".into(), json!(["*"]));
        }
        Value::Object(members) if !is_intrinsic(cors) => {
            if let Some(stray) = members.keys().find(|key| !names.contains(&key.as_str())) {
                return Err(format!("Invalid key '{stray}' for 'Cors' property."));
            }
            let with_credentials = members.get("AllowCredentials") == Some(&Value::Bool(true));
            if with_credentials && members.get("AllowOrigins") == Some(&json!(["*"])) {
                return Err("Unable to add Cors configuration because 'AllowCredentials' can not be true when 'AllowOrigin' \
                            is \"'*'\" or not set."
                    .into());
            }
            for (name, value) in members {
                if is_set(Some(value)) || (name == "MaxAge" && !value.is_null()) {
                    said.insert(lower(name), value.clone());
                }
            }
        }
        other => {
            // A function decides: the names inside of it are written as the definition wants them.
            let text = names.iter().fold(other.to_string(), |text, name| text.replace(name, &lower(name)));
            let decided: Value = serde_json::from_str(&text).unwrap_or_default();
            said.extend(decided.as_object().cloned().unwrap_or_default());
        }
    }
    put(body, &["x-amazon-apigateway-cors"], said.into());
    Ok(())
}

fn add_auth(work: &Work<'_>, body: &mut Value, auth: &Value) -> Result<(), String> {
    let empty = Map::new();
    let members = auth.as_object().unwrap_or(&empty);
    judge_members(members, "Auth", &["Authorizers", "DefaultAuthorizer", "EnableIamAuthorizer"], &[])?;
    let mut schemes = Map::new();
    if auth.get("EnableIamAuthorizer") == Some(&Value::Bool(true)) {
        schemes.insert("AWS_IAM".into(), authorizers::aws_iam());
    }
    let configured = auth.get("Authorizers").and_then(Value::as_object).unwrap_or(&empty);
    for (name, config) in configured {
        schemes.insert(name.clone(), authorizers::http(name, config, &work.partition)?);
    }
    if !schemes.is_empty() {
        let there = body.pointer("/components/securitySchemes").and_then(Value::as_object).cloned();
        let mut all = there.unwrap_or_default();
        all.extend(schemes.clone());
        put(body, &["components", "securitySchemes"], all.into());
    }
    let Some(default) =
        auth.get("DefaultAuthorizer").filter(|default| is_set(Some(*default)) && **default != no_value())
    else {
        return Ok(());
    };
    let Some(default) = default.as_str().filter(|name| schemes.contains_key(*name)) else {
        return Err(format!(
            "Unable to set DefaultAuthorizer because '{default}' was not defined in 'Authorizers'."
        ));
    };
    let own = configured.get(default).and_then(|config| config.get("AuthorizationScopes"));
    let scopes = own.cloned().unwrap_or_else(|| json!([]));
    for path in editor::path_names(body) {
        editor::methods(body, &path, None, &mut |name, method| {
            let open = name != "options" && method.contains_key(editor::INTEGRATION);
            if open && !is_set(method.get("security")) {
                editor::secure(method, default, &scopes);
            }
        })?;
    }
    Ok(())
}
