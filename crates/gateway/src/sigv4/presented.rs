//! What a request claims about its signer, before anything is believed.

use std::{borrow::Cow, fmt::Write as _};

use http::{HeaderMap, Uri, header};
use moln_kernel::encoding::percent_decode;

use super::{ALGORITHM, Failure};

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query string.
    Presigned,
    /// In the query string, in the form before version 4 (`AWSAccessKeyId`, `Signature`, `Expires`), which S3 still takes
    /// and boto3 still makes.
    Legacy,
}

/// The claims of a signature. Borrowed from the request where it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented<'a> {
    /// Where it stands.
    pub form: Form,
    /// Access key id.
    pub access_key: Cow<'a, str>,
    /// Scope: `20150830`.
    pub date: Cow<'a, str>,
    /// Scope: region.
    pub region: Cow<'a, str>,
    /// Scope: service's signing name.
    pub service: Cow<'a, str>,
    /// Scope: `aws4_request`.
    pub terminator: Cow<'a, str>,
    /// Names, lower case, separated by `;`.
    pub signed_headers: Cow<'a, str>,
    /// 64 hex digits, as claimed.
    pub signature: Cow<'a, str>,
    /// `X-Amz-Date` of a presigned request.
    pub timestamp: Option<Cow<'a, str>>,
    /// `X-Amz-Expires` of a presigned request, as claimed.
    pub expires: Option<Cow<'a, str>>,
    /// `X-Amz-Security-Token` of a presigned request.
    pub token: Option<Cow<'a, str>>,
}

impl<'a> Presented<'a> {
    /// `Ok(None)`: the request carries no AWS signature at all. An error: it carries a broken one.
    pub fn read(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Option<Self>, Failure> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let Ok(text) = value.to_str() else {
                return Err(Failure::Incomplete("Authorization header is not valid ASCII.".into()));
            };
            // Basic, Bearer and the like are not ours to judge.
            return if text.starts_with("AWS") { Self::from_header(text).map(Some) } else { Ok(None) };
        }
        match uri.query() {
            Some(query) if query.contains("X-Amz-") => Self::from_query(query),
            Some(query) if query.contains("AWSAccessKeyId=") => Ok(Self::from_legacy_query(query)),
            _ => Ok(None),
        }
    }

    fn from_header(text: &'a str) -> Result<Self, Failure> {
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        if algorithm != ALGORITHM {
            let words = format!("Unsupported AWS 'algorithm': '{}'.", printable(algorithm));
            return Err(Failure::Incomplete(words));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            match part.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => {}
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) =
            (credential, signed_headers, signature)
        else {
            let mut words = String::new();
            for (name, there) in [
                ("Credential", credential.is_some()),
                ("Signature", signature.is_some()),
                ("SignedHeaders", signed_headers.is_some()),
            ] {
                if !there {
                    let _ = write!(words, "Authorization header requires '{name}' parameter. ");
                }
            }
            return Err(Failure::Incomplete(words.trim_end().to_owned()));
        };
        let [access_key, date, region, service, terminator] = scope(credential)?.map(Cow::Borrowed);
        Ok(Self {
            form: Form::Header,
            access_key,
            date,
            region,
            service,
            terminator,
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            timestamp: None,
            expires: None,
            token: None,
        })
    }

    fn from_legacy_query(query: &'a str) -> Option<Self> {
        let (mut access_key, mut signature, mut expires, mut token) = (None, None, None, None);
        for (name, value) in query_pairs(query) {
            let slot = match &*name {
                "AWSAccessKeyId" => &mut access_key,
                "Signature" => &mut signature,
                "Expires" => &mut expires,
                "x-amz-security-token" => &mut token,
                _ => continue,
            };
            *slot = Some(value);
        }
        Some(Self {
            form: Form::Legacy,
            access_key: access_key?,
            date: "".into(),
            region: "".into(),
            service: "s3".into(),
            terminator: "".into(),
            signed_headers: "".into(),
            signature: signature?,
            timestamp: None,
            expires: Some(expires?),
            token,
        })
    }

    fn from_query(query: &'a str) -> Result<Option<Self>, Failure> {
        let (mut algorithm, mut credential, mut signed_headers, mut signature) = (None, None, None, None);
        let (mut timestamp, mut expires, mut token) = (None, None, None);
        for (name, value) in query_pairs(query) {
            let slot = match &*name {
                "X-Amz-Algorithm" => &mut algorithm,
                "X-Amz-Credential" => &mut credential,
                "X-Amz-SignedHeaders" => &mut signed_headers,
                "X-Amz-Signature" => &mut signature,
                "X-Amz-Date" => &mut timestamp,
                "X-Amz-Expires" => &mut expires,
                "X-Amz-Security-Token" => &mut token,
                _ => continue,
            };
            *slot = Some(value);
        }
        if algorithm.is_none() && credential.is_none() && signature.is_none() {
            return Ok(None);
        }
        if algorithm.as_deref() != Some(ALGORITHM) {
            return Err(Failure::Incomplete("AWS query-string parameters must include 'X-Amz-Algorithm' with the value 'AWS4-HMAC-SHA256'.".into()));
        }
        let (Some(credential), Some(signed_headers), Some(signature), Some(timestamp)) =
            (credential, signed_headers, signature, timestamp)
        else {
            let words = "AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', \
                         'X-Amz-Signature', 'X-Amz-SignedHeaders' and 'X-Amz-Date'.";
            return Err(Failure::Incomplete(words.into()));
        };
        let [access_key, date, region, service, terminator] = match credential {
            Cow::Borrowed(text) => scope(text).map_err(|_| Failure::BadCredential)?.map(Cow::Borrowed),
            Cow::Owned(text) => {
                scope(&text).map_err(|_| Failure::BadCredential)?.map(|part| Cow::Owned(part.to_owned()))
            }
        };
        Ok(Some(Self {
            form: Form::Presigned,
            access_key,
            date,
            region,
            service,
            terminator,
            signed_headers,
            signature,
            timestamp: Some(timestamp),
            expires,
            token,
        }))
    }
}

