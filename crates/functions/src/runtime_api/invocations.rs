//! The Runtime API: next invocation, its answer, its error, the error of initialisation.

use std::io;

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;

use super::{
    Api,
    http::{Connection, Head},
    serve::{Then, accept, refuse, too_large},
    state::{Answer, Event, Refusal, Reported, Stream},
};
use crate::{
    StreamHead,
    limits::{RESPONSE, STREAMED},
};

const MODE: &str = "Lambda-Runtime-Function-Response-Mode";
const ERROR_TYPE: &str = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY: &str = "Lambda-Runtime-Function-Error-Body";

impl Api {
    /// `POST /runtime/invocation/ID/response`
    pub(super) async fn response(
        &self,
        connection: &mut Connection,
        head: &Head,
        id: &str,
    ) -> io::Result<Then> {
        let streams = match head.header(MODE) {
            None => false,
            Some(mode) if mode.eq_ignore_ascii_case("streaming") => true,
            Some(_) => {
                connection.skip().await?;
                let begun = self.with(|state| {
                    state.begin_answer(id)?;
                    let body =
                        error_document("Runtime.InvalidResponseModeHeader", "Invalid function response mode");
                    state.answered(
                        id,
                        Answer::Error(Reported { kind: "Runtime.InvalidResponseModeHeader".into(), body }),
                    );
                    Ok::<_, Refusal>(())
                });
                let refusal = begun.err().unwrap_or_else(|| Refusal {
                    status: 400,
                    kind: "InvalidFunctionResponseMode",
                    message: "Invalid function response mode".into(),
                });
                refuse(connection, &refusal);
                return Ok(Then::Next);
            }
        };
        let stream = match self.with(|state| state.begin_answer(id)) {
            Ok(stream) => stream,
            Err(refusal) => {
                connection.skip().await?;
                refuse(connection, &refusal);
                return Ok(Then::Next);
            }
        };
        let read = match stream {
            Some(stream) => stream_out(connection, head, streams, stream).await,
            None => gather(connection).await,
        };
        let (answer, then) = match read {
            Ok(answer) => (answer, Then::Next),
            Err(_) => (Answer::Truncated, Then::Close),
        };
        match &answer {
            Answer::TooLarge => refuse(connection, &too_large(RESPONSE)),
            Answer::Truncated => refuse(
                connection,
                &Refusal {
                    status: 400,
                    kind: "TruncatedHTTPRequest",
                    message: "HTTP request detected as truncated".into(),
                },
            ),
            _ => accept(connection),
        }
        self.with(|state| state.answered(id, answer));
        Ok(then)
    }

    /// `POST /runtime/invocation/ID/error`
    pub(super) async fn invocation_error(
        &self,
        connection: &mut Connection,
        head: &Head,
        id: &str,
    ) -> io::Result<Then> {
        let begun = self.with(|state| state.begin_answer(id));
        let body = connection.whole(RESPONSE).await;
        if let Err(refusal) = begun {
            body?;
            refuse(connection, &refusal);
            return Ok(Then::Next);
        }
        let (answer, then) = match body {
            Ok(Some(body)) => (Answer::Error(reported(head, body)), Then::Next),
            Ok(None) => (Answer::TooLarge, Then::Next),
            Err(_) => (Answer::Truncated, Then::Close),
        };
        if answer == Answer::TooLarge {
            refuse(connection, &too_large(RESPONSE));
        } else {
            accept(connection);
        }
        self.with(|state| state.answered(id, answer));
        Ok(then)
    }

    /// `POST /runtime/init/error`
    pub(super) async fn init_error(&self, connection: &mut Connection, head: &Head) -> io::Result<Then> {
        let Some(body) = connection.whole(RESPONSE).await? else {
            refuse(connection, &too_large(RESPONSE));
            return Ok(Then::Next);
        };
        // Said before it counts: whoever reported may be killed as soon as it does.
        let reported = reported(head, body);
        let allowed = self.with(|state| state.init_failed(reported));
        match allowed {
            Ok(()) => accept(connection),
            Err(refusal) => refuse(connection, &refusal),
        }
        Ok(Then::Next)
    }
}

