//! A request's way: browser's rules → admin API → service → body → caller → operation → `wire`.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Body as HttpBody;
use moln_kernel::{ApiError, Context, Lineage, MovableClock, RequestId, Timestamp};
use moln_wire::{Protocol, ServiceModel, server as wire};

use crate::{
    admin::Admin,
    body::{Body, BodyError, Budget, Pace, collect, drain},
    browser::{self, Origins, Verdict},
    identity::{Access, Doorkeeper, Identity, endpoint},
    metrics::Metrics,
    route::{Lost, Routed, Router},
    sigv4::{ChunkError, Failure, Now, Presented, decode_all},
};

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Log every request, not only failures and slow ones.
    pub log_requests: bool,
    /// From when on a request is slow. Above 20 s, so that long polls are not.
    pub slow: Duration,
    /// How long clients may take to send a body.
    pub pace: Pace,
    /// Memory for the bodies of all requests at once, in bytes.
    pub body_memory: usize,
    /// Which web pages may call.
    pub origins: Origins,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log_requests: false,
            slow: Duration::from_secs(21),
            pace: Pace { silence: Duration::from_secs(30), bytes_per_second: 1_024 },
            body_memory: 512 << 20,
            origins: Origins::default(),
        }
    }
}

/// What a connection tells about all of its requests.
#[derive(Clone, Debug)]
pub struct Peer {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The rule of the listener it came through.
    pub access: Access,
    /// Its address.
    pub address: std::net::SocketAddr,
    /// Our address and port; stands in for an absent `Host`.
    pub local: Arc<str>,
}

/// The front door, without its sockets.
pub struct Gateway {
    router: Router,
    doorkeeper: Doorkeeper,
    clock: Arc<dyn MovableClock>,
    settings: Settings,
    bodies: Budget,
    metrics: Arc<Metrics>,
    admin: Admin,
}

/// How much of a stranger's body is read and thrown away, so that the refusal can be read, in bytes.
const STRANGERS: u64 = 1 << 20;

/// What became of a request: the answer, and the operation it was when that was found.
type Outcome = (Response<Body>, Option<(usize, usize)>);

impl Gateway {
    /// Puts the parts together.
    pub fn new(
        router: Router,
        doorkeeper: Doorkeeper,
        clock: Arc<dyn MovableClock>,
        settings: Settings,
        control: Arc<dyn crate::admin::Control>,
    ) -> Self {
        let metrics = Arc::new(Metrics::new(router.models()));
        let admin = Admin::new(control, Arc::clone(&metrics), router.models().collect());
        let bodies = Budget::new(settings.body_memory);
        Self { router, doorkeeper, clock, settings, bodies, metrics, admin }
    }

