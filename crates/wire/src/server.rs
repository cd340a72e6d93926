//! What the front door calls: a request's body in, a response out.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, request::Parts};
use moln_kernel::{ApiError, Context, RequestId};

use crate::{Protocol, Service, ServiceModel};

/// Reads, validates, calls, and writes the answer or the error, with request ids. Never fails: every error is an
/// answer. `operation` is an index into the model's operations (see [`operation_index`], [`match_route`]).
pub async fn serve(
    service: Arc<dyn Service>,
    ctx: Context,
    protocol: Protocol,
    operation: usize,
    head: &Parts,
    body: Bytes,
) -> Response<Bytes> {
    let _ = (head, body, operation);
    let error = ApiError::internal("not wired yet");
    error_response(protocol, Some(service.model()), &error, &ctx.request_id)
}

/// An error in the protocol's own form; without a model for errors before the service is known.
pub fn error_response(
    protocol: Protocol,
    model: Option<&ServiceModel>,
    error: &ApiError,
    request_id: &RequestId,
) -> Response<Bytes> {
    let _ = (protocol, model, request_id);
    let mut response = Response::new(Bytes::from(error.message.clone()));
    *response.status_mut() = http::StatusCode::from_u16(error.status).unwrap_or_default();
    response
}

/// Index of the operation of this name.
pub fn operation_index(model: &ServiceModel, name: &str) -> Option<usize> {
    model.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()
}

/// The labels of a route: name and decoded text.
pub type Labels = Vec<(&'static str, String)>;

/// REST protocols: the operation whose method, path pattern and fixed query match best, and its labels.
/// `path` and `query` as sent, not decoded.
pub fn match_route(
    model: &ServiceModel,
    method: &str,
    path: &str,
    query: Option<&str>,
) -> Option<(usize, Labels)> {
    let _ = (model, method, path, query);
    None
}
