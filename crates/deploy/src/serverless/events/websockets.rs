//! `websocket`: one WebSocket API for all functions.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::all;
use crate::document::{Node, Problem};
use crate::serverless::functions::base64;
use crate::serverless::naming;
use crate::serverless::service::{Event, Function, Service, text};
use crate::serverless::stack::{Stack, alias, join, reference, target};

fn api(service: &Service<'_>) -> Json {
    service
        .provider_node("apiGateway.websocketApiId")
        .map_or_else(|| reference("WebsocketsApi"), Node::to_json)
}

pub(super) fn add(service: &Service<'_>, stack: &mut Stack, problems: &mut Vec<Problem>) {
    let events: Vec<(&Function, &Event)> = all(service, "websocket").collect();
    if events.is_empty() {
        return;
    }
    let shared = service.provider_node("apiGateway.websocketApiId").is_some();
    if service.provider_node("logs.websocket").is_some_and(|logs| logs.as_bool() != Some(false)) {
        let text = "logs of WebSocket APIs are switched on by a program that runs during the deployment, which Moln does not run";
        problems.push(crate::serverless::service::problem(&service.root, "provider.logs.websocket", text));
    }
    let description =
        service.provider("websocketsDescription").unwrap_or_else(|| "Serverless Websockets".to_owned());
    if !shared {
        compile_api(service, &description, stack);
    }
    let mut routes = Vec::new();
    for (function, event) in events {
        match compile(service, function, event, stack) {
            Ok(mut made) => routes.append(&mut made),
            Err(problem) => problems.push(problem),
        }
    }
    deploy(service, &description, shared, &routes, stack);
}

fn compile_api(service: &Service<'_>, description: &str, stack: &mut Stack) {
    let name = service
        .provider("websocketsApiName")
        .unwrap_or_else(|| format!("{}-{}-websockets", service.stage, service.name));
    let tagged = service.provider_node("websocket.useProviderTags").and_then(Node::as_bool) == Some(true);
    let expression = service.provider("websocketsApiRouteSelectionExpression");
    stack.add(
        "WebsocketsApi",
        "AWS::ApiGatewayV2::Api",
        json!({
            "Name": name,
            "RouteSelectionExpression": expression.unwrap_or_else(|| "$request.body.action".to_owned()),
            "Description": description,
            "ProtocolType": "WEBSOCKET",
            "Tags": service.provider_node("tags").filter(|_| tagged).map(Node::to_json),
        }),
    );
    stack.allow(
        &["execute-api:ManageConnections"],
        json!([{"Fn::Sub": "arn:${AWS::Partition}:execute-api:*:*:*/@connections/*"}]),
    );
}

/// The invocation of a function, as API Gateway addresses it.
fn invocation(function: Json) -> Json {
    join(&[
        json!("arn:"),
        reference("AWS::Partition"),
        json!(":apigateway:"),
        reference("AWS::Region"),
        json!(":lambda:path/2015-03-31/functions/"),
        function,
        json!("/invocations"),
    ])
}

/// An event's route and what it needs; gives the resources that a deployment waits for.
fn compile(
    service: &Service<'_>,
    function: &Function,
    event: &Event,
    stack: &mut Stack,
) -> Result<Vec<String>, Problem> {
    let key = event.text("route").or_else(|| event.node.scalar_text()).unwrap_or_default();
    let id = naming::normalized(&function.key);
    let after = alias(function).map(|alias| alias.1);
    let integration = format!("{id}WebsocketsIntegration");
    let properties = json!({"ApiId": api(service), "IntegrationType": "AWS_PROXY", "IntegrationUri": invocation(target(function))});
    stack.add_after(&integration, "AWS::ApiGatewayV2::Integration", after.as_deref(), properties);
    let waits = after.unwrap_or_else(|| naming::function(&function.key));
    permit(service, stack, &format!("{id}LambdaPermissionWebsockets"), &target(function), vec![waits]);
    let authorizer = match event.get("authorizer") {
        Some(said) => Some(authorizer(service, event, said, stack)?),
        None => None,
    };
    let part = key
        .replace('$', "S")
        .replace('/', "Slash")
        .replace('-', "Dash")
        .replace('_', "Underscore")
        .replace('.', "Period");
    let route = format!("{part}WebsocketsRoute");
    let answer = event.text("routeResponseSelectionExpression");
    let mut properties = Map::new();
    properties.insert("ApiId".into(), api(service));
    properties.insert("RouteKey".into(), json!(key));
    let kind = if authorizer.is_some() { "CUSTOM" } else { "NONE" };
    properties.insert("AuthorizationType".into(), json!(kind));
    let way = json!({"Fn::Join": ["/", ["integrations", reference(&integration)]]});
    properties.insert("Target".into(), way);
    if let Some(answer) = &answer {
        properties.insert("RouteResponseSelectionExpression".into(), json!(answer));
    }
    if let Some(authorizer) = authorizer {
        properties.insert("AuthorizerId".into(), reference(&authorizer));
    }
    stack.add(&route, "AWS::ApiGatewayV2::Route", Json::Object(properties));
    let mut made = Vec::new();
    if answer.is_some() {
        let response = format!("{route}Response");
        let properties =
            json!({"ApiId": api(service), "RouteId": reference(&route), "RouteResponseKey": "$default"});
        stack.add(&response, "AWS::ApiGatewayV2::RouteResponse", properties);
        made.push(response);
    }
    made.push(route);
    Ok(made)
}

