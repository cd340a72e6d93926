//! Sites: services that own hosts and answer raw HTTP there, whatever the path (function URLs, HTTP APIs, websites of
//! buckets).

use std::{future::Future, pin::Pin};

use http::{Response, request::Parts};
use moln_kernel::{ApiError, Context};

use crate::ByteStream;

/// In the extensions of a raw request's head: its listener welcomes everyone (development on loopback), also by keys that
/// nobody knows.
#[derive(Clone, Copy, Debug)]
pub struct Welcoming;

/// Who visits.
#[derive(Clone, Debug)]
pub enum Visitor {
    /// Nobody signed; [`Context::principal`] is anonymous.
    Anonymous,
    /// Signed with a key nobody knows, on a listener that welcomes everyone (development on loopback).
    Claimed,
    /// The signature was verified.
    Verified,
    /// Signed, and the signature does not hold: says why. A site that asks for no signature may answer all the same.
    Refused(ApiError),
}

/// What a visit comes to.
pub type SiteAnswer<'a> = Pin<Box<dyn Future<Output = Response<ByteStream>> + Send + 'a>>;

/// A site. Browsers' rules (CORS, preflights), methods and errors are its own; the gateway has verified the signature,
/// watches over the pace of the body, and adds nothing to the answer.
///
/// A request that asks for another protocol has the connection to come (`hyper::upgrade::OnUpgrade`) in the extensions of
/// its head; it resolves once an answer with status 101 was written.
pub trait Site: Send + Sync + 'static {
    /// What it is called in logs, and the service that signatures for it name in their scope (`lambda`, `execute-api`).
    fn name(&self) -> &'static str;

    /// Whether a request is for it. `authority` is the `Host` as sent, with its port. Asked for every request: it must be
    /// cheap.
    fn owns(&self, head: &Parts, authority: &str) -> bool;

    /// The longest body in bytes; a longer one is refused with 413.
    fn body_limit(&self) -> usize {
        16 << 20
    }

    /// Answers. `ctx` has the account and region of the signature, else the defaults: whose site it is the site knows.
    fn answer(&self, ctx: Context, visitor: Visitor, head: Parts, body: ByteStream) -> SiteAnswer<'_>;
}
