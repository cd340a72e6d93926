//! Who is let in, and in what words everyone else is not.

use std::time::Duration;

use crate::harness::{KEY, NOW, Reply, SECRET, Start, json, signed, signer};
use http::{HeaderMap, HeaderValue, Method, header};
use moln_gateway::sigv4::{Signer, presign, sign};
use moln_kernel::{MovableClock, Timestamp};

fn assert_refused(reply: &Reply, status: u16, code: &str, words: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(reply.body.contains(code) && reply.body.contains(words), "{code}, {words}: {reply:?}");
    assert!(!reply.body.contains(SECRET));
}

#[tokio::test]
async fn a_good_signature_is_let_in_as_its_account() {
    let server = Start::required().run();
    let reply = server.ask(signed(&signer(), "Echo", r#"{"Text":"x"}"#, NOW, &[])).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let seen = reply.json();
    assert_eq!((&seen["Account"], &seen["Region"]), (&"111122223333".into(), &"eu-north-1".into()));
    // Off by less than 15 minutes, odd blanks in a header.
    for minutes in [-14, 14] {
        let at = Timestamp(NOW.0.saturating_add_signed(minutes * 60_000));
        let request = signed(&signer(), "Echo", "{}", at, &[("x-amz-meta", "a   b  c ")]);
        assert_eq!(server.ask(request).await.status, 200);
    }
}

#[tokio::test]
async fn every_kind_of_bad_signature() {
    let server = Start::required().run();
    assert_refused(&server.ask(json("Echo", "{}", "")).await, 400, "MissingAuthenticationToken", "Missing");
    // A stranger is refused before the body is read.
    let waiting = json("Echo", "{}", "").replace("Content-Length: 2", "Content-Length: 60000");
    assert_eq!(server.ask(waiting).await.status, 400);
    let form = "POST / HTTP/1.1\r\nHost: tiny.localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 11\r\n\r\nAction=Echo";
    assert_refused(
        &server.ask(form).await,
        403,
        "<Code>MissingAuthenticationToken</Code>",
        "Request is missing",
    );

    let good = signed(&signer(), "Echo", r#"{"Text":"x"}"#, NOW, &[]);
    let mismatch = "does not match the signature you provided";
    let invalid = "InvalidSignatureException";
    assert_refused(&server.ask(good.replace(r#""x""#, r#""y""#)).await, 400, invalid, mismatch);
    assert_refused(&server.ask(good.replace("Tiny.Echo", "Tiny.Wait")).await, 400, invalid, mismatch);
    assert_refused(&server.ask(good.replace("POST / ", "POST /?a=b ")).await, 400, invalid, mismatch);
    assert_refused(
        &server.ask(good.replace("localhost:4566", "localhost:4567")).await,
        400,
        invalid,
        mismatch,
    );
    let wrong = Signer { secret: "wrong".into(), ..signer() };
    assert_refused(&server.ask(signed(&wrong, "Echo", "{}", NOW, &[])).await, 400, invalid, mismatch);
    let unknown = Signer { access_key: "AKIDUNKNOWN".into(), ..signer() };
    let reply = server.ask(signed(&unknown, "Echo", "{}", NOW, &[])).await;
    assert_refused(
        &reply,
        400,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    );
    let other = Signer { service: "other".into(), ..signer() };
    assert_refused(
        &server.ask(signed(&other, "Echo", "{}", NOW, &[])).await,
        400,
        invalid,
        "correct service: 'tiny'",
    );

    let header = good.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap();
    for (bad, words) in [
        (header.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-MD5"), "algorithm"),
        (header.replace("Signature=", "Sig="), "requires 'Signature' parameter"),
        (header.replace("/eu-north-1", ""), "exactly 5 slash-delimited"),
        (header.replace("host;", ""), "'Host' or ':authority' must be a 'SignedHeader'"),
        (header.replace(";x-amz-target", ""), "'x-amz-target' must be a 'SignedHeader'"),
    ] {
        assert_refused(&server.ask(good.replace(header, &bad)).await, 400, "IncompleteSignature", words);
    }
    let term = server.ask(good.replace("aws4_request", "aws5_request")).await;
    assert_refused(&term, 400, invalid, "valid terminator");
    let day = server.ask(good.replace("/20260102/", "/20260103/")).await;
    assert_refused(&day, 400, invalid, "'20260103' != '20260102'");
    let undated = server.ask(good.replace("x-amz-date", "x-date")).await;
    assert_refused(&undated, 400, "IncompleteSignature", "'X-Amz-Date'");
}

#[tokio::test]
async fn old_and_future_signatures() {
    let server = Start::required().run();
    let old = signed(&signer(), "Echo", "{}", Timestamp(NOW.0 - 16 * 60_000), &[]);
    assert_refused(
        &server.ask(&old).await,
        400,
        "InvalidSignatureException",
        "Signature expired: 20260102T024805Z is now earlier than 20260102T024905Z (20260102T030405Z - 15 min.)",
    );
    // Whoever moves the clock does not move the clients'.
    server.clock.advance(Duration::from_hours(48));
    let request = signed(&signer(), "Echo", "{}", NOW, &[]);
    assert_eq!(server.ask(&request).await.status, 200);
    assert_eq!(server.ask(&old).await.status, 400);
    let future = signed(&signer(), "Echo", "{}", Timestamp(NOW.0 + 32 * 60_000), &[]);
    assert_refused(
        &server.ask(future).await,
        400,
        "InvalidSignatureException",
        "Signature not yet current: ",
    );
}

#[tokio::test]
async fn presigned_requests_live_as_long_as_they_say() {
    let server = Start::required().run();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: localhost:4566\r\n\r\n");
    let make = |expires, at| {
        presign(&signer(), &Method::GET, "localhost:4566", "/q?Action=Echo&Text=a%20b", expires, at)
    };
    let target = make(60, NOW);
    let reply = server.ask(get(&target)).await;
    assert!(reply.status == 200 && reply.body.contains("<Text>a b</Text>"), "{reply:?}");
    let forged = target.replace("a%20b", "a%20c");
    assert_refused(&server.ask(get(&forged)).await, 403, "<Code>SignatureDoesNotMatch</Code>", "");
    let longer = target.replace("Expires=60", "Expires=6000");
    assert_refused(&server.ask(get(&longer)).await, 403, "SignatureDoesNotMatch", "");
    assert_refused(&server.ask(get(&make(604_801, NOW))).await, 400, "", "less than a week");
    assert_refused(&server.ask(get(&make(-1, NOW))).await, 400, "", "non-negative");
    let unsigned = target.split("&X-Amz-Signature").next().unwrap();
    assert_refused(&server.ask(get(unsigned)).await, 403, "IncompleteSignature", "'X-Amz-Signature'");
    server.clock.advance(Duration::from_mins(1));
    assert_eq!(server.ask(get(&target)).await.status, 200);
    server.clock.advance(Duration::from_secs(1));
    assert_refused(
        &server.ask(get(&target)).await,
        400,
        "<Code>RequestExpired</Code>",
        "Request has expired",
    );
    // A long-lived one may be older than 15 minutes.
    let long = make(604_800, Timestamp(NOW.0 - 86_400_000));
    assert_eq!(server.ask(get(&long)).await.status, 200);
}

#[tokio::test]
async fn temporary_credentials_need_their_token() {
    let server = Start { token: Some("the-token"), ..Start::required() }.run();
    let ask = |extra: &[(&'static str, &str)]| signed(&signer(), "Echo", "{}", NOW, extra);
    assert_eq!(server.ask(ask(&[("x-amz-security-token", "the-token")])).await.status, 200);
    for extra in [&[][..], &[("x-amz-security-token", "another")]] {
        assert_refused(&server.ask(ask(extra)).await, 400, "UnrecognizedClientException", "security token");
    }
}

#[tokio::test]
async fn for_development_known_keys_are_verified_and_all_others_welcome() {
    let server = Start::default().run();
    let stranger = Signer { access_key: "test".into(), secret: "any".into(), ..signer() };
    let seen = server.ask(signed(&stranger, "Echo", "{}", Timestamp(0), &[])).await.json();
    assert_eq!((&seen["Account"], &seen["Region"]), (&"000000000000".into(), &"eu-north-1".into()));
    let seen = server.ask(signed(&signer(), "Echo", "{}", NOW, &[])).await.json();
    assert_eq!(seen["Account"], "111122223333");
    let wrong = Signer { secret: "wrong".into(), ..signer() };
    assert_eq!(server.ask(signed(&wrong, "Echo", "{}", NOW, &[])).await.status, 400);
    let broken = json("Echo", "{}", "Authorization: AWS4-HMAC-SHA256 nonsense\r\n");
    assert_eq!(server.ask(broken).await.status, 200);
}

#[tokio::test]
async fn aws_chunked_bodies_are_taken_apart() {
    let server = Start::required().run();
    let payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    let body = "c\r\n{\"Text\":\"x\"}\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
    let extra = [("x-amz-content-sha256", payload), ("x-amz-decoded-content-length", "12")];
    let request = signed(&signer(), "Echo", body, NOW, &extra);
    let reply = server.ask(&request).await;
    assert!(reply.status == 200 && reply.json()["Text"] == "x", "{reply:?}");
    let short = signed(&signer(), "Echo", &body.replace("c\r\n{", "d\r\n{"), NOW, &extra);
    assert_refused(&server.ask(short).await, 400, "IncompleteBody", "");
    // Chunks that must be signed and are not.
    let extra = [("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), extra[1]];
    let unsigned = signed(&signer(), "Echo", body, NOW, &extra);
    assert_refused(&server.ask(unsigned).await, 400, "InvalidSignatureException", "does not match");
}

#[tokio::test]
async fn a_hash_of_another_body_is_not_believed() {
    let server = Start::required().run();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let lying = signed(&signer(), "Echo", r#"{"Text":"x"}"#, NOW, &[("x-amz-content-sha256", empty)]);
    assert_refused(&server.ask(lying).await, 400, "InvalidSignatureException", "");
    let unsigned =
        signed(&signer(), "Echo", r#"{"Text":"x"}"#, NOW, &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]);
    assert_eq!(server.ask(unsigned).await.status, 200);
}

/// AWS General Reference, "Signature Version 4 test suite" and "Examples of the complete signing process".
#[test]
fn published_signatures() {
    let at = Timestamp(1_440_938_160_000);
    let signature =
        |service: &str, method: Method, uri: &str, headers: &[(&'static str, &str)], body: &str| {
            let signer = Signer {
                access_key: KEY.into(),
                secret: SECRET.into(),
                region: "us-east-1".into(),
                service: service.into(),
            };
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_str(value).unwrap());
            }
            sign(&signer, &method, &uri.parse().unwrap(), &mut map, body.as_bytes(), at);
            let text = map[header::AUTHORIZATION].to_str().unwrap().to_owned();
            text.rsplit_once("Signature=").unwrap().1.to_owned()
        };
    let host = ("host", "example.amazonaws.com");
    for (method, uri, body, headers, want) in [
        (Method::GET, "/", "", &[][..], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (Method::POST, "/", "", &[], "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            Method::GET,
            "/?Param2=value2&Param1=value1",
            "",
            &[],
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            Method::POST,
            "/",
            "Param1=value1",
            &[("content-type", "application/x-www-form-urlencoded")],
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ] {
        let all: Vec<_> = [host].into_iter().chain(headers.iter().copied()).collect();
        assert_eq!(signature("service", method, uri, &all, body), want, "{uri} {body}");
    }
    let iam =
        [("content-type", "application/x-www-form-urlencoded; charset=utf-8"), ("host", "iam.amazonaws.com")];
    assert_eq!(
        signature("iam", Method::GET, "/?Action=ListUsers&Version=2010-05-08", &iam, ""),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}
