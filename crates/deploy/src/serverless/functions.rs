//! Functions: `AWS::Lambda::Function` with its version, alias, URL and what becomes of its asynchronous events.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::layers::Layers;
use super::naming;
use super::packaging::Packaging;
use super::role::{ROLE, custom};
use super::service::{Function, Service, get, texts, truthy};
use super::stack::{Stack, alias, tags, target};
use crate::document::{Node, Problem, Value};
use crate::project::SlotShape;

/// Adds every function.
pub(super) fn add(
    service: &Service<'_>,
    packaging: &Packaging,
    layers: &Layers,
    stack: &mut Stack,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut destinations = Vec::new();
    for function in &service.functions {
        if let Err(problem) = one(service, function, packaging, layers, stack) {
            problems.push(problem);
        }
    }
    // Afterwards: what destinations need stands behind what the functions themselves need, as in the framework's role.
    for function in &service.functions {
        url(function, stack);
        if let Err(problem) = invoke_config(service, function, stack, &mut destinations) {
            problems.push(problem);
        }
    }
    problems
}

fn one(
    service: &Service<'_>,
    function: &Function,
    packaging: &Packaging,
    layers: &Layers,
    stack: &mut Stack,
) -> Result<(), Problem> {
    if function.get("image").is_some() {
        return Err(function
            .problem("image", "container images are not run: give the function a handler and a runtime"));
    }
    let Some(handler) = function.text("handler") else {
        return Err(function.problem("", "the function needs a handler, such as handler: index.handler"));
    };
    if truthy(&function.node, "snapStart") && truthy(&function.node, "provisionedConcurrency") {
        return Err(
            function.problem("snapStart", "a function has SnapStart or provisioned concurrency, not both")
        );
    }
    let id = naming::function(&function.key);
    let mut properties = Map::new();
    let mut set = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            properties.insert(name.to_owned(), value);
        }
    };
    let own = |name: &str| function.get(name).map(Node::to_json);
    let own_or_provider =
        |name: &str| function.get(name).or_else(|| service.provider_node(name)).map(Node::to_json);
    set("Code", Some(json!({})));
    set("Handler", Some(json!(handler)));
    set("Runtime", Some(json!(function.runtime(service))));
    set("FunctionName", Some(json!(function.name)));
    set("MemorySize", own_or_provider("memorySize").or(Some(json!(1024))));
    set("Timeout", own_or_provider("timeout").or(Some(json!(6))));
    set("Architectures", own_or_provider("architecture").map(|name| json!([name])));
    set("Description", own("description"));
    set("Tags", tags(service, function.get("tags")));
    set("EphemeralStorage", own("ephemeralStorageSize").map(|size| json!({"Size": size})));
    set("RuntimeManagementConfig", runtime_management(service, function));
    set("DeadLetterConfig", own("onError").map(|arn| json!({"TargetArn": arn})));
    if let Some(Value::String(arn)) = function.get("onError").map(|node| &node.value) {
        stack.allow(&["sns:Publish"], json!([arn]));
    }
    let key = function.get("kmsKeyArn").or_else(|| service.provider_node("kmsKeyArn"));
    set("KmsKeyArn", key.map(Node::to_json));
    if let Some(arn) = key.and_then(Node::as_str) {
        stack.allow_once(&["kms:Decrypt"], json!([arn]));
    }
    let tracing = function.get("tracing").filter(|t| t.as_bool() != Some(false));
    let tracing =
        tracing.or_else(|| service.provider_node("tracing.lambda").filter(|t| t.as_bool() != Some(false)));
    if let Some(tracing) = tracing {
        let mode = tracing.as_str().unwrap_or("Active");
        set("TracingConfig", Some(json!({"Mode": mode})));
        stack.allow_once(&["xray:PutTraceSegments", "xray:PutTelemetryRecords"], json!(["*"]));
    }
    set("Environment", environment(service, function).map(|variables| json!({"Variables": variables})));
    let mut after = Vec::new();
    set("Role", Some(role(service, function, &mut after)));
    let vpc = vpc(service, function);
    if let Some(system) = function.get("fileSystemConfig") {
        if vpc.is_none() {
            return Err(function
                .problem("fileSystemConfig", "a file system needs vpc on the function or the provider"));
        }
        let arn = system.get("arn").map(Node::to_json);
        stack.allow(&["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"], json!([arn]));
        let path = super::service::text(system, "localMountPath");
        set("FileSystemConfigs", Some(json!([{"Arn": arn, "LocalMountPath": path}])));
    }
    set("VpcConfig", vpc);
    set("ReservedConcurrentExecutions", own("reservedConcurrency"));
    set("Layers", own_or_provider("layers"));
    if truthy(&function.node, "snapStart") {
        set("SnapStart", Some(json!({"ApplyOn": "PublishedVersions"})));
    }
    let mut depends: Vec<String> = Vec::new();
    if function.get("disableLogs").and_then(Node::as_bool) != Some(true) {
        depends.push(naming::log_group(&function.key));
    }
    depends.extend(texts(&function.node, "dependsOn"));
    depends.extend(function.get("dependsOn").and_then(Node::as_str).map(str::to_owned));
    depends.extend(after);
    let package = packaging.of(&function.key);
    version(service, function, &properties, packaging, layers, stack)?;
    let depends = (!depends.is_empty()).then_some(depends);
    stack.resource(
        &id,
        json!({
            "Type": "AWS::Lambda::Function",
            "Properties": properties,
            "DependsOn": depends,
            "Condition": own("condition"),
        }),
    );
    if let Some(package) = package {
        let shape = SlotShape::Members { bucket: "S3Bucket", key: "S3Key" };
        stack.place(package, format!("/Resources/{id}/Properties/Code"), shape);
    }
    Ok(())
}

