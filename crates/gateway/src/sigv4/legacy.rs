//! Presigned S3 requests in the form before version 4: HMAC-SHA1 over method, expiry, headers and resource.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>

use std::fmt::Write as _;

use http::{HeaderMap, header, request::Parts};
use moln_kernel::Timestamp;
use ring::hmac;

use super::{Failure, Presented, query_pairs};
use crate::route::without_port;

/// Query parameters that name another resource; they are signed, with their values.
const RESOURCES: [&str; 37] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "select-type",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "website",
];

/// Refuses one past its time.
pub(super) fn fresh(claims: &Presented<'_>, now: Timestamp) -> Result<(), Failure> {
    let expires: Option<u64> = claims.expires.as_deref().and_then(|expires| expires.parse().ok());
    let Some(expires) = expires else {
        return Err(Failure::BadExpires("Invalid date (should be seconds since epoch)".into()));
    };
    if now.seconds() > expires { Err(Failure::PresignedExpired) } else { Ok(()) }
}

/// Judges the signature.
pub(super) fn verify(claims: &Presented<'_>, secret: &str, head: &Parts) -> Result<(), Failure> {
    let claimed = base64_decode(&claims.signature).ok_or(Failure::Mismatch)?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    // A bucket in the host stands before the path; whether the host's first label is one is not known here, so both
    // readings count.
    let with_bucket = bucket(&head.headers).map(|bucket| format!("/{bucket}{}", head.uri.path()));
    let readings = std::iter::once(head.uri.path().to_owned()).chain(with_bucket);
    for path in readings {
        if hmac::verify(&key, text(claims, head, &path).as_bytes(), &claimed).is_ok() {
            return Ok(());
        }
    }
    Err(Failure::Mismatch)
}

fn bucket(headers: &HeaderMap) -> Option<&str> {
    let host = without_port(headers.get(header::HOST)?.to_str().ok()?);
    let bucket =
        [".s3.", ".localhost"].iter().find_map(|mark| host.split_once(mark)).map(|(bucket, _)| bucket);
    bucket.filter(|bucket| !bucket.is_empty())
}

fn text(claims: &Presented<'_>, head: &Parts, path: &str) -> String {
    let query = head.uri.query().unwrap_or_default();
    let header = |name: &str| {
        let sent = head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        sent.or_else(|| {
            query_pairs(query)
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.into_owned())
        })
    };
    let mut out = String::with_capacity(256);
    let expires = claims.expires.as_deref().unwrap_or_default();
    for part in [
        head.method.as_str(),
        &header("content-md5").unwrap_or_default(),
        &header("content-type").unwrap_or_default(),
        expires,
    ] {
        out.push_str(part);
        out.push('\n');
    }
    let mut amz: Vec<(String, String)> = head
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-amz-"))
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().trim().to_owned()))
        .chain(
            query_pairs(query)
                .filter(|(name, _)| name.starts_with("x-amz-"))
                .map(|(name, value)| (name.into_owned(), value.into_owned())),
        )
        .collect();
    amz.sort();
    for (name, value) in amz {
        let _ = writeln!(out, "{name}:{value}");
    }
    out.push_str(path);
    let mut resources: Vec<(String, String)> = query_pairs(query)
        .filter(|(name, _)| RESOURCES.contains(&&**name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    resources.sort();
    for (at, (name, value)) in resources.iter().enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        out.push_str(name);
        if !value.is_empty() {
            out.push('=');
            out.push_str(value);
        }
    }
    out
}

/// Base64 of 20 bytes; `None` for anything else.
fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(20);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
        if out.len() > 20 {
            return None;
        }
    }
    (out.len() == 20).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, host: &str) -> Parts {
        http::Request::builder().uri(uri).header("host", host).body(()).unwrap().into_parts().0
    }

    /// The examples of AWS's documentation of this form (keys that were published with it).
    #[test]
    fn a_published_example_holds() {
        let uri = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
        let head = head(uri, "johnsmith.s3.amazonaws.com");
        let claims = Presented::read(&head.uri, &head.headers).unwrap().unwrap();
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(verify(&claims, secret, &head), Ok(()));
        assert_eq!(verify(&claims, "another", &head), Err(Failure::Mismatch));
        let uri = "/b-1/a/b%20c?versionId=3&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=AEsHTrbjuy2vhyfktAhQCER%2BBVk%3D&Expires=1795243741";
        let by_boto3 = self::head(uri, "127.0.0.1:4566");
        let claimed = Presented::read(&by_boto3.uri, &by_boto3.headers).unwrap().unwrap();
        assert_eq!(verify(&claimed, secret, &by_boto3), Ok(()));
        assert_eq!(fresh(&claims, Timestamp(1_175_139_620_000)), Ok(()));
        assert_eq!(fresh(&claims, Timestamp(1_175_139_621_000)), Err(Failure::PresignedExpired));
    }
}
