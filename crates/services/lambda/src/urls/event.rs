//! The event a request becomes: payload format 2.0.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload>

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header, request::Parts};
use moln_kernel::{Context, Principal, Timestamp};
use moln_wire::{schema::TimestampFormat, time};
use serde_json::{Map, Value, json};

/// What the event tells beside the request itself.
pub(crate) struct Visit<'a> {
    /// The URL's id.
    pub(crate) id: &'a str,
    /// The host without its port.
    pub(crate) domain: &'a str,
    /// Who signed, for URLs that ask for it.
    pub(crate) signer: Option<&'a Context>,
    /// Where the request came from.
    pub(crate) source: &'a str,
    /// The trace header, as the function shall see it.
    pub(crate) trace: &'a str,
    pub(crate) scheme: &'a str,
    pub(crate) port: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) now: Timestamp,
}

/// Headers that belong to a connection, and the cookies, which stand on their own.
const LEFT_OUT: [header::HeaderName; 7] = [
    header::CONNECTION,
    header::COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// The event, as JSON.
pub(crate) fn build(head: &Parts, body: &[u8], visit: &Visit<'_>) -> Value {
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let user_agent = text(&head.headers, &header::USER_AGENT);
    let mut context = json!({
        "accountId": visit.signer.map_or("anonymous", |signer| signer.account.as_str()),
        "apiId": visit.id,
        "domainName": visit.domain,
        "domainPrefix": visit.id,
        "http": {
            "method": head.method.as_str(),
            "path": path,
            "protocol": format!("{:?}", http::Version::HTTP_11),
            "sourceIp": visit.source,
            "userAgent": user_agent,
        },
        "requestId": visit.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": common_log_time(visit.now),
        "timeEpoch": visit.now.millis(),
    });
    if let (Some(signer), Some(members)) = (visit.signer, context.as_object_mut()) {
        members.insert("authorizer".into(), authorizer(signer));
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(head, visit),
        "requestContext": context,
        "isBase64Encoded": false,
    });
    let Some(members) = event.as_object_mut() else { return event };
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        members.insert("cookies".into(), cookies.into());
    }
    let parameters = parameters(query);
    if !parameters.is_empty() {
        members.insert("queryStringParameters".into(), parameters.into());
    }
    if !body.is_empty() {
        let text =
            is_text(text(&head.headers, &header::CONTENT_TYPE)).then(|| str::from_utf8(body).ok()).flatten();
        members.insert("isBase64Encoded".into(), text.is_none().into());
        members.insert("body".into(), text.map_or_else(|| STANDARD.encode(body), str::to_owned).into());
    }
    event
}

fn authorizer(signer: &Context) -> Value {
    let caller = signer.caller.as_deref();
    let arn = match &signer.principal {
        Principal::Arn(arn) => arn.to_string(),
        _ => signer.global_arn("iam", "root"),
    };
    json!({"iam": {
        "accessKey": caller.map(|caller| &*caller.access_key_id),
        "accountId": signer.account.as_str(),
        "callerId": caller.map_or(signer.account.as_str(), |caller| &caller.user_id),
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": arn,
        "userId": caller.map_or(signer.account.as_str(), |caller| &caller.user_id),
    }})
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Names in small letters, values of one name joined; and what AWS's edge tells of the connection.
fn headers(head: &Parts, visit: &Visit<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    for name in head.headers.keys().filter(|name| !LEFT_OUT.contains(name)) {
        let values = head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        all.insert(name.as_str().to_owned(), values.collect::<Vec<_>>().join(",").into());
    }
    all.insert("host".into(), visit.domain.into());
    all.insert("x-amzn-trace-id".into(), visit.trace.into());
    all.insert("x-forwarded-for".into(), visit.source.into());
    all.insert("x-forwarded-port".into(), visit.port.into());
    all.insert("x-forwarded-proto".into(), visit.scheme.into());
    all
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect()
}

/// Decoded; the values of one name joined by commas.
fn parameters(query: &str) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let joined = match all.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        all.insert(name, joined.into());
    }
    all
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, behind) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Content that is handed over as it is; all other is in base 64.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml")
        || (kind.starts_with("application/") && (kind.ends_with("+json") || kind.ends_with("+xml")))
}

/// `12/Mar/2020:19:03:58 +0000`
fn common_log_time(now: Timestamp) -> String {
    let date = time::format(now, TimestampFormat::HttpDate);
    let mut parts = date.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    format!("{}/{}/{}:{} +0000", part(), part(), part(), part())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit() -> Visit<'static> {
        Visit {
            id: "abc",
            domain: "abc.lambda-url.us-east-1.on.aws",
            signer: None,
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
