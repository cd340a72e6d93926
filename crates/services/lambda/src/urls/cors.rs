//! What web pages of other origins may do.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors>

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use crate::tables::CorsRow;

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn any(list: Option<&Vec<String>>, wanted: impl Fn(&str) -> bool) -> bool {
    list.into_iter().flatten().any(|one| one == "*" || wanted(one))
}

/// What `Access-Control-Allow-Origin` says to an origin; `None`: it may not.
fn allowed_origin<'o>(cors: &CorsRow, origin: &'o str) -> Option<&'o str> {
    let credentials = cors.allow_credentials == Some(true);
    let star = cors.allow_origins.iter().flatten().any(|one| one == "*");
    if star && !credentials {
        return Some("*");
    }
    let fits = |known: &str| {
        // `https://*` stands for every origin of the scheme, `https://*.example.com` for every host below.
        stands_for(known, origin)
    };
    any(cors.allow_origins.as_ref(), fits).then_some(origin)
}

/// Whether a text is a pattern's, in which one `*` stands for anything.
fn stands_for(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        Some((begin, end)) => {
            text.len() >= begin.len() + end.len() && text.starts_with(begin) && text.ends_with(end)
        }
        None => pattern.eq_ignore_ascii_case(text),
    }
}

/// Whether a browser asks what it may do.
pub(crate) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that, which the function never sees.
pub(crate) fn preflight<B: Default>(cors: &CorsRow, head: &Parts) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::OK;
    let method = text(&head.headers, &header::ACCESS_CONTROL_REQUEST_METHOD).unwrap_or_default();
    let wanted = text(&head.headers, &header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let mut wanted = wanted.split(',').map(str::trim).filter(|name| !name.is_empty());
    let fits = any(cors.allow_methods.as_ref(), |known| known.eq_ignore_ascii_case(method))
        && wanted.all(|name| any(cors.allow_headers.as_ref(), |known| known.eq_ignore_ascii_case(name)));
    if !fits || !add_origin(cors, head, response.headers_mut()) {
        return response;
    }
    let headers = response.headers_mut();
    let mut list = |name: HeaderName, values: Option<&Vec<String>>| {
        let joined = values.map(|values| values.join(",")).filter(|joined| !joined.is_empty());
        if let Some(value) = joined.and_then(|joined| HeaderValue::from_str(&joined).ok()) {
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

fn add_origin(cors: &CorsRow, head: &Parts, headers: &mut HeaderMap) -> bool {
    let origin = text(&head.headers, &header::ORIGIN).and_then(|origin| allowed_origin(cors, origin));
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

/// Adds to an answer what its page may see. What is set for the URL counts more than what the function says.
pub(crate) fn allow(cors: &CorsRow, head: &Parts, headers: &mut HeaderMap) {
    headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    if !add_origin(cors, head, headers) {
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

    fn cors() -> CorsRow {
        CorsRow {
            allow_origins: Some(vec!["https://*.example.com".into()]),
            allow_methods: Some(vec!["GET".into()]),
            allow_headers: Some(vec!["X-One".into()]),
            expose_headers: Some(vec!["X-Two".into()]),
            allow_credentials: Some(true),
            max_age: Some(60),
        }
    }

    fn ask(origin: &str, method: &str, names: &str) -> Parts {
        let request = http::Request::builder()
            .method("OPTIONS")
            .uri("/")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", names);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn browsers_are_told_what_they_may() {
        let head = ask("https://a.example.com", "GET", "x-one");
        assert!(is_preflight(&head));
        let answer: Response<()> = preflight(&cors(), &head);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(answer.status(), 200);
        assert_eq!(header("access-control-allow-origin"), "https://a.example.com");
        assert_eq!(header("access-control-allow-methods"), "GET");
        assert_eq!(header("access-control-allow-headers"), "X-One");
        assert_eq!(header("access-control-max-age"), "60");
        assert_eq!(header("access-control-allow-credentials"), "true");
        for (origin, method, names) in [
            ("https://example.org", "GET", ""),
            ("https://a.example.com", "POST", ""),
            ("https://a.example.com", "GET", "x-one, x-other"),
        ] {
            let answer: Response<()> = preflight(&cors(), &ask(origin, method, names));
            assert!(answer.headers().is_empty(), "{origin} {method} {names}");
        }
    }

    #[test]
    fn the_urls_rules_count_more_than_the_functions() {
        let head = ask("https://a.example.com", "GET", "");
        let mut headers = HeaderMap::new();
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        allow(&cors(), &head, &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "https://a.example.com");
        assert_eq!(headers["access-control-expose-headers"], "X-Two");
        allow(&cors(), &ask("https://example.org", "GET", ""), &mut headers);
        assert!(!headers.contains_key("access-control-allow-origin"));
        let open = CorsRow { allow_origins: Some(vec!["*".into()]), ..CorsRow::default() };
        allow(&open, &head, &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "*");
    }
}
