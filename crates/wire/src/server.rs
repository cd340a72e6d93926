//! What the front door calls: a request's body in, a response out.

mod failure;
mod success;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use moln_kernel::{ApiError, Carried, Context, RequestId};

use crate::{
    ByteStream, Operation, Protocol, Service, ServiceModel,
    cbor::CborReader,
    json::JsonReader,
    query::{Params, QueryReader},
    rest::{self, Codec, RestReader},
    route,
    service::Answer,
    shape::ReadError,
    xml::escape,
};

pub use crate::route::Routes;
pub use failure::error_response;

/// Reads, validates, calls, and writes the answer or the error, with request ids. Never fails: every error is an
/// answer. `operation` is an index into the model's operations (see [`operation_index`], [`Routes`]). The body must be
/// whole unless the operation's input streams ([`Operation::streams_in`]).
pub async fn serve(
    service: Arc<dyn Service>,
    ctx: Context,
    protocol: Protocol,
    operation: usize,
    head: &Parts,
    body: impl Into<ByteStream>,
) -> Response<ByteStream> {
    let (model, request_id) = (service.model(), ctx.request_id.clone());
    let modelled = model.operations.get(operation);
    // Only S3's answers are looked at afterwards.
    let later = model.buckets.then(|| (Arc::clone(&service), ctx.clone()));
    let cut_off = modelled.is_some_and(|operation| service.hooks().ends_with_caller(operation));
    let begun = match modelled {
        Some(modelled) => begin(service, ctx, protocol, (operation, modelled), head, body.into()),
        None => Err(ApiError::not_implemented(model.service_id, "this operation")),
    };
    let result = match begun {
        Ok((answer, modelled)) => {
            let result = if cut_off { answer.await } else { Carried::from(answer).await };
            result.map(|output| (output, modelled))
        }
        Err(error) => Err(error),
    };
    let mut response = match result {
        Ok((output, modelled)) => success::response(protocol, model, modelled, output.as_ref(), &request_id),
        Err(error) => error_response(protocol, Some(model), &error, &request_id).map(ByteStream::from),
    };
    if let Some((service, ctx)) = later {
        service.hooks().finish(modelled, &ctx, head, &mut response);
    }
    response
}

/// Reads the input and starts the work.
fn begin(
    service: Arc<dyn Service>,
    ctx: Context,
    protocol: Protocol,
    (index, operation): (usize, &'static Operation),
    head: &Parts,
    body: ByteStream,
) -> Result<(Answer, &'static Operation), ApiError> {
    let malformed = |error: ReadError| ApiError::sender("SerializationException", error.message);
    service.hooks().admit(operation, &ctx, head)?;
    let schema = operation.input;
    let is_rest = matches!(protocol, Protocol::RestJson | Protocol::RestXml);
    let (body, stream) = if is_rest && operation.streams_in() {
        (Bytes::new(), Some(body))
    } else {
        let whole = body.whole();
        (
            whole.map_err(|_| ApiError::internal("The request's body was not read before its operation."))?,
            None,
        )
    };
    let body = &body;
    let answer = match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            let mut reader = JsonReader::new(body, schema).map_err(malformed)?;
            let answer = service.call(ctx, index, &mut reader)?;
            reader.finish().map_err(malformed)?;
            answer
        }
        Protocol::Query => {
            let form = is_form(head);
            let body: &[u8] = if form { body } else { &[] };
            let mut params = Params::parse(head.uri.query().unwrap_or_default(), body).map_err(malformed)?;
            service.hooks().adopt(operation, head, &mut params);
            service.call(ctx, index, &mut QueryReader::new(&mut params, schema))?
        }
        Protocol::RpcV2Cbor => {
            let mut reader = CborReader::new(body, schema);
            let answer = service.call(ctx, index, &mut reader)?;
            reader.finish().map_err(malformed)?;
            answer
        }
        Protocol::RestJson | Protocol::RestXml => {
            let codec = if protocol == Protocol::RestJson { Codec::Json } else { Codec::Xml };
            let labels = route::labels(service.model(), operation, head.uri.path(), head.uri.query());
            let labels = labels.unwrap_or_default();
            let (query, headers) = (head.uri.query().unwrap_or_default(), &head.headers);
            let request = rest::Request { labels: &labels, query, headers, body };
            let mut reader = RestReader::new(request, codec).map_err(malformed)?;
            if let Some(stream) = stream {
                reader = reader.streaming(stream);
            }
            service.call(ctx, index, &mut reader)?
        }
    };
    Ok((answer, operation))
}

/// Every answer has it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// S3 calls it so.
const BUCKETS_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const BUCKETS_HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

