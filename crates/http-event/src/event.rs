//! The event a request becomes: payload format 2.0.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload>
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use http::{header, request::Parts};
use moln_kernel::Timestamp;
use serde_json::{Map, Value, json};

use crate::request;

/// What the event tells beside the request itself.
pub struct Visit<'a> {
    /// The API's, or the URL's id.
    pub id: &'a str,
    /// Whose it is, or `anonymous`.
    pub account: &'a str,
    /// The host without its port.
    pub domain: &'a str,
    /// `POST /jobs`, `$default`.
    pub route_key: &'a str,
    /// The stage's name.
    pub stage: &'a str,
    /// The path as the function shall see it.
    pub path: &'a str,
    /// `requestContext.authorizer`.
    pub authorizer: Option<Value>,
    /// The route's parameters.
    pub path_parameters: Map<String, Value>,
    /// The stage's variables.
    pub stage_variables: Map<String, Value>,
    /// Where the request came from.
    pub source: &'a str,
    /// The trace header, as the function shall see it.
    pub trace: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The port that was asked.
    pub port: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// When it came.
    pub now: Timestamp,
}

/// The event, as JSON.
pub fn build(head: &Parts, body: &[u8], visit: &Visit<'_>) -> Value {
    let query = head.uri.query().unwrap_or_default();
    let mut context = json!({
        "accountId": visit.account,
        "apiId": visit.id,
        "domainName": visit.domain,
        "domainPrefix": visit.domain.split('.').next(),
        "http": {
            "method": head.method.as_str(),
            "path": visit.path,
            "protocol": format!("{:?}", http::Version::HTTP_11),
            "sourceIp": visit.source,
            "userAgent": request::text(&head.headers, &header::USER_AGENT),
        },
        "requestId": visit.request_id,
        "routeKey": visit.route_key,
        "stage": visit.stage,
        "time": request::common_log_time(visit.now),
        "timeEpoch": visit.now.millis(),
    });
    if let (Some(authorizer), Some(members)) = (&visit.authorizer, context.as_object_mut()) {
        members.insert("authorizer".into(), authorizer.clone());
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": visit.route_key,
        "rawPath": visit.path,
        "rawQueryString": query,
        "headers": headers(head, visit),
        "requestContext": context,
        "isBase64Encoded": false,
    });
    let Some(members) = event.as_object_mut() else { return event };
    let cookies = request::cookies(&head.headers);
    if !cookies.is_empty() {
        members.insert("cookies".into(), cookies.into());
    }
    let mut unless_empty = |name: &str, all: Map<String, Value>| {
        if !all.is_empty() {
            members.insert(name.to_owned(), all.into());
        }
    };
    unless_empty("queryStringParameters", request::joined(query));
    unless_empty("pathParameters", visit.path_parameters.clone());
    unless_empty("stageVariables", visit.stage_variables.clone());
    if !body.is_empty() {
        let (text, encoded) = request::body(&head.headers, body);
        members.insert("isBase64Encoded".into(), encoded.into());
        members.insert("body".into(), text.into());
    }
    event
}

/// Values of one name joined, cookies apart; and what AWS's edge tells of the connection.
fn headers(head: &Parts, visit: &Visit<'_>) -> Map<String, Value> {
    let mut all: Map<String, Value> = request::headers(&head.headers)
        .filter(|(name, _)| *name != "cookie")
        .map(|(name, values)| (name.to_owned(), values.join(",").into()))
        .collect();
    all.insert("host".into(), visit.domain.into());
    all.insert("x-amzn-trace-id".into(), visit.trace.into());
    all.insert("x-forwarded-for".into(), visit.source.into());
    all.insert("x-forwarded-port".into(), visit.port.into());
    all.insert("x-forwarded-proto".into(), visit.scheme.into());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit() -> Visit<'static> {
        Visit {
            id: "abc",
            account: "anonymous",
            domain: "abc.lambda-url.us-east-1.on.aws",
            route_key: "$default",
            stage: "$default",
            path: "/my/p%20ath",
            authorizer: None,
            path_parameters: Map::new(),
            stage_variables: Map::new(),
            source: "192.0.2.1",
            trace: "Root=1-0-0",
            scheme: "https",
            port: "443",
            request_id: "r",
            now: Timestamp(1_583_348_638_390),
        }
    }

    fn event(request: http::request::Builder, body: &[u8]) -> Value {
        build(&request.body(()).unwrap().into_parts().0, body, &visit())
    }

    #[test]
    fn a_request_becomes_an_event() {
        let request = http::Request::builder()
            .method("POST")
            .uri("/my/p%20ath?a=1&a=2&b=x%26y+z&c")
            .header("Host", "abc.lambda-url.us-east-1.on.aws:443")
            .header("X-One", "1")
            .header("X-One", "2")
            .header("Cookie", "a=b; c=d")
            .header("Connection", "keep-alive")
            .header("User-Agent", "me")
            .header("Content-Type", "application/json; charset=utf-8");
        let event = event(request, b"{\"k\": 1}");
        assert_eq!(event["rawPath"], "/my/p%20ath");
        assert_eq!(event["rawQueryString"], "a=1&a=2&b=x%26y+z&c");
        assert_eq!(event["queryStringParameters"], json!({"a": "1,2", "b": "x&y z", "c": ""}));
        assert_eq!(event["cookies"], json!(["a=b", "c=d"]));
        assert_eq!(
            event["headers"],
            json!({
                "content-type": "application/json; charset=utf-8", "host": "abc.lambda-url.us-east-1.on.aws",
                "user-agent": "me", "x-amzn-trace-id": "Root=1-0-0", "x-forwarded-for": "192.0.2.1",
                "x-forwarded-port": "443", "x-forwarded-proto": "https", "x-one": "1,2",
            })
        );
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{\"k\": 1}"), &json!(false)));
        let context = &event["requestContext"];
        assert_eq!(context["accountId"], "anonymous");
        assert_eq!(context["time"], "04/Mar/2020:19:03:58 +0000");
        assert_eq!(context["http"]["protocol"], "HTTP/1.1");
        assert!(context.get("authorizer").is_none());
    }

    #[test]
    fn what_is_no_text_is_in_base_64() {
        for (kind, body, encoded) in [
            ("text/plain", &b"a"[..], false),
            ("application/problem+json", b"{}", false),
            ("application/x-www-form-urlencoded", b"a=b", true),
            ("multipart/form-data; boundary=x", b"--x", true),
            ("text/plain", b"\xff", true),
        ] {
            let event = event(http::Request::builder().uri("/").header("Content-Type", kind), body);
            assert_eq!(event["isBase64Encoded"], encoded, "{kind}");
        }
        let event = event(http::Request::builder().uri("/"), b"");
        for absent in ["body", "cookies", "queryStringParameters"] {
            assert!(event.get(absent).is_none(), "{absent}");
        }
    }
}
