//! Compressed request bodies (`Content-Encoding: gzip`), as AWS's SDKs send large ones to some operations.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use moln_kernel::ApiError;

/// Takes a gzip body apart, at most `limit` bytes; gives every other one back.
///
/// Errors: `SerializationException` for what is no gzip, 413 for what is too long once it is inflated.
pub(crate) fn inflated(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, ApiError> {
    let gzip = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !gzip || body.is_empty() {
        return Ok(body);
    }
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    // One byte more than is allowed tells that there is more.
    let read = MultiGzDecoder::new(&body[..]).take(limit as u64 + 1).read_to_end(&mut out);
    read.map_err(|_| ApiError::sender("SerializationException", "The request's body is not valid gzip."))?;
    if out.len() > limit {
        let words = format!("The request must be at most {limit} bytes long.");
        return Err(ApiError::sender("RequestEntityTooLarge", words).with_status(413));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(data: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn only_gzip_and_within_its_limit() {
        let mut headers = HeaderMap::new();
        let plain = Bytes::from_static(b"{}");
        assert_eq!(inflated(&headers, plain.clone(), 10).unwrap(), plain);
        headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(inflated(&headers, gzip(b"hello"), 5).unwrap(), "hello");
        assert_eq!(inflated(&headers, gzip(&vec![0; 1 << 20]), 1_000).unwrap_err().status, 413);
        assert_eq!(inflated(&headers, plain, 10).unwrap_err().code, "SerializationException");
        assert!(inflated(&headers, gzip(b"hello").slice(..12), 10).is_err(), "torn");
    }
}
