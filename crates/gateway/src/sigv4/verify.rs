//! Judging a signature.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use moln_kernel::{
    AccountId, Caller, Principal, Timestamp,
    encoding::{hex, hex_into, unhex},
    ports::{Credential, Credentials},
};
use ring::hmac;

use crate::names;

use super::{
    ALGORITHM, ChunkChain, EMPTY_SHA256, Failure, Form, MAX_EXPIRES_SECONDS, MAX_SKEW_SECONDS, Presented,
    TERMINATOR, UNSIGNED_PAYLOAD, amz_date,
    canonical::Canonical,
    date::{parse_amz_date, parse_date_header},
    key, legacy,
};

/// A caller whose signature holds.
#[derive(Clone)]
pub struct Verified {
    /// The key's account.
    pub account: AccountId,
    /// Whose key it is.
    pub principal: Principal,
    /// What else is known of it.
    pub caller: Arc<Caller>,
    /// Where the chain of chunk signatures begins, when the body comes in signed chunks.
    pub chain: Option<ChunkChain>,
}

/// The present moment, as it looks from several sides.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the clock.
    pub clock: Timestamp,
    /// By which a presigned request expires: the unmoved clock, and every movement since it was signed.
    pub expiry: Timestamp,
    /// By the clock as it would be had nobody moved it: what the dates of clients, who go by the system's time, are
    /// compared with. Moving the clock must not lock everyone out.
    pub unmoved: Timestamp,
}

/// Judges signatures by the secrets it can find.
#[derive(Clone)]
pub struct Verifier {
    credentials: Arc<dyn Credentials>,
}

impl Verifier {
    /// Looks secrets up there.
    pub fn new(credentials: Arc<dyn Credentials>) -> Self {
        Self { credentials }
    }

    /// The key's secret and owner; `None` when it is not known.
    pub fn find(&self, access_key: &str) -> Option<Credential> {
        self.credentials.find(access_key)
    }

    /// Verifies the claims against the whole request. The body of a chunked upload is verified by its decoder, with the
    /// chain that is returned; so is one that is still to come (`None`), whose hash must be checked at its end. `service`: the signing name of the service that will answer; `None` skips that check.
    pub fn verify(
        &self,
        claims: &Presented<'_>,
        credential: &Credential,
        head: &Parts,
        body: Option<&Bytes>,
        service: Option<&str>,
        now: Now,
    ) -> Result<Verified, Failure> {
        if claims.form == Form::Legacy {
            legacy::fresh(claims, now.expiry)?;
            token_fits(claims, credential, &head.headers)?;
            legacy::verify(claims, &credential.secret, head)?;
            return Ok(Verified {
                account: credential.account.clone(),
                principal: credential.principal.clone(),
                caller: Arc::clone(&credential.caller),
                chain: None,
            });
        }
        let signed_at = self.moment(claims, &head.headers, now)?;
        let date = amz_date(signed_at);
        scope_fits(claims, &date, service)?;
        token_fits(claims, credential, &head.headers)?;
        headers_are_signed(claims, &head.headers)?;
        let payload = payload(claims, &head.headers, body)?;
        let text = Canonical {
            method: head.method.as_str(),
            uri: &head.uri,
            headers: &head.headers,
            signed_headers: &claims.signed_headers,
            payload: &payload,
            s3: claims.service == "s3",
        }
        .text();
        let scope = [&*claims.date, &*claims.region, &*claims.service, TERMINATOR].join("/");
        let signing = key::recent(
            &claims.access_key,
            &credential.secret,
            &claims.date,
            &claims.region,
            &claims.service,
        );
        let claimed = unhex::<32>(&claims.signature).ok_or(Failure::Mismatch)?;
        let to_sign = string_to_sign(&date, &scope, &text);
        // Compares in constant time.
        hmac::verify(&signing, to_sign.as_bytes(), &claimed).map_err(|_| Failure::Mismatch)?;
        if credential.expires.is_some_and(|end| end <= now.clock) {
            return Err(Failure::Expired);
        }
        let chain = payload
            .starts_with("STREAMING-AWS4-HMAC-SHA256")
            .then(|| ChunkChain::new(signing, date, scope, claims.signature.to_string()));
        Ok(Verified {
            account: credential.account.clone(),
            principal: credential.principal.clone(),
            caller: Arc::clone(&credential.caller),
            chain,
        })
    }

    /// Refuses a presigned request past its time, whoever signed it.
    pub fn fresh(&self, claims: &Presented<'_>, headers: &HeaderMap, now: Now) -> Result<(), Failure> {
        match claims.form {
            Form::Header => Ok(()),
            Form::Legacy => legacy::fresh(claims, now.expiry),
            Form::Presigned => self.moment(claims, headers, now).map(drop),
        }
    }

