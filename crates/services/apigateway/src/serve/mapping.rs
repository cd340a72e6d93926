//! Parameter mapping: what is changed of a request before the integration gets it, and of its answer.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html>

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, request::Parts, uri::PathAndQuery};
use moln_http_event::request;
use moln_kernel::{ApiError, encoding::percent_encode_into};

pub(crate) use super::template::Template;
use crate::{errors, model::Integration};

/// Headers that are the gateway's.
const RESERVED: [&str; 19] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];
/// Beginnings of names of headers that are the gateway's.
const RESERVED_PREFIXES: [&str; 4] = ["access-control-", "apigw-", "x-amz-", "x-amzn-"];

/// One change.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    action: Action,
    target: Target,
    value: Template,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Append,
    Overwrite,
    Remove,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Header(HeaderName),
    Query(String),
    Path,
    Status,
}

fn invalid(why: &str) -> ApiError {
    errors::bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{why}]"
    ))
}

impl Change {
    fn parse(key: &str, value: &str, response: bool) -> Result<Self, ApiError> {
        let bad = || invalid(&format!("Invalid mapping expression specified: {key}"));
        let (action, target) = key.split_once(':').ok_or_else(bad)?;
        let action = match action {
            "append" => Action::Append,
            "overwrite" => Action::Overwrite,
            "remove" => Action::Remove,
            _ => return Err(bad()),
        };
        let target = match target.split_once('.') {
            Some(("header", name)) => {
                let name = name.to_ascii_lowercase();
                if RESERVED.contains(&name.as_str()) || RESERVED_PREFIXES.iter().any(|p| name.starts_with(p))
                {
                    return Err(invalid(&format!("Operations on header {name} are restricted")));
                }
                Target::Header(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?)
            }
            Some(("querystring", name)) if !response && !name.is_empty() => Target::Query(name.to_owned()),
            None if target == "path" && !response && action == Action::Overwrite => Target::Path,
            None if target == "statuscode" && response && action == Action::Overwrite => Target::Status,
            _ => return Err(bad()),
        };
        let value = Template::parse(value);
        let wrong = if response { "request." } else { "response." };
        if value.variables().any(|name| name.starts_with(wrong)) {
            return Err(bad());
        }
        Ok(Self { action, target, value })
    }
}

fn parse(all: &BTreeMap<String, String>, response: bool) -> Result<Vec<Change>, ApiError> {
    all.iter().map(|(key, value)| Change::parse(key, value, response)).collect()
}

/// An integration's changes of requests. First-class integrations have parameters instead.
pub(crate) fn of_request(integration: &Integration) -> Result<Vec<Change>, ApiError> {
    match &integration.request_parameters {
        Some(all) if integration.integration_subtype.is_none() => parse(all, false),
        _ => Ok(Vec::new()),
    }
}

/// An integration's changes of answers, by status.
pub(crate) fn of_response(integration: &Integration) -> Result<BTreeMap<u16, Vec<Change>>, ApiError> {
    let mut changes = BTreeMap::new();
    for (status, all) in integration.response_parameters.iter().flatten() {
        let number = status.parse().ok().filter(|number| (200..=599).contains(number));
        let number = number.ok_or_else(|| {
            errors::bad_request(format!("Invalid status code {status} in ResponseParameters"))
        })?;
        changes.insert(number, parse(all, true)?);
    }
    Ok(changes)
}

/// Judges an integration's changes of requests.
pub(crate) fn check_request(integration: &Integration) -> Result<(), ApiError> {
    of_request(integration).map(drop)
}

/// Judges an integration's changes of answers.
pub(crate) fn check_response(integration: &Integration) -> Result<(), ApiError> {
    of_response(integration).map(drop)
}

fn change_headers(headers: &mut HeaderMap, action: Action, name: &HeaderName, value: Option<String>) {
    if action == Action::Remove {
        headers.remove(name);
        return;
    }
    let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) else { return };
    if action == Action::Overwrite {
        headers.insert(name, value);
    } else {
        headers.append(name, value);
    }
}

/// Changes a request's head. `value`: what variables stand for.
pub(crate) fn change_request(changes: &[Change], head: &mut Parts, value: impl Fn(&str) -> Option<String>) {
    if changes.is_empty() {
        return;
    }
    let mut query: Vec<(String, String)> = request::query(head.uri.query().unwrap_or_default()).collect();
    let mut path = head.uri.path().to_owned();
    let mut located = false;
    for change in changes {
        let new = change.value.value(&value);
        match &change.target {
            Target::Header(name) => change_headers(&mut head.headers, change.action, name, new),
            Target::Query(name) => {
                located = true;
                if change.action != Action::Append && (change.action == Action::Remove || new.is_some()) {
                    query.retain(|(known, _)| known != name);
                }
                if let Some(new) = new.filter(|_| change.action != Action::Remove) {
                    query.push((name.clone(), new));
                }
            }
            Target::Path => {
                if let Some(new) = new {
                    located = true;
                    path = encode(&new, true);
                }
            }
            Target::Status => {}
        }
    }
    if !located {
        return;
    }
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    let pairs: Vec<_> =
        query.iter().map(|(k, v)| format!("{}={}", encode(k, false), encode(v, false))).collect();
    if !pairs.is_empty() {
        path.push('?');
        path.push_str(&pairs.join("&"));
    }
    if let Ok(path) = path.parse::<PathAndQuery>() {
        head.uri = Uri::from(path);
    }
}