/// Puts the event into what goes out.
pub(super) fn put_event(connection: &mut Connection, event: &Event) {
    let deadline = event.deadline_ms.to_string();
    let mut headers = vec![
        ("Content-Type", "application/json"),
        ("Lambda-Runtime-Aws-Request-Id", &*event.request_id),
        ("Lambda-Runtime-Deadline-Ms", &deadline),
        ("Lambda-Runtime-Invoked-Function-Arn", &event.function_arn),
        ("Lambda-Runtime-Trace-Id", &event.trace),
    ];
    if let Some(context) = &event.client_context {
        headers.push(("Lambda-Runtime-Client-Context", context));
    }
    if let Some(identity) = &event.cognito_identity {
        headers.push(("Lambda-Runtime-Cognito-Identity", identity));
    }
    connection.put(200, &headers, &event.payload);
}

/// The answer as a whole, also when the runtime streams it.
async fn gather(connection: &mut Connection) -> io::Result<Answer> {
    let Some(body) = connection.whole(RESPONSE).await? else { return Ok(Answer::TooLarge) };
    Ok(trailing_error(connection).map_or(Answer::Value(body), Answer::Error))
}

/// The answer piece by piece to whoever wants it so.
async fn stream_out(
    connection: &mut Connection,
    head: &Head,
    streams: bool,
    mut stream: Stream,
) -> io::Result<Answer> {
    let own = |name: &str| {
        ["content-length", "transfer-encoding", "connection", "host", "trailer", "expect", "content-type"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
            || name.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("lambda-runtime-"))
    };
    if let Some(sender) = stream.head.take() {
        let _ = sender.send(StreamHead {
            content_type: head.header("content-type").map(str::to_owned),
            streaming: streams,
            headers: head
                .headers()
                .filter(|(name, _)| !own(name))
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        });
    }
    let limit = if streams { STREAMED } else { RESPONSE as u64 };
    if head.length().is_some_and(|length| length > limit) {
        connection.skip().await?;
        return Ok(Answer::TooLarge);
    }
    let mut sent = 0_u64;
    let mut heard = true;
    while let Some(piece) = connection.piece().await? {
        sent += piece.len() as u64;
        if sent > limit {
            connection.skip().await?;
            return Ok(Answer::TooLarge);
        }
        // A caller that has gone stops nothing: the function ends as it would have.
        heard = heard && stream.pieces.send(piece).await.is_ok();
    }
    Ok(trailing_error(connection).map_or(Answer::Streamed(sent), Answer::Error))
}

/// An error that came after the body.
fn trailing_error(connection: &Connection) -> Option<Reported> {
    let trailer = |name: &str| {
        connection.trailers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let kind = trailer(ERROR_TYPE)?;
    let body = trailer(ERROR_BODY)
        .and_then(|body| base64::engine::general_purpose::STANDARD.decode(body.trim()).ok())
        .map_or_else(
            || error_document(kind, "The function failed while it streamed its answer."),
            Bytes::from,
        );
    Some(Reported { kind: kind.clone(), body })
}

/// An error's document of our own.
pub(crate) fn error_document(kind: &str, message: &str) -> Bytes {
    serde_json::json!({ "errorType": kind, "errorMessage": message }).to_string().into()
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "errorType")]
    kind: Option<String>,
}

/// The error as reported; the header `Lambda-Runtime-Function-XRay-Error-Cause` is for tracing and needs no answer.
fn reported(head: &Head, body: Bytes) -> Reported {
    let kind = head
        .header(ERROR_TYPE)
        .map(str::to_owned)
        .filter(|kind| !kind.is_empty())
        .or_else(|| serde_json::from_slice::<Document>(&body).ok()?.kind)
        .unwrap_or_else(|| "Runtime.Unknown".into());
    Reported { kind, body }
}
