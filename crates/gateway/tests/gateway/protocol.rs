//! HTTP as well-meaning, careless and hostile clients speak it.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use crate::harness::{Start, eventually, json};
use moln_gateway::{Settings, body::Pace, server::Limits};

fn quick() -> Start {
    let limits = Limits {
        head_time: Duration::from_millis(60),
        idle: Duration::from_millis(120),
        write_stall: Duration::from_millis(200),
        ..Limits::default()
    };
    let pace = Pace { silence: Duration::from_millis(60), bytes_per_second: 1_024 };
    Start { limits, settings: Settings { pace, ..Settings::default() }, ..Start::default() }
}

#[tokio::test]
async fn a_request_is_answered_with_its_context() {
    let server = Start::default().run();
    let scope = "Authorization: AWS4-HMAC-SHA256 Credential=123456789012/20260102/eu-north-1/tiny/aws4_request, \
                 SignedHeaders=host, Signature=00\r\n";
    let reply = server.ask(json("Echo", r#"{"Text":"hej"}"#, scope)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let seen = reply.json();
    assert_eq!((&seen["Account"], &seen["Region"]), (&"123456789012".into(), &"eu-north-1".into()));
    assert_eq!((&seen["Text"], &seen["Authority"]), (&"hej".into(), &"http://localhost:4566".into()));
    assert_eq!(reply.header("x-amzn-requestid").unwrap().len(), 36);
    let plain = server.ask(json("Echo", "{}", "")).await.json();
    assert_eq!((&plain["Account"], &plain["Region"]), (&"000000000000".into(), &"us-east-1".into()));
}

#[tokio::test]
async fn the_region_of_the_host_counts_when_nothing_else_names_one() {
    let server = Start::default().run();
    let request = "GET /?Action=Echo&Text=a%20b HTTP/1.1\r\nHost: tiny.ap-south-1.amazonaws.com\r\n\r\n";
    let reply = server.ask(request).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(
        reply.body.contains("<Region>ap-south-1</Region>") && reply.body.contains("<Text>a b</Text>"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn without_an_operation_the_answer_is_awss_bare_one() {
    let server = Start::default().run();
    let reply = server.ask("GET /000000000000/q HTTP/1.1\r\nHost: tiny.localhost\r\n\r\n").await;
    assert_eq!((reply.status, reply.body.trim()), (404, "<UnknownOperationException/>"));
}

#[tokio::test]
async fn requests_come_in_one_piece_in_many_and_several_at_once() {
    let server = Start::default().run();
    let mut client = server.connect().await;
    let pieces = json("Echo", r#"{"Text":"slowly"}"#, "");
    for byte in pieces.as_bytes().chunks(7) {
        client.send(byte).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.reply().await.json()["Text"], "slowly");
    let many: String = (0..50).map(|n| json("Echo", &format!(r#"{{"Text":"{n}"}}"#), "")).collect();
    client.send(many).await;
    for n in 0..50 {
        assert_eq!(client.reply().await.json()["Text"], n.to_string());
    }
}

#[tokio::test]
async fn chunked_bodies_and_expect_continue() {
    let server = Start::default().run();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: Tiny.Echo\r\n";
    let chunked =
        format!("{head}Transfer-Encoding: chunked\r\n\r\n8\r\n{{\"Text\":\r\n5\r\n\"ab\"}}\r\n0\r\n\r\n");
    assert_eq!(server.ask(chunked).await.json()["Text"], "ab");
    let mut client = server.connect().await;
    client.send(format!("{head}Expect: 100-continue\r\nContent-Length: 12\r\n\r\n")).await;
    assert_eq!(client.reply().await.status, 100);
    client.send(r#"{"Text":"x"}"#).await;
    assert_eq!(client.reply().await.json()["Text"], "x");
    // For an empty body there is nothing to continue with: one answer, and the connection ends with it, so that nobody who
    // still waits for the 100 takes a later answer for it.
    let mut client = server.connect().await;
    client.send(format!("{head}Expect: 100-continue\r\nContent-Length: 0\r\n\r\n")).await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{reply:?}");
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_before_and_while_they_come() {
    let server = Start { body_limit: 1_000, ..Start::default() }.run();
    let exact = format!(r#"{{"Text":"{}"}}"#, "x".repeat(1_000 - 11));
    assert_eq!(server.ask(json("Echo", &exact, "")).await.status, 200);
    let reply = server.ask(json("Echo", &format!("{exact} "), "")).await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")), "{reply:?}");
    assert!(reply.json()["__type"].as_str().unwrap().contains("RequestEntityTooLarge"), "{reply:?}");
    let announced = json("Echo", "", "").replace("Content-Length: 0", "Content-Length: 99999999999");
    assert_eq!(server.ask(announced).await.status, 413);
    let mut chunks = json("Echo", "", "").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    for _ in 0..20 {
        chunks.push_str(&format!("64\r\n{}\r\n", "x".repeat(100)));
    }
    assert_eq!(server.ask(chunks).await.status, 413);
}

#[tokio::test]
async fn truncated_and_overlong_bodies() {
    let server = Start::default().run();
    let mut client = server.connect().await;
    client
        .send(json("Echo", r#"{"Text":"x"}"#, "").replace("Content-Length: 12", "Content-Length: 13"))
        .await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.0).await.unwrap();
    // Nobody can be answered who is gone; the server must only not stumble.
    assert!(client.try_reply().await.is_none_or(|reply| reply.status == 400));
    // What is too much is the next request, and no HTTP.
    let mut client = server.connect().await;
    client.send(json("Echo", r#"{"Text":"x"}"#, "").replace("Content-Length: 12", "Content-Length: 8")).await;
    assert_eq!(client.reply().await.status, 400);
    assert!(client.try_reply().await.is_none_or(|reply| reply.status == 400));
    assert_eq!(server.ask(json("Echo", "{}", "")).await.status, 200);
    for length in ["-1", "+5", "0x10", "5, 6", "99999999999999999999999"] {
        let bad = json("Echo", "{}", "").replace("Content-Length: 2", &format!("Content-Length: {length}"));
        let mut client = server.connect().await;
        client.send(bad).await;
        assert!(client.try_reply().await.is_none_or(|reply| [400, 413].contains(&reply.status)), "{length}");
    }
}

#[tokio::test]
async fn heads_that_are_too_large_get_a_431() {
    let server = Start::default().run();
    let mut huge = String::from("GET / HTTP/1.1\r\nHost: x\r\nX-Fill: ");
    huge.push_str(&"a".repeat(10 << 20));
    let mut client = server.connect().await;
    // The server may stop reading long before the end.
    let (mut read, mut write) = client.0.into_split();
    let writing = tokio::spawn(async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut write, huge.as_bytes()).await;
    });
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{:?}", String::from_utf8_lossy(&answer));
    writing.await.unwrap();
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(server.ask(format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")).await.status, 431);
    client = server.connect().await;
    client.send(format!("GET /?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000))).await;
    assert!([414, 431].contains(&client.reply().await.status));
    for nonsense in
        ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\0\x01\0\r\n\r\n"]
    {
        let mut client = server.connect().await;
        client.send(nonsense).await;
        assert!(client.try_reply().await.is_none_or(|reply| reply.status >= 400), "{nonsense:?}");
    }
    assert_eq!(server.ask(json("Echo", "{}", "")).await.status, 200);
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let server = quick().run();
    // Says nothing at all; dribbles a head; sits idle after a request.
    let mut silent = server.connect().await;
    assert!(silent.is_closed().await);
    let mut dribbling = server.connect().await;
    dribbling.send("POST / HTT").await;
    assert!(dribbling.is_closed().await);
    let mut idle = server.connect().await;
    idle.send(json("Echo", "{}", "")).await;
    assert_eq!(idle.reply().await.status, 200);
    assert!(idle.is_closed().await);
    // Stops in the middle of its body: that can still be told.
    let mut stuck = server.connect().await;
    stuck.send(json("Echo", "{}", "").replace("Content-Length: 2", "Content-Length: 200")).await;
    let reply = stuck.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert!(stuck.is_closed().await);
    eventually("all connections are gone", || server.gateway.metrics().connections.load(Relaxed) == 0).await;
}

#[tokio::test]
async fn a_long_poll_is_no_slow_client_and_ends_with_its_client() {
    let server = quick().run();
    let mut waiting = server.connect().await;
    waiting.send(json("Wait", "{}", "")).await;
    let in_flight = || server.gateway.metrics().in_flight.load(Relaxed);
    eventually("the poll waits", || in_flight() == 1).await;
    // Real time: the connection's watch looks every 30 ms, and must find nothing to object to.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(in_flight(), 1);
    drop(waiting);
    eventually("the poll is dropped with its client", || in_flight() == 0).await;
}

#[tokio::test]
async fn panics_hurt_nobody_else() {
    let server = Start::default().run();
    let mut client = server.connect().await;
    client.send(json("Explode", "{}", "")).await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 500);
    assert!(!reply.body.contains("as asked"), "the inside stays inside: {reply:?}");
    client.send(json("Echo", "{}", "")).await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(server.gateway.metrics().panics.load(Relaxed), 1);
    assert_eq!(server.gateway.metrics().in_flight.load(Relaxed), 0);
}

#[tokio::test]
async fn too_many_connections_are_turned_away_politely() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let server = Start { limits, ..Start::default() }.run();
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    for client in [&mut one, &mut two] {
        client.send(json("Echo", "{}", "")).await;
        assert_eq!(client.reply().await.status, 200);
    }
    let reply = server.connect().await.reply().await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    drop(one);
    eventually("there is room again", || server.gateway.metrics().connections.load(Relaxed) == 1).await;
    assert_eq!(server.ask(json("Echo", "{}", "")).await.status, 200);
}

#[tokio::test]
async fn http2_without_tls() {
    use http::Request;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use moln_gateway::body::{Body, Budget, collect};

    let server = Start::default().run();
    let socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let answers: Vec<_> = (0..20)
        .map(|n| {
            let request = Request::post("http://tiny.eu-west-1.localhost:4566/")
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-target", "Tiny.Echo")
                .body(Body::Whole(format!(r#"{{"Text":"{n}"}}"#).into()))
                .unwrap();
            sender.send_request(request)
        })
        .collect();
    let pace = Pace { silence: Duration::from_secs(10), bytes_per_second: 1 };
    let budget = Budget::new(9_999);
    for (n, answer) in answers.into_iter().enumerate() {
        let body =
            collect(answer.await.unwrap().into_body(), 9_999, pace, &mut budget.share()).await.unwrap();
        let seen: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&seen["Text"], &seen["Region"]), (&n.to_string().into(), &"eu-west-1".into()));
        assert_eq!(seen["Authority"], "http://tiny.eu-west-1.localhost:4566");
    }
}

/// Requests with bytes changed, dropped, doubled: whatever they become, nothing panics and nobody else notices.
#[tokio::test]
async fn mutated_requests() {
    use crate::harness::{NOW, signed, signer};
    use moln_gateway::sigv4::presign;

    let server = quick().run();
    let chunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    let target = presign(&signer(), &http::Method::GET, "localhost:4566", "/0/q?Action=Echo&Text=a", 60, NOW);
    let seeds = [
        json("Echo", r#"{"Text":"x"}"#, ""),
        signed(&signer(), "Echo", r#"{"Text":"x"}"#, NOW, &[("x-amz-security-token", "t")]),
        signed(
            &signer(),
            "Echo",
            "3;chunk-signature=0\r\nabc\r\n0;\r\n\r\n",
            NOW,
            &[("x-amz-content-sha256", chunks)],
        ),
        format!(
            "GET {target} HTTP/1.1\r\nHost: tiny.us-east-1.localhost:4566\r\nOrigin: http://localhost\r\n\r\n"
        ),
        "POST /_moln/clock HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n{\"advance\": \"15m\"}"
            .to_owned(),
    ];
    // A small generator (Knuth's constants) with a fixed start: every run is the same.
    let mut state = 2_026_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..1_500 {
        let mut bytes = seeds[random(seeds.len())].clone().into_bytes();
        for _ in 0..=random(4) {
            if bytes.is_empty() {
                break;
            }
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = u8::try_from(random(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"\0%&=;,/ \r\n\xff9"[random(12)]),
                _ => bytes.truncate(at + 1),
            }
        }
        let mut client = server.connect().await;
        client.send(&bytes).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut client.0).await;
        assert!(client.is_closed().await, "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(server.ask(json("Echo", "{}", "")).await.status, 200);
    assert_eq!(server.gateway.metrics().panics.load(Relaxed), 0);
}
