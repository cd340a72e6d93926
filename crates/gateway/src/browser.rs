//! What a web page may do. Development listeners trust everyone who can reach them, and a browser on the same machine
//! can: so a page of a foreign site must not get through, neither by a forged request nor by DNS rebinding. Pages on
//! loopback and origins that were named may call, and get the CORS headers for it.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use crate::{body::Body, identity::Access, route::without_port};

/// Longest `Access-Control-Request-Headers` that is given back, in bytes.
const MAX_ASKED: usize = 4_096;
/// How long a browser may remember a preflight's answer, in seconds.
const PREFLIGHT_AGE: &str = "600";

/// Which pages may call.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Origins besides those on loopback, such as `https://console.example.org`.
    pub allowed: Vec<String>,
    /// Host names of ours besides addresses, names without a dot, `*.localhost`, `*.localhost.localstack.cloud`,
    /// `*.amazonaws.com`, `*.on.aws`, `*.api.aws`.
    pub hosts: Vec<String>,
}

/// What is to be done with a request, as far as browsers go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do: not a browser's cross-origin request.
    Plain,
    /// A page that may read the answer.
    Allowed(HeaderValue),
    /// A page of a foreign site; says which rule.
    Foreign(&'static str),
}

impl Origins {
    /// Judges a request by its head.
    pub fn judge(&self, head: &Parts, authority: &str, access: Access) -> Verdict {
        if let Some(origin) = head.headers.get(header::ORIGIN) {
            return match origin.to_str() {
                Ok(text) if self.allows(text) => Verdict::Allowed(origin.clone()),
                // Where signatures are required, a page needs a key; it just may not read the answer.
                _ if access == Access::Required => Verdict::Plain,
                _ => Verdict::Foreign("its Origin is a foreign site"),
            };
        }
        if access == Access::Required {
            return Verdict::Plain;
        }
        let site = head.headers.get("sec-fetch-site");
        if site.is_some_and(|site| site == "cross-site") {
            return Verdict::Foreign("a foreign site sent it (Sec-Fetch-Site)");
        }
        if (site.is_some() || looks_like_a_browser(&head.headers)) && !self.is_ours(without_port(authority)) {
            return Verdict::Foreign("its Host is not a name of this server");
        }
        Verdict::Plain
    }

    fn allows(&self, origin: &str) -> bool {
        if self.allowed.iter().any(|known| known == origin || known == "*") {
            return true;
        }
        let host =
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).map(without_port);
        host.is_some_and(is_loopback_name)
    }

    fn is_ours(&self, host: &str) -> bool {
        let suffixes =
            [".localhost.localstack.cloud", ".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws"];
        // Addresses and names without a dot cannot be pointed at us by a foreign site's DNS.
        host.starts_with('[')
            || host.parse::<std::net::IpAddr>().is_ok()
            || !host.contains('.')
            || is_loopback_name(host)
            || suffixes.iter().any(|suffix| host.ends_with(suffix))
            || self.hosts.iter().any(|known| known == host)
    }
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.ends_with(".localhost.localstack.cloud")
        || host == "localhost.localstack.cloud"
        || host == "[::1]"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

fn looks_like_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::REFERER)
        || headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
}

/// Whether it is a browser's question, not a call.
pub fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight from an allowed origin.
pub fn preflight(head: &Parts, origin: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::Whole(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    if let Some(asked) = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        && asked.len() <= MAX_ASKED
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE));
    if head.headers.contains_key("access-control-request-private-network") {
        headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    }
    allow(headers, origin);
    response
}

/// Lets the page of this origin read an answer.
pub fn allow(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(access: Access, authority: &str, headers: &[(&'static str, &'static str)]) -> Verdict {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let origins =
            Origins { allowed: vec!["https://console.example.org".into()], hosts: vec!["moln.lan".into()] };
        origins.judge(&request.body(()).unwrap().into_parts().0, authority, access)
    }
    use Access::{Development, Required};

    #[test]
    fn pages_on_loopback_and_named_ones_may_call() {
        for origin in [
            "http://localhost:5173",
            "http://127.0.0.1:4566",
            "http://[::1]:80",
            "https://console.localhost",
            "https://console.example.org",
        ] {
            let want = Verdict::Allowed(HeaderValue::from_static(origin));
            assert_eq!(judge(Development, "127.0.0.1:4566", &[("origin", origin)]), want);
        }
    }

    #[test]
    fn foreign_pages_may_not() {
        for (host, headers) in [
            ("127.0.0.1:4566", &[("origin", "http://evil.example")][..]),
            ("127.0.0.1:4566", &[("origin", "http://localhost.evil.example")]),
            ("127.0.0.1:4566", &[("origin", "null")]),
            ("127.0.0.1:4566", &[("sec-fetch-site", "cross-site")]),
            ("evil.example:4566", &[("origin", "http://evil.example:4566")]),
            ("evil.example:4566", &[("sec-fetch-site", "same-origin")]),
            ("evil.example:4566", &[("user-agent", "Mozilla/5.0")]),
        ] {
            assert!(matches!(judge(Development, host, headers), Verdict::Foreign(_)), "{host} {headers:?}");
        }
        assert_eq!(judge(Required, "a.example", &[("origin", "http://evil.example")]), Verdict::Plain);
    }

    #[test]
    fn everyone_else_is_left_alone() {
        for (host, headers) in [
            ("127.0.0.1:4566", &[][..]),
            ("anything.example:4566", &[("user-agent", "Boto3/1.44")]),
            ("moln:4566", &[("user-agent", "Mozilla/5.0")]),
            ("moln.lan:4566", &[("user-agent", "Mozilla/5.0")]),
            ("[::1]:4566", &[("sec-fetch-site", "none")]),
            ("sqs.us-east-1.localhost.localstack.cloud:4566", &[("user-agent", "Mozilla/5.0")]),
        ] {
            assert_eq!(judge(Development, host, headers), Verdict::Plain, "{host} {headers:?}");
        }
    }
}
