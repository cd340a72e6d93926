//! What web pages of other origins may do at a function URL.

use http::{Response, header, request::Parts};
use moln_http_event::{Cors, request::text};

use crate::tables::CorsRow;

/// The rules of a row.
pub(crate) fn rules(row: &CorsRow) -> Cors<'_> {
    fn list(names: Option<&Vec<String>>) -> Vec<&str> {
        names.into_iter().flatten().map(String::as_str).collect()
    }
    Cors {
        origins: list(row.allow_origins.as_ref()),
        methods: list(row.allow_methods.as_ref()),
        headers: list(row.allow_headers.as_ref()),
        exposed: list(row.expose_headers.as_ref()),
        credentials: row.allow_credentials == Some(true),
        max_age: row.max_age,
    }
}

/// The answer to a preflight, which the function never sees. A page is told nothing when it wants to do more than it may.
pub(crate) fn preflight<B: Default>(row: &CorsRow, head: &Parts) -> Response<B> {
    let cors = rules(row);
    let mut response = Response::new(B::default());
    let is_one = |known: &[&str], wanted: &str| {
        known.iter().any(|known| *known == "*" || known.eq_ignore_ascii_case(wanted))
    };
    let method = text(&head.headers, &header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut headers = text(&head.headers, &header::ACCESS_CONTROL_REQUEST_HEADERS)
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    if is_one(&cors.methods, method) && headers.all(|name| is_one(&cors.headers, name)) {
        cors.tell(head, response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(origin: &str, method: &str, names: &str) -> Response<()> {
        let row = CorsRow {
            allow_origins: Some(vec!["https://*.example.com".into()]),
            allow_methods: Some(vec!["GET".into()]),
            allow_headers: Some(vec!["X-One".into()]),
            expose_headers: Some(vec!["X-Two".into()]),
            allow_credentials: Some(true),
            max_age: Some(60),
        };
        let request = http::Request::builder()
            .method("OPTIONS")
            .uri("/")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", names);
        preflight(&row, &request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn browsers_are_told_what_they_may() {
        let answer = asked("https://a.example.com", "GET", "x-one");
        assert_eq!(answer.status(), 200);
        for (name, value) in [
            ("access-control-allow-origin", "https://a.example.com"),
            ("access-control-allow-methods", "GET"),
            ("access-control-allow-headers", "X-One"),
            ("access-control-max-age", "60"),
            ("access-control-allow-credentials", "true"),
        ] {
            assert_eq!(answer.headers()[name], value);
        }
        for (origin, method, names) in [
            ("https://example.org", "GET", ""),
            ("https://a.example.com", "POST", ""),
            ("https://a.example.com", "GET", "x-one, x-other"),
        ] {
            assert!(asked(origin, method, names).headers().is_empty(), "{origin} {method} {names}");
        }
    }
}
