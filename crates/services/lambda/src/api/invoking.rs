//! Invokes.

use std::task::Poll;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_functions::{Finished, Invocation};
use moln_kernel::{AccountId, ApiError, Context, Lineage, ports::InvocationType};
use moln_wire::{ByteStream, EventStream};
use serde::de::IgnoredAny;

use crate::{Lambda, core::Resolved, core::usable, errors, limits, model as m, running::Callee};

/// What a call asks for, whichever operation it is.
struct Asked<'a> {
    name: &'a str,
    qualifier: Option<&'a str>,
    client_context: Option<&'a str>,
    log_type: Option<&'a str>,
    payload: Option<Bytes>,
}

/// An event that may be handed to a function: JSON; nothing is an empty object.
fn event(payload: Option<Bytes>, kind: InvocationType) -> Result<Bytes, ApiError> {
    let payload = payload.filter(|payload| !payload.is_empty());
    let Some(payload) = payload else { return Ok(Bytes::from_static(b"{}")) };
    let most = match kind {
        InvocationType::RequestResponse => limits::SYNC_PAYLOAD_BYTES,
        InvocationType::Event => limits::ASYNC_PAYLOAD_BYTES,
    };
    if payload.len() > most {
        return Err(errors::payload_too_large(payload.len(), kind));
    }
    match serde_json::from_slice::<IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(errors::invalid_content(format!(
            "Could not parse request body into json: Could not parse payload into json: {error}"
        ))),
    }
}

/// Client context: base64 of JSON.
fn client_context(given: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    if given.len() > limits::CLIENT_CONTEXT_BYTES {
        return Err(errors::invalid_content(format!(
            "Client context must be no more than {} bytes when base64-encoded.",
            limits::CLIENT_CONTEXT_BYTES
        )));
    }
    let decoded = STANDARD.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
        .map(Some)
        .ok_or_else(|| errors::invalid_content("Client context must be a valid Base64-encoded JSON object."))
}

impl Lambda {
    fn invocation(
        ctx: &Context,
        target: &Resolved,
        asked: &Asked<'_>,
        payload: Bytes,
    ) -> Result<Invocation, ApiError> {
        Ok(Invocation {
            request_id: ctx.request_id.clone(),
            payload,
            client_context: client_context(asked.client_context)?,
            cognito_identity: None,
            function_arn: target.invoked_arn.clone(),
            trace: ctx.trace.clone(),
            lineage: Lineage::default(),
            tail: asked.log_type == Some("Tail"),
        })
    }

    pub(super) async fn call(
        &self,
        ctx: &Context,
        input: m::InvocationRequest,
    ) -> Result<m::InvocationResponse, ApiError> {
        if input.durable_execution_name.is_some() || input.tenant_id.is_some() {
            return Err(ApiError {
                message: "Moln does not implement durable executions and tenant isolation yet.".to_owned(),
                ..ApiError::not_implemented("Lambda", "Invoke")
            });
        }
        let asked = Asked {
            name: &input.function_name,
            qualifier: input.qualifier.as_deref(),
            client_context: input.client_context.as_deref(),
            log_type: input.log_type.as_deref(),
            payload: input.payload,
        };
        let target = self.called(ctx, asked.name, asked.qualifier)?;
        match input.invocation_type.as_deref().unwrap_or("RequestResponse") {
            "Event" => {
                let payload = event(asked.payload.clone(), InvocationType::Event)?;
                let context = client_context(asked.client_context)?;
                usable(&target)?;
                self.events.enqueue(ctx, &callee(&target), payload, context).await?;
                Ok(m::InvocationResponse { status_code: Some(202), ..m::InvocationResponse::default() })
            }
            "DryRun" => {
                usable(&target)?;
                Ok(m::InvocationResponse {
                    status_code: Some(204),
                    executed_version: Some(target.version_name()),
                    ..m::InvocationResponse::default()
                })
            }
            _ => {
                let payload = event(asked.payload.clone(), InvocationType::RequestResponse)?;
                let invocation = Self::invocation(ctx, &target, &asked, payload)?;
                let finished = self.run(ctx, &target, invocation).await?;
                Ok(m::InvocationResponse {
                    status_code: Some(200),
                    function_error: finished.error.map(|error| error.header().to_owned()),
                    log_result: tail(&finished),
                    payload: Some(finished.payload),
                    executed_version: Some(target.version_name()),
                    durable_execution_arn: None,
                })
            }
        }
    }

    pub(super) async fn call_async(
        &self,
        ctx: &Context,
        name: &str,
        mut body: ByteStream,
    ) -> Result<m::InvokeAsyncResponse, ApiError> {
        let target = self.called(ctx, name, None)?;
        let mut payload = Vec::new();
        while let Some(piece) = body.next().await {
            payload.extend_from_slice(&piece?);
            if payload.len() > limits::ASYNC_PAYLOAD_BYTES {
                return Err(errors::payload_too_large(payload.len(), InvocationType::Event));
            }
        }
        let payload = event(Some(payload.into()), InvocationType::Event)?;
        usable(&target)?;
        self.events.enqueue(ctx, &callee(&target), payload, None).await?;
        Ok(m::InvokeAsyncResponse { status: Some(202) })
    }

