//! What web pages of other origins may do.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use moln_wire::ByteStream;

use crate::model::Cors;

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// What `Access-Control-Allow-Origin` says to an origin; `None`: it may not.
fn allowed<'o>(cors: &Cors, origin: &'o str) -> Option<&'o str> {
    let fits = |known: &&String| match known.split_once('*') {
        // `https://*` stands for every origin of the scheme.
        Some((begin, end)) => {
            origin.len() >= begin.len() + end.len() && origin.starts_with(begin) && origin.ends_with(end)
        }
        None => known.eq_ignore_ascii_case(origin),
    };
    let known = cors.allow_origins.iter().flatten().find(fits)?;
    Some(if known == "*" { "*" } else { origin })
}

/// Whether a browser asks what it may do.
pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that, which no integration sees.
pub(super) fn preflight(cors: &Cors, head: &Parts) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if !allow_origin(cors, head, headers) {
        return response;
    }
    let mut list = |name: HeaderName, values: Option<&Vec<String>>| {
        let mut values = values.cloned().unwrap_or_default();
        values.sort();
        if let Some(value) = HeaderValue::from_str(&values.join(",")).ok().filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    };
    list(header::ACCESS_CONTROL_ALLOW_METHODS, cors.allow_methods.as_ref());
    list(header::ACCESS_CONTROL_ALLOW_HEADERS, cors.allow_headers.as_ref());
    if let Some(seconds) = cors.max_age {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, seconds.into());
    }
    response
}

fn allow_origin(cors: &Cors, head: &Parts, headers: &mut HeaderMap) -> bool {
    let origin = text(&head.headers, &header::ORIGIN).and_then(|origin| allowed(cors, origin));
    let Some(value) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) else { return false };
    if value != "*" {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if cors.allow_credentials == Some(true) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

/// Adds to an answer what its page may see. What the integration says of it does not count.
pub(super) fn allow(cors: &Cors, head: &Parts, headers: &mut HeaderMap) {
    for name in [
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        header::ACCESS_CONTROL_MAX_AGE,
    ] {
        headers.remove(name);
    }
    if !allow_origin(cors, head, headers) {
        return;
    }
    let exposed = cors.expose_headers.as_ref().map(|names| names.join(",")).filter(|names| !names.is_empty());
    if let Some(value) = exposed.and_then(|names| HeaderValue::from_str(&names).ok()) {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors {
            allow_origins: Some(vec!["https://example.com".into(), "http://*".into()]),
            allow_methods: Some(vec!["POST".into(), "GET".into()]),
            allow_headers: Some(vec!["x-one".into()]),
            expose_headers: Some(vec!["x-two".into()]),
            allow_credentials: Some(true),
            max_age: Some(60),
        }
    }

    fn ask(origin: &str) -> Parts {
        let request = http::Request::builder()
            .method("OPTIONS")
            .uri("/")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "GET");
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn browsers_are_told_what_they_may() {
        for origin in ["https://example.com", "http://any.example"] {
            let head = ask(origin);
            assert!(is_preflight(&head));
            let answer = preflight(&cors(), &head);
            assert_eq!(answer.status(), 204);
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("access-control-allow-origin"), origin);
            assert_eq!(header("access-control-allow-methods"), "GET,POST");
            assert_eq!(header("access-control-allow-headers"), "x-one");
            assert_eq!(header("access-control-max-age"), "60");
            assert_eq!(header("access-control-allow-credentials"), "true");
        }
        assert!(preflight(&cors(), &ask("https://other.example")).headers().is_empty());
    }

    #[test]
    fn the_apis_rules_count_more_than_the_integrations() {
        let mut headers = HeaderMap::new();
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        allow(&cors(), &ask("https://example.com"), &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "https://example.com");
        assert_eq!(headers["access-control-expose-headers"], "x-two");
        allow(&cors(), &ask("https://other.example"), &mut headers);
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}
