//! Verification of a request's signature (AWS, version 4, header form), as fast as we know how: one pass, the signing key cached.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use http::request::Parts;
use ring::{digest, hmac};

use crate::sign;

/// Seconds that a request's date may differ from now: AWS allows five minutes, fifteen for some services.
const SKEW: u64 = 300;

thread_local! {
    /// The last scope seen by this thread, with its signing key.
    static KEY: RefCell<Option<(Vec<u8>, hmac::Key)>> = const { RefCell::new(None) };
}

/// `Some` when the request is signed with this secret key, for now, and nothing signed was changed.
pub(super) fn verify(head: &Parts, body: &[u8], secret: &str) -> Option<()> {
    let authorization = head.headers.get("authorization")?.to_str().ok()?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field = |name: &str| {
        let mut all = fields.split(',').map(str::trim_start);
        all.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    };
    let (_, scope) = field("Credential")?.split_once('/')?;
    let signed = field("SignedHeaders")?;
    let signature = unhex(field("Signature")?)?;
    let date = head.headers.get("x-amz-date")?.as_bytes();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    if sign::unix_time(date)?.abs_diff(now) > SKEW || !scope.as_bytes().starts_with(date.get(..8)?) {
        return None;
    }

    let mut hex = Vec::with_capacity(64);
    let mut canonical = digest::Context::new(&digest::SHA256);
    canonical.update(head.method.as_str().as_bytes());
    canonical.update(b"\n");
    canonical.update(head.uri.path().as_bytes());
    canonical.update(b"\n");
    canonical.update(head.uri.query().unwrap_or_default().as_bytes());
    canonical.update(b"\n");
    for name in signed.split(';') {
        canonical.update(name.as_bytes());
        canonical.update(b":");
        canonical.update(head.headers.get(name)?.as_bytes().trim_ascii());
        canonical.update(b"\n");
    }
    canonical.update(b"\n");
    canonical.update(signed.as_bytes());
    canonical.update(b"\n");
    sign::push_hex(&mut hex, digest::digest(&digest::SHA256, body).as_ref());
    canonical.update(&hex);

    let mut to_sign = Vec::with_capacity(160);
    to_sign.extend_from_slice(b"AWS4-HMAC-SHA256\n");
    to_sign.extend_from_slice(date);
    to_sign.push(b'\n');
    to_sign.extend_from_slice(scope.as_bytes());
    to_sign.push(b'\n');
    sign::push_hex(&mut to_sign, canonical.finish().as_ref());
    KEY.with_borrow_mut(|cached| {
        if cached.as_ref().is_none_or(|(known, _)| known != scope.as_bytes()) {
            let mut parts = scope.split('/').map(str::as_bytes);
            let (date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
            *cached = Some((scope.as_bytes().to_vec(), sign::signing_key(secret, date, region, service)));
        }
        let (_, key) = cached.as_ref()?;
        hmac::verify(key, &to_sign, &signature).ok()
    })
}

/// The 32 bytes of 64 hexadecimal digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
