//! What events of a connection lead to: a route's integration, and what it says back.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use moln_http_event::reply;
use moln_kernel::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Socket,
    event::{self, Kind},
};
use crate::{
    Apis, limits,
    model::Route,
    recast,
    serve::{
        Plan, Planned, Refusal, edge_id,
        mapping::{Template, body_part},
        plan::Target,
    },
};

/// What an integration answered.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Apis {
    /// What a connection's stage serves now.
    pub(super) fn plan_of(&self, socket: &Socket) -> Option<Arc<Plan>> {
        self.registry().apis.get(&socket.api)?.plans.get(&socket.stage).cloned()
    }

    /// A message of a connection; gives what is to be written back.
    pub(super) async fn message(&self, socket: &Socket, message: Bytes) -> Option<Bytes> {
        let now = self.clock.now();
        let id = edge_id();
        let plan = self.plan_of(socket)?;
        let wrong = |words: &str| {
            Some(Bytes::from(
                json!({"message": words, "connectionId": socket.id, "requestId": id}).to_string(),
            ))
        };
        let key = selected(&plan.definition.api.route_selection_expression, &message);
        let route = key.and_then(|key| route(&plan, &key)).or_else(|| route(&plan, "$default"));
        let Some(planned) = route else { return wrong("Forbidden") };
        let key = &planned.route.route_key;
        if let Some(rate) = planned.rate
            && !plan.buckets.take(key, rate, now)
        {
            return wrong("Too Many Requests");
        }
        let mut context = event::context(socket, Kind::Message, key, (&id, now));
        context.insert("messageId".to_owned(), edge_id().into());
        let text = String::from_utf8_lossy(&message);
        let event = json!({"requestContext": context, "body": text, "isBase64Encoded": false});
        let said = self.pass(socket, (&plan, planned), &event, &message).await;
        self.told(
            socket,
            &plan,
            (Kind::Message, key, &id, now),
            said.as_ref().map_or(500, |said| said.status.as_u16()),
        );
        match said {
            Ok(said) => answers(&plan, &planned.route).then_some(said.body).filter(|body| !body.is_empty()),
            Err(refusal) => {
                let why = refusal.inner.as_deref().unwrap_or_default();
                tracing::warn!(api = &*socket.api, route = key, why, "a message of a WebSocket API failed");
                wrong("Internal server error")
            }
        }
    }

    /// Tells an API that a connection ended. What comes of it nobody waits for.
    pub(super) async fn disconnected(&self, socket: &Socket, (code, reason): (u16, &str)) {
        let now = self.clock.now();
        let id = edge_id();
        let Some(plan) = self.plan_of(socket) else { return };
        let Some(planned) = route(&plan, "$disconnect") else { return };
        let mut context = event::context(socket, Kind::Disconnect, "$disconnect", (&id, now));
        context.insert("disconnectStatusCode".to_owned(), code.into());
        context.insert("disconnectReason".to_owned(), reason.into());
        let event = json!({
            "headers": {"Host": socket.domain},
            "multiValueHeaders": {"Host": [socket.domain]},
            "requestContext": context,
            "isBase64Encoded": false,
        });
        let said = self.pass(socket, (&plan, planned), &event, &Bytes::new()).await;
        let status = said.as_ref().map_or(500, |said| said.status.as_u16());
        self.told(socket, &plan, (Kind::Disconnect, "$disconnect", &id, now), status);
        if let Err(refusal) = said {
            let why = refusal.inner.as_deref().unwrap_or_default();
            tracing::warn!(api = &*socket.api, why, "$disconnect of a WebSocket API failed");
        }
    }

    /// Hands an event to a route's integration, within its time.
    pub(super) async fn pass(
        &self,
        socket: &Socket,
        (plan, planned): (&Plan, &Planned),
        event: &Value,
        message: &Bytes,
    ) -> Result<Said, Refusal> {
        let Some(target) = &planned.target else {
            return Err(Refusal::failed("The route has no integration."));
        };
        let late = self.clock.sleep_until(self.clock.now().after(target.timeout));
        tokio::select! {
            said = self.hand_over(socket, (plan, &planned.route, target), event, message) => said,
            () = late => Err(Refusal::unavailable("The integration timed out.")),
        }
    }

    async fn hand_over(
        &self,
        socket: &Socket,
        (plan, route, target): (&Plan, &Route, &Target),
        event: &Value,
        message: &Bytes,
    ) -> Result<Said, Refusal> {
        let variable = |name: &str| {
            let name = name.strip_prefix("stageVariables.")?;
            plan.stage.stage_variables.as_ref()?.get(name).cloned()
        };
        let uri = target.uri.fill("", variable);
        match target.integration.integration_type.as_deref() {
            Some("AWS_PROXY") => {
                let mut event = event.clone();
                let variables = plan.stage.stage_variables.clone().unwrap_or_default();
                if !variables.is_empty() {
                    recast::set(&mut event, "stageVariables", json!(variables));
                }
                let source = plan.arn(&format!("/{}/{}", plan.stage.stage_name, route.route_key));
                let trusted = target.integration.credentials_arn.is_some();
                let trace = moln_http_event::request::trace(&socket.ctx);
                let mut ctx = socket.ctx.clone();
                ctx.request_id = moln_kernel::RequestId::random();
                let payload = self.call(&ctx, plan, &uri, (&source, trusted), &trace, &event).await?;
                let bad = |_| Refusal::failed("The function's answer is not valid.");
                // Functions of routes that say nothing back need not answer.
                if payload.is_empty() || &payload[..] == b"null" {
                    return Ok(Said {
                        status: StatusCode::OK,
                        headers: HeaderMap::new(),
                        body: Bytes::new(),
                    });
                }
                let (front, body) = reply::read_legacy(&payload, "application/json").map_err(bad)?;
                Ok(Said { status: front.status, headers: front.headers, body })
            }
            Some("HTTP_PROXY") => {
                let method =
                    target.integration.integration_method.as_deref().filter(|method| *method != "ANY");
                let request = Request::builder().method(method.unwrap_or("POST")).uri(uri);
                let request = request.header("content-type", "application/json").body(message.clone());
                let request = request.map_err(|why| Refusal::failed(why.to_string()))?;
                let answer =
                    self.outbound.send(request, limits::MESSAGE).await.map_err(Refusal::unavailable)?;
                let (front, body) = answer.into_parts();
                Ok(Said { status: front.status, headers: HeaderMap::new(), body })
            }
            Some("MOCK") => Ok(mock(plan, route)),
            _ => Err(Refusal::failed("The integration's type is not known.")),
        }
    }

    /// Writes a stage's access log line of an event.
    pub(super) fn told(
        &self,
        socket: &Socket,
        plan: &Plan,
        (kind, route, id, since): (Kind, &str, &str, Timestamp),
        status: u16,
    ) {
        let Some(template) = &plan.log else { return };
        let context: Map<String, Value> = event::context(socket, kind, route, (id, since));
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let line = template.fill("-", |name| match name.strip_prefix("context.")? {
            "status" => Some(status.to_string()),
            "responseLatency" => Some(self.clock.now().since(since).as_millis().to_string()),
            other => {
                let pointer = format!("/{}", other.replace('.', "/"));
                Value::Object(context.clone()).pointer(&pointer).map(text)
            }
        });
        self.write_line(plan, line);
    }
}

