//! Function URLs: requests to a function's own host become events, and what it returns becomes the answer.

mod access;
mod cors;
mod host;
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};
use moln_functions::Invocation;
use moln_http_event::{Front, NoAnswer as BadGateway, Visit, build, cors::is_preflight, reply, request};
use moln_kernel::{ApiError, Context, Lineage};
use moln_wire::{
    ByteStream,
    site::{Site, SiteAnswer, Visitor},
};
use serde_json::{Map, json};

use crate::{Lambda, core::Resolved, limits, names::LATEST, tables::UrlRow};

/// The content type of answers that name none.
const JSON: &str = "application/json";

/// The site of all function URLs.
pub struct Urls(pub Arc<Lambda>);

impl Site for Urls {
    fn name(&self) -> &'static str {
        "lambda"
    }
    fn owns(&self, _: &Parts, authority: &str) -> bool {
        host::read(authority).is_some()
    }
    fn body_limit(&self) -> usize {
        limits::SYNC_PAYLOAD_BYTES
    }
    fn answer(&self, ctx: Context, visitor: Visitor, head: Parts, body: ByteStream) -> SiteAnswer<'_> {
        Box::pin(self.serve(ctx, visitor, head, body))
    }
}

/// What a request is for.
struct Target {
    url: Arc<UrlRow>,
    resolved: Resolved,
}

impl Urls {
    async fn serve(
        &self,
        ctx: Context,
        visitor: Visitor,
        head: Parts,
        body: ByteStream,
    ) -> Response<ByteStream> {
        let authority =
            head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let Some(target) = self.target(&ctx, authority) else {
            return refusal(&ctx, StatusCode::FORBIDDEN, "AccessDeniedException", None);
        };
        let cors = target.url.cors.as_ref();
        if let Some(cors) = cors.filter(|_| is_preflight(&head)) {
            let mut response = cors::preflight(cors, &head);
            add_ids(response.headers_mut(), &ctx, None);
            return response;
        }
        let trace = request::trace(&ctx);
        let mut response = match self.invoke(&ctx, &visitor, &head, body, &target, &trace).await {
            Ok(response) => response,
            Err(error) => failed(&ctx, &error),
        };
        add_ids(response.headers_mut(), &ctx, Some(&trace));
        if let Some(cors) = cors {
            cors::rules(cors).allow(&head, response.headers_mut());
        }
        response
    }

    /// The URL of a host, when it is one that is there.
    fn target(&self, ctx: &Context, authority: &str) -> Option<Target> {
        let (id, region) = host::read(authority)?;
        let (function, qualifier) = self.0.registry.by_url(id)?;
        let address = &function.address;
        if address.region.as_str() != region {
            return None;
        }
        let url = Arc::clone(function.facts().urls.get(&qualifier)?);
        let asked = (qualifier != LATEST).then_some(qualifier.as_str());
        match self.0.resolve(&address.account, &address.region, &address.name, asked) {
            Ok(resolved) => Some(Target { url, resolved }),
            Err(error) => {
                tracing::debug!(request_id = ctx.request_id.as_str(), %error, "a function URL leads nowhere");
                None
            }
        }
    }

