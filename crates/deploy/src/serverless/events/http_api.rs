//! `httpApi`: one HTTP API for all functions.

use serde_json::{Map, Value as Json, json};

use super::own_arn;
use crate::document::{Node, Problem};
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service, get, problem, text, texts, truthy};
use crate::serverless::stack::{Stack, alias, join, object, reference, set, target};

/// The methods that a route can have.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "OPTIONS", "HEAD", "DELETE"];

/// What browsers may send unless the file says something else.
const HEADERS: [&str; 7] = [
    "Content-Type",
    "X-Amz-Date",
    "Authorization",
    "X-Api-Key",
    "X-Amz-Security-Token",
    "X-Amz-User-Agent",
    "X-Amzn-Trace-Id",
];

/// Milliseconds until the API gives up; longer than it ever waits.
const TIMEOUT: u32 = 30_000;

/// A route.
struct Route<'s> {
    /// `POST /path`, or `*`.
    key: String,
    /// `ANY`, `POST`…
    method: String,
    function: &'s Function,
    event: &'s Event,
}

/// The API's id: the one that is named, or the API of this stack.
fn api(service: &Service<'_>) -> Json {
    service.provider_node("httpApi.id").map_or_else(|| reference("HttpApi"), Node::to_json)
}

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    let mut routes: Vec<Route<'_>> = Vec::new();
    for function in &service.functions {
        let before = routes.len();
        for event in function.events("httpApi") {
            match route(function, event) {
                Ok(route) if routes.iter().any(|there| there.key == route.key && route.key != "*") => {
                    problems.push(event.problem(format!("the route {} is there twice", route.key)));
                }
                Ok(route) => routes.push(route),
                Err(problem) => problems.push(problem),
            }
        }
        if routes.len() > before {
            warn_of_timeout(service, function, stack);
        }
    }
    if routes.is_empty() {
        return;
    }
    if service.provider_node("httpApi.id").is_some() {
        for key in ["cors", "authorizers"] {
            let path = format!("provider.httpApi.{key}");
            if get(&service.root, &path).is_some() {
                problems.push(problem(
                    &service.root,
                    &path,
                    "an API that is not of this stack is not changed by it",
                ));
            }
        }
    } else {
        compile_api(service, &routes, stack);
    }
    authorizers(service, stack, problems);
    for route in &routes {
        if let Err(problem) = compile_route(service, route, stack) {
            problems.push(problem);
        }
    }
}

fn route<'s>(function: &'s Function, event: &'s Event) -> Result<Route<'s>, Problem> {
    let (method, path) = match event.node.as_str() {
        Some("*") => (None, "*".to_owned()),
        Some(text) => match text.split_once(' ') {
            Some((method, path)) => (Some(method.to_owned()), path.trim().to_owned()),
            None => return Err(event.problem("a method and a path are expected, such as POST /path")),
        },
        None => (event.text("method"), event.text("path").unwrap_or_default()),
    };
    let made = |key: String, method: String| Route { key, method, function, event };
    if path == "*" {
        if method.is_some_and(|method| method != "*") {
            return Err(event.problem("the path * catches every method: leave the method out"));
        }
        return Ok(made("*".to_owned(), "ANY".to_owned()));
    }
    let Some(method) = method else { return Err(event.problem("method is missing")) };
    let method = method.to_uppercase();
    let method = if method == "*" { "ANY".to_owned() } else { method };
    if method != "ANY" && !METHODS.contains(&method.as_str()) {
        return Err(event.problem(format!("\"{method}\" is no method")));
    }
    Ok(made(format!("{method} {path}"), method))
}

fn warn_of_timeout(service: &Service<'_>, function: &Function, stack: &mut Stack) {
    let timeout = function.get("timeout").or_else(|| service.provider_node("timeout"));
    let seconds = timeout.and_then(|timeout| timeout.to_json().as_f64()).unwrap_or(6.0);
    if seconds >= 30.0 {
        stack.notices.push(format!(
            "{}.timeout: the API gives up after 30 seconds, the function after {seconds}: callers can get an error for work that \
             is done",
            function.path
        ));
    }
}