    /// The gateway's numbers.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Answers a request. Never fails and never panics: a panic of a handler becomes that request's 500.
    pub async fn handle<B>(&self, request: Request<B>, peer: &Peer) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let started = Instant::now();
        let (mut head, body) = request.into_parts();
        if !head.headers.contains_key(header::HOST) {
            let authority = head.uri.authority().map_or(&*peer.local, |authority| authority.as_str());
            if let Ok(host) = HeaderValue::from_str(authority) {
                head.headers.insert(header::HOST, host);
            }
        }
        let request_id = RequestId::random();
        let in_flight = InFlight::new(&self.metrics);
        let (response, operation) = self.caught(&head, body, peer, &request_id).await;
        drop(in_flight);
        let took = started.elapsed();
        match operation {
            Some((service, operation)) => {
                self.metrics.answered(service, operation, response.status().as_u16(), took);
            }
            None => drop(self.metrics.lost.fetch_add(1, Relaxed)),
        }
        if self.settings.log_requests || response.status().is_server_error() || took >= self.settings.slow {
            self.log(&head, &response, operation, took, &request_id, peer);
        }
        response
    }

    async fn caught<B>(&self, head: &Parts, body: B, peer: &Peer, request_id: &RequestId) -> Outcome
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let mut work = pin!(self.answer(head, body, peer, request_id));
        let caught = std::future::poll_fn(|cx| {
            // Nothing of a poisoned future is used again: it is dropped with this request.
            match std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
                Ok(poll) => poll.map(Ok),
                Err(panic) => std::task::Poll::Ready(Err(panic)),
            }
        });
        match caught.await {
            Ok(outcome) => outcome,
            Err(panic) => {
                self.metrics.panics.fetch_add(1, Relaxed);
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?");
                tracing::error!(
                    request_id = request_id.as_str(),
                    path = head.uri.path(),
                    panic = text,
                    "a handler panicked"
                );
                let error = ApiError::internal("An internal error occurred.");
                (whole(wire::error_response(Protocol::Query, None, &error, request_id)), None)
            }
        }
    }

    async fn answer<B>(&self, head: &Parts, body: B, peer: &Peer, request_id: &RequestId) -> Outcome
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let authority =
            head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(&peer.local);
        let origin = match self.settings.origins.judge(head, authority, peer.access) {
            Verdict::Plain => None,
            Verdict::Allowed(origin) if browser::is_preflight(head) => {
                return (browser::preflight(head, &origin), None);
            }
            Verdict::Allowed(origin) => Some(origin),
            Verdict::Foreign(rule) => return (foreign(rule), None),
        };
        let mut outcome = self.call(head, body, peer, authority, request_id).await;
        if let Some(origin) = origin {
            browser::allow(outcome.0.headers_mut(), &origin);
        }
        outcome
    }

    async fn call<B>(
        &self,
        head: &Parts,
        body: B,
        peer: &Peer,
        authority: &str,
        request_id: &RequestId,
    ) -> Outcome
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let claims = Presented::read(&head.uri, &head.headers);
        let signed = claims.as_ref().ok().and_then(Option::as_ref);
        let addressed = self.router.service(head, authority, signed);
        let model =
            addressed.service.and_then(|number| self.router.get(number)).map(|service| service.model());
        let is_admin = addressed.service.is_none() && Admin::owns(head.uri.path());
        let refuse = |protocol, error: &ApiError| {
            if is_admin {
                return (Admin::refuse(error), None);
            }
            (whole(wire::error_response(protocol, model, error, request_id)), None)
        };

        let closing = |mut outcome: Outcome| {
            outcome.0.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            outcome
        };

        let now = self.clock.now();
        if is_admin && Admin::is_open(head) {
            let detailed = peer.access == Access::Development;
            return (self.admin.answer(head, &Bytes::new(), now, detailed).await, None);
        }
        // Strangers get no memory for their bodies.
        let known = match self.doorkeeper.glance(peer.access, claims.as_ref().map(Option::as_ref)) {
            Ok(known) => known,
            Err(failure) => {
                self.metrics.denied.fetch_add(1, Relaxed);
                let protocol = self.router.guess(&addressed, head, &[]);
                drain(body, STRANGERS).await;
                return closing(refuse(protocol, &failure.to_error(protocol, model)));
            }
        };
        let limit = self.router.body_limit(addressed.service);
        let mut share = self.bodies.share();
        let body = match collect(body, limit, self.settings.pace, &mut share).await {
            Ok(body) => body,
            Err(why) => {
                return closing(refuse(self.router.guess(&addressed, head, &[]), &unreadable(why, limit)));
            }
        };
        let scope = if is_admin { Some("moln") } else { model.map(|model| model.signing_name) };
        let unmoved = Timestamp(now.millis().saturating_sub(millis(self.clock.offset())));
        let times = Now { clock: now, unmoved };
        let identity =
            match self.doorkeeper.admit(peer.access, signed, known.as_ref(), (head, &body), scope, times) {
                Ok(identity) => identity,
                Err(failure) => {
                    self.metrics.denied.fetch_add(1, Relaxed);
                    let protocol = self.router.guess(&addressed, head, &body);
                    return refuse(protocol, &failure.to_error(protocol, model));
                }
            };
        if is_admin {
            return (self.admin.answer(head, &body, now, true).await, None);
        }
        let body = match unchunked(head, body, &identity) {
            Ok(body) => body,
            Err(failure) => {
                let protocol = self.router.guess(&addressed, head, &[]);
                return refuse(protocol, &failure.to_error(protocol, model));
            }
        };
        let Routed { service: number, protocol, operation } =
            match self.router.operation(&addressed, head, &body, signed) {
                Ok(routed) => routed,
                Err(lost) => return (lost_response(lost, request_id), None),
            };
        let Some(service) = self.router.get(number) else {
            return (lost_response(Lost::UnknownOperation, request_id), None);
        };
        let context = Context {
            account: identity.account,
            region: self.doorkeeper.region(signed, addressed.region),
            principal: identity.principal,
            caller: identity.caller,
            request_id: request_id.clone(),
            trace: head.headers.get("x-amzn-trace-id").and_then(|trace| trace.to_str().ok()).map(Into::into),
            lineage: Lineage::default(),
            endpoint: endpoint(peer.scheme, authority),
            source: Some(peer.address.ip()),
            now,
        };
        let response = wire::serve(Arc::clone(service), context, protocol, operation, head, body).await;
        (response.map(Body::from), Some((number, operation)))
    }

    fn log(
        &self,
        head: &Parts,
        response: &Response<Body>,
        operation: Option<(usize, usize)>,
        took: Duration,
        request_id: &RequestId,
        peer: &Peer,
    ) {
        let model =
            operation.and_then(|(service, _)| self.router.get(service)).map(|service| service.model());
        let name = operation.and_then(|(_, op)| model?.operations.get(op)).map_or("-", |op| op.name);
        let service = model.map_or("-", |model| model.signing_name);
        let status = response.status().as_u16();
        let millis = took.as_millis();
        let (method, path, peer) = (head.method.as_str(), head.uri.path(), peer.address);
        let request_id = request_id.as_str();
        // 501 is an answer, not a failure of ours.
        if response.status().is_server_error() && response.status() != StatusCode::NOT_IMPLEMENTED {
            tracing::error!(request_id, service, operation = name, method, path, status, millis, %peer, "failed");
        } else {
            tracing::info!(request_id, service, operation = name, method, path, status, millis, %peer, "answered");
        }
    }
}

