//! What web pages of other origins may do.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors>
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};

/// The rules of a function URL or an HTTP API. `*` stands for everything.
#[derive(Clone, Debug, Default)]
pub struct Cors<'r> {
    /// Origins; `https://*` stands for every one of the scheme, `https://*.example.com` for every host below.
    pub origins: Vec<&'r str>,
    /// Methods.
    pub methods: Vec<&'r str>,
    /// Request headers.
    pub headers: Vec<&'r str>,
    /// Response headers that pages may read.
    pub exposed: Vec<&'r str>,
    /// Whether cookies may come along.
    pub credentials: bool,
    /// Seconds for which a browser may remember the answer.
    pub max_age: Option<i32>,
}

/// Whether a browser asks what it may do.
pub fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors<'_> {
    /// Adds to the answer to a preflight what the page may do: nothing, when its origin is none of these.
    pub fn tell(&self, head: &Parts, headers: &mut HeaderMap) {
        if !self.admit(head, headers) {
            return;
        }
        add_list(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods);
        add_list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
        if let Some(seconds) = self.max_age {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
    }

    /// Adds to any other answer what the page may see. What the answer said of that itself does not count.
    pub fn allow(&self, head: &Parts, headers: &mut HeaderMap) {
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
        if self.admit(head, headers) {
            add_list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
        }
    }

    /// Names the page's origin, when it is one of these.
    fn admit(&self, head: &Parts, headers: &mut HeaderMap) -> bool {
        let origin = head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let allowed = origin.and_then(|origin| self.allowed(origin));
        let Some(value) = allowed.and_then(|origin| HeaderValue::from_str(origin).ok()) else { return false };
        if value != "*" {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    /// What `Access-Control-Allow-Origin` says to an origin; `None`: it may not.
    fn allowed<'o>(&self, origin: &'o str) -> Option<&'o str> {
        // Browsers send no cookies along where the answer is `*`.
        if self.origins.contains(&"*") && !self.credentials {
            return Some("*");
        }
        let fits = |known: &&str| match known.split_once('*') {
            Some((begin, end)) => {
                origin.len() >= begin.len() + end.len() && origin.starts_with(begin) && origin.ends_with(end)
            }
            None => known.eq_ignore_ascii_case(origin),
        };
        self.origins.iter().any(fits).then_some(origin)
    }
}

fn add_list(headers: &mut HeaderMap, name: HeaderName, list: &[&str]) {
    if let Some(value) = HeaderValue::from_str(&list.join(",")).ok().filter(|value| !value.is_empty()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors<'static> {
        Cors {
            origins: vec!["https://example.com", "http://*", "https://*.example.com"],
            methods: vec!["GET", "POST"],
            headers: vec!["x-one"],
            exposed: vec!["x-two"],
            credentials: true,
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
        for origin in ["https://example.com", "http://any.example", "https://a.example.com"] {
            let head = ask(origin);
            assert!(is_preflight(&head));
            let mut headers = HeaderMap::new();
            cors().tell(&head, &mut headers);
            assert_eq!(headers["access-control-allow-origin"], origin);
            assert_eq!(headers["access-control-allow-methods"], "GET,POST");
            assert_eq!(headers["access-control-allow-headers"], "x-one");
            assert_eq!(headers["access-control-max-age"], "60");
            assert_eq!(headers["access-control-allow-credentials"], "true");
            assert_eq!(headers["vary"], "Origin");
        }
        let mut headers = HeaderMap::new();
        cors().tell(&ask("https://example.org"), &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn the_rules_count_more_than_the_answer() {
        let mut headers = HeaderMap::new();
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        headers.insert("access-control-max-age", HeaderValue::from_static("1"));
        cors().allow(&ask("https://example.com"), &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "https://example.com");
        assert_eq!(headers["access-control-expose-headers"], "x-two");
        assert!(!headers.contains_key("access-control-max-age"));
        cors().allow(&ask("https://example.org"), &mut headers);
        assert!(!headers.contains_key("access-control-allow-origin"));
        assert!(!headers.contains_key("access-control-expose-headers"));
    }

    #[test]
    fn everyone_is_named_only_where_cookies_come_along() {
        let open = |credentials| {
            let mut headers = HeaderMap::new();
            let cors = Cors { origins: vec!["*"], credentials, ..Cors::default() };
            cors.allow(&ask("https://example.org"), &mut headers);
            headers.remove("access-control-allow-origin").unwrap()
        };
        assert_eq!(open(false), "*");
        assert_eq!(open(true), "https://example.org");
    }
}