    /// When it was signed; an error when that is too far from now.
    #[expect(clippy::unused_self, reason = "reads as a part of the verifier")]
    fn moment(&self, claims: &Presented<'_>, headers: &HeaderMap, now: Now) -> Result<Timestamp, Failure> {
        let at = match claims.form {
            Form::Legacy => None,
            Form::Presigned => claims.timestamp.as_deref().and_then(parse_amz_date),
            Form::Header => match headers.get(&names::DATE) {
                Some(date) => date.to_str().ok().and_then(parse_amz_date),
                None => {
                    headers.get(http::header::DATE).and_then(|d| d.to_str().ok()).and_then(parse_date_header)
                }
            },
        };
        let Some(at) = at else {
            return Err(Failure::Incomplete(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".into(),
            ));
        };
        let (expiry, now) = (now.expiry.seconds(), now.unmoved);
        let (now_s, at_s) = (now.seconds(), at.seconds());
        if at_s > now_s + MAX_SKEW_SECONDS {
            return Err(Failure::Skew(format!(
                "Signature not yet current: {} is still later than {} ({} + 15 min.)",
                amz_date(at),
                amz_date(Timestamp((now_s + MAX_SKEW_SECONDS) * 1_000)),
                amz_date(now),
            )));
        }
        if claims.form == Form::Presigned {
            let life = expires(claims)?;
            return if expiry > at_s + life { Err(Failure::PresignedExpired) } else { Ok(at) };
        }
        if at_s + MAX_SKEW_SECONDS < now_s {
            return Err(Failure::Skew(format!(
                "Signature expired: {} is now earlier than {} ({} - 15 min.)",
                amz_date(at),
                amz_date(Timestamp((now_s - MAX_SKEW_SECONDS) * 1_000)),
                amz_date(now),
            )));
        }
        Ok(at)
    }
}

fn expires(claims: &Presented<'_>) -> Result<u64, Failure> {
    let Some(text) = claims.expires.as_deref() else {
        return Ok(MAX_SKEW_SECONDS);
    };
    let seconds: i64 =
        text.parse().map_err(|_| Failure::BadExpires("X-Amz-Expires should be a number".to_owned()))?;
    let seconds = u64::try_from(seconds)
        .map_err(|_| Failure::BadExpires("X-Amz-Expires must be non-negative".to_owned()))?;
    if seconds > MAX_EXPIRES_SECONDS {
        let words = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be \
                     less than 604800 seconds";
        return Err(Failure::BadExpires(words.into()));
    }
    Ok(seconds)
}

fn scope_fits(claims: &Presented<'_>, date: &str, service: Option<&str>) -> Result<(), Failure> {
    if claims.terminator != TERMINATOR {
        return Err(Failure::Scope(format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
            claims.terminator
        )));
    }
    if date.get(..8) != Some(&claims.date) {
        return Err(Failure::Scope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', \
             from '{date}'.",
            claims.date,
            date.get(..8).unwrap_or_default(),
        )));
    }
    match service {
        Some(service) if claims.service != service => {
            Err(Failure::Scope(format!("Credential should be scoped to correct service: '{service}'. ")))
        }
        _ => Ok(()),
    }
}

fn token_fits(claims: &Presented<'_>, credential: &Credential, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(want) = &credential.session_token else {
        return Ok(());
    };
    let header = headers.get(&names::SECURITY_TOKEN).map(http::HeaderValue::as_bytes);
    let got = claims.token.as_deref().map(str::as_bytes).or(header).unwrap_or_default();
    // Compared by their hashes, so that the time it takes tells nothing about the token.
    if key::sha256(got).as_ref() == key::sha256(want.as_bytes()).as_ref() {
        Ok(())
    } else {
        Err(Failure::BadToken)
    }
}

/// `host` and every `x-amz-` header must be under the signature: else a captured request could be turned into another one.
fn headers_are_signed(claims: &Presented<'_>, headers: &HeaderMap) -> Result<(), Failure> {
    let signed = |name: &str| claims.signed_headers.split(';').any(|known| known == name);
    if !signed("host") {
        return Err(Failure::Incomplete(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
        ));
    }
    for name in headers.keys() {
        let name = name.as_str();
        // What is judged on its own, and what says nothing about the request.
        let apart = matches!(
            name,
            "x-amz-content-sha256" | "x-amz-date" | "x-amz-security-token" | "x-amz-user-agent"
        );
        if name.starts_with("x-amz-") && !apart && !signed(name) {
            return Err(Failure::Incomplete(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    Ok(())
}

/// The payload line of the canonical request, after the body was found to be what it says.
fn payload<'a>(
    claims: &Presented<'_>,
    headers: &'a HeaderMap,
    body: Option<&Bytes>,
) -> Result<Cow<'a, str>, Failure> {
    let hash = |body: &Bytes| {
        if body.is_empty() {
            Cow::Borrowed(EMPTY_SHA256)
        } else {
            Cow::Owned(hex(key::sha256(body).as_ref()))
        }
    };
    match headers.get(&names::CONTENT_SHA256).map(http::HeaderValue::to_str) {
        Some(Ok(named)) if named == UNSIGNED_PAYLOAD || named.starts_with("STREAMING-") => Ok(named.into()),
        Some(Ok(claimed)) => {
            let Some(body) = body else { return Ok(claimed.into()) };
            let actual = hash(body);
            if claimed.eq_ignore_ascii_case(&actual) {
                Ok(claimed.into())
            } else {
                Err(Failure::ContentMismatch)
            }
        }
        Some(Err(_)) => Err(Failure::ContentMismatch),
        None if claims.form == Form::Presigned && claims.service == "s3" => Ok(UNSIGNED_PAYLOAD.into()),
        None => body.map(hash).ok_or(Failure::ContentMismatch),
    }
}

/// `AWS4-HMAC-SHA256`, date, scope, hash of the canonical request.
pub(crate) fn string_to_sign(date: &str, scope: &str, canonical: &str) -> String {
    let mut out = String::with_capacity(160);
    for line in [ALGORITHM, date, scope] {
        out.push_str(line);
        out.push('\n');
    }
    hex_into(&mut out, key::sha256(canonical.as_bytes()).as_ref());
    out
}