fn compile_api(service: &Service<'_>, routes: &[Route<'_>], stack: &mut Stack) {
    let name = service.provider("httpApi.name").unwrap_or_else(|| {
        let parts = if truthy(&service.root, "provider.httpApi.shouldStartNameWithService") {
            [&service.name, &service.stage]
        } else {
            [&service.stage, &service.name]
        };
        format!("{}-{}", parts[0], parts[1])
    });
    let tags = service.provider_node("tags").map(Node::to_json);
    stack.add(
        "HttpApi",
        "AWS::ApiGatewayV2::Api",
        json!({
            "Name": name,
            "ProtocolType": "HTTP",
            "DisableExecuteApiEndpoint": service.provider_node("httpApi.disableDefaultEndpoint").map(Node::to_json),
            "Tags": tags,
            "CorsConfiguration": cors(service, routes),
        }),
    );
    let format = truthy(&service.root, "provider.logs.httpApi").then(|| log_format(service));
    if format.is_some() {
        let setting = |name: &str| service.provider_node(name).map(Node::to_json);
        stack.add(
            "HttpApiLogGroup",
            "AWS::Logs::LogGroup",
            json!({
                "LogGroupName": format!("/aws/http-api/{}", service.stack_name()),
                "RetentionInDays": setting("logRetentionInDays"),
                "DataProtectionPolicy": setting("logDataProtectionPolicy"),
            }),
        );
    }
    let logs = format.map(
        |format| json!({"DestinationArn": {"Fn::GetAtt": ["HttpApiLogGroup", "Arn"]}, "Format": format}),
    );
    stack.add_after(
        "HttpApiStage",
        "AWS::ApiGatewayV2::Stage",
        logs.as_ref().map(|_| "HttpApiLogGroup"),
        json!({
            "ApiId": reference("HttpApi"),
            "StageName": "$default",
            "AutoDeploy": true,
            "DefaultRouteSettings": {
                "DetailedMetricsEnabled": service.provider_node("httpApi.metrics").map_or(json!(false), Node::to_json),
            },
            "Tags": tags,
            "AccessLogSettings": logs,
        }),
    );
    stack.output("HttpApiId", "Id of the HTTP API", reference("HttpApi"));
    let url = join(&[
        json!("https://"),
        reference("HttpApi"),
        json!(".execute-api."),
        reference("AWS::Region"),
        json!("."),
        reference("AWS::URLSuffix"),
    ]);
    stack.output("HttpApiUrl", "URL of the HTTP API", url);
}

fn log_format(service: &Service<'_>) -> String {
    // The order of the members is the framework's.
    let members = [
        ("requestId", "requestId"),
        ("ip", "identity.sourceIp"),
        ("requestTime", "requestTime"),
        ("httpMethod", "httpMethod"),
        ("routeKey", "routeKey"),
        ("status", "status"),
        ("protocol", "protocol"),
        ("responseLength", "responseLength"),
    ];
    service.provider("logs.httpApi.format").unwrap_or_else(|| {
        let members = members.map(|(name, variable)| format!("\"{name}\":\"$context.{variable}\""));
        format!("{{{}}}", members.join(","))
    })
}

fn cors(service: &Service<'_>, routes: &[Route<'_>]) -> Option<Json> {
    let said = service.provider_node("httpApi.cors").filter(|cors| cors.as_bool() != Some(false))?;
    let list = |key: &str| {
        let one = get(said, key)?;
        let texts: Vec<String> = one
            .as_sequence()
            .map_or_else(|| vec![one.scalar_text()], |items| items.iter().map(Node::scalar_text).collect())
            .into_iter()
            .flatten()
            .collect();
        let mut kept: Vec<String> = Vec::new();
        for text in texts {
            if !kept.contains(&text) {
                kept.push(text);
            }
        }
        Some(kept)
    };
    let methods = list("allowedMethods").unwrap_or_else(|| {
        let mut methods = vec!["OPTIONS".to_owned()];
        let used = routes.iter().flat_map(|route| match route.method.as_str() {
            "ANY" => METHODS.to_vec(),
            one => vec![one],
        });
        for method in used {
            if !methods.iter().any(|there| there == method) {
                methods.push(method.to_owned());
            }
        }
        methods
    });
    let all = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Some(json!({
        "AllowCredentials": truthy(said, "allowCredentials").then_some(true),
        "AllowHeaders": list("allowedHeaders").unwrap_or_else(|| all(&HEADERS)),
        "AllowMethods": methods,
        "AllowOrigins": list("allowedOrigins").unwrap_or_else(|| all(&["*"])),
        "ExposeHeaders": list("exposedResponseHeaders"),
        "MaxAge": get(said, "maxAge").map(Node::to_json),
    }))
}