/// Takes an `aws-chunked` body apart; gives every other one back.
fn unchunked(head: &Parts, body: Bytes, identity: &Identity) -> Result<Bytes, Failure> {
    let streaming =
        head.headers.get("x-amz-content-sha256").is_some_and(|v| v.as_bytes().starts_with(b"STREAMING-"));
    if !streaming {
        return Ok(body);
    }
    let expected = head.headers.get("x-amz-decoded-content-length");
    let expected = expected.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
    decode_all(&body, identity.chain.clone(), expected).map(|(data, _)| data).map_err(|why| match why {
        ChunkError::Signature => Failure::Mismatch,
        ChunkError::Malformed(words) => Failure::Chunks(format!("The request's body is malformed: {words}.")),
        ChunkError::Truncated | ChunkError::Length => Failure::Chunks(
            "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header.".into(),
        ),
    })
}

fn unreadable(why: BodyError, limit: usize) -> ApiError {
    match why {
        BodyError::TooLarge => ApiError::sender(
            "RequestEntityTooLarge",
            format!("The request must be at most {limit} bytes long."),
        )
        .with_status(413),
        BodyError::TooSlow => ApiError::sender(
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period.",
        )
        .with_status(408),
        BodyError::Busy => ApiError {
            status: 503,
            ..ApiError::internal("The server has no memory for a request of this size now. Try again.")
        },
        BodyError::Truncated => ApiError::sender(
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        ),
    }
}

fn lost_response(lost: Lost, request_id: &RequestId) -> Response<Body> {
    match lost {
        Lost::Error(protocol, model, error) => whole(error_of(protocol, model, &error, request_id)),
        Lost::UnknownOperation => {
            let mut response =
                Response::new(Body::Whole(Bytes::from_static(b"<UnknownOperationException/>\n")));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
            if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
                response.headers_mut().insert("x-amzn-requestid", id);
            }
            response
        }
    }
}

fn error_of(
    protocol: Protocol,
    model: Option<&ServiceModel>,
    error: &ApiError,
    id: &RequestId,
) -> Response<Bytes> {
    wire::error_response(protocol, model, error, id)
}

fn foreign(rule: &'static str) -> Response<Body> {
    let text = format!(
        "This request came from a web page and was refused: {rule}. Start moln with --allow-origin or --allow-host to \
         let the page in.\n"
    );
    let mut response = Response::new(Body::Whole(text.into()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn whole(response: Response<Bytes>) -> Response<Body> {
    response.map(Body::Whole)
}

/// Counts a request as long as it lives, however it ends.
struct InFlight<'a>(&'a Metrics);

impl<'a> InFlight<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.in_flight.fetch_add(1, Relaxed);
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
