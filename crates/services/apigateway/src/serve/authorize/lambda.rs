//! Lambda authorizers: a function is shown the request and says who may come in.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use moln_http_event::request::decoded;
use moln_policy::{Decision, Document, Keys, Request, Who};
use serde_json::{Map, Value, json};

use super::results::{Said, Verdict};
use crate::{
    Apis, limits,
    model::Authorizer,
    serve::{
        exchange::{Authorized, Exchange},
        integrate::{lambda, legacy},
        plan::Plan,
        refusal::Refusal,
    },
};

impl Apis {
    /// Asks a function, unless it said already.
    pub(super) async fn custom(
        &self,
        exchange: &mut Exchange<'_>,
        authorizer: &Authorizer,
    ) -> Result<(), Refusal> {
        let sources = authorizer.identity_source.as_deref().unwrap_or_default();
        let identity = sources
            .iter()
            .map(|source| exchange.value(source.trim_start_matches('$')).filter(|value| !value.is_empty()));
        let Some(identity) = identity.collect::<Option<Vec<String>>>() else {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED"));
        };
        let ttl = authorizer.authorizer_result_ttl_in_seconds.and_then(|ttl| u64::try_from(ttl).ok());
        let ttl = Duration::from_secs(ttl.unwrap_or_default());
        let key = json!([authorizer.authorizer_id, identity]).to_string();
        let now = self.clock.now();
        let remembered = if ttl.is_zero() { None } else { exchange.plan.results.get(&key, now) };
        let route_arn = exchange.plan.method_arn(exchange.head.method.as_str(), &exchange.path);
        let said = if let Some(said) = remembered {
            said
        } else {
            let event = if authorizer.authorizer_payload_format_version.as_deref() == Some("2.0") {
                newer(exchange, &route_arn, &identity)
            } else {
                older(exchange, &route_arn, &identity)
            };
            let asked = self.ask(exchange.ctx, exchange.plan, authorizer, &exchange.trace, &event).await;
            let said =
                Arc::new(asked.inspect_err(|refusal| exchange.authorizer_error.clone_from(&refusal.inner))?);
            if !ttl.is_zero() {
                exchange.plan.results.put(key, now.after(ttl), now, Arc::clone(&said));
            }
            said
        };
        exchange.authorized =
            Authorized::Lambda { principal: said.principal.clone(), context: said.context.clone() };
        // Routes are found by the path decoded: an escape must not lead past a policy.
        let meant = exchange.plan.method_arn(exchange.head.method.as_str(), &decoded(&exchange.path, false));
        if allows(&said, &route_arn) && allows(&said, &meant) {
            Ok(())
        } else {
            Err(Refusal::new(StatusCode::FORBIDDEN, "ACCESS_DENIED"))
        }
    }

    /// What a function says of an event.
    pub(crate) async fn ask(
        &self,
        ctx: &moln_kernel::Context,
        plan: &Plan,
        authorizer: &Authorizer,
        trace: &str,
        event: &Value,
    ) -> Result<Said, Refusal> {
        let source =
            plan.arn(&format!("/authorizers/{}", authorizer.authorizer_id.as_deref().unwrap_or_default()));
        let trusted = authorizer.authorizer_credentials_arn.is_some();
        let uri = authorizer.authorizer_uri.as_deref().unwrap_or_default();
        let failed = |inner: Option<String>| {
            let inner = inner.or_else(|| Some("The authorizer failed.".to_owned()));
            Refusal { inner, ..Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "AUTHORIZER_FAILURE") }
        };
        let payload = tokio::select! {
            answer = self.call(ctx, plan, lambda::function(uri), (&source, trusted), trace, event) => {
                answer.map_err(|why| failed(why.inner))?
            }
            () = self.clock.sleep_until(self.clock.now().after(limits::AUTHORIZER_TIMEOUT)) => {
                return Err(failed(Some("The authorizer timed out.".to_owned())));
            }
        };
        let simple = authorizer.enable_simple_responses == Some(true);
        read(&payload, simple).ok_or_else(|| failed(Some("The authorizer's answer is not valid.".to_owned())))
    }
}

/// Reads what a function said; `None`: nothing that counts.
fn read(payload: &[u8], simple: bool) -> Option<Said> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(payload) else { return None };
    let context = match members.remove("context") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(context)) => context,
        Some(_) => return None,
    };
    let principal = members.get("principalId").and_then(Value::as_str).map(str::to_owned);
    let verdict = if simple {
        Verdict::Simple(members.get("isAuthorized")?.as_bool()?)
    } else {
        Verdict::Policy(Document::parse(&members.get("policyDocument")?.to_string()).ok()?)
    };
    Some(Said { verdict, principal, context })
}

/// Whether what was said lets a request in.
pub(crate) fn allows(said: &Said, arn: &str) -> bool {
    match &said.verdict {
        Verdict::Simple(allowed) => *allowed,
        Verdict::Policy(document) => {
            let request = Request {
                who: Who::Anonymous,
                action: "execute-api:Invoke",
                resource: Some(arn),
                keys: &Keys::default(),
            };
            document.judge(&request) == Decision::Allow
        }
    }
}

fn newer(exchange: &Exchange<'_>, arn: &str, identity: &[String]) -> Value {
    let mut event = lambda::event(exchange, exchange.head);
    if let Some(members) = event.as_object_mut() {
        for gone in ["body", "isBase64Encoded"] {
            members.remove(gone);
        }
        members.insert("type".into(), "REQUEST".into());
        members.insert("routeArn".into(), arn.into());
        members
            .insert("identitySource".into(), if identity.is_empty() { Value::Null } else { identity.into() });
    }
    event
}

fn older(exchange: &Exchange<'_>, arn: &str, identity: &[String]) -> Value {
    let mut event = legacy::event(exchange, exchange.head);
    if let Some(members) = event.as_object_mut() {
        for gone in ["body", "isBase64Encoded", "multiValueHeaders", "multiValueQueryStringParameters"] {
            members.remove(gone);
        }
        let joined = identity.join(",");
        members.insert("type".into(), "REQUEST".into());
        members.insert("methodArn".into(), arn.into());
        members.insert("authorizationToken".into(), joined.as_str().into());
        members.insert("identitySource".into(), joined.into());
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_authorizers_are_read() {
        let said = read(br#"{"isAuthorized": true, "context": {"a": 1}}"#, true).unwrap();
        assert!(allows(&said, "arn:x"));
        assert_eq!(said.context["a"], 1);
        for bad in
            [r#"{"isAuthorized": "true"}"#, "{}", "null", "[]", r#"{"isAuthorized": true, "context": 1}"#]
        {
            assert!(read(bad.as_bytes(), true).is_none(), "{bad}");
        }
        let policy = |effect: &str, resource: &str| {
            let statement = json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource});
            let document = json!({"Version": "2012-10-17", "Statement": [statement]});
            let answer = json!({"principalId": "me", "policyDocument": document});
            read(answer.to_string().as_bytes(), false).unwrap()
        };
        let arn = "arn:aws:execute-api:us-east-1:000000000000:abc/dev/GET/pets";
        assert!(allows(&policy("Allow", "arn:aws:execute-api:*:*:abc/*/GET/*"), arn));
        assert!(!allows(&policy("Allow", "arn:aws:execute-api:*:*:abc/*/POST/*"), arn));
        assert!(!allows(&policy("Deny", "*"), arn));
        assert_eq!(policy("Allow", "*").principal.as_deref(), Some("me"));
    }
}
