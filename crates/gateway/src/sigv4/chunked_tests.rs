use super::*;
use crate::sigv4::key::derive;

/// The example of S3's documentation, `PutObject` in chunked uploads: 66,560 bytes of `a` in chunks of 64 KiB.
fn published() -> (ChunkChain, [&'static str; 3]) {
    let key = derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3");
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let chain = ChunkChain::new(
        key,
        "20130524T000000Z".into(),
        "20130524/us-east-1/s3/aws4_request".into(),
        seed.into(),
    );
    let signatures = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ];
    (chain, signatures)
}

fn published_body(signatures: [&str; 3]) -> Vec<u8> {
    let mut body = Vec::new();
    for (size, signature) in [65_536, 1_024, 0].into_iter().zip(signatures) {
        body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'a', size));
        body.extend_from_slice(b"\r\n");
    }
    body
}

#[test]
fn the_published_example_verifies() {
    let (chain, signatures) = published();
    let body = published_body(signatures);
    assert_eq!(body.len(), 66_824);
    let (data, trailers) = decode_all(&body, Some(chain), Some(66_560)).unwrap();
    assert_eq!(data.len(), 66_560);
    assert!(data.iter().all(|b| *b == b'a') && trailers.is_empty());
}

#[test]
fn any_changed_byte_is_noticed() {
    let (chain, signatures) = published();
    let body = published_body(signatures);
    for at in [0, 3, 30, 200, 40_000, 65_700, 66_300, 66_820] {
        let mut bad = body.clone();
        bad[at] ^= 1;
        assert!(decode_all(&bad, Some(chain.clone()), Some(66_560)).is_err(), "byte {at}");
    }
    let last = decode_all(&body[..body.len() - 91], Some(chain), None);
    assert!(last.is_err(), "a body without its last chunk");
}

#[test]
fn byte_by_byte_gives_the_same() {
    let (chain, signatures) = published();
    let body = published_body(signatures);
    let mut decoder = ChunkDecoder::new(Some(chain), None);
    let mut total = 0;
    for byte in body {
        decoder.push(&[byte], &mut |data| total += data.len()).unwrap();
    }
    decoder.finish().unwrap();
    assert_eq!(total, 66_560);
}

#[test]
fn unsigned_chunks_with_trailer() {
    let body = b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let (data, trailers) = decode_all(body, None, Some(11)).unwrap();
    assert_eq!(&data[..], b"hello world");
    assert_eq!(trailers, [("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned())]);
    assert_eq!(decode_all(body, None, Some(12)), Err(ChunkError::Length));
    assert_eq!(decode_all(body, None, Some(10)), Err(ChunkError::Length));
}

#[test]
fn signed_trailers_are_checked_and_unsigned_ones_refused() {
    let (chain, _) = published();
    let mut signer = chain.clone();
    let first = signer.sign_chunk(b"hello");
    let last = signer.sign_chunk(b"");
    let mut hash = fresh();
    hash.update(b"x-amz-checksum-crc32c:sOO8/Q==\n");
    let text = signer.text("AWS4-HMAC-SHA256-TRAILER", &[&hex(hash.finish().as_ref())]);
    let trailer = hex(hmac::sign(&signer.key, text.as_bytes()).as_ref());
    let start = format!(
        "5;chunk-signature={first}\r\nhello\r\n0;chunk-signature={last}\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n"
    );
    let good = format!("{start}x-amz-trailer-signature:{trailer}\r\n\r\n");
    let (data, trailers) = decode_all(good.as_bytes(), Some(chain.clone()), Some(5)).unwrap();
    assert_eq!((&data[..], trailers.len()), (&b"hello"[..], 1));
    let bad = good.replace("sOO8", "sOO9");
    assert_eq!(decode_all(bad.as_bytes(), Some(chain.clone()), None), Err(ChunkError::Signature));
    assert_eq!(decode_all(format!("{start}\r\n").as_bytes(), Some(chain), None), Err(ChunkError::Signature));
}

#[test]
fn malformed_bodies() {
    for bad in [
        &b"zz\r\n"[..],
        b"\r\n",
        b"-1\r\n",
        b"11111111111111111\r\n",
        b"1\r\nab\r\n",
        b"0\r\nnocolon\r\n\r\n",
        b"0\r\n\r\nmore",
    ] {
        assert!(matches!(decode_all(bad, None, None), Err(ChunkError::Malformed(_))), "{bad:?}");
    }
    assert_eq!(decode_all(b"5\r\nhel", None, None), Err(ChunkError::Truncated));
    assert_eq!(decode_all(&[b'0'; 5_000], None, None), Err(ChunkError::Malformed("a line is too long")));
}
