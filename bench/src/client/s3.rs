//! The operations of S3 that the workloads use, every request really signed with the hash of its body, every answer
//! checked: a put's `ETag` is the MD5 of what was sent, a get's body is what was put, a list has as many keys as it should.

use std::time::{SystemTime, UNIX_EPOCH};

use md5::{Digest as _, Md5};
use memchr::memmem;
use ring::{digest, hmac};

use super::{Connection, Endpoint, request::push_number};
use crate::{
    error::{Error, Result},
    sign,
};

/// Headers that are signed: those that boto3 signs for S3.
const SIGNED: &str = "host;x-amz-content-sha256;x-amz-date";
/// Digits at a content's end that tell one from another.
const NUMBER: usize = 16;

/// Contents of one length that differ in their last digits, so that each is hashed by its end alone.
#[derive(Clone)]
pub struct Content {
    bytes: Vec<u8>,
    sha256: digest::Context,
    md5: Md5,
}

impl Content {
    /// Contents of so many bytes, 16 at least, that do not compress.
    pub fn new(length: usize) -> Self {
        let length = length.max(NUMBER);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()
        })
        .flatten()
        .take(length - NUMBER)
        .collect();
        let mut sha256 = digest::Context::new(&digest::SHA256);
        sha256.update(&bytes);
        let md5 = Md5::new().chain_update(&bytes);
        bytes.resize(length, b'0');
        Self { bytes, sha256, md5 }
    }

    /// Makes this the content with this number; gives its SHA-256 and its MD5 in hexadecimal digits.
    fn become_number(&mut self, number: u64) -> (Vec<u8>, Vec<u8>) {
        let digits = format!("{number:0NUMBER$}");
        let at = self.bytes.len() - NUMBER;
        if let Some(end) = self.bytes.get_mut(at..) {
            end.copy_from_slice(digits.as_bytes());
        }
        let mut sha256 = self.sha256.clone();
        sha256.update(digits.as_bytes());
        let md5 = self.md5.clone().chain_update(&digits);
        (hex(sha256.finish().as_ref()), hex(&md5.finalize()))
    }

    /// Whether an answer is the content with this number.
    fn is_number(&self, answer: &[u8], number: u64) -> bool {
        let at = self.bytes.len() - NUMBER;
        answer.len() == self.bytes.len()
            && answer.get(..at) == self.bytes.get(..at)
            && answer.get(at..) == Some(format!("{number:0NUMBER$}").as_bytes())
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// As S3 answers.
    Objects,
    /// So many bytes and no more: a limit, which keeps nothing.
    Length,
}

/// A connection to S3, or to a limit.
pub struct S3 {
    endpoint: Endpoint,
    connection: Connection,
    check: Check,
    day: String,
    key: Option<hmac::Key>,
    output: Vec<u8>,
    empty: Vec<u8>,
}

impl S3 {
    /// Connects.
    pub async fn connect(endpoint: &Endpoint, check: Check) -> Result<Self> {
        Ok(Self {
            endpoint: endpoint.clone(),
            connection: Connection::open(endpoint.address).await?,
            check,
            day: String::new(),
            key: None,
            output: Vec::new(),
            empty: hex(digest::digest(&digest::SHA256, b"").as_ref()),
        })
    }

    /// Creates a bucket.
    pub async fn create_bucket(&mut self, bucket: &str) -> Result<()> {
        let hash = self.empty.clone();
        self.write("PUT", &format!("/{bucket}"), "", &hash, b"");
        self.send("CreateBucket").await.map(drop)
    }

    /// Puts the content with this number.
    pub async fn put(&mut self, path: &str, content: &mut Content, number: u64) -> Result<()> {
        let (sha256, md5) = content.become_number(number);
        self.write("PUT", path, "", &sha256, &content.bytes);
        self.send("PutObject").await?;
        let etag = self.connection.header(b"etag").unwrap_or_default();
        if self.check == Check::Objects && etag.get(1..etag.len().saturating_sub(1)) != Some(&*md5) {
            let etag = etag.to_vec();
            return Err(Error::wrong("PutObject", "the ETag is not the MD5 of what was put", &etag));
        }
        Ok(())
    }

