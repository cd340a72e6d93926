//! The site of all APIs.

use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use moln_http_event::{cors::is_preflight, request};
use moln_kernel::{ApiError, Context};
use moln_wire::{
    ByteStream,
    site::{Site, SiteAnswer, Visitor},
};

use super::{
    cors,
    exchange::{Answered, Authorized, Exchange, Integrated},
    host,
    integrate::service::edge_id,
    plan::Plan,
    refusal::Refusal,
};
use crate::{Apis, limits, state::Entry, websocket};

/// The site of all APIs: their own hosts, custom domain names, and the path form.
pub struct ExecuteApi(pub Arc<Apis>);

impl Site for ExecuteApi {
    fn name(&self) -> &'static str {
        "execute-api"
    }
    fn owns(&self, head: &Parts, authority: &str) -> bool {
        let path = head.uri.path();
        host::read(authority).is_some()
            || path.starts_with(host::PATH)
            || path.starts_with(websocket::PATH)
            || self.0.is_domain(authority)
    }
    fn body_limit(&self) -> usize {
        limits::PAYLOAD
    }
    fn answer(&self, ctx: Context, visitor: Visitor, head: Parts, body: ByteStream) -> SiteAnswer<'_> {
        Box::pin(self.0.serve(ctx, visitor, head, body))
    }
}

/// What a request is for.
struct Place {
    plan: Arc<Plan>,
    /// Behind stage and mapping.
    path: String,
    /// What a mapping matched.
    base_path: Option<String>,
}

impl Place {
    /// The head as it would be had the request come by the API's own host: without what the path form has before the stage.
    fn rewritten(&self, mut head: Parts) -> Parts {
        if !head.uri.path().starts_with(host::PATH) {
            return head;
        }
        let stage = match self.plan.stage.stage_name.as_str() {
            "$default" => String::new(),
            stage => format!("/{stage}"),
        };
        let query = head.uri.query().map_or(String::new(), |query| format!("?{query}"));
        if let Ok(uri) = format!("{stage}{}{query}", self.path).parse() {
            head.uri = uri;
        }
        head
    }
}

impl Apis {
    /// Whether a host is a custom domain name.
    fn is_domain(&self, authority: &str) -> bool {
        let (host, _) = host::split(authority);
        let registry = self.registry();
        !registry.domains.is_empty() && registry.domains.contains_key(&host.to_ascii_lowercase())
    }

    async fn serve(
        self: &Arc<Self>,
        ctx: Context,
        visitor: Visitor,
        head: Parts,
        body: ByteStream,
    ) -> Response<ByteStream> {
        let Some(place) = self.place(&head) else {
            if websocket::is_management(head.uri.path()) {
                return self.manage((&ctx, &visitor), None, (&head.method, head.uri.path()), body).await;
            }
            return finished(Refusal::new(StatusCode::NOT_FOUND, "DEFAULT_4XX").response(), &edge_id());
        };
        let by_path = head.uri.path().starts_with(host::PATH);
        let head = place.rewritten(head);
        let mut authority = ctx.endpoint.authority.to_string();
        let own =
            place.plan.definition.api.api_endpoint.as_deref().and_then(|url| url.strip_prefix("wss://"));
        if by_path && let Some(own) = own {
            // Functions write to connections by the domain name that they are told, which knows no path form.
            own.clone_into(&mut authority);
        }
        let (domain, port) = host::split(&authority);
        let port = port.unwrap_or(if ctx.endpoint.scheme == "https" { "443" } else { "80" });
        if place.plan.definition.api.protocol_type == "WEBSOCKET" {
            let plan = place.plan;
            if websocket::is_management(&place.path) {
                let here = Some((&*plan.api, plan.stage.stage_name.as_str()));
                return self.manage((&ctx, &visitor), here, (&head.method, &place.path), body).await;
            }
            return self.connect((ctx, visitor), plan, domain, &head).await;
        }
        let plan = &*place.plan;
        let mut exchange = Exchange {
            ctx: &ctx,
            plan,
            head: &head,
            body: bytes::Bytes::new(),
            domain: domain.to_owned(),
            port: port.to_owned(),
            path: place.path,
            base_path: place.base_path,
            trace: request::trace(&ctx),
            source: ctx.source.map(|address| address.to_string()).unwrap_or_default(),
            id: edge_id(),
            route: None,
            parameters: Vec::new(),
            authorized: Authorized::Open,
            error: None,
            authorizer_error: None,
            integration: Integrated::default(),
        };
        let rules = plan.definition.api.cors_configuration.as_ref().map(cors::rules);
        let mut response = if let Some(rules) = rules.as_ref().filter(|_| is_preflight(&head)) {
            let mut response = Response::new(ByteStream::default());
            *response.status_mut() = StatusCode::NO_CONTENT;
            rules.tell(&head, response.headers_mut());
            response
        } else {
            let answer = self.take(&mut exchange, &visitor, body).await;
            let mut response = answer.unwrap_or_else(|refusal| failed(&mut exchange, &refusal));
            if let Some(rules) = rules {
                rules.allow(&head, response.headers_mut());
            }
            response
        };
        response = finished(response, &exchange.id);
        if plan.log.is_some() {
            let length = response.body().size().unwrap_or_default();
            let status = response.status().as_u16();
            self.log(&exchange, &Answered { status, length, now: self.clock.now() });
        }
        response
    }