/// A route by its key.
pub(super) fn route<'p>(plan: &'p Plan, key: &str) -> Option<&'p Planned> {
    plan.routes.iter().find(|planned| planned.route.route_key == key)
}

/// What the route selection expression makes of a message: `$request.body.action`.
fn selected(expression: &str, message: &[u8]) -> Option<String> {
    let template = Template::parse(expression);
    template.value(|name| body_part(message, name.strip_prefix("request.body")?))
}

/// Whether what a route's integration says goes back to the caller.
fn answers(plan: &Plan, route: &Route) -> bool {
    let below = format!("{}/", route.route_id.as_deref().unwrap_or_default());
    plan.definition.route_responses.keys().any(|key| key.starts_with(&below))
}

/// What a mock says: its integration response's template, which is the same for every message.
fn mock(plan: &Plan, route: &Route) -> Said {
    let id =
        route.target.as_deref().and_then(|target| target.strip_prefix("integrations/")).unwrap_or_default();
    let below = format!("{id}/");
    let responses = plan.definition.integration_responses.iter();
    let response = responses.filter(|(key, _)| key.starts_with(&below)).map(|(_, response)| response).next();
    let templates = response.and_then(|response| response.response_templates.as_ref());
    let wanted = response.and_then(|response| response.template_selection_expression.as_deref());
    let pick = |templates: &std::collections::BTreeMap<String, String>| {
        let named = wanted.and_then(|name| templates.get(name));
        named.or_else(|| templates.get("$default")).or_else(|| templates.values().next()).cloned()
    };
    let body = templates.and_then(pick).unwrap_or_default();
    Said { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_their_route() {
        assert_eq!(selected("$request.body.action", br#"{"action": "join"}"#).as_deref(), Some("join"));
        assert_eq!(selected("${request.body.a.b}", br#"{"a": {"b": "x"}}"#).as_deref(), Some("x"));
        assert_eq!(selected("$request.body.action", b"no json"), None);
    }
}