/// S3's second id: 57 bytes in base64 that tell AWS's support where to look. Ours tells the request's id again.
pub fn host_id(request_id: &RequestId) -> String {
    use base64::Engine as _;
    let mut bytes = [0; 57];
    let text = request_id.as_str().as_bytes();
    for piece in bytes.chunks_mut(text.len().max(1)) {
        piece.iter_mut().zip(text).for_each(|(byte, letter)| *byte = *letter);
    }
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Whether the body is a form; a body of no declared type is taken for one.
fn is_form(head: &Parts) -> bool {
    head.headers.get(CONTENT_TYPE).is_none_or(|value| {
        value
            .as_bytes()
            .get(..33)
            .is_some_and(|v| v.eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
    })
}

/// Index of the operation of this name.
pub fn operation_index(model: &ServiceModel, name: &str) -> Option<usize> {
    model.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()
}

/// The content type of a protocol's answers, in body and in errors.
fn content_type(protocol: Protocol) -> HeaderValue {
    HeaderValue::from_static(match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::Query => "text/xml",
        Protocol::RestJson => "application/json",
        Protocol::RestXml => "application/xml",
        Protocol::RpcV2Cbor => "application/cbor",
    })
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Tells the request's id; `buckets`: as S3 does.
fn identify(headers: &mut HeaderMap, buckets: bool, request_id: &RequestId) {
    if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        headers.insert(if buckets { BUCKETS_REQUEST_ID } else { REQUEST_ID }, id);
    }
    if buckets && let Ok(id) = HeaderValue::from_maybe_shared(Bytes::from(host_id(request_id))) {
        headers.insert(BUCKETS_HOST_ID, id);
    }
}

/// A response with the headers every answer has.
fn respond<B: From<Vec<u8>>>(
    protocol: Protocol,
    model: Option<&ServiceModel>,
    status: u16,
    body: Vec<u8>,
    request_id: &RequestId,
) -> Response<B> {
    let mut response = Response::new(B::from(body));
    *response.status_mut() = self::status(status);
    let headers = response.headers_mut();
    identify(headers, model.is_some_and(|model| model.buckets), request_id);
    if protocol == Protocol::RpcV2Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    headers.insert(CONTENT_TYPE, content_type(protocol));
    response
}

/// `<RequestId>…</RequestId>`
fn xml_request_id(out: &mut Vec<u8>, request_id: &RequestId) {
    out.extend_from_slice(b"<RequestId>");
    escape(out, request_id.as_str());
    out.extend_from_slice(b"</RequestId>");
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use moln_kernel::{AccountId, Endpoint, Principal, Timestamp};
    use tokio::sync::Notify;

    use super::*;
    use crate::{Hooks, ShapeReader, schema};

    static MODEL: ServiceModel = ServiceModel {
        protocols: &[Protocol::Json10],
        operations: &[Operation::new("Change"), Operation::new("Wait")],
        ..ServiceModel::NONE
    };

    #[derive(Default)]
    struct Slow {
        go: Notify,
        done: Notify,
    }

    impl Hooks for Slow {
        fn ends_with_caller(&self, operation: &'static Operation) -> bool {
            operation.name == "Wait"
        }
    }

    impl Service for Slow {
        fn model(&self) -> &'static ServiceModel {
            &MODEL
        }
        fn call(
            self: Arc<Self>,
            _: Context,
            _: usize,
            input: &mut dyn ShapeReader,
        ) -> Result<Answer, ApiError> {
            input.structure(&schema::UNIT, &mut |_, _| Ok(())).map_err(|_| ApiError::internal(""))?;
            Ok(crate::answer(async move {
                self.go.notified().await;
                self.done.notify_one();
                Ok(())
            }))
        }
        fn hooks(&self) -> &dyn Hooks {
            self
        }
    }

    /// Begins an operation and goes away.
    async fn leave(slow: &Arc<Slow>, operation: usize) {
        let account = AccountId::from("000000000000");
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "localhost".into() });
        let principal = Principal::Account(account.clone());
        let ctx = Context::internal(account, "us-east-1".into(), principal, endpoint, Timestamp(0));
        let service: Arc<dyn Service> = Arc::<Slow>::clone(slow);
        let head = http::Request::new(()).into_parts().0;
        let body = Bytes::from_static(b"{}");
        let mut served = Box::pin(serve(service, ctx, Protocol::Json10, operation, &head, body));
        std::future::poll_fn(|cx| {
            assert!(served.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn what_was_begun_is_ended_without_its_caller() {
        let slow = Arc::new(Slow::default());
        leave(&slow, 0).await;
        slow.go.notify_one();
        slow.done.notified().await;
    }

    #[tokio::test]
    async fn what_only_waits_ends_with_its_caller() {
        let slow = Arc::new(Slow::default());
        leave(&slow, 1).await;
        assert_eq!(Arc::strong_count(&slow), 1);
    }
}
