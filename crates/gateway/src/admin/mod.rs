//! Moln's own API: health, metrics, clock, backup.
//!
//! Health is open to everyone. All the rest is open on development listeners (loopback), and asks for a signature by a
//! known key, scoped to the service `moln`, on every other one.

mod duration;
mod health;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use moln_kernel::{ApiError, Timestamp, clock::BoxFuture};
use moln_wire::ServiceModel;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    body::Body,
    metrics::{Exposition, Metrics},
    sigv4::{amz_date, query_pairs},
};
pub use duration::parse_duration;

/// A backup being made, piece by piece.
pub type Pieces = mpsc::Receiver<Result<Bytes, std::io::Error>>;

/// What the admin API does to the process. The binary implements it.
pub trait Control: Send + Sync + 'static {
    /// The clock's time, and how far it has been moved.
    fn clock(&self) -> (Timestamp, Duration);
    /// Moves the clock on; resolves with the new time when everything that fell due has been done.
    fn advance(&self, by: Duration) -> BoxFuture<'_, Result<Timestamp, ApiError>>;
    /// Begins a backup.
    fn backup(&self) -> Result<Pieces, ApiError>;
    /// Adds the numbers of the process' other parts.
    fn metrics(&self, out: &mut Exposition);
    /// What the other parts say about their state, by name; part of `/_moln/health`.
    fn details(&self) -> Value;
    /// Answers a page of one of the other parts, JSON: what `moln`'s commands ask. `None`: there is no such page for this
    /// method.
    fn page<'a>(
        &'a self,
        method: &'a Method,
        path: &'a str,
        query: &'a [(String, String)],
    ) -> BoxFuture<'a, Option<Result<Value, ApiError>>> {
        let _ = (method, path, query);
        Box::pin(std::future::ready(None))
    }
    /// Whether the process is stopping: health then answers 503, so that nothing new is sent here.
    fn stopping(&self) -> bool;
}

/// The admin API.
pub(crate) struct Admin {
    control: Arc<dyn Control>,
    metrics: Arc<Metrics>,
    models: Vec<&'static ServiceModel>,
    started: Instant,
}

impl Admin {
    pub(crate) fn new(
        control: Arc<dyn Control>,
        metrics: Arc<Metrics>,
        models: Vec<&'static ServiceModel>,
    ) -> Self {
        Self { control, metrics, models, started: Instant::now() }
    }

    /// Whether a path is the admin API's. No bucket's name begins with an underscore.
    pub(crate) fn owns(path: &str) -> bool {
        path.starts_with("/_moln/") || path.starts_with("/_localstack/") || path == "/metrics"
    }

    /// Whether a request needs no signature on any listener.
    pub(crate) fn is_open(head: &Parts) -> bool {
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        reads && matches!(head.uri.path(), "/_moln/health" | "/_localstack/health")
    }

    /// Answers. `detailed`: the caller may know about the inside.
    pub(crate) async fn answer(
        &self,
        head: &Parts,
        body: &Bytes,
        now: Timestamp,
        detailed: bool,
    ) -> Response<Body> {
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        match head.uri.path() {
            "/_moln/health" if reads => self.health(detailed),
            "/_localstack/health" if reads => {
                json_response(StatusCode::OK, &health::localstack(&self.models))
            }
            "/_localstack/info" if reads => {
                json_response(StatusCode::OK, &health::info(now, self.started.elapsed()))
            }
            "/_moln/clock" if reads => self.clock(),
            "/_moln/clock" if head.method == Method::POST => self.advance(head, body).await,
            "/_moln/backup" if head.method == Method::POST => self.backup(),
            "/metrics" if reads => self.write_metrics(),
            "/_moln/health"
            | "/_localstack/health"
            | "/_localstack/info"
            | "/_moln/clock"
            | "/_moln/backup"
            | "/metrics" => fail(StatusCode::METHOD_NOT_ALLOWED, "Another HTTP method is needed here."),
            _ => self.page(head).await,
        }
    }

    async fn page(&self, head: &Parts) -> Response<Body> {
        let query: Vec<(String, String)> = query_pairs(head.uri.query().unwrap_or_default())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        match self.control.page(&head.method, head.uri.path(), &query).await {
            Some(Ok(page)) => json_response(StatusCode::OK, &page),
            Some(Err(error)) => Self::refuse(&error),
            None => fail(StatusCode::NOT_FOUND, "There is no such page. See /_moln/health."),
        }
    }

    /// An error in the admin API's own form: JSON with `code` and `message`.
    pub(crate) fn refuse(error: &ApiError) -> Response<Body> {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        json_response(status, &json!({ "code": error.code, "message": error.message }))
    }

    fn health(&self, detailed: bool) -> Response<Body> {
        let stopping = self.control.stopping();
        let status = if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        let details = if detailed { self.control.details() } else { Value::Null };
        json_response(status, &health::moln(&self.models, stopping, self.started.elapsed(), &details))
    }

    fn clock(&self) -> Response<Body> {
        let (now, offset) = self.control.clock();
        let millis = u64::try_from(offset.as_millis()).unwrap_or(u64::MAX);
        let reading = json!({ "now": iso(now), "nowMillis": now.millis(), "offsetMillis": millis });
        json_response(StatusCode::OK, &reading)
    }

    /// `{"advance": "15m"}`, or the same in the query string.
    async fn advance(&self, head: &Parts, body: &Bytes) -> Response<Body> {
        let in_query = query_pairs(head.uri.query().unwrap_or_default()).find(|(name, _)| name == "advance");
        let text = in_query.map(|(_, value)| value.into_owned()).or_else(|| {
            let value: Value = serde_json::from_slice(body).ok()?;
            value.get("advance")?.as_str().map(str::to_owned)
        });
        let Some(by) = text.as_deref().and_then(parse_duration) else {
            return fail(
                StatusCode::BAD_REQUEST,
                "Say how far, as in {\"advance\": \"15m\"} (ms, s, m, h, d, w).",
            );
        };
        match self.control.advance(by).await {
            Ok(_) => self.clock(),
            Err(error) => Self::refuse(&error),
        }
    }

    fn backup(&self) -> Response<Body> {
        match self.control.backup() {
            Ok(pieces) => {
                let mut response = Response::new(Body::Stream(pieces));
                let kind = HeaderValue::from_static("application/octet-stream");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            Err(error) => Self::refuse(&error),
        }
    }

    fn write_metrics(&self) -> Response<Body> {
        let mut out = Exposition::default();
        let seconds = self.started.elapsed().as_secs();
        out.single("moln_uptime_seconds", "gauge", "Time since the process answers.", seconds);
        self.metrics.write(&mut out);
        self.control.metrics(&mut out);
        let mut response = Response::new(Body::Whole(out.into_text().into()));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// A moment as people write it: `2015-08-30T12:36:00Z`.
pub fn iso(at: Timestamp) -> String {
    let compact = amz_date(at);
    let part = |from: usize, to: usize| compact.get(from..to).unwrap_or_default();
    format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15))
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::Whole(format!("{value}\n").into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn fail(status: StatusCode, message: &str) -> Response<Body> {
    json_response(status, &json!({ "message": message }))
}
