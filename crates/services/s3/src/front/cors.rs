//! Pages of other origins: preflights, and the headers by which a page may read an answer.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header, request::Parts};
use moln_kernel::{ApiError, Context};
use moln_wire::ByteStream;

use super::place;
use crate::{
    Buckets, errors,
    model::CORSConfiguration,
    rules::cors::{self, Allowed, Asked},
    tables::configuration::Kind,
};

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn forbidden(message: &str, method: &str, kind: &str) -> ApiError {
    let error = errors::other(403, "AccessForbidden", message);
    errors::with(errors::with(error, "Method", method), "ResourceType", kind)
}

impl Buckets {
    fn cors_of(&self, head: &Parts) -> Result<Option<CORSConfiguration>, ApiError> {
        let (bucket, _) = place(head);
        let Some(bucket) = self.find(bucket)? else { return Ok(None) };
        bucket.setting(Kind::Cors)
    }

    /// Refuses a change that a page of a foreign origin makes with a key that proves nothing, unless the bucket's rules let
    /// that origin in. Where any key is welcome, a page could otherwise do whatever its visitor's machine may.
    pub(crate) fn keep_strangers_out(&self, ctx: &Context, head: &Parts) -> Result<(), ApiError> {
        let method = head.method.as_str();
        if ctx.caller.is_some() || !["PUT", "POST", "DELETE"].contains(&method) {
            return Ok(());
        }
        // What is no text is an origin that nobody knows.
        let origin = head.headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
        match origin {
            Some(origin) if is_near(origin) => return Ok(()),
            Some(origin) => {
                let asked = Asked { origin, method, headers: None };
                if self.cors_of(head)?.is_some_and(|set| cors::decide(&set, asked).is_some()) {
                    return Ok(());
                }
            }
            None if head.headers.get("sec-fetch-site").is_none_or(|site| site != "cross-site") => {
                return Ok(());
            }
            None => {}
        }
        let words = "CORSResponse: A page of another origin may change a bucket with a known key, or where the bucket's \
                     CORS configuration allows it.";
        let kind = if place(head).1.is_empty() { "BUCKET" } else { "OBJECT" };
        Err(forbidden(words, method, kind))
    }

    /// Answers a browser's question.
    pub(super) fn preflight(&self, head: &Parts) -> Result<Response<ByteStream>, ApiError> {
        let Some(origin) = text(&head.headers, header::ORIGIN) else {
            return Err(errors::other(
                400,
                "BadRequest",
                "Insufficient information. Origin request header needed.",
            ));
        };
        let method = text(&head.headers, header::ACCESS_CONTROL_REQUEST_METHOD);
        let Some(set) = self.cors_of(head)? else {
            let there = self.find(place(head).0)?.is_some();
            let words = if there { "CORS is not enabled for this bucket." } else { "Bucket not found" };
            return Err(forbidden(&format!("CORSResponse: {words}"), method.unwrap_or("OPTIONS"), "BUCKET"));
        };
        let Some(method) = method else {
            return Err(errors::other(400, "BadRequest", "Invalid Access-Control-Request-Method: null"));
        };
        if !["GET", "PUT", "HEAD", "POST", "DELETE"].contains(&method) {
            let words = format!("Invalid Access-Control-Request-Method: {method}");
            return Err(errors::other(400, "BadRequest", words));
        }
        let headers = text(&head.headers, header::ACCESS_CONTROL_REQUEST_HEADERS);
        let Some(allowed) = cors::decide(&set, Asked { origin, method, headers }) else {
            let words = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
                         request method / Access-Control-Request-Method or Access-Control-Request-Headers are not \
                         whitelisted by the resource's CORS spec.";
            let kind = if place(head).1.is_empty() { "BUCKET" } else { "OBJECT" };
            return Err(forbidden(words, method, kind));
        };
        let mut response = Response::new(ByteStream::default());
        grant(response.headers_mut(), &allowed, true);
        Ok(response)
    }

    /// Lets a page that a rule lets in read the answer.
    pub(super) fn share(&self, head: &Parts, response: &mut Response<ByteStream>) {
        let Some(origin) = text(&head.headers, header::ORIGIN) else { return };
        // A bucket that cannot be read now shares nothing.
        let Ok(Some(set)) = self.cors_of(head) else { return };
        // S3 takes a preflight's header seriously on any request.
        let method = text(&head.headers, header::ACCESS_CONTROL_REQUEST_METHOD);
        let asked = Asked { origin, method: method.unwrap_or(head.method.as_str()), headers: None };
        if let Some(allowed) = cors::decide(&set, asked) {
            grant(response.headers_mut(), &allowed, false);
        }
    }
}

/// Whether an origin is a page of this machine. The request's own host says nothing: any name can be made to lead here.
fn is_near(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn grant(headers: &mut HeaderMap, allowed: &Allowed, preflight: bool) {
    let mut set = |name: HeaderName, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    };
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, Some(&allowed.origin));
    set(header::ACCESS_CONTROL_ALLOW_METHODS, Some(&allowed.methods));
    set(header::ACCESS_CONTROL_EXPOSE_HEADERS, allowed.exposed.as_deref());
    set(header::ACCESS_CONTROL_MAX_AGE, allowed.max_age.map(|age| age.to_string()).as_deref());
    set(header::VARY, Some(cors::VARY));
    if preflight {
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.headers.as_deref());
    }
    if allowed.credentials {
        set(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, Some("true"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_are_near() {
        for near in [
            "http://localhost",
            "http://localhost:3000",
            "https://app.localhost:8443",
            "http://127.0.0.1:8080",
            "http://[::1]:4566",
            "http://[::1]",
        ] {
            assert!(is_near(near), "{near}");
        }
        for foreign in [
            "null",
            "",
            "https://evil.example",
            "http://evil.example:4566",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
        ] {
            assert!(!is_near(foreign), "{foreign}");
        }
    }

    #[tokio::test]
    async fn a_foreign_page_changes_nothing_with_any_key() {
        use std::sync::Arc;

        use moln_kernel::{Endpoint, ManualClock, Principal, Timestamp};

        let dir = tempfile::tempdir().unwrap();
        let blobs = moln_store::blobs::Blobs::open(dir.path()).unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let store = moln_store::MemoryStore::new();
        let buckets = Buckets::open(store, blobs, clock, crate::Ports::default()).unwrap();
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "evil.example:4566".into() });
        let who = Principal::Account("000000000000".into());
        let ctx =
            Context::internal("000000000000".into(), "us-east-1".into(), who, endpoint, Timestamp(1_000));
        let ask = |method: &str, name: &str, value: &str| {
            let request = http::Request::builder().method(method).uri("/bucket/key").header(name, value);
            buckets.keep_strangers_out(&ctx, &request.body(()).unwrap().into_parts().0)
        };
        for method in ["PUT", "POST", "DELETE"] {
            for (name, value) in [
                ("origin", "https://evil.example"),
                ("origin", "http://evil.example:4566"),
                ("origin", "null"),
                ("sec-fetch-site", "cross-site"),
            ] {
                let refused = ask(method, name, value).unwrap_err();
                assert_eq!((refused.status, &*refused.code), (403, "AccessForbidden"), "{method} {value}");
            }
            ask(method, "origin", "http://localhost:3000").unwrap();
            ask(method, "sec-fetch-site", "same-origin").unwrap();
            ask(method, "user-agent", "aws-cli").unwrap();
        }
        ask("GET", "origin", "https://evil.example").unwrap();
    }
}
