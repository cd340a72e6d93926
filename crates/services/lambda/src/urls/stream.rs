//! Answers that go out as the function writes them.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html>

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use moln_functions::{Finished, StreamBody, Streamed};
use moln_http_event::{Front, NoAnswer as BadGateway, reply};
use moln_kernel::{ApiError, clock::BoxFuture};
use moln_wire::{ByteStream, Pieces};
use serde_json::Value;

use super::{JSON, with};
use crate::{limits, state::Slot};

/// What a runtime says of an answer that begins with status and headers.
const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";
/// Between the prelude and the body.
const BOUNDARY: [u8; 8] = [0; 8];
/// Longest prelude, bytes: headers and cookies are far shorter.
const PRELUDE: usize = 64 << 10;

/// Resolves when status and headers are known. `slot` is held until the last piece is out.
pub(super) async fn respond(streamed: Streamed, slot: Slot) -> Result<Response<ByteStream>, BadGateway> {
    let Streamed { head, mut body, end } = streamed;
    let kind = head.content_type.as_deref().unwrap_or_default();
    if !head.streaming {
        // A function that returned: what it returned is read as ever.
        let mut all = BytesMut::new();
        while let Some(piece) = body.next().await {
            if all.len() + piece.len() > limits::SYNC_PAYLOAD_BYTES {
                return Err(BadGateway);
            }
            all.extend_from_slice(&piece);
        }
        let finished = end.finished().await.ok_or(BadGateway)?;
        if finished.error.is_some() {
            return Err(BadGateway);
        }
        let payload = if all.is_empty() { finished.payload } else { all.freeze() };
        let (front, body) = reply::read(&payload, JSON)?;
        return Ok(with(front, body.into()));
    }
    let (front, first) = if kind.split(';').next().is_some_and(|kind| kind.trim() == WITH_PRELUDE) {
        prelude(&mut body).await?
    } else {
        let kind = HeaderValue::from_str(kind).ok().filter(|kind| !kind.is_empty());
        let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
        let front = Front { status: StatusCode::OK, headers };
        // A function that fails before it wrote anything still has a status to fail with.
        if let Some(first) = body.next().await {
            (front, first)
        } else {
            let finished = end.finished().await.ok_or(BadGateway)?;
            return if finished.error.is_some() {
                Err(BadGateway)
            } else {
                Ok(with(front, ByteStream::default()))
            };
        }
    };
    let rest = Rest { first: Some(first), body, end: Box::pin(end.finished()), ended: false, _slot: slot };
    Ok(with(front, ByteStream::new(None, rest)))
}

/// Reads up to the boundary, and what of the body came along.
async fn prelude(body: &mut StreamBody) -> Result<(Front, Bytes), BadGateway> {
    let mut read = BytesMut::new();
    loop {
        let piece = body.next().await.ok_or(BadGateway)?;
        // The boundary may lie across two pieces.
        let from = read.len().saturating_sub(BOUNDARY.len() - 1);
        read.extend_from_slice(&piece);
        let behind = read.get(from..).unwrap_or_default();
        if let Some(at) = behind.windows(BOUNDARY.len()).position(|window| window == BOUNDARY) {
            let first = read.split_off(from + at + BOUNDARY.len()).freeze();
            read.truncate(from + at);
            let Ok(Value::Object(members)) = serde_json::from_slice(&read) else { return Err(BadGateway) };
            let mut front = reply::front(&members, JSON)?;
            if !members.get("headers").is_some_and(names_type) {
                front
                    .headers
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            }
            return Ok((front, first));
        }
        if read.len() > PRELUDE {
            return Err(BadGateway);
        }
    }
}

fn names_type(headers: &Value) -> bool {
    headers.as_object().is_some_and(|all| all.keys().any(|name| name.eq_ignore_ascii_case("content-type")))
}

/// The pieces behind the front.
struct Rest {
    first: Option<Bytes>,
    body: StreamBody,
    end: BoxFuture<'static, Option<Finished>>,
    ended: bool,
    /// A place among those that may run.
    _slot: Slot,
}

impl Pieces for Rest {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if !self.ended {
            match self.body.poll_next(cx) {
                Poll::Ready(None) => self.ended = true,
                other => return other.map(|piece| piece.map(Ok)),
            }
        }
        // An answer that was broken off must not look whole.
        match Pin::new(&mut self.end).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Finished { error: None, .. })) => Poll::Ready(None),
            Poll::Ready(_) => {
                Poll::Ready(Some(Err(ApiError::internal("The function failed while it answered."))))
            }
        }
    }
}