    async fn invoke(
        &self,
        ctx: &Context,
        visitor: &Visitor,
        head: &Parts,
        body: ByteStream,
        target: &Target,
        trace: &str,
    ) -> Result<Response<ByteStream>, ApiError> {
        let (url, resolved) = (&target.url, &target.resolved);
        let owner = &resolved.function.address;
        let policy = resolved.facts.policies.get(resolved.qualifier.as_deref().unwrap_or_default());
        if !access::allows(
            &url.auth_type,
            policy.map(|policy| &**policy),
            ctx,
            visitor,
            owner.account.as_str(),
        ) {
            let error = match visitor {
                Visitor::Refused(why) if url.auth_type != "NONE" => why.clone(),
                _ => ApiError::sender("AccessDeniedException", "Forbidden"),
            };
            return Err(error.with_status(403));
        }
        let body = body.collect(limits::SYNC_PAYLOAD_BYTES).await?;
        let authority = &*ctx.endpoint.authority;
        let (domain, port) = match authority.rsplit_once(':') {
            Some((domain, port)) => (domain, port),
            None => (authority, if ctx.endpoint.scheme == "https" { "443" } else { "80" }),
        };
        let source = ctx.source.map(|address| address.to_string());
        let signer = (url.auth_type != "NONE").then_some(ctx);
        let visit = Visit {
            id: &url.id,
            account: signer.map_or("anonymous", |signer| signer.account.as_str()),
            domain,
            route_key: "$default",
            stage: "$default",
            path: head.uri.path(),
            authorizer: signer.map(|signer| json!({"iam": request::signer(signer)})),
            path_parameters: Map::new(),
            stage_variables: Map::new(),
            source: source.as_deref().unwrap_or_default(),
            trace,
            scheme: ctx.endpoint.scheme,
            port,
            request_id: ctx.request_id.as_str(),
            now: ctx.now,
        };
        let payload = Bytes::from(build(head, &body, &visit).to_string());
        if payload.len() > limits::SYNC_PAYLOAD_BYTES {
            return Err(too_long());
        }
        let mut inner = ctx.clone();
        inner.account = owner.account.clone();
        inner.region = owner.region.clone();
        let invocation = Invocation {
            request_id: ctx.request_id.clone(),
            payload,
            client_context: None,
            cognito_identity: None,
            function_arn: resolved.invoked_arn.clone(),
            trace: Some(trace.into()),
            lineage: Lineage::default(),
            tail: false,
        };
        if url.invoke_mode == "RESPONSE_STREAM" {
            let (streamed, slot) = self.0.run_streaming(&inner, resolved, invocation).await?;
            return Ok(stream::respond(streamed, slot).await.unwrap_or_else(bad_gateway));
        }
        let finished = self.0.run(&inner, resolved, invocation).await?;
        if finished.error.is_some() {
            return Ok(bad_gateway(BadGateway));
        }
        Ok(match reply::read(&finished.payload, JSON) {
            Ok((front, body)) => with(front, body.into()),
            Err(bad) => bad_gateway(bad),
        })
    }
}

fn with(front: Front, body: ByteStream) -> Response<ByteStream> {
    let mut response = Response::new(body);
    *response.status_mut() = front.status;
    *response.headers_mut() = front.headers;
    response
}

/// By which the answer is found in logs.
fn add_ids(headers: &mut HeaderMap, ctx: &Context, trace: Option<&str>) {
    if let Ok(id) = HeaderValue::from_str(ctx.request_id.as_str()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(Ok(trace)) = trace.map(HeaderValue::from_str) {
        headers.insert("x-amzn-trace-id", trace);
    }
}

fn too_long() -> ApiError {
    ApiError::sender("RequestEntityTooLargeException", "Request Too Long").with_status(413)
}

/// The function failed, or what it returned is no answer.
fn bad_gateway(_: BadGateway) -> Response<ByteStream> {
    let mut response = Response::new(Bytes::from_static(b"Internal Server Error").into());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error that is not the function's.
fn failed(ctx: &Context, error: &ApiError) -> Response<ByteStream> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_GATEWAY);
    // A function that cannot run is a gateway's trouble to who visits it.
    let status = if matches!(error.status, 403 | 413 | 429) { status } else { StatusCode::BAD_GATEWAY };
    if status.is_server_error() {
        tracing::warn!(request_id = ctx.request_id.as_str(), %error, "a function URL could not be answered");
    }
    refusal(ctx, status, &error.code, Some(&error.message))
}

fn refusal(ctx: &Context, status: StatusCode, code: &str, words: Option<&str>) -> Response<ByteStream> {
    let body = serde_json::json!({"Message": words}).to_string();
    let mut response = Response::new(body.into_bytes().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(code) = HeaderValue::from_str(code) {
        headers.insert("x-amzn-errortype", code);
    }
    add_ids(headers, ctx, None);
    response
}