    /// Route, throttling, authorization, integration.
    async fn take(
        &self,
        exchange: &mut Exchange<'_>,
        visitor: &Visitor,
        body: ByteStream,
    ) -> Result<Response<ByteStream>, Refusal> {
        let plan = exchange.plan;
        let found = plan.route(exchange.head.method.as_str(), &exchange.path);
        let Some((planned, parameters)) = found else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "DEFAULT_4XX"));
        };
        exchange.route = Some(planned);
        exchange.parameters = parameters;
        if let Some(rate) = planned.rate
            && !plan.buckets.take(&planned.route.route_key, rate, self.clock.now())
        {
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "THROTTLED"));
        }
        self.authorize(exchange, visitor).await?;
        exchange.body = body.collect(limits::PAYLOAD).await.map_err(|why| unread(&why))?;
        self.integrate(exchange).await
    }

    /// The stage that a request is for.
    fn place(&self, head: &Parts) -> Option<Place> {
        let authority =
            head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let path = head.uri.path();
        if let Some(rest) = path.strip_prefix(host::PATH) {
            let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
            return staged(&*self.found(id)?, &format!("/{rest}"));
        }
        if let Some((id, region)) = host::read(authority) {
            let entry = self.found(id)?;
            if region.is_some_and(|region| region != entry.region.as_str())
                || entry.definition.api.disable_execute_api_endpoint == Some(true)
            {
                return None;
            }
            return staged(&entry, path);
        }
        let (host, _) = host::split(authority);
        self.mapped(host, path)
    }

    /// An API by its id.
    fn found(&self, id: &str) -> Option<Arc<Entry>> {
        self.registry().apis.get(id).cloned()
    }

    /// The stage that a custom domain name maps a path to: the longest key counts.
    fn mapped(&self, host: &str, path: &str) -> Option<Place> {
        let registry = self.registry();
        let domain = registry.domains.get(&host.to_ascii_lowercase())?;
        let behind = |key: &str| -> Option<String> {
            if key.is_empty() {
                return Some(path.to_owned());
            }
            let rest = path.strip_prefix('/')?.strip_prefix(key)?;
            (rest.is_empty() || rest.starts_with('/'))
                .then(|| if rest.is_empty() { "/" } else { rest }.to_owned())
        };
        let matching = domain.mappings.values().filter_map(|mapping| {
            let key = mapping.api_mapping_key.as_deref().unwrap_or_default();
            Some((key, behind(key)?, mapping))
        });
        let (key, path, mapping) = matching.max_by_key(|(key, ..)| key.len())?;
        let plan = registry.apis.get(mapping.api_id.as_str())?.plans.get(&mapping.stage)?.clone();
        Some(Place { plan, path, base_path: (!key.is_empty()).then(|| key.to_owned()) })
    }
}

/// The stage in a path: one that is named, else `$default`.
fn staged(entry: &Entry, path: &str) -> Option<Place> {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let (first, behind) = rest.split_once('/').map_or((rest, None), |(first, rest)| (first, Some(rest)));
    if let Some(plan) = entry.plans.get(first) {
        let path = format!("/{}", behind.unwrap_or_default());
        return Some(Place { plan: Arc::clone(plan), path, base_path: None });
    }
    let plan = entry.plans.get("$default")?.clone();
    Some(Place { plan, path: path.to_owned(), base_path: None })
}

/// The answer for a request that was refused, or whose integration failed.
fn failed(exchange: &mut Exchange<'_>, refusal: &Refusal) -> Response<ByteStream> {
    if refusal.status.is_server_error() {
        tracing::warn!(
            request_id = exchange.ctx.request_id.as_str(),
            api = &*exchange.plan.api,
            status = refusal.status.as_u16(),
            why = refusal.inner.as_deref().unwrap_or_default(),
            "an HTTP API answered for its integration"
        );
    }
    exchange.error = Some((refusal.words.clone(), refusal.kind));
    refusal.response()
}

fn finished(mut response: Response<ByteStream>, id: &str) -> Response<ByteStream> {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

/// The body did not come.
fn unread(why: &ApiError) -> Refusal {
    let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::BAD_REQUEST);
    let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { "REQUEST_TOO_LARGE" } else { "DEFAULT_4XX" };
    Refusal { inner: Some(why.message.clone()), ..Refusal::new(status, kind) }
}
