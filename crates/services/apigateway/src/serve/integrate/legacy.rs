//! The event a request becomes: payload format 1.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use http::{header, request::Parts};
use moln_http_event::request;
use serde_json::{Map, Value, json};

use crate::serve::{
    RouteKey,
    exchange::{Authorized, Exchange},
};

/// The event, as JSON.
pub(crate) fn event(exchange: &Exchange<'_>, head: &Parts) -> Value {
    let (single, several) = headers(exchange, head);
    let (parameter, parameters) = query(head);
    let paths: Map<_, _> = exchange.parameters.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
    let route = RouteKey::path(exchange.route_key());
    let (body, encoded) = if exchange.body.is_empty() {
        (Value::Null, false)
    } else {
        let (text, encoded) = request::body(&head.headers, &exchange.body);
        (text.into(), encoded)
    };
    json!({
        "version": "1.0",
        "resource": route,
        "path": head.uri.path(),
        "httpMethod": head.method.as_str(),
        "headers": single,
        "multiValueHeaders": several,
        "queryStringParameters": unless_empty(parameter),
        "multiValueQueryStringParameters": unless_empty(parameters),
        "requestContext": context(exchange, head, route),
        "pathParameters": unless_empty(paths),
        "stageVariables": unless_empty(exchange.variables()),
        "body": body,
        "isBase64Encoded": encoded,
    })
}

fn context(exchange: &Exchange<'_>, head: &Parts, route: &str) -> Value {
    let value = |name: &str| exchange.context(name, None);
    let authorizer = match &exchange.authorized {
        Authorized::Jwt { claims, scopes } => json!({"claims": claims, "scopes": scopes}),
        Authorized::Lambda { principal, context } => {
            let mut all = context.clone();
            all.insert("principalId".to_owned(), principal.clone().into());
            all.into()
        }
        Authorized::Open | Authorized::Iam => json!({"claims": null, "scopes": null}),
    };
    json!({
        "accountId": exchange.plan.account.as_str(),
        "apiId": &*exchange.plan.api,
        "authorizer": authorizer,
        "domainName": exchange.domain,
        "domainPrefix": value("domainPrefix"),
        "extendedRequestId": exchange.id,
        "httpMethod": head.method.as_str(),
        "identity": {
            "accessKey": value("identity.accessKey"),
            "accountId": value("identity.accountId"),
            "caller": value("identity.caller"),
            "cognitoAmr": null,
            "cognitoAuthenticationProvider": null,
            "cognitoAuthenticationType": null,
            "cognitoIdentityId": null,
            "cognitoIdentityPoolId": null,
            "principalOrgId": null,
            "sourceIp": exchange.source,
            "user": value("identity.user"),
            "userAgent": request::text(&head.headers, &header::USER_AGENT),
            "userArn": value("identity.userArn"),
        },
        "path": head.uri.path(),
        "protocol": "HTTP/1.1",
        "requestId": exchange.id,
        "requestTime": value("requestTime"),
        "requestTimeEpoch": exchange.ctx.now.millis(),
        "resourceId": exchange.route_key(),
        "resourcePath": route,
        "stage": exchange.plan.stage.stage_name,
    })
}

fn unless_empty(all: Map<String, Value>) -> Value {
    if all.is_empty() { Value::Null } else { all.into() }
}

/// The last value of each header, and all of them. What the edge adds it writes in its own way.
fn headers(exchange: &Exchange<'_>, head: &Parts) -> (Map<String, Value>, Map<String, Value>) {
    let (mut single, mut several) = (Map::new(), Map::new());
    let mut add = |name: &str, values: Vec<String>| {
        single.insert(name.to_owned(), values.last().cloned().unwrap_or_default().into());
        several.insert(name.to_owned(), values.into());
    };
    let edge = |name: &str| matches!(name, "host" | "x-amzn-trace-id") || name.starts_with("x-forwarded-");
    for (name, values) in request::headers(&head.headers).filter(|(name, _)| !edge(name)) {
        match name {
            "content-length" => add("Content-Length", values),
            "user-agent" => add("User-Agent", values),
            other => add(other, values),
        }
    }
    for (name, value) in [
        ("Host", exchange.domain.as_str()),
        ("X-Amzn-Trace-Id", &exchange.trace),
        ("X-Forwarded-For", &exchange.source),
        ("X-Forwarded-Port", &exchange.port),
        ("X-Forwarded-Proto", exchange.ctx.endpoint.scheme),
    ] {
        add(name, vec![value.to_owned()]);
    }
    (single, several)
}

fn query(head: &Parts) -> (Map<String, Value>, Map<String, Value>) {
    let (mut single, mut several) = (Map::new(), Map::<String, Value>::new());
    for (name, value) in request::query(head.uri.query().unwrap_or_default()) {
        single.insert(name.clone(), value.clone().into());
        let all = several.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Some(all) = all.as_array_mut() {
            all.push(value.into());
        }
    }
    (single, several)
}
