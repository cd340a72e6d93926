//! Answers that are the gateway's own.

use http::{HeaderValue, Response, StatusCode, header};
use moln_wire::ByteStream;

/// A request that is refused, or whose integration failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// What the caller is told.
    pub(crate) words: String,
    /// `$context.error.responseType`
    pub(crate) kind: &'static str,
    /// Why, for `WWW-Authenticate`.
    pub(crate) challenge: Option<String>,
    /// What went wrong inside, for logs alone.
    pub(crate) inner: Option<String>,
}

impl Refusal {
    /// With the words AWS has for the status.
    pub(crate) fn new(status: StatusCode, kind: &'static str) -> Self {
        let words = match status.as_u16() {
            413 => "Request Entity Too Large",
            _ => status.canonical_reason().unwrap_or_default(),
        };
        Self { status, words: words.to_owned(), kind, challenge: None, inner: None }
    }

    /// The integration failed.
    pub(crate) fn failed(inner: impl Into<String>) -> Self {
        let inner = Some(inner.into());
        Self { inner, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTEGRATION_FAILURE") }
    }

    /// The integration is not there or takes nothing more.
    pub(crate) fn unavailable(inner: impl Into<String>) -> Self {
        let inner = Some(inner.into());
        Self { inner, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "INTEGRATION_FAILURE") }
    }

    /// The answer.
    pub(crate) fn response(&self) -> Response<ByteStream> {
        let body = serde_json::json!({"message": self.words}).to_string();
        let mut response = Response::new(body.into_bytes().into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(Ok(challenge)) = self.challenge.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