/// Changes an answer's status and headers.
pub(crate) fn change_response(
    changes: &[Change],
    status: &mut StatusCode,
    headers: &mut HeaderMap,
    value: impl Fn(&str) -> Option<String>,
) {
    for change in changes {
        let new = change.value.value(&value);
        match &change.target {
            Target::Header(name) => change_headers(headers, change.action, name, new),
            Target::Status => {
                if let Some(new) = new.and_then(|new| StatusCode::from_bytes(new.as_bytes()).ok())
                    && new.as_u16() >= 200
                {
                    *status = new;
                }
            }
            Target::Query(_) | Target::Path => {}
        }
    }
}

/// With percent signs where a URL needs them; `path`: slashes and what is encoded already stay.
pub(crate) fn encode(text: &str, path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    percent_encode_into(&mut out, text.as_bytes(), if path { b"/%:@!$&'()*+,;=" } else { b"" });
    out
}

/// A part of a JSON body: `.a.b[0]` behind `body`; the whole body when nothing follows.
pub(crate) fn body_part(body: &[u8], path: &str) -> Option<String> {
    if path.is_empty() {
        return (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned());
    }
    let whole: serde_json::Value = serde_json::from_slice(body).ok()?;
    let mut at = &whole;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let (name, indexes) = step.split_once('[').map_or((step, ""), |(name, rest)| (name, rest));
        if !name.is_empty() {
            at = at.get(name)?;
        }
        for index in indexes.split('[').filter(|index| !index.is_empty()) {
            at = at.get(index.strip_suffix(']')?.parse::<usize>().ok()?)?;
        }
    }
    match at {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(all: &[(&str, &str)], response: bool) -> Vec<Change> {
        let all = all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        parse(&all, response).unwrap()
    }

    #[test]
    fn requests_are_changed() {
        let request = http::Request::builder().uri("/a?x=1&y=2").header("one", "1").header("two", "2");
        let mut head = request.body(()).unwrap().into_parts().0;
        let changes = changes(
            &[
                ("append:header.one", "$context.id"),
                ("overwrite:header.new", "is $context.id"),
                ("remove:header.two", "''"),
                ("overwrite:querystring.x", "a b"),
                ("remove:querystring.y", ""),
                ("append:querystring.z", "$context.none"),
                ("overwrite:path", "/b/$context.id"),
            ],
            false,
        );
        change_request(&changes, &mut head, |name| (name == "context.id").then(|| "7".to_owned()));
        assert_eq!(head.uri, "/b/7?x=a%20b");
        assert_eq!(head.headers.get_all("one").iter().collect::<Vec<_>>(), ["1", "7"]);
        assert_eq!((head.headers["new"].to_str().unwrap(), head.headers.get("two")), ("is 7", None));
    }

    #[test]
    fn answers_are_changed() {
        let changes =
            changes(&[("overwrite:statuscode", "$response.header.code"), ("append:header.b", "x")], true);
        let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
        change_response(&changes, &mut status, &mut headers, |_| Some("418".to_owned()));
        assert_eq!((status.as_u16(), &headers["b"]), (418, &HeaderValue::from_static("x")));
    }

    #[test]
    fn what_may_not_be_changed_is_refused() {
        for (key, value, response) in [
            ("overwrite:header.Authorization", "x", false),
            ("append:header.x-amzn-y", "x", false),
            ("append:path", "x", false),
            ("overwrite:statuscode", "200", false),
            ("append:querystring.a", "x", true),
            ("set:header.a", "x", false),
            ("header.a", "x", false),
            ("append:header.a", "$response.header.b", false),
        ] {
            assert!(Change::parse(key, value, response).is_err(), "{key}");
        }
    }

    #[test]
    fn parts_of_bodies() {
        let body = br#"{"a": {"b": [1, {"c": "x"}]}, "n": null}"#;
        for (path, want) in [
            (".a.b[1].c", Some("x")),
            (".a.b[0]", Some("1")),
            (".a.b[1]", Some(r#"{"c":"x"}"#)),
            (".n", None),
            (".z", None),
        ] {
            assert_eq!(body_part(body, path).as_deref(), want, "{path}");
        }
        assert_eq!(body_part(b"text", "").as_deref(), Some("text"));
        assert_eq!(body_part(b"text", ".a"), None);
    }
}