fn authorizer(
    service: &Service<'_>,
    event: &Event,
    said: &Node,
    stack: &mut Stack,
) -> Result<String, Problem> {
    let arn = said.get("arn").or_else(|| said.as_str().filter(|text| text.contains(':')).map(|_| said));
    let named = text(said, "name").or_else(|| said.scalar_text().filter(|text| !text.contains(':')));
    let source = said.get("identitySource").map_or(json!(["route.request.header.Auth"]), Node::to_json);
    let (name, invoked, waits, after) = if let Some(arn) = arn {
        let last = arn.as_str().map(|arn| arn.rsplit(':').next().unwrap_or_default());
        let last = last.map(|last| last.rsplit('-').next().unwrap_or_default().to_owned());
        let Some(name) = last.or(named) else {
            return Err(event.problem("an authorizer whose ARN is a function needs a name"));
        };
        (name, arn.to_json(), Vec::new(), None)
    } else {
        let name = named.unwrap_or_default();
        let Some(function) = service.function(&name) else {
            return Err(event.problem(format!("there is no function \"{name}\" in this file")));
        };
        let after = alias(function).map(|alias| alias.1);
        let waits = [naming::function(&name)].into_iter().chain(after.clone()).collect();
        (name, target(function), waits, after)
    };
    let id = naming::normalized(&name);
    let authorizer = format!("{id}WebsocketsAuthorizer");
    let properties = json!({
        "ApiId": api(service),
        "Name": name,
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": invocation(invoked.clone()),
        "IdentitySource": source,
    });
    stack.add_after(&authorizer, "AWS::ApiGatewayV2::Authorizer", after.as_deref(), properties);
    permit(service, stack, &format!("{id}LambdaPermissionWebsockets"), &invoked, waits);
    Ok(authorizer)
}

/// The API's leave to invoke a function.
fn permit(service: &Service<'_>, stack: &mut Stack, id: &str, function: &Json, waits: Vec<String>) {
    let own = service.provider_node("apiGateway.websocketApiId").is_none();
    let after: Vec<String> = own.then(|| "WebsocketsApi".to_owned()).into_iter().chain(waits).collect();
    stack.resource(
        id,
        json!({
            "Type": "AWS::Lambda::Permission",
            "DependsOn": after,
            "Properties": {
                "FunctionName": function, "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
            },
        }),
    );
}

/// The deployment, whose logical id stands for what is deployed, and the stage.
fn deploy(service: &Service<'_>, description: &str, shared: bool, routes: &[String], stack: &mut Stack) {
    let parts: Map<String, Json> = stack
        .resources
        .iter()
        .filter(|(_, resource)| {
            resource["Type"].as_str().is_some_and(|kind| kind.starts_with("AWS::ApiGatewayV2::"))
        })
        .map(|(id, resource)| (id.clone(), resource.clone()))
        .collect();
    let digest = base64(&Sha256::digest(Json::Object(parts).to_string()));
    let digits: String = digest.chars().filter(char::is_ascii_alphanumeric).collect();
    let deployment = format!("WebsocketsDeployment{digits}");
    stack.resource(
        &deployment,
        json!({
            "Type": "AWS::ApiGatewayV2::Deployment",
            "DependsOn": routes,
            "Properties": {
                "ApiId": api(service),
                "Description": description,
                "StageName": shared.then(|| service.stage.clone()),
            },
        }),
    );
    if !shared {
        let properties = json!({
            "ApiId": api(service),
            "StageName": service.stage,
            "Description": description,
            "DeploymentId": reference(&deployment),
        });
        stack.add("WebsocketsDeploymentStage", "AWS::ApiGatewayV2::Stage", properties);
    }
    let url = join(&[
        json!("wss://"),
        api(service),
        json!(".execute-api."),
        reference("AWS::Region"),
        json!("."),
        reference("AWS::URLSuffix"),
        json!(format!("/{}", service.stage)),
    ]);
    stack.output("ServiceEndpointWebsocket", "URL of the service endpoint", url);
}