    pub(super) async fn call_streaming(
        &self,
        ctx: &Context,
        input: m::InvokeWithResponseStreamRequest,
    ) -> Result<m::InvokeWithResponseStreamResponse, ApiError> {
        let asked = Asked {
            name: &input.function_name,
            qualifier: input.qualifier.as_deref(),
            client_context: input.client_context.as_deref(),
            log_type: input.log_type.as_deref(),
            payload: input.payload,
        };
        let target = self.called(ctx, asked.name, asked.qualifier)?;
        let version = target.version_name();
        if input.invocation_type.as_deref() == Some("DryRun") {
            usable(&target)?;
            return Ok(m::InvokeWithResponseStreamResponse {
                status_code: Some(204),
                executed_version: Some(version),
                ..m::InvokeWithResponseStreamResponse::default()
            });
        }
        let payload = event(asked.payload.clone(), InvocationType::RequestResponse)?;
        let invocation = Self::invocation(ctx, &target, &asked, payload)?;
        let (streamed, slot) = self.run_streaming(ctx, &target, invocation).await?;
        let content_type = streamed.head.content_type.clone();
        Ok(m::InvokeWithResponseStreamResponse {
            status_code: Some(200),
            executed_version: Some(version),
            response_stream_content_type: content_type
                .or_else(|| Some("application/octet-stream".to_owned())),
            event_stream: Some(events(streamed, slot)),
        })
    }

    /// The function that is called; another account's only if its policy says so.
    fn called(&self, ctx: &Context, name: &str, qualifier: Option<&str>) -> Result<Resolved, ApiError> {
        let mut target = self.resolve(&ctx.account, &ctx.region, name, qualifier)?;
        if target.function.address.account != ctx.account {
            let lets = super::access::lets_account(&target, &ctx.account, "lambda:InvokeFunction");
            if !lets {
                return Err(super::access::denied(ctx, "lambda:InvokeFunction", &target.invoked_arn));
            }
        }
        if target.facts.aliases.is_empty() && target.qualifier.is_none() {
            target.qualifier = None;
        }
        Ok(target)
    }
}

/// Whom the queue calls.
fn callee(target: &Resolved) -> Callee {
    let address = &target.function.address;
    let account: AccountId = address.account.clone();
    Callee {
        account,
        region: address.region.clone(),
        name: address.name.clone(),
        qualifier: target.qualifier.as_deref().map(Into::into),
    }
}

/// The last of the log, as the header carries it.
fn tail(finished: &Finished) -> Option<String> {
    finished.log_tail.as_ref().map(|tail| STANDARD.encode(tail))
}

/// The answer as events: pieces, then how it ended.
fn events(
    streamed: moln_functions::Streamed,
    slot: crate::state::Slot,
) -> EventStream<m::InvokeWithResponseStreamResponseEvent> {
    let moln_functions::Streamed { mut body, end, .. } = streamed;
    let mut end = Some(Box::pin(end.finished()));
    let mut slot = Some(slot);
    let mut pieces_ended = false;
    EventStream::new(move |cx| {
        if !pieces_ended {
            match body.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(piece)) => {
                    let update = m::InvokeResponseStreamUpdate { payload: Some(piece) };
                    return Poll::Ready(Some(Ok(m::InvokeWithResponseStreamResponseEvent::PayloadChunk(
                        update,
                    ))));
                }
                Poll::Ready(None) => pieces_ended = true,
            }
        }
        let Some(ending) = end.as_mut() else { return Poll::Ready(None) };
        let finished = match ending.as_mut().poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(finished) => finished,
        };
        end = None;
        drop(slot.take());
        Poll::Ready(Some(Ok(m::InvokeWithResponseStreamResponseEvent::InvokeComplete(complete(
            finished.as_ref(),
        )))))
    })
}

fn complete(finished: Option<&Finished>) -> m::InvokeWithResponseStreamCompleteEvent {
    let Some(finished) = finished else {
        return m::InvokeWithResponseStreamCompleteEvent {
            error_code: Some("ServiceException".to_owned()),
            error_details: Some("The server is shutting down.".to_owned()),
            log_result: None,
        };
    };
    let details = finished.error.map(|_| String::from_utf8_lossy(&finished.payload).into_owned());
    m::InvokeWithResponseStreamCompleteEvent {
        error_code: finished.error.map(|error| error.header().to_owned()),
        error_details: details.filter(|text| !text.is_empty()),
        log_result: tail(finished),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json() {
        let take =
            |bytes: &'static [u8]| event(Some(Bytes::from_static(bytes)), InvocationType::RequestResponse);
        assert_eq!(event(None, InvocationType::Event).unwrap(), "{}");
        assert_eq!(take(b"\"x\"").unwrap(), "\"x\"");
        assert_eq!(take(b"{").unwrap_err().code, "InvalidRequestContentException");
        let long = Bytes::from(vec![b'1'; limits::ASYNC_PAYLOAD_BYTES + 1]);
        let refused = event(Some(long), InvocationType::Event).unwrap_err();
        assert_eq!((&*refused.code, refused.status), ("RequestTooLargeException", 413));
    }

    #[test]
    fn client_contexts_are_json_in_base64() {
        assert_eq!(client_context(Some("e30=")).unwrap().as_deref(), Some("{}"));
        assert!(client_context(Some("not base64")).is_err());
        assert!(client_context(Some("eA==")).is_err());
        assert!(client_context(Some(&"A".repeat(3_584))).is_err());
    }
}
