//! What an event tells of a request: its headers, cookies, parameters, body.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use moln_kernel::{Context, Principal, Timestamp, encoding::percent_decode, ids};
use moln_wire::{schema::TimestampFormat, time};
use serde_json::{Map, Value, json};

/// Headers that belong to a connection.
const LEFT_OUT: [header::HeaderName; 6] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// The text of a header; empty when there is none.
pub fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Names in small letters and all values of each, without what belongs to a connection.
pub fn headers(headers: &HeaderMap) -> impl Iterator<Item = (&str, Vec<String>)> {
    headers.keys().filter(|name| !LEFT_OUT.contains(name)).map(|name| {
        let values = headers.get_all(name).iter();
        (name.as_str(), values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect())
    })
}

/// `a=b` of every cookie.
pub fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect()
}

/// Names and values of a query, decoded, in their order.
pub fn query(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name, true), decoded(value, true))
    })
}

/// The values of one name joined by commas.
pub(crate) fn joined(query_string: &str) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for (name, value) in query(query_string) {
        let joined = match all.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        all.insert(name, joined.into());
    }
    all
}

/// Without percent signs; `plus`: a plus is a space, as in queries.
pub fn decoded(text: &str, plus: bool) -> String {
    String::from_utf8_lossy(&percent_decode(text.as_bytes(), plus)).into_owned()
}

/// A body as an event holds it, and whether it is in base 64: all is that is not declared to be text, or is none.
pub fn body(headers: &HeaderMap, body: &[u8]) -> (String, bool) {
    let declared = is_text(text(headers, &header::CONTENT_TYPE));
    match declared.then(|| str::from_utf8(body).ok()).flatten() {
        Some(text) => (text.to_owned(), false),
        None => (STANDARD.encode(body), true),
    }
}

/// Content that is handed over as it is; all other is in base 64.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml")
        || (kind.starts_with("application/") && (kind.ends_with("+json") || kind.ends_with("+xml")))
}

/// `12/Mar/2020:19:03:58 +0000`
pub fn common_log_time(now: Timestamp) -> String {
    let date = time::format(now, TimestampFormat::HttpDate);
    let mut parts = date.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    format!("{}/{}/{}:{} +0000", part(), part(), part(), part())
}

/// The trace header that the caller sent, or a new root.
pub fn trace(ctx: &Context) -> String {
    match &ctx.trace {
        Some(trace) => trace.to_string(),
        None => format!("Root=1-{:08x}-{}", ctx.now.seconds(), ids::hex_id("", 24)),
    }
}

/// Who signed, as `requestContext.authorizer.iam`.
pub fn signer(signer: &Context) -> Value {
    let caller = signer.caller.as_deref();
    json!({
        "accessKey": caller.map(|caller| &*caller.access_key_id),
        "accountId": signer.account.as_str(),
        "callerId": caller.map_or(signer.account.as_str(), |caller| &caller.user_id),
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": signer_arn(signer),
        "userId": caller.map_or(signer.account.as_str(), |caller| &caller.user_id),
    })
}

/// The ARN of who signed.
pub fn signer_arn(signer: &Context) -> String {
    match &signer.principal {
        Principal::Arn(arn) => arn.to_string(),
        _ => signer.global_arn("iam", "root"),
    }
}
