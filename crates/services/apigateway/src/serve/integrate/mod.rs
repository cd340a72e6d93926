//! What a route leads to.

mod http;
pub(crate) mod lambda;
pub(crate) mod legacy;
pub(crate) mod service;

use ::http::{HeaderMap, Response, StatusCode, request::Parts};
use bytes::Bytes;
use moln_wire::ByteStream;

use super::{
    exchange::{Exchange, header_value},
    mapping::{self, body_part},
    plan::Target,
    refusal::Refusal,
};
use crate::Apis;

/// What an integration answered.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Apis {
    /// Sends a request where its route leads, and gives back what comes of it.
    pub(super) async fn integrate(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response<ByteStream>, Refusal> {
        let target = exchange.route.and_then(|planned| planned.target.clone());
        // AWS says the same of a route without an integration.
        let Some(target) = target else { return Err(Refusal::failed("The route has no integration.")) };
        let mut head = exchange.head.clone();
        mapping::change_request(&target.request, &mut head, |name| exchange.value(name));
        let since = self.clock.now();
        let late = self.clock.sleep_until(since.after(target.timeout));
        let result = tokio::select! {
            result = self.send(exchange, &target, &head) => result,
            () = late => Err(timed_out(&target)),
        };
        exchange.integration.latency = Some(self.clock.now().since(since));
        match result {
            Ok(reply) => {
                exchange.integration.inner_status = Some(reply.status.as_u16());
                exchange.integration.status.get_or_insert(reply.status.as_u16());
                Ok(answer(exchange, &target, reply))
            }
            Err(refusal) => {
                exchange.integration.error.clone_from(&refusal.inner);
                Err(refusal)
            }
        }
    }

    async fn send(&self, exchange: &Exchange<'_>, target: &Target, head: &Parts) -> Result<Reply, Refusal> {
        let integration = &target.integration;
        match (integration.integration_type.as_deref(), &integration.integration_subtype) {
            (Some("AWS_PROXY"), Some(_)) => self.to_service(exchange, target).await,
            (Some("AWS_PROXY"), None) => self.to_function(exchange, target, head).await,
            (Some("HTTP_PROXY"), _) => self.to_address(exchange, target, head).await,
            _ => Err(Refusal::failed("The integration's type is not known.")),
        }
    }
}

/// Functions that take too long are a service that is not available to callers; addresses are a gateway's timeout.
fn timed_out(target: &Target) -> Refusal {
    let words = "Integration timed out";
    if target.integration.integration_type.as_deref() == Some("AWS_PROXY") {
        return Refusal::unavailable(words);
    }
    let inner = Some(words.to_owned());
    Refusal { inner, ..Refusal::new(StatusCode::GATEWAY_TIMEOUT, "INTEGRATION_TIMEOUT") }
}

fn answer(exchange: &Exchange<'_>, target: &Target, reply: Reply) -> Response<ByteStream> {
    let Reply { mut status, mut headers, body } = reply;
    if let Some(changes) = target.response.get(&status.as_u16()) {
        let before = headers.clone();
        let value = |name: &str| match name.strip_prefix("response.") {
            Some(name) => match (name.strip_prefix("header."), name.strip_prefix("body")) {
                (Some(name), _) => header_value(&before, name),
                (_, Some(path)) => body_part(&body, path),
                _ => None,
            },
            None => exchange.value(name),
        };
        mapping::change_response(changes, &mut status, &mut headers, value);
    }
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
