//! The events that integrations of WebSocket APIs get.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>

use http::request::Parts;
use moln_http_event::request;
use moln_kernel::Timestamp;
use serde_json::{Map, Value, json};

use super::Socket;
use crate::recast;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Message,
    Disconnect,
}

impl Kind {
    /// `CONNECT`, `MESSAGE`, `DISCONNECT`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Message => "MESSAGE",
            Self::Disconnect => "DISCONNECT",
        }
    }
}

/// `requestContext`. `id`: of the request.
pub(super) fn context(
    socket: &Socket,
    kind: Kind,
    route: &str,
    (id, now): (&str, Timestamp),
) -> Map<String, Value> {
    let mut identity = json!({"sourceIp": socket.source.map(|address| address.to_string())});
    if kind != Kind::Message {
        recast::set(&mut identity, "userAgent", socket.user_agent.clone());
    }
    let mut context = json!({
        "apiId": &*socket.api,
        "connectedAt": socket.connected.millis(),
        "connectionId": socket.id,
        "domainName": socket.domain,
        "eventType": kind.word(),
        "extendedRequestId": id,
        "identity": identity,
        "messageDirection": "IN",
        "requestId": id,
        "requestTime": request::common_log_time(now),
        "requestTimeEpoch": now.millis(),
        "routeKey": route,
        "stage": socket.stage,
    });
    if let Some(authorizer) = &socket.authorizer {
        recast::set(&mut context, "authorizer", authorizer.clone());
    }
    match context {
        Value::Object(context) => context,
        _ => Map::new(),
    }
}

/// Headers and query of the request that connects.
pub(super) fn request_parts(head: &Parts, socket: &Socket) -> Map<String, Value> {
    let (mut single, mut several) = (Map::new(), Map::new());
    for (name, values) in request::headers(&head.headers).filter(|(name, _)| *name != "host") {
        single.insert(name.to_owned(), values.last().cloned().unwrap_or_default().into());
        several.insert(name.to_owned(), values.into());
    }
    for (name, value) in [
        ("Host", socket.domain.clone()),
        ("X-Forwarded-For", socket.source.map(|address| address.to_string()).unwrap_or_default()),
        ("X-Forwarded-Proto", socket.ctx.endpoint.scheme.to_owned()),
    ] {
        single.insert(name.to_owned(), value.clone().into());
        several.insert(name.to_owned(), vec![value].into());
    }
    let (mut query, mut queries) = (Map::new(), Map::<String, Value>::new());
    for (name, value) in request::query(head.uri.query().unwrap_or_default()) {
        query.insert(name.clone(), value.clone().into());
        if let Some(all) = queries.entry(name).or_insert_with(|| json!([])).as_array_mut() {
            all.push(value.into());
        }
    }
    let mut parts = Map::from_iter([
        ("headers".to_owned(), single.into()),
        ("multiValueHeaders".to_owned(), several.into()),
    ]);
    if !query.is_empty() {
        parts.insert("queryStringParameters".to_owned(), query.into());
        parts.insert("multiValueQueryStringParameters".to_owned(), queries.into());
    }
    parts
}
