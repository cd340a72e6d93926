//! A request's way: browser's rules → admin API → service → body → caller → operation → `wire`.

use std::{
    borrow::Cow,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Body as HttpBody;
use moln_kernel::{ApiError, Context, MovableClock, RequestId, Timestamp};
use moln_wire::{ByteStream, Protocol, ServiceModel, server as wire, site::Welcoming};

use crate::{
    admin::Admin,
    body::{Body, BodyError, Budget, collect, drain},
    browser::{self, Verdict},
    identity::{Access, Doorkeeper, Identity, endpoint},
    incoming::{Expected, Telling, chunks, stream},
    inflate::inflated,
    meaning::{can_stream, lineage, meant, trace},
    metrics::Metrics,
    names,
    route::{Addressed, Lost, Routed, Router},
    settings::{Peer, Settings},
    shifts::Shifts,
    sigv4::{Failure, Form, Now, Presented, decode_all, parse_amz_date},
};

/// The front door, without its sockets.
pub struct Gateway {
    router: Router,
    pub(crate) doorkeeper: Doorkeeper,
    clock: Arc<dyn MovableClock>,
    pub(crate) settings: Settings,
    pub(crate) bodies: Arc<Budget>,
    shifts: Shifts,
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
        let bodies = Arc::new(Budget::new(settings.body_memory));
        let gateway =
            Self { router, doorkeeper, clock, settings, bodies, shifts: Shifts::default(), metrics, admin };
        gateway.note_shift();
        gateway
    }

    /// The gateway's numbers.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The unmoved clock, and how far the clock is moved, in milliseconds.
    fn note_shift(&self) {
        let offset = millis(self.clock.offset());
        self.shifts.note(self.clock.now().millis().saturating_sub(offset), offset);
    }

    /// The present moment by which a signature is judged. What was presigned by the system's time expires by that time
    /// and by every movement of the clock since.
    pub(crate) fn times(&self, signed: Option<&Presented<'_>>) -> Now {
        let (clock, offset) = (self.clock.now(), millis(self.clock.offset()));
        let unmoved = Timestamp(clock.millis().saturating_sub(offset));
        // Signatures tell seconds: one made in the second of a movement counts as made before it.
        // A legacy one tells only when it ends: it expires by the system's time alone.
        let presigned = match signed {
            Some(claims) if claims.form == Form::Legacy => Some(Timestamp(unmoved.millis())),
            _ => signed.and_then(|claims| claims.timestamp.as_deref()).and_then(parse_amz_date),
        };
        let expiry = presigned.map_or(clock, |at| {
            Timestamp(unmoved.millis().saturating_add(self.shifts.since(at.millis(), offset)))
        });
        Now { clock, expiry, unmoved }
    }

    /// Answers a request. Never fails and never panics: a panic of a handler becomes that request's 500.
    pub async fn handle<B>(&self, request: Request<B>, peer: &Peer) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
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
        // Whoever waits for a `100 Continue` for an empty body gets none (hyper has nothing to ask for), and some clients
        // (botocore) then take that connection's next answer for this one's: it ends here.
        let unasked = body.is_end_stream()
            && head.version == http::Version::HTTP_11
            && head.headers.contains_key(header::EXPECT);
        let in_flight = InFlight::new(&self.metrics);
        let (mut response, operation) = self.caught(&head, body, peer, &request_id).await;
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
        if unasked {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn caught<B>(&self, head: &Parts, body: B, peer: &Peer, request_id: &RequestId) -> Outcome
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
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
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    {
        let authority =
            head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(&peer.local);
        if head.headers.get_all(header::HOST).iter().nth(1).is_some() {
            let error = ApiError::sender("InvalidRequest", "A request has one Host header.");
            return (whole(wire::error_response(Protocol::Query, None, &error, request_id)), None);
        }
        if let Some(site) = self.router.site(head, authority) {
            return (self.visit(site, head, body, (peer, authority, request_id)).await, None);
        }
        let claims = Presented::read(&head.uri, &head.headers);
        let signed = claims.as_ref().ok().and_then(Option::as_ref);
        let addressed = self.router.service(head, authority, signed);
        let call = Call { head, claims: &claims, addressed, peer, authority, request_id };
        if self.router.is_open(addressed.service) {
            return self.call(call, body).await;
        }
        let origin = match self.settings.origins.judge(head, authority, peer.access) {
            Verdict::Plain => None,
            Verdict::Allowed(origin) if browser::is_preflight(head) => {
                return (browser::preflight(head, &origin), None);
            }
            Verdict::Allowed(origin) => Some(origin),
            Verdict::Foreign(rule) => return (foreign(rule), None),
        };
        let mut outcome = self.call(call, body).await;
        if let Some(origin) = origin {
            browser::allow(outcome.0.headers_mut(), &origin);
        }
        outcome
    }

    async fn call<B>(&self, call: Call<'_>, body: B) -> Outcome
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    {
        let Call { head, claims, addressed, peer, request_id, .. } = call;
        let signed = claims.as_ref().ok().and_then(Option::as_ref);
        let model =
            addressed.service.and_then(|number| self.router.get(number)).map(|service| service.model());
        let is_admin = addressed.service.is_none() && Admin::owns(head.uri.path());
        let refuse = |protocol, error: &ApiError| {
            if is_admin {
                return (Admin::refuse(error), None);
            }
            (whole(wire::error_response(protocol, model, error, request_id)), None)
        };

        let now = self.clock.now();
        if is_admin && Admin::is_open(head) {
            let detailed = peer.access == Access::Development;
            return (self.admin.answer(head, &Bytes::new(), now, detailed).await, None);
        }
        // Strangers get no memory for their bodies.
        let open = self.router.is_open(addressed.service);
        let known = match self.doorkeeper.glance(peer.access, claims.as_ref().map(Option::as_ref), open) {
            Ok(known) => known,
            Err(failure) => {
                self.metrics.denied.fetch_add(1, Relaxed);
                let protocol = self.router.guess(&addressed, head, &[]);
                drain(body, STRANGERS).await;
                return closing(refuse(protocol, &failure.to_error(protocol, model)));
            }
        };
        // A service that judges by itself who is anonymous must not take a broken signature for none.
        if let (true, Err(failure)) = (open, claims) {
            let protocol = self.router.guess(&addressed, head, &[]);
            unwanted(body, head).await;
            return refuse(protocol, &failure.to_error(protocol, model));
        }
        // What was signed is the request as it came; what is routed is what it means.
        let meant = meant(head, model, addressed.bucket);
        let limit = self.router.body_limit(addressed.service);
        let raw = self.router.is_raw(addressed.service, &meant);
        let early = if raw { None } else { self.router.early(&addressed, &meant) };
        let mut share = self.bodies.share();
        let streams = raw || early.as_ref().is_some_and(|routed| self.router.streams(routed));
        let mut body = if streams && can_stream(head, signed) {
            Taken::Coming(body)
        } else {
            match collect(body, limit, self.settings.pace, &mut share).await {
                Ok(body) => Taken::Whole(body),
                Err(why) => {
                    let operation = early.as_ref().and_then(|routed| self.router.name_of(routed));
                    return closing(refuse(
                        self.router.guess(&addressed, head, &[]),
                        &operation.map_or_else(
                            || unreadable(why, limit),
                            |operation| unreadable_for(why, limit, operation),
                        ),
                    ));
                }
            }
        };
        let scope = if is_admin { Some("moln") } else { model.map(|model| model.signing_name) };
        let times = self.times(signed);
        let there = body.whole();
        let admitted =
            self.doorkeeper.admit((peer.access, open), signed, known.as_ref(), (head, there), scope, times);
        let identity = match admitted {
            Ok(identity) => identity,
            Err(failure) => {
                self.metrics.denied.fetch_add(1, Relaxed);
                let protocol = self.router.guess(&addressed, head, there.map_or(&[], |body| body));
                let refused = refuse(protocol, &failure.to_error(protocol, model));
                let Taken::Coming(body) = body else { return refused };
                unwanted(body, head).await;
                return closing(refused);
            }
        };
        if is_admin {
            let answer = self.admin.answer(head, there.unwrap_or(&Bytes::new()), now, true).await;
            self.note_shift();
            return (answer, None);
        }
        if let Taken::Whole(bytes) = &mut body {
            let protocol = || self.router.guess(&addressed, head, &[]);
            *bytes = match unchunked(head, std::mem::take(bytes), &identity) {
                Ok(bytes) => bytes,
                Err(failure) => return refuse(protocol(), &failure.to_error(protocol(), model)),
            };
            if !model.is_some_and(|model| model.buckets) {
                *bytes = match inflated(&head.headers, std::mem::take(bytes), limit) {
                    Ok(bytes) => bytes,
                    Err(error) => return refuse(protocol(), &error),
                };
            }
        }
        let admitted = Admitted { identity, body, meant, early, raw, now };
        self.perform(call, admitted, limit).await
    }

    /// Finds the operation of a caller who was let in, and calls it.
    async fn perform<B>(&self, call: Call<'_>, admitted: Admitted<'_, B>, limit: usize) -> Outcome
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    {
        let Call { head, claims, addressed, peer, authority, request_id } = call;
        let Admitted { identity, body, meant, early, raw, now } = admitted;
        let signed = claims.as_ref().ok().and_then(Option::as_ref);
        let model =
            addressed.service.and_then(|number| self.router.get(number)).map(|service| service.model());
        let context = Context {
            account: identity.account,
            region: self.doorkeeper.region(signed, addressed.region),
            principal: identity.principal,
            caller: identity.caller,
            request_id: request_id.clone(),
            trace: trace(head),
            lineage: lineage(head),
            endpoint: endpoint(peer.scheme, authority),
            source: Some(peer.address.ip()),
            now,
        };
        let routed = match early {
            Some(routed) => Ok(routed),
            None if raw => Ok(Routed {
                service: addressed.service.unwrap_or(usize::MAX),
                protocol: Protocol::RestXml,
                operation: usize::MAX,
            }),
            None => self.router.operation(&addressed, &meant, body.whole().map_or(&[], |body| body), signed),
        };
        let Routed { service: number, protocol, operation } = match routed {
            Ok(routed) => routed,
            Err(lost) => return (lost_response(lost, request_id), None),
        };
        let Some(service) = self.router.get(number) else {
            return (lost_response(Lost::UnknownOperation, request_id), None);
        };
        let asked = Arc::new(AtomicBool::new(false));
        let patient = matches!(body, Taken::Coming(_)) && head.headers.contains_key(header::EXPECT);
        // A client that was never asked for its body may send it or not: the connection must not go on.
        let ended = |outcome: Outcome| {
            if patient && !asked.load(Relaxed) { closing(outcome) } else { outcome }
        };
        let body = match body {
            Taken::Whole(bytes) => ByteStream::from(bytes),
            Taken::Coming(body) => {
                let telling = Telling { protocol, model };
                let expected = Expected {
                    pace: self.settings.pace,
                    chain: identity.chain,
                    telling,
                    limit: None,
                    asked: Arc::clone(&asked),
                };
                match stream(body, head, expected, &self.bodies) {
                    Ok(stream) => stream,
                    Err(why) => {
                        let error = unreadable(why, limit);
                        return closing((
                            whole(wire::error_response(protocol, model, &error, request_id)),
                            None,
                        ));
                    }
                }
            }
        };
        if raw {
            let hooks = service.hooks();
            let mut meant = meant.into_owned();
            if peer.access == Access::Development {
                meant.extensions.insert(Welcoming);
            }
            if let Some(answer) = hooks.raw(&context, &meant, body) {
                let mut response = answer.await;
                hooks.finish(None, &context, &meant, &mut response);
                return ended((response.map(Body::from), None));
            }
            return (lost_response(Lost::UnknownOperation, request_id), None);
        }
        let response = wire::serve(Arc::clone(service), context, protocol, operation, &meant, body).await;
        ended((response.map(Body::from), Some((number, operation))))
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

/// A request on its way to its operation.
#[derive(Clone, Copy)]
struct Call<'a> {
    head: &'a Parts,
    claims: &'a Result<Option<Presented<'a>>, Failure>,
    addressed: Addressed<'a>,
    peer: &'a Peer,
    authority: &'a str,
    request_id: &'a RequestId,
}

/// A request whose caller was let in.
struct Admitted<'h, B> {
    identity: Identity,
    body: Taken<B>,
    /// The head with the path it means.
    meant: Cow<'h, Parts>,
    /// Where it goes, when that does not stand in the body.
    early: Option<Routed>,
    /// The service answers it by itself, without an operation.
    raw: bool,
    now: Timestamp,
}

/// The connection ends with this answer.
fn closing(mut outcome: Outcome) -> Outcome {
    outcome.0.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    outcome
}

/// A body, as far as it was taken in.
enum Taken<B> {
    Whole(Bytes),
    Coming(B),
}

impl<B> Taken<B> {
    fn whole(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Coming(_) => None,
        }
    }
}

/// Reads on for a moment, unless the client waits to be asked for its body.
async fn unwanted<B>(body: B, head: &Parts)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if !head.headers.contains_key(header::EXPECT) {
        drain(body, STRANGERS).await;
    }
}

/// Takes an `aws-chunked` body apart; gives every other one back.
fn unchunked(head: &Parts, body: Bytes, identity: &Identity) -> Result<Bytes, Failure> {
    let streaming =
        head.headers.get(&names::CONTENT_SHA256).is_some_and(|v| v.as_bytes().starts_with(b"STREAMING-"));
    if !streaming {
        return Ok(body);
    }
    let expected = head.headers.get(&names::DECODED_LENGTH);
    let expected = expected.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
    decode_all(&body, identity.chain.clone(), expected).map(|(data, _)| data).map_err(chunks)
}

/// The same for an operation that is known, in the words of AWS's REST services.
fn unreadable_for(why: BodyError, limit: usize, operation: &str) -> ApiError {
    match why {
        BodyError::TooLarge => ApiError::sender(
            "RequestEntityTooLargeException",
            format!("Request must be smaller than {limit} bytes for the {operation} operation"),
        )
        .with_status(413),
        other => unreadable(other, limit),
    }
}

pub(crate) fn unreadable(why: BodyError, limit: usize) -> ApiError {
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
