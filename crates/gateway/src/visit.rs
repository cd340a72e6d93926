//! Requests for sites: the signature is verified, everything else is the site's.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header, request::Parts};
use hyper::body::Body as HttpBody;
use moln_kernel::{Context, Principal, RequestId};
use moln_wire::{
    ByteStream, Protocol, server as wire,
    site::{Site, Visitor},
};

use crate::{
    Gateway,
    body::{Body, collect},
    gateway::unreadable,
    identity::endpoint,
    incoming::{Expected, Telling, stream},
    meaning::{lineage, trace},
    names,
    settings::Peer,
    sigv4::{Failure, Presented},
};

impl Gateway {
    /// Answers a request for a site.
    pub(crate) async fn visit<B>(
        &self,
        site: &Arc<dyn Site>,
        head: &Parts,
        body: B,
        (peer, authority, request_id): (&Peer, &str, &RequestId),
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    {
        let claims = Presented::read(&head.uri, &head.headers);
        let signed = claims.as_ref().ok().and_then(Option::as_ref);
        let telling = Telling { protocol: Protocol::RestJson, model: None };
        let refused = |failure: &Failure| Visitor::Refused(failure.to_error(telling.protocol, None));
        let limit = site.body_limit();
        let hashed = head.headers.contains_key(&names::CONTENT_SHA256);
        let known = self.doorkeeper.glance(peer.access, claims.as_ref().map(Option::as_ref), true);
        let mut share = self.bodies.share();
        // A signature that covers a hash nobody named covers the body itself: it must be there before it is judged.
        let (whole, stream) = if signed.is_some() && !hashed {
            match collect(body, limit, self.settings.pace, &mut share).await {
                Ok(body) => (Some(body), None),
                Err(why) => return closing(&unreadable(why, limit), request_id),
            }
        } else {
            let expected = Expected {
                pace: self.settings.pace,
                chain: None,
                telling,
                limit: Some(limit as u64),
                asked: Arc::default(),
            };
            match stream(body, head, expected, &self.bodies) {
                Ok(stream) => (None, Some(stream)),
                Err(why) => return closing(&unreadable(why, limit), request_id),
            }
        };
        let times = self.times(signed);
        let admitted = known.and_then(|known| {
            let scope = Some(site.name());
            self.doorkeeper.admit(
                (peer.access, true),
                signed,
                known.as_ref(),
                (head, whole.as_ref()),
                scope,
                times,
            )
        });
        let broken = claims.as_ref().err().map(refused);
        let (identity, visitor) = match (admitted, broken) {
            (Ok(identity), Some(broken)) => (Some(identity), broken),
            (Ok(identity), None) => {
                let visitor = match (identity.verified, signed) {
                    (true, _) => Visitor::Verified,
                    (false, Some(_)) => Visitor::Claimed,
                    (false, None) => Visitor::Anonymous,
                };
                (Some(identity), visitor)
            }
            (Err(failure), _) => (None, refused(&failure)),
        };
        let (account, principal, caller) = match identity {
            Some(identity) => (identity.account, identity.principal, identity.caller),
            None => (self.doorkeeper.account.clone(), Principal::Anonymous, None),
        };
        let context = Context {
            account,
            region: self.doorkeeper.region(signed, None),
            principal,
            caller,
            request_id: request_id.clone(),
            trace: trace(head),
            lineage: lineage(head),
            endpoint: endpoint(peer.scheme, authority),
            source: Some(peer.address.ip()),
            now: times.clock,
        };
        let body = stream.unwrap_or_else(|| ByteStream::from(whole.unwrap_or_default()));
        site.answer(context, visitor, head.clone(), body).await.map(Body::from)
    }
}

fn closing(error: &moln_kernel::ApiError, request_id: &RequestId) -> Response<Body> {
    let mut response = wire::error_response(Protocol::RestJson, None, error, request_id).map(Body::Whole);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
