//! Functions.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use bytes::Bytes;
use http::request::Parts;
use moln_http_event::{Front, Visit, build, reply};
use moln_kernel::{
    ApiError, Context,
    ports::{FunctionAnswer, InvocationType},
};
use serde_json::{Map, Value};

use super::{Reply, legacy};
use crate::{
    Apis, limits,
    serve::{
        RouteKey,
        exchange::Exchange,
        plan::{Plan, Target},
        refusal::Refusal,
    },
};

/// Who calls functions.
const PRINCIPAL: &str = "apigateway.amazonaws.com";
/// The content type of answers that name none.
const UNTYPED: &str = "text/plain; charset=utf-8";

/// The function in a URI: its ARN, or the path by which API Gateway's older integrations name it.
pub(crate) fn function(uri: &str) -> &str {
    let named = uri.split_once(":lambda:path/").and_then(|(_, path)| path.split_once("/functions/"));
    named.map_or(uri, |(_, name)| name.strip_suffix("/invocations").unwrap_or(name))
}

impl Apis {
    /// Sends a request to a function.
    pub(super) async fn to_function(
        &self,
        exchange: &Exchange<'_>,
        target: &Target,
        head: &Parts,
    ) -> Result<Reply, Refusal> {
        let uri = target.uri.fill("", |name| exchange.value(name));
        let newer = target.integration.payload_format_version.as_deref() == Some("2.0");
        let event = if newer { event(exchange, head) } else { legacy::event(exchange, head) };
        let source =
            exchange.plan.method_arn(exchange.head.method.as_str(), RouteKey::path(exchange.route_key()));
        let trusted = target.integration.credentials_arn.is_some();
        let payload =
            self.call(exchange.ctx, exchange.plan, &uri, (&source, trusted), &exchange.trace, &event).await?;
        let answer =
            if newer { reply::read(&payload, UNTYPED) } else { reply::read_legacy(&payload, UNTYPED) };
        let (Front { status, headers }, body) = answer.map_err(|_| {
            Refusal::failed("The Lambda function returned an invalid response: it has no valid statusCode, headers or body.")
        })?;
        Ok(Reply { status, headers, body })
    }

    /// Calls a function for an API. `source`: the ARN that its policy must allow, unless the API has credentials of its own.
    pub(crate) async fn call(
        &self,
        ctx: &Context,
        plan: &Plan,
        uri: &str,
        (source, trusted): (&str, bool),
        trace: &str,
        event: &Value,
    ) -> Result<Bytes, Refusal> {
        let payload = Bytes::from(event.to_string());
        if payload.len() > limits::FUNCTION_PAYLOAD {
            return Err(Refusal::new(http::StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE"));
        }
        let arn = function(uri);
        let mut inner = ctx.clone();
        inner.account.clone_from(&plan.account);
        inner.region.clone_from(&plan.region);
        inner.trace = Some(trace.into());
        let functions = &self.ports.functions;
        let allowed = trusted
            || functions.may_invoke(&inner, arn, PRINCIPAL, source).await.map_err(|why| failed(&why))?;
        if !allowed {
            return Err(Refusal::failed(
                "The IAM role configured on the integration or API Gateway doesn't have permissions to call the \
                 integration. Check the permissions and try again.",
            ));
        }
        let answer = functions.invoke(&inner, arn, payload, InvocationType::RequestResponse).await;
        let FunctionAnswer { payload, error, .. } = answer.map_err(|why| failed(&why))?;
        if let Some(error) = error {
            return Err(Refusal::failed(format!("The Lambda function failed: {error}")));
        }
        Ok(payload)
    }
}

/// A function that could not be run.
fn failed(why: &ApiError) -> Refusal {
    if why.status == 429 {
        return Refusal::unavailable(why.to_string());
    }
    Refusal::failed(why.to_string())
}

/// The event of the newer format.
pub(crate) fn event(exchange: &Exchange<'_>, head: &Parts) -> Value {
    let parameters: Map<_, _> =
        exchange.parameters.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
    let staged = exchange.staged_path();
    // What parameter mapping makes of the path counts more.
    let path = if head.uri.path() == exchange.head.uri.path() { &staged } else { head.uri.path() };
    build(
        head,
        &exchange.body,
        &Visit {
            id: &exchange.plan.api,
            account: exchange.plan.account.as_str(),
            domain: &exchange.domain,
            route_key: exchange.route_key(),
            stage: &exchange.plan.stage.stage_name,
            path,
            authorizer: exchange.authorizer_value(),
            path_parameters: parameters,
            stage_variables: exchange.variables(),
            source: &exchange.source,
            trace: &exchange.trace,
            scheme: exchange.ctx.endpoint.scheme,
            port: &exchange.port,
            request_id: &exchange.id,
            now: exchange.ctx.now,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_two_ways() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live";
        assert_eq!(function(arn), arn);
        let path = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations");
        assert_eq!(function(&path), arn);
    }
}
