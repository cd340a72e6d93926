//! One kind of request, signed again for every body.
//!
//! Everything that depends on the second only (head, canonical request up to the body's hash, signing key) is prepared
//! once a second; each request then hashes its body, finishes the canonical request's hash from the saved state, and
//! signs. The bytes on the wire are those of any AWS SDK.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};

use super::Endpoint;
use crate::sign;

/// Headers that are signed: those that boto3 signs for AWS JSON.
const SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// A request for one operation of SQS, AWS JSON 1.0.
pub struct Request {
    operation: &'static str,
    second: u64,
    day: String,
    key: Option<hmac::Key>,
    /// Head of the message up to the signature.
    head: Vec<u8>,
    /// Hash state of the canonical request up to the body's hash.
    canonical: digest::Context,
    /// String to sign up to the canonical request's hash, and room for that.
    to_sign: Vec<u8>,
    to_sign_prefix: usize,
    scratch: Vec<u8>,
}

impl Request {
    /// Requests for this operation, `SendMessage` for example.
    pub fn new(operation: &'static str) -> Self {
        Self {
            operation,
            second: 0,
            day: String::new(),
            key: None,
            head: Vec::new(),
            canonical: digest::Context::new(&digest::SHA256),
            to_sign: Vec::new(),
            to_sign_prefix: 0,
            scratch: Vec::new(),
        }
    }

    /// The operation's name.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Replaces `out` by the whole request, signed now.
    pub fn write(&mut self, endpoint: &Endpoint, payload: &[u8], out: &mut Vec<u8>) {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second {
            self.prepare(endpoint, second);
        }
        self.scratch.clear();
        sign::push_hex(&mut self.scratch, digest::digest(&digest::SHA256, payload).as_ref());
        let mut canonical = self.canonical.clone();
        canonical.update(&self.scratch);
        self.to_sign.truncate(self.to_sign_prefix);
        sign::push_hex(&mut self.to_sign, canonical.finish().as_ref());

        out.clear();
        out.extend_from_slice(&self.head);
        if let Some(key) = &self.key {
            sign::push_hex(out, hmac::sign(key, &self.to_sign).as_ref());
        }
        out.extend_from_slice(b"\r\nContent-Length: ");
        push_number(out, payload.len());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(payload);
    }

    fn prepare(&mut self, endpoint: &Endpoint, second: u64) {
        self.second = second;
        let (operation, host, credentials) = (self.operation, &endpoint.host, &endpoint.credentials);
        let date = sign::amz_date(second);
        let day = date.get(..8).unwrap_or_default();
        if self.day != day || self.key.is_none() {
            day.clone_into(&mut self.day);
            let region = credentials.region.as_bytes();
            self.key = Some(sign::signing_key(&credentials.secret_key, day.as_bytes(), region, b"sqs"));
        }
        let scope = format!("{day}/{}/sqs/aws4_request", credentials.region);

        self.canonical = digest::Context::new(&digest::SHA256);
        self.canonical.update(
            format!(
                "POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{date}\n\
                 x-amz-target:AmazonSQS.{operation}\n\n{SIGNED}\n"
            )
            .as_bytes(),
        );
        self.to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n").into_bytes();
        self.to_sign_prefix = self.to_sign.len();
        self.head = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {CONTENT_TYPE}\r\nX-Amz-Date: {date}\r\n\
             X-Amz-Target: AmazonSQS.{operation}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={}/{scope}, SignedHeaders={SIGNED}, Signature=",
            credentials.access_key
        )
        .into_bytes();
    }
}

/// Appends a number in decimal digits.
pub(crate) fn push_number(out: &mut Vec<u8>, number: usize) {
    use std::io::Write as _;
    // Writing to a vector cannot fail.
    let _ = write!(out, "{number}");
}
