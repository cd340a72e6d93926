//! Making signatures: for Moln's own command line, and for tests.

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use moln_kernel::{
    Timestamp,
    encoding::{hex, percent_encode},
};
use ring::hmac;

use crate::names;

use super::{
    ALGORITHM, EMPTY_SHA256, TERMINATOR, amz_date, canonical::Canonical, key, verify::string_to_sign,
};

/// Who signs, and for what.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret: String,
    /// Region of the scope.
    pub region: String,
    /// Signing name of the service.
    pub service: String,
}

impl Signer {
    fn scope(&self, date: &str) -> String {
        format!("{}/{}/{}/{TERMINATOR}", date.get(..8).unwrap_or_default(), self.region, self.service)
    }

    fn signature(&self, date: &str, canonical: &Canonical<'_>) -> String {
        let day = date.get(..8).unwrap_or_default();
        let signing = key::derive(&self.secret, day, &self.region, &self.service);
        let text = string_to_sign(date, &self.scope(date), &canonical.text());
        hex(hmac::sign(&signing, text.as_bytes()).as_ref())
    }
}

/// Adds `X-Amz-Date` and `Authorization` to the headers, which must hold `Host`. Signs every header that is there.
pub fn sign(
    signer: &Signer,
    method: &Method,
    uri: &Uri,
    headers: &mut HeaderMap,
    body: &[u8],
    now: Timestamp,
) {
    let date = amz_date(now);
    if let Ok(value) = HeaderValue::from_str(&date) {
        headers.insert("x-amz-date", value);
    }
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let signed_headers = names.join(";");
    // Chunked and unsigned payloads name themselves in the header.
    let named = headers.get(&names::CONTENT_SHA256).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let payload = named.unwrap_or_else(|| hex(key::sha256(body).as_ref()));
    let canonical = Canonical {
        method: method.as_str(),
        uri,
        headers,
        signed_headers: &signed_headers,
        payload: &payload,
        s3: signer.service == "s3",
    };
    let signature = signer.signature(&date, &canonical);
    let scope = signer.scope(&date);
    let value = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
        signer.access_key
    );
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(header::AUTHORIZATION, value);
    }
}

/// The path and query of a presigned request with an empty body that lives for `expires` seconds.
pub fn presign(
    signer: &Signer,
    method: &Method,
    host: &str,
    target: &str,
    expires: i64,
    now: Timestamp,
) -> String {
    let date = amz_date(now);
    let credential = percent_encode(&format!("{}/{}", signer.access_key, signer.scope(&date)));
    let join = if target.contains('?') { '&' } else { '?' };
    let unsigned = format!(
        "{target}{join}X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={date}\
         &X-Amz-Expires={expires}&X-Amz-SignedHeaders=host"
    );
    let (Ok(uri), Ok(host)) = (unsigned.parse::<Uri>(), HeaderValue::from_str(host)) else {
        return unsigned;
    };
    let headers = HeaderMap::from_iter([(header::HOST, host)]);
    let s3 = signer.service == "s3";
    let canonical = Canonical {
        method: method.as_str(),
        uri: &uri,
        headers: &headers,
        signed_headers: "host",
        payload: if s3 { super::UNSIGNED_PAYLOAD } else { EMPTY_SHA256 },
        s3,
    };
    format!("{unsigned}&X-Amz-Signature={}", signer.signature(&date, &canonical))
}