/// The authorizers of the provider.
fn authorizers(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    for entry in service.provider_node("httpApi.authorizers").and_then(Node::as_mapping).into_iter().flatten()
    {
        let said = &entry.value;
        let name = text(said, "name").unwrap_or_else(|| entry.key.clone());
        let own = |key: &str| get(said, key).map(Node::to_json);
        let source = own("identitySource").unwrap_or(json!([]));
        let source = if source.is_array() { source } else { json!([source]) };
        let mut properties = json!({"ApiId": api(service), "Name": name, "IdentitySource": source});
        let mut after = None;
        if text(said, "type").as_deref() == Some("request") {
            let path = format!("provider.httpApi.authorizers.{}", entry.key);
            let invoked = match invoked(service, said) {
                Ok(invoked) => invoked,
                Err(why) => {
                    problems.push(problem(&service.root, &path, why));
                    continue;
                }
            };
            if truthy(said, "resultTtlInSeconds") && get(said, "identitySource").is_none() {
                problems.push(problem(
                    &service.root,
                    &path,
                    "a result that is kept needs identitySource, by which it is kept",
                ));
            }
            after.clone_from(&invoked.1);
            let uri = join(&[
                json!("arn:"),
                reference("AWS::Partition"),
                json!(":apigateway:"),
                reference("AWS::Region"),
                json!(":lambda:path/2015-03-31/functions/"),
                invoked.0.clone(),
                json!("/invocations"),
            ]);
            set(&mut properties, "AuthorizerType", json!("REQUEST"));
            set(&mut properties, "EnableSimpleResponses", own("enableSimpleResponses").unwrap_or_default());
            set(
                &mut properties,
                "AuthorizerResultTtlInSeconds",
                own("resultTtlInSeconds").unwrap_or_default(),
            );
            set(
                &mut properties,
                "AuthorizerPayloadFormatVersion",
                own("payloadVersion").unwrap_or(json!("2.0")),
            );
            set(&mut properties, "AuthorizerUri", uri);
            if !truthy(said, "managedExternally") {
                let permission = format!("{}LambdaAuthorizerPermissionHttpApi", naming::normalized(&name));
                permit(service, stack, &permission, invoked);
            }
        } else {
            let audience = own("audience").unwrap_or(json!([]));
            let audience = if audience.is_array() { audience } else { json!([audience]) };
            set(&mut properties, "AuthorizerType", json!("JWT"));
            set(
                &mut properties,
                "JwtConfiguration",
                json!({"Audience": audience, "Issuer": own("issuerUrl")}),
            );
        }
        let id = format!("HttpApiAuthorizer{}", naming::normalized(&name));
        stack.add_after(&id, "AWS::ApiGatewayV2::Authorizer", after.as_deref(), properties);
    }
}

/// What an authorizer invokes, and the alias that it waits for.
fn invoked(service: &Service<'_>, said: &Node) -> Result<(Json, Option<String>), String> {
    match (text(said, "functionName"), get(said, "functionArn")) {
        (Some(name), None) => {
            let function = service
                .function(&name)
                .ok_or_else(|| format!("there is no function \"{name}\" in this file"))?;
            Ok((target(function), alias(function).map(|alias| alias.1)))
        }
        (None, Some(arn)) => Ok((arn.to_json(), None)),
        _ => Err("an authorizer that is a function needs either functionName or functionArn".to_owned()),
    }
}

