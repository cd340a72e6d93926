//! `@connections`: what stands behind an API writes to its connections, looks at them and ends them.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>

use http::{HeaderValue, Method, Response, StatusCode, header};
use moln_http_event::request::decoded;
use moln_kernel::Context;
use moln_wire::{ByteStream, schema::TimestampFormat, site::Visitor, time};
use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;

use super::Outgoing;
use crate::{Apis, limits, serve::edge_id};

/// Before a connection's id, behind the stage.
pub(crate) const PATH: &str = "/@connections/";

/// Whether a path names a connection: signers may have encoded the sign before it.
pub(crate) fn is_management(path: &str) -> bool {
    connection(path).is_some()
}

fn connection(path: &str) -> Option<String> {
    let rest = path.strip_prefix(PATH).or_else(|| path.strip_prefix("/%40connections/"))?;
    let id = decoded(rest, false);
    (!id.is_empty()).then_some(id)
}

fn answer(status: StatusCode, body: String, code: Option<&'static str>) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::from(body.into_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&edge_id()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(code) = code {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(code));
    }
    response
}

fn error(status: StatusCode, code: &'static str, words: &str) -> Response<ByteStream> {
    answer(status, json!({"message": words}).to_string(), Some(code))
}

fn gone() -> Response<ByteStream> {
    error(StatusCode::GONE, "GoneException", "The connection is gone.")
}

impl Apis {
    /// Answers a request about a connection. `api` and `stage`: of the address, when it names them.
    pub(crate) async fn manage(
        &self,
        (ctx, visitor): (&Context, &Visitor),
        place: Option<(&str, &str)>,
        (method, path): (&Method, &str),
        body: ByteStream,
    ) -> Response<ByteStream> {
        match visitor {
            Visitor::Verified | Visitor::Claimed => {}
            Visitor::Anonymous => {
                return error(
                    StatusCode::FORBIDDEN,
                    "MissingAuthenticationTokenException",
                    "Missing Authentication Token",
                );
            }
            Visitor::Refused(why) => {
                let mut response = error(StatusCode::FORBIDDEN, "ForbiddenException", &why.message);
                if let Ok(code) = HeaderValue::from_str(&why.code) {
                    response.headers_mut().insert("x-amzn-errortype", code);
                }
                return response;
            }
        }
        let Some(id) = connection(path) else { return gone() };
        let Some(socket) = self.sockets.get(&id) else { return gone() };
        let here = place.is_none_or(|(api, stage)| &*socket.api == api && socket.stage == stage);
        if !here || (place.is_none() && socket.region != ctx.region) {
            return gone();
        }
        if socket.account != ctx.account {
            return error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden");
        }
        match method.as_str() {
            "POST" => {
                let Ok(bytes) = body.collect(limits::MESSAGE).await else {
                    return error(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "PayloadTooLargeException",
                        "Message too long",
                    );
                };
                match socket.send(Outgoing::Message(bytes)) {
                    Ok(()) => answer(StatusCode::OK, String::new(), None),
                    Err(TrySendError::Full(_)) => {
                        error(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "Rate exceeded")
                    }
                    Err(TrySendError::Closed(_)) => gone(),
                }
            }
            "GET" => {
                let moment = |at| time::format(at, TimestampFormat::DateTime);
                let told = json!({
                    "connectedAt": moment(socket.connected),
                    "identity": {
                        "sourceIp": socket.source.map(|address| address.to_string()),
                        "userAgent": socket.user_agent,
                    },
                    "lastActiveAt": moment(socket.active()),
                });
                answer(StatusCode::OK, told.to_string(), None)
            }
            "DELETE" => match socket.send(Outgoing::Close) {
                Ok(()) => answer(StatusCode::NO_CONTENT, String::new(), None),
                Err(TrySendError::Full(_)) => {
                    error(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "Rate exceeded")
                }
                Err(TrySendError::Closed(_)) => gone(),
            },
            _ => error(
                StatusCode::FORBIDDEN,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_connections() {
        assert_eq!(connection("/@connections/abc%3D").as_deref(), Some("abc="));
        assert_eq!(connection("/%40connections/abc=").as_deref(), Some("abc="));
        assert_eq!(connection("/@connections/"), None);
        assert!(!is_management("/connections/x"));
    }
}
