//! `webhook`: an HTTP API that puts what it gets on an event bus.

use serde_json::{Value as Json, json};

use super::{Construct, attribute, function_name, logical_id};
use crate::document::Problem;
use crate::serverless::naming;
use crate::serverless::service::{Service, get};
use crate::serverless::stack::set;

/// What `${construct:}` gives.
pub(super) fn variables(id: &str) -> Vec<(&'static str, Json)> {
    vec![("busName", json!({"Ref": logical_id(id, &["Bus"], true)}))]
}

pub(super) fn make(construct: &mut Construct<'_>, service: &mut Service<'_>) -> Result<(), Problem> {
    let id = construct.id.to_owned();
    let insecure = construct.json("insecure") == Some(json!(true));
    let authorizer = get(construct.node, "authorizer").cloned();
    if insecure && authorizer.is_some() {
        return Err(construct.wrong("insecure", "a webhook has an authorizer or is insecure, not both"));
    }
    if !insecure && authorizer.is_none() {
        return Err(
            construct.wrong("authorizer", "a webhook needs an authorizer, or the words insecure: true")
        );
    }
    let api = construct.resource_id(&["HttpApi"]);
    construct.add(&api, "AWS::ApiGatewayV2::Api", json!({"Name": "HttpApi", "ProtocolType": "HTTP"}));
    let stage = construct.resource_id(&["HttpApi", "DefaultStage"]);
    let properties = json!({"ApiId": {"Ref": api}, "AutoDeploy": true, "StageName": "$default"});
    construct.add(&stage, "AWS::ApiGatewayV2::Stage", properties);
    let bus = construct.resource_id(&["Bus"]);
    construct.add(&bus, "AWS::Events::EventBus", json!({"Name": logical_id(&id, &["Bus"], false)}));
    let role = construct.resource_id(&["ApiGatewayRole"]);
    let put = json!({"Action": "events:PutEvents", "Effect": "Allow", "Resource": attribute(&bus, "Arn")});
    let assume = json!({
        "Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
    });
    construct.add(
        &role,
        "AWS::IAM::Role",
        json!({
            "AssumeRolePolicyDocument": {"Statement": [assume], "Version": "2012-10-17"},
            "Policies": [{
                "PolicyDocument": {"Statement": [put], "Version": "2012-10-17"}, "PolicyName": "EventBridge",
            }],
        }),
    );
    let integration = logical_id(&id, &["Integration"], false);
    construct.add(
        &integration,
        "AWS::ApiGatewayV2::Integration",
        json!({
            "ApiId": {"Ref": api},
            "ConnectionType": "INTERNET",
            "CredentialsArn": attribute(&role, "Arn"),
            "IntegrationSubtype": "EventBridge-PutEvents",
            "IntegrationType": "AWS_PROXY",
            "PayloadFormatVersion": "1.0",
            "RequestParameters": {
                "DetailType": construct.text("eventType").unwrap_or_else(|| "Webhook".to_owned()),
                "Detail": "$request.body",
                "Source": id,
                "EventBusName": {"Ref": bus},
            },
        }),
    );
    let method = construct.text("method").unwrap_or_else(|| "POST".to_owned());
    let key = format!("{method} {}", construct.text("path").unwrap_or_default());
    let mut route = json!({
        "ApiId": {"Ref": api},
        "AuthorizationType": "NONE",
        "RouteKey": key,
        "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]},
    });
    if let Some(node) = authorizer {
        let name = function_name(&id, "Authorizer");
        let function = attribute(&naming::function(&name), "Arn");
        let authorizer = allow_authorizer(construct, &role, &api, &function, &service.region);
        set(&mut route, "AuthorizationType", json!("CUSTOM"));
        set(&mut route, "AuthorizerId", json!({"Ref": authorizer}));
        service.add_function(&name, node, format!("constructs.{id}.authorizer"));
    }
    construct.add(&logical_id(&id, &["Route"], false), "AWS::ApiGatewayV2::Route", route);
    construct.output("HttpApiEndpoint", None, attribute(&api, "ApiEndpoint"));
    construct.output("Endpoint", None, json!(key));
    construct.extensible = vec![("api", api), ("bus", bus)];
    Ok(())
}

/// The authorizer, and the API's leave to call its function.
fn allow_authorizer(
    construct: &mut Construct<'_>,
    role: &str,
    api: &str,
    function: &Json,
    region: &str,
) -> String {
    let policy = construct.resource_id(&["ApiGatewayRole", "DefaultPolicy"]);
    let any = json!({"Fn::Join": ["", [function, ":*"]]});
    let statement =
        json!({"Action": "lambda:InvokeFunction", "Effect": "Allow", "Resource": [function, any]});
    let properties = json!({
        "PolicyDocument": {"Statement": [statement], "Version": "2012-10-17"},
        "PolicyName": policy,
        "Roles": [{"Ref": role}],
    });
    construct.add(&policy, "AWS::IAM::Policy", properties);
    let authorizer = logical_id(construct.id, &["Authorizer"], false);
    let prefix = format!("arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions");
    let properties = json!({
        "ApiId": {"Ref": api},
        "AuthorizerCredentialsArn": attribute(role, "Arn"),
        "AuthorizerPayloadFormatVersion": "2.0",
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": {"Fn::Join": ["/", [prefix, function, "invocations"]]},
        "EnableSimpleResponses": true,
        "Name": format!("{}-authorizer", construct.id),
    });
    construct.add(&authorizer, "AWS::ApiGatewayV2::Authorizer", properties);
    authorizer
}