/// `keyid/date/region/service/aws4_request`. Key ids may hold a slash, the rest may not.
fn scope(credential: &str) -> Result<[&str; 5], Failure> {
    let mut parts = credential.rsplitn(5, '/');
    let found = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    if let (Some(terminator), Some(service), Some(region), Some(date), Some(key)) = found
        && !key.is_empty()
    {
        return Ok([key, date, region, service, terminator]);
    }
    Err(Failure::Incomplete(format!(
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'.",
        printable(credential)
    )))
}

/// The names and values of a query string, unescaped; invalid UTF-8 is replaced.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (text(name), text(value))
    })
}

fn text(raw: &str) -> Cow<'_, str> {
    match percent_decode(raw.as_bytes(), false) {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(bad) => String::from_utf8_lossy(bad.as_bytes()).into_owned(),
        }),
    }
}

/// At most 200 characters of something that is quoted in an error.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn header(text: &str) -> Result<Option<Presented<'static>>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        let headers: &'static HeaderMap = Box::leak(Box::new(headers));
        let uri: &'static Uri = Box::leak(Box::new(Uri::from_static("/")));
        Presented::read(uri, headers)
    }

    #[test]
    fn header_with_and_without_spaces() {
        for comma in [", ", ","] {
            let text = [
                "AWS4-HMAC-SHA256 Credential=a/b/20150830/us-east-1/sqs/aws4_request",
                "SignedHeaders=host;x-amz-date",
                "Signature=00ff",
            ]
            .join(comma);
            let claims = header(&text).unwrap().unwrap();
            assert_eq!(claims.access_key, "a/b");
            assert_eq!(claims.service, "sqs");
            assert_eq!(claims.signed_headers, "host;x-amz-date");
        }
    }

    #[test]
    fn broken_ones_say_what_is_missing() {
        let words = |text: &str| match header(text) {
            Err(Failure::Incomplete(words)) => words,
            other => panic!("{other:?}"),
        };
        assert!(words("AWS4-HMAC-SHA256 Credential=x/1/2/3/4").contains("'Signature'"));
        assert!(
            words("AWS4-HMAC-SHA256 Credential=x/1/2, SignedHeaders=h, Signature=s")
                .contains("5 slash-delimited")
        );
        assert!(words("AWS4-ECDSA-P256-SHA256 Credential=x").contains("algorithm"));
        assert!(words("AWS AKID:sig").contains("algorithm"));
        assert_eq!(header("Bearer token"), Ok(None));
    }

    #[test]
    fn presigned_is_unescaped() {
        let uri: Uri = "/?Action=X&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20150830%2Fus-east-1%2Fsqs%2Faws4_request\
                        &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=ab"
            .parse()
            .unwrap();
        let headers = HeaderMap::new();
        let claims = Presented::read(&uri, &headers).unwrap().unwrap();
        assert_eq!((&*claims.access_key, &*claims.region, claims.form), ("k", "us-east-1", Form::Presigned));
        assert_eq!(claims.expires.as_deref(), Some("60"));
    }
}
