//! Pages of other origins: preflights, and the headers by which a page may read an answer.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header, request::Parts};
use moln_kernel::ApiError;
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
        let asked = Asked { origin, method: head.method.as_str(), headers: None };
        if let Some(allowed) = cors::decide(&set, asked) {
            grant(response.headers_mut(), &allowed, false);
        }
    }
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