    /// Gets the content with this number.
    pub async fn get(&mut self, path: &str, content: &Content, number: u64) -> Result<()> {
        let (hash, check) = (self.empty.clone(), self.check);
        self.write("GET", path, "", &hash, b"");
        let answer = self.send("GetObject").await?;
        let right = match check {
            Check::Objects => content.is_number(answer, number),
            Check::Length => answer.len() == content.len(),
        };
        if right { Ok(()) } else { Err(Error::wrong("GetObject", "the body is not what was put", answer)) }
    }

    /// Lists a bucket of so many keys, which must fit a page.
    pub async fn list(&mut self, bucket: &str, keys: usize) -> Result<()> {
        let hash = self.empty.clone();
        self.write("GET", &format!("/{bucket}"), "list-type=2", &hash, b"");
        let answer = self.send("ListObjectsV2").await?;
        let found = memmem::find_iter(answer, b"<Key>").count();
        if found == keys {
            return Ok(());
        }
        Err(Error::wrong("ListObjectsV2", format!("{found} keys instead of {keys}"), answer))
    }

    /// The page of a list that begins behind a key, with at most so many keys; gives the last of them.
    pub async fn page(&mut self, bucket: &str, after: &str, keys: usize) -> Result<Option<String>> {
        let hash = self.empty.clone();
        let query = if after.is_empty() {
            format!("list-type=2&max-keys={keys}")
        } else {
            format!("list-type=2&max-keys={keys}&start-after={after}")
        };
        self.write("GET", &format!("/{bucket}"), &query, &hash, b"");
        let answer = self.send("ListObjectsV2").await?;
        let Some(last) = memmem::rfind(answer, b"<Key>") else { return Ok(None) };
        let rest = answer.get(last + 5..).unwrap_or_default();
        let end = memchr::memchr(b'<', rest).unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned()))
    }

    async fn send(&mut self, operation: &'static str) -> Result<&[u8]> {
        let (status, answer) = self.connection.exchange(&self.output).await?;
        if (200..300).contains(&status) { Ok(answer) } else { Err(Error::refused(operation, status, answer)) }
    }

    /// Makes `output` the whole request, signed now. Path and query must be written as they are signed.
    fn write(&mut self, method: &str, path: &str, query: &str, hash: &[u8], body: &[u8]) {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (host, credentials) = (&self.endpoint.host, &self.endpoint.credentials);
        let date = sign::amz_date(second);
        let day = date.get(..8).unwrap_or_default();
        if self.day != day || self.key.is_none() {
            day.clone_into(&mut self.day);
            let region = credentials.region.as_bytes();
            self.key = Some(sign::signing_key(&credentials.secret_key, day.as_bytes(), region, b"s3"));
        }
        let scope = format!("{day}/{}/s3/aws4_request", credentials.region);
        let hash = String::from_utf8_lossy(hash);
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{date}\n\n{SIGNED}\n{hash}"
        );
        let mut to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n").into_bytes();
        sign::push_hex(&mut to_sign, digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let mark = if query.is_empty() { "" } else { "?" };
        self.output.clear();
        self.output.extend_from_slice(
            format!(
                "{method} {path}{mark}{query} HTTP/1.1\r\nHost: {host}\r\nX-Amz-Date: {date}\r\n\
                 X-Amz-Content-Sha256: {hash}\r\nAuthorization: AWS4-HMAC-SHA256 \
                 Credential={}/{scope}, SignedHeaders={SIGNED}, Signature=",
                credentials.access_key
            )
            .as_bytes(),
        );
        if let Some(key) = &self.key {
            sign::push_hex(&mut self.output, hmac::sign(key, &to_sign).as_ref());
        }
        self.output.extend_from_slice(b"\r\nContent-Length: ");
        push_number(&mut self.output, body.len());
        self.output.extend_from_slice(b"\r\n\r\n");
        self.output.extend_from_slice(body);
    }
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    sign::push_hex(&mut out, bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_hashed_by_their_ends() {
        let mut content = Content::new(1000);
        for number in [0, 7, 123_456] {
            let (sha256, md5) = content.become_number(number);
            assert_eq!(sha256, hex(digest::digest(&digest::SHA256, &content.bytes).as_ref()));
            assert_eq!(md5, hex(&Md5::digest(&content.bytes)));
            assert!(content.is_number(&content.bytes, number) && content.len() == 1000);
            assert!(!content.is_number(&content.bytes, number + 1));
        }
    }
}