fn runtime_management(service: &Service<'_>, function: &Function) -> Option<Json> {
    let setting = function.get("runtimeManagement").or_else(|| service.provider_node("runtimeManagement"))?;
    let mode = setting.as_str().map(str::to_owned).or_else(|| super::service::text(setting, "mode"))?;
    match mode.as_str() {
        "onFunctionUpdate" => Some(json!({"UpdateRuntimeOn": "FunctionUpdate"})),
        "manual" => Some(
            json!({"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": super::service::text(setting, "arn")}),
        ),
        _ => None,
    }
}

fn environment(service: &Service<'_>, function: &Function) -> Option<Map<String, Json>> {
    let (provider, own) = (service.provider_node("environment"), function.get("environment"));
    if provider.is_none() && own.is_none() {
        return None;
    }
    let all = [provider, own].into_iter().flatten().filter_map(Node::as_mapping).flatten();
    Some(all.map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
}

/// The role of a function.
pub(super) fn role_of(service: &Service<'_>, function: &Function) -> Json {
    role(service, function, &mut Vec::new())
}

fn role(service: &Service<'_>, function: &Function, after: &mut Vec<String>) -> Json {
    let Some(role) = custom(service, Some(function)) else {
        return json!({"Fn::GetAtt": [ROLE, "Arn"]});
    };
    match &role.value {
        Value::String(arn) if arn.starts_with("arn:") => json!(arn),
        Value::String(id) => {
            if id != ROLE {
                after.push(id.clone());
            }
            json!({"Fn::GetAtt": [id, "Arn"]})
        }
        _ => {
            after.extend(
                super::service::list(role, "Fn::GetAtt").first().and_then(Node::as_str).map(str::to_owned),
            );
            role.to_json()
        }
    }
}

fn vpc(service: &Service<'_>, function: &Function) -> Option<Json> {
    let own = function.node.get("vpc");
    if own.is_some_and(|vpc| vpc.is_null() || vpc.as_bool() == Some(false)) {
        return None;
    }
    let setting = |name: &str| {
        let own = own.and_then(|vpc| get(vpc, name));
        own.or_else(|| service.provider_node("vpc").and_then(|vpc| get(vpc, name))).map(Node::to_json)
    };
    let (groups, subnets) = (setting("securityGroupIds")?, setting("subnetIds")?);
    Some(json!({"SecurityGroupIds": groups, "SubnetIds": subnets}))
}

/// The function's version, whose logical id stands for code and settings, and the alias that points to it.
fn version(
    service: &Service<'_>,
    function: &Function,
    properties: &Map<String, Json>,
    packaging: &Packaging,
    layers: &Layers,
    stack: &mut Stack,
) -> Result<(), Problem> {
    let wanted = function.get("versionFunction").or_else(|| service.provider_node("versionFunctions"));
    let versioned = wanted.and_then(Node::as_bool) != Some(false);
    let alias = alias(function);
    if !versioned && alias.is_none() {
        return Ok(());
    }
    let id = naming::function(&function.key);
    let mut hash = Sha256::new();
    hash.update(packaging.fingerprint(&function.key).map_err(|error| function.problem("handler", error))?);
    let mut settings = properties.clone();
    for name in ["Code", "ReservedConcurrentExecutions", "Tags"] {
        settings.remove(name);
    }
    let used = properties.get("Layers").and_then(Json::as_array).into_iter().flatten();
    for layer in used.filter_map(|layer| layers.settings(layer["Ref"].as_str()?)) {
        hash.update(layer);
    }
    hash.update(Json::Object(settings).to_string());
    let digits: String = base64(&hash.finalize()).chars().filter(char::is_ascii_alphanumeric).collect();
    let version = format!("{}LambdaVersion{digits}", naming::normalized(&function.key));
    stack.resource(
        &version,
        json!({
            "Type": "AWS::Lambda::Version",
            "DeletionPolicy": versioned.then_some("Retain"),
            "Properties": {
                "FunctionName": {"Ref": id},
                "CodeSha256": "",
                "Description": function.text("description"),
            },
        }),
    );
    if let Some(package) = packaging.of(&function.key) {
        stack.place(package, format!("/Resources/{version}/Properties/CodeSha256"), SlotShape::Sha256);
    }
    stack.output(&format!("{id}QualifiedArn"), "Current Lambda function version", json!({"Ref": version}));
    if let Some((name, alias)) = alias {
        let provisioned = (name == "provisioned").then(|| function.get("provisionedConcurrency")).flatten();
        let provisioned = provisioned.map(|n| json!({"ProvisionedConcurrentExecutions": n.to_json()}));
        stack.add_after(
            &alias,
            "AWS::Lambda::Alias",
            Some(&id),
            json!({
                "FunctionName": {"Ref": id},
                "FunctionVersion": {"Fn::GetAtt": [version, "Version"]},
                "Name": name,
                "ProvisionedConcurrencyConfig": provisioned,
            }),
        );
    }
    Ok(())
}

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The function's URL.
fn url(function: &Function, stack: &mut Stack) {
    if !truthy(&function.node, "url") {
        return;
    }
    let id = naming::normalized(&function.key);
    let resource = format!("{id}LambdaFunctionUrl");
    let auth = if function.text("url.authorizer").as_deref() == Some("aws_iam") { "AWS_IAM" } else { "NONE" };
    let cors = truthy(&function.node, "url.cors").then(|| url_cors(function));
    let mode = function.text("url.invokeMode").filter(|mode| mode == "RESPONSE_STREAM");
    let after = alias(function).map(|a| a.1);
    stack.add_after(
        &resource,
        "AWS::Lambda::Url",
        after.as_deref(),
        json!({"AuthType": auth, "TargetFunctionArn": target(function), "Cors": cors, "InvokeMode": mode}),
    );
    stack.output(&resource, "Lambda Function URL", json!({"Fn::GetAtt": [resource, "FunctionUrl"]}));
    if auth == "NONE" {
        let properties = json!({
            "FunctionName": target(function), "Action": "lambda:InvokeFunctionUrl",
            "Principal": "*", "FunctionUrlAuthType": auth,
        });
        let permission = format!("{id}LambdaPermissionFnUrl");
        stack.add_after(&permission, "AWS::Lambda::Permission", after.as_deref(), properties);
    }
}

fn url_cors(function: &Function) -> Json {
    let headers = [
        "Content-Type",
        "X-Amz-Date",
        "Authorization",
        "X-Api-Key",
        "X-Amz-Security-Token",
        "X-Amzn-Trace-Id",
    ];
    let setting = |name: &str, default: Json| match function.node.pointer(&format!("/url/cors/{name}")) {
        Some(node) if node.is_null() => Json::Null,
        Some(node) => unique(node.to_json()),
        None => default,
    };
    json!({
        "AllowOrigins": setting("allowedOrigins", json!(["*"])),
        "AllowHeaders": setting("allowedHeaders", json!(headers)),
        "AllowMethods": setting("allowedMethods", json!(["*"])),
        "ExposeHeaders": setting("exposedResponseHeaders", Json::Null),
        "AllowCredentials": truthy(&function.node, "url.cors.allowCredentials").then_some(true),
        "MaxAge": setting("maxAge", Json::Null),
    })
}

/// A list without what it has twice.
fn unique(value: Json) -> Json {
    let Json::Array(items) = value else { return value };
    let mut kept: Vec<Json> = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    Json::Array(kept)
}

/// What becomes of asynchronous events: destinations, age, retries.
fn invoke_config(
    service: &Service<'_>,
    function: &Function,
    stack: &mut Stack,
    allowed: &mut Vec<Json>,
) -> Result<(), Problem> {
    let named = ["destinations", "maximumEventAge", "maximumRetryAttempts"];
    if named.iter().all(|name| function.get(name).is_none()) {
        return Ok(());
    }
    let mut config = Map::new();
    for (key, name) in [("onSuccess", "OnSuccess"), ("onFailure", "OnFailure")] {
        let path = format!("destinations.{key}");
        let Some(node) = function.get(&path) else { continue };
        let destination = destination(service, node).map_err(|why| function.problem(&path, why))?;
        config.insert(name.to_owned(), json!({"Destination": destination.arn}));
        // A function that is named many times is allowed once.
        if custom(service, Some(function)).is_none() && !allowed.contains(&node.to_json()) {
            allowed.push(node.to_json());
            if let Some(role) = &mut stack.role {
                role.statements.push(
                    json!({"Effect": "Allow", "Action": destination.action, "Resource": destination.resource}),
                );
            }
        }
    }
    let alias = alias(function);
    stack.add_after(
        &format!("{}LambdaEvConf", naming::normalized(&function.key)),
        "AWS::Lambda::EventInvokeConfig",
        alias.as_ref().map(|a| a.1.as_str()),
        json!({
            "FunctionName": {"Ref": naming::function(&function.key)},
            "DestinationConfig": config,
            "Qualifier": alias.as_ref().map_or("$LATEST", |a| a.0),
            "MaximumEventAgeInSeconds": function.get("maximumEventAge").map(Node::to_json),
            "MaximumRetryAttempts": function.get("maximumRetryAttempts").map(Node::to_json),
        }),
    );
    Ok(())
}

struct Destination {
    arn: Json,
    action: &'static str,
    resource: Json,
}

fn destination(service: &Service<'_>, node: &Node) -> Result<Destination, String> {
    let actions = [
        ("function", ":function:", "lambda:InvokeFunction"),
        ("sqs", ":sqs:", "sqs:SendMessage"),
        ("sns", ":sns:", "sns:Publish"),
        ("eventBus", ":event-bus/", "events:PutEvents"),
    ];
    let Some(text) = node.as_str() else {
        let kind = super::service::text(node, "type").unwrap_or_default();
        let arn = node.get("arn").map(Node::to_json).unwrap_or_default();
        let action = actions.iter().find(|(name, _, _)| *name == kind).map(|(_, _, action)| *action);
        let action = action.ok_or("a destination has the type function, sqs, sns or eventBus")?;
        return Ok(Destination { resource: arn.clone(), arn, action });
    };
    if text.starts_with("arn:") {
        let action = actions.iter().find(|(_, part, _)| text.contains(part)).map(|(_, _, action)| *action);
        let action = action.ok_or("the ARN of a function, queue, topic or event bus is expected")?;
        return Ok(Destination { arn: json!(text), action, resource: json!(text) });
    }
    let function =
        service.function(text).ok_or_else(|| format!("there is no function \"{text}\" in this service"))?;
    // By name: the target may have this very role, and a reference would make a circle.
    let resource = json!({"Fn::Sub": format!(
        "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{}", function.name
    )});
    Ok(Destination { arn: target(function), action: "lambda:InvokeFunction", resource })
}
