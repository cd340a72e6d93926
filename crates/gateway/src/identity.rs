//! Who calls, for which account and region, and whether they are let in.

use std::{cell::RefCell, sync::Arc};

use bytes::Bytes;
use http::request::Parts;
use moln_kernel::{AccountId, Caller, Endpoint, Principal, Region, ports::Credential};

use crate::sigv4::{ChunkChain, Failure, Now, Presented, Verifier};

/// Whom a listener lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone; signatures are verified only when the key is known. For loopback.
    Development,
    /// Only requests with a good signature by a known key.
    Required,
}

/// A caller that was let in.
#[derive(Clone)]
pub struct Identity {
    /// Whose state is addressed.
    pub account: AccountId,
    /// Who calls.
    pub principal: Principal,
    /// What else is known of the caller, when a signature was verified.
    pub caller: Option<Arc<Caller>>,
    /// Verifies the body's chunks, when it comes in signed ones.
    pub chain: Option<ChunkChain>,
    /// Whether a signature was verified.
    pub verified: bool,
}

/// The rules by which callers are let in.
#[derive(Clone)]
pub struct Doorkeeper {
    /// Judges signatures.
    pub verifier: Verifier,
    /// The account of keys that name none.
    pub account: AccountId,
    /// The region of requests that name none.
    pub region: Region,
}

impl Doorkeeper {
    /// Turns strangers away by the head alone: those who do not sign, or with a key nobody knows, where that is needed.
    /// Gives the key's secret and owner, when it is known. `open`: who does not sign is let through, to be judged behind.
    pub fn glance(
        &self,
        access: Access,
        claims: Result<Option<&Presented<'_>>, &Failure>,
        open: bool,
    ) -> Result<Option<Credential>, Failure> {
        let known = claims.ok().flatten().and_then(|claims| self.verifier.find(&claims.access_key));
        match (access, claims) {
            (Access::Development, _) => Ok(known),
            (Access::Required, Err(failure)) => Err(failure.clone()),
            (Access::Required, Ok(None)) if open => Ok(None),
            (Access::Required, Ok(None)) => Err(Failure::Missing),
            (Access::Required, Ok(Some(_))) => known.map(Some).ok_or(Failure::UnknownKey),
        }
    }

    /// Lets the request in or not. `known`: what [`Doorkeeper::glance`] gave for the same claims. Without a body, the one
    /// that is still to come is judged at its end.
    pub fn admit(
        &self,
        (access, open): (Access, bool),
        claims: Option<&Presented<'_>>,
        known: Option<&Credential>,
        (head, body): (&Parts, Option<&Bytes>),
        service: Option<&str>,
        now: Now,
    ) -> Result<Identity, Failure> {
        if access == Access::Required && known.is_none() && !(open && claims.is_none()) {
            return Err(Failure::Missing);
        }
        let Some(claims) = claims else {
            return Ok(self.unverified(self.account.clone(), Principal::Anonymous));
        };
        let Some(credential) = known else {
            if open {
                // What is presigned expires whether its key is known or not.
                self.verifier.fresh(claims, &head.headers, now)?;
            }
            // Twelve digits as key id name the account; anything else (`test`) is the default one.
            let account = AccountId::parse(&claims.access_key).unwrap_or_else(|| self.account.clone());
            return Ok(self.unverified(account.clone(), Principal::Account(account)));
        };
        let verified = self.verifier.verify(claims, credential, head, body, service, now)?;
        Ok(Identity {
            account: verified.account,
            principal: verified.principal,
            caller: Some(verified.caller),
            chain: verified.chain,
            verified: true,
        })
    }

    #[expect(clippy::unused_self, reason = "reads as a decision of the doorkeeper")]
    fn unverified(&self, account: AccountId, principal: Principal) -> Identity {
        Identity { account, principal, caller: None, chain: None, verified: false }
    }

    /// The region: of the signature, else of the host, else the default.
    pub fn region(&self, claims: Option<&Presented<'_>>, host: Option<&str>) -> Region {
        claims
            .and_then(|claims| Region::parse(&claims.region))
            .or_else(|| host.and_then(Region::parse))
            .unwrap_or_else(|| self.region.clone())
    }
}

/// Endpoints kept a thread: clients use few names for us.
const KEPT: usize = 16;

thread_local! {
    static ENDPOINTS: RefCell<Vec<Arc<Endpoint>>> = const { RefCell::new(Vec::new()) };
}

/// The client's view of our address, shared between the requests of a thread.
pub fn endpoint(scheme: &'static str, authority: &str) -> Arc<Endpoint> {
    ENDPOINTS.with_borrow_mut(|kept| {
        if let Some(known) = kept.iter().find(|e| &*e.authority == authority && e.scheme == scheme) {
            return Arc::clone(known);
        }
        let new = Arc::new(Endpoint { scheme, authority: authority.into() });
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push(Arc::clone(&new));
        new
    })
}