/// The API's leave to invoke a function.
fn permit(service: &Service<'_>, stack: &mut Stack, id: &str, (function, after): (Json, Option<String>)) {
    let mut source = own_arn("execute-api", api(service));
    if let Some(parts) = source.pointer_mut("/Fn::Join/1").and_then(Json::as_array_mut) {
        parts.push(json!("/*"));
    }
    let properties = object([
        ("FunctionName", function),
        ("Action", json!("lambda:InvokeFunction")),
        ("Principal", json!("apigateway.amazonaws.com")),
        ("SourceArn", source),
    ]);
    stack.add_after(id, "AWS::Lambda::Permission", after.as_deref(), properties);
}

fn compile_route(service: &Service<'_>, route: &Route<'_>, stack: &mut Stack) -> Result<(), Problem> {
    let function = route.function;
    let id = naming::normalized(&function.key);
    let after = alias(function).map(|alias| alias.1);
    permit(service, stack, &format!("{id}LambdaPermissionHttpApi"), (target(function), after.clone()));
    let integration = format!("HttpApiIntegration{id}");
    let payload = function.text("httpApi.payload").or_else(|| service.provider("httpApi.payload"));
    let properties = json!({
        "ApiId": api(service),
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": target(function),
        "PayloadFormatVersion": payload.unwrap_or_else(|| "2.0".to_owned()),
        "TimeoutInMillis": TIMEOUT,
    });
    stack.add_after(&integration, "AWS::ApiGatewayV2::Integration", after.as_deref(), properties);
    let mut properties = Map::new();
    properties.insert("ApiId".into(), api(service));
    properties.insert("RouteKey".into(), json!(if route.key == "*" { "$default" } else { &route.key }));
    let way = json!({"Fn::Join": ["/", ["integrations", reference(&integration)]]});
    properties.insert("Target".into(), way);
    if let Some(said) = route.event.get("authorizer") {
        authorize(service, route, said, &mut properties)?;
    }
    let id = naming::http_route(&route.key);
    stack.add_after(&id, "AWS::ApiGatewayV2::Route", Some(&integration), Json::Object(properties));
    Ok(())
}

fn authorize(
    service: &Service<'_>,
    route: &Route<'_>,
    said: &Node,
    properties: &mut Map<String, Json>,
) -> Result<(), Problem> {
    let kind = text(said, "type");
    let name = said.scalar_text().or_else(|| text(said, "name"));
    let id = get(said, "id").map(Node::to_json);
    if kind.as_deref() == Some("aws_iam") {
        if name.is_some() || id.is_some() {
            return Err(route.event.problem("an authorizer of the type aws_iam has neither name nor id"));
        }
        properties.insert("AuthorizationType".into(), json!("AWS_IAM"));
        return Ok(());
    }
    let (authorizer, kind) = match (id, name) {
        (Some(id), _) => {
            if service.provider_node("httpApi.id").is_none() {
                let text = "an authorizer's id goes with an API that is not of this stack, and this one is";
                return Err(route.event.problem(text));
            }
            (id, kind)
        }
        (None, Some(name)) => {
            let configured = service.provider_node("httpApi.authorizers").and_then(|all| all.get(&name));
            let Some(configured) = configured else {
                let text = format!("there is no authorizer \"{name}\" under provider.httpApi.authorizers");
                return Err(route.event.problem(text));
            };
            let given = text(configured, "name").unwrap_or(name);
            (reference(&format!("HttpApiAuthorizer{}", naming::normalized(&given))), text(configured, "type"))
        }
        (None, None) => return Err(route.event.problem("an authorizer needs a name or an id")),
    };
    let authorization = if kind.as_deref() == Some("request") { "CUSTOM" } else { "JWT" };
    properties.insert("AuthorizationType".into(), json!(authorization));
    properties.insert("AuthorizerId".into(), authorizer);
    let scopes = texts(said, "scopes");
    if !scopes.is_empty() {
        properties.insert("AuthorizationScopes".into(), json!(scopes));
    }
    Ok(())
}
