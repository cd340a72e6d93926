//! How a connection comes about: who may, what `$connect` says, and the change of protocols.

use std::sync::{Arc, atomic::AtomicU64};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use moln_kernel::Context;
use moln_wire::{ByteStream, site::Visitor};
use ring::digest;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{
    Socket,
    event::{self, Kind},
    message::route,
};
use crate::{
    Apis, limits,
    model::Authorizer,
    serve::{Plan, Planned, Refusal, allows, edge_id},
};

/// What RFC 6455 has a server add to a client's key.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request wants to become a WebSocket.
fn wants(head: &Parts) -> bool {
    let holds = |name: header::HeaderName, word: &str| {
        head.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
    };
    holds(header::CONNECTION, "upgrade") && holds(header::UPGRADE, "websocket")
}

/// A refusal in the words that WebSocket APIs have.
fn refused(status: StatusCode, words: &str, id: &str) -> Response<ByteStream> {
    let body = json!({"message": words, "connectionId": id, "requestId": edge_id()}).to_string();
    let mut response = Response::new(ByteStream::from(body.into_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Apis {
    /// Answers a request to a WebSocket API.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        (ctx, visitor): (Context, Visitor),
        plan: Arc<Plan>,
        domain: &str,
        head: &Parts,
    ) -> Response<ByteStream> {
        let id = edge_id();
        let key = head.headers.get(header::SEC_WEBSOCKET_KEY);
        let version = head.headers.get(header::SEC_WEBSOCKET_VERSION);
        let (Some(key), Some(upgrade), true) = (key, head.extensions.get::<OnUpgrade>(), wants(head)) else {
            return refused(StatusCode::FORBIDDEN, "Forbidden", &id);
        };
        if version.is_none_or(|version| version != "13") {
            let mut response = refused(StatusCode::UPGRADE_REQUIRED, "Upgrade Required", &id);
            response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            return response;
        }
        if !self.sockets.has_room() {
            return refused(StatusCode::TOO_MANY_REQUESTS, "Limit Exceeded", &id);
        }
        let (outgoing, incoming) = mpsc::channel(limits::WAITING);
        let now = self.clock.now();
        let agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let mut socket = Socket {
            id,
            account: plan.account.clone(),
            region: plan.region.clone(),
            api: Arc::clone(&plan.api),
            stage: plan.stage.stage_name.clone(),
            connected: now,
            active: AtomicU64::new(now.millis()),
            source: ctx.source,
            user_agent: agent.unwrap_or_default().to_owned(),
            domain: domain.to_owned(),
            authorizer: None,
            ctx,
            outgoing,
        };
        let mut headers = http::HeaderMap::new();
        if let Some(planned) = route(&plan, "$connect") {
            match self.ask_to_connect(&mut socket, &visitor, (&plan, planned), head).await {
                Ok(said) => headers = said,
                Err((status, words)) => return refused(status, &words, &socket.id),
            }
        }
        let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        context.update(key.as_bytes());
        context.update(MAGIC);
        let accept = STANDARD.encode(context.finish());
        let mut response = Response::new(ByteStream::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let own = response.headers_mut();
        own.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        own.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&accept) {
            own.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = headers.remove(header::SEC_WEBSOCKET_PROTOCOL) {
            own.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let socket = Arc::new(socket);
        self.sockets.add(Arc::clone(&socket));
        tokio::spawn(Arc::clone(self).run_socket(socket, upgrade.clone(), incoming));
        response
    }

    /// Throttling, authorization and the integration of `$connect`; gives the headers it answers.
    async fn ask_to_connect(
        &self,
        socket: &mut Socket,
        visitor: &Visitor,
        (plan, planned): (&Plan, &Planned),
        head: &Parts,
    ) -> Result<http::HeaderMap, (StatusCode, String)> {
        let failed = || (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error".to_owned());
        let forbidden = || (StatusCode::FORBIDDEN, "Forbidden".to_owned());
        let now = self.clock.now();
        if let Some(rate) = planned.rate
            && !plan.buckets.take("$connect", rate, now)
        {
            return Err((StatusCode::TOO_MANY_REQUESTS, "Too Many Requests".to_owned()));
        }
        let id = edge_id();
        match (planned.route.authorization_type.as_deref(), &planned.authorizer) {
            (None | Some("NONE"), _) => {}
            (Some("AWS_IAM"), _) => {
                let own = matches!(visitor, Visitor::Verified | Visitor::Claimed);
                if !own || socket.ctx.account != plan.account {
                    return Err(forbidden());
                }
            }
            (Some("CUSTOM"), Some(authorizer)) => {
                let asked = self.authorize_connect(socket, plan, authorizer, head, &id).await;
                let allowed = asked.map_err(|refusal| {
                    let why = refusal.inner.as_deref().unwrap_or_default();
                    tracing::warn!(api = &*plan.api, why, "an authorizer of a WebSocket API failed");
                    (
                        refusal.status,
                        if refusal.status == StatusCode::UNAUTHORIZED {
                            "Unauthorized".to_owned()
                        } else {
                            failed().1
                        },
                    )
                })?;
                if !allowed {
                    return Err(forbidden());
                }
            }
            _ => return Err(failed()),
        }
        if planned.target.is_none() {
            return Ok(http::HeaderMap::new());
        }
        let mut event = event::request_parts(head, socket);
        event.insert(
            "requestContext".to_owned(),
            event::context(socket, Kind::Connect, "$connect", (&id, now)).into(),
        );
        event.insert("isBase64Encoded".to_owned(), false.into());
        let said = self.pass(socket, (plan, planned), &event.into(), &Bytes::new()).await;
        let status = said.as_ref().map_or(502, |said| said.status.as_u16());
        self.told(socket, plan, (Kind::Connect, "$connect", &id, now), status);
        match said {
            Ok(said) if said.status.is_success() => Ok(said.headers),
            Ok(said) => Err((said.status, said.status.canonical_reason().unwrap_or("Forbidden").to_owned())),
            Err(refusal) => {
                let why = refusal.inner.as_deref().unwrap_or_default();
                tracing::warn!(api = &*plan.api, why, "$connect of a WebSocket API failed");
                Err((StatusCode::BAD_GATEWAY, failed().1))
            }
        }
    }

    /// Whether an authorizer lets a caller connect.
    async fn authorize_connect(
        &self,
        socket: &mut Socket,
        plan: &Plan,
        authorizer: &Authorizer,
        head: &Parts,
        id: &str,
    ) -> Result<bool, Refusal> {
        let unauthorized = || Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
        let mut event: Map<String, Value> = event::request_parts(head, socket);
        let context = event::context(socket, Kind::Connect, "$connect", (id, self.clock.now()));
        for source in authorizer.identity_source.iter().flatten() {
            let value = match source.split_once('.') {
                Some(("context", name)) => context.get(name).and_then(Value::as_str).map(str::to_owned),
                Some(("stageVariables", name)) => {
                    plan.stage.stage_variables.as_ref().and_then(|all| all.get(name)).cloned()
                }
                _ => asked(head, source.strip_prefix("route.request.").unwrap_or_default()),
            };
            if value.is_none_or(|value| value.is_empty()) {
                return Err(unauthorized());
            }
        }
        let arn = plan.arn(&format!("/{}/$connect", plan.stage.stage_name));
        event.insert("type".to_owned(), "REQUEST".into());
        event.insert("methodArn".to_owned(), arn.as_str().into());
        event.insert("requestContext".to_owned(), context.into());
        let trace = moln_http_event::request::trace(&socket.ctx);
        let said = self.ask(&socket.ctx, plan, authorizer, &trace, &event.into()).await?;
        let allowed = allows(&said, &arn);
        let mut told = said.context;
        told.insert("principalId".to_owned(), said.principal.into());
        socket.authorizer = Some(told);
        Ok(allowed)
    }
}

/// `header.NAME` or `querystring.NAME` of a request.
fn asked(head: &Parts, source: &str) -> Option<String> {
    match source.split_once('.')? {
        ("header", name) => head.headers.get(name)?.to_str().ok().map(str::to_owned),
        ("querystring", name) => {
            let mut query = moln_http_event::request::query(head.uri.query()?);
            query.find(|(known, _)| known == name).map(|(_, value)| value)
        }
        _ => None,
    }
}
