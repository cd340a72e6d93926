//! Web pages, and Moln's own API.

use crate::harness::{KEY, NOW, SECRET, Start, json, write};
use http::{HeaderMap, HeaderValue, Method, header};
use moln_gateway::sigv4::{Signer, sign};

#[tokio::test]
async fn pages_on_loopback_may_call() {
    let server = Start::default().run();
    let reply = server.ask(json("Echo", "{}", "Origin: http://localhost:5173\r\n")).await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, Some("http://localhost:5173"))
    );
    assert_eq!(
        (reply.header("vary"), reply.header("access-control-expose-headers")),
        (Some("Origin"), Some("*"))
    );
    // Errors, too, or the page could not tell why.
    let reply = server.ask(json("Fly", "{}", "Origin: http://localhost:5173\r\n")).await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (400, Some("http://localhost:5173"))
    );
    let reply = server
        .ask(
            "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://127.0.0.1:80\r\nAccess-Control-Request-Method: \
             POST\r\nAccess-Control-Request-Headers: authorization,x-amz-target\r\n\r\n",
        )
        .await;
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-headers"), Some("authorization,x-amz-target"));
    assert!(reply.header("access-control-allow-methods").unwrap().contains("DELETE"));
}

#[tokio::test]
async fn pages_of_foreign_sites_may_not() {
    let server = Start::default().run();
    for (host, headers) in [
        ("localhost:4566", "Origin: https://evil.example\r\n"),
        ("localhost:4566", "Sec-Fetch-Site: cross-site\r\n"),
        ("evil.example:4566", "Origin: http://evil.example:4566\r\n"),
        ("evil.example:4566", "User-Agent: Mozilla/5.0\r\n"),
    ] {
        let reply = server.ask(json("Echo", "{}", headers).replace("localhost:4566", host)).await;
        assert_eq!(
            (reply.status, reply.header("access-control-allow-origin")),
            (403, None),
            "{host} {headers}"
        );
        // Neither may they move the clock.
        let clock = format!(
            "POST /_moln/clock?advance=1d HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        assert_eq!(server.ask(clock).await.status, 403);
    }
    let preflight = "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\
                     Access-Control-Request-Method: POST\r\n\r\n";
    assert_eq!(server.ask(preflight).await.status, 403);
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost:4566\r\n\r\n")
}

#[tokio::test]
async fn the_admin_api_for_development() {
    let server = Start::default().run();
    let health = server.ask(get("/_moln/health")).await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"ok".into()));
    assert_eq!(health.json()["services"]["tiny"]["operations"], 3);
    assert_eq!(health.json()["details"]["parts"], 1);
    assert_eq!(server.ask(get("/_localstack/health")).await.json()["services"]["tiny"], "available");
    assert_eq!(server.ask(get("/_localstack/info")).await.json()["server_time_utc"], "2026-01-02T03:04:05Z");
    assert_eq!(server.ask(get("/_moln/clock")).await.json()["offsetMillis"], 0);
    let body = r#"{"advance":"1h30m"}"#;
    let post =
        format!("POST /_moln/clock HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let moved = server.ask(post).await.json();
    assert_eq!((&moved["now"], &moved["offsetMillis"]), (&"2026-01-02T04:34:05Z".into(), &5_400_000.into()));
    let backup = server.ask("POST /_moln/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((backup.status, backup.body.as_str()), (200, "one two"));
    for (request, status) in [
        (get("/_moln/nothing"), 404),
        (get("/_moln/backup"), 405),
        ("POST /_moln/clock?advance=soon HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".into(), 400),
    ] {
        assert_eq!(server.ask(request).await.status, status);
    }
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let server = Start::default().run();
    for _ in 0..3 {
        server.ask(json("Echo", "{}", "")).await;
    }
    server.ask(json("Fly", "{}", "")).await;
    let reply = server.ask(get("/metrics")).await;
    assert!(reply.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in [
        r#"moln_requests_total{service="tiny",operation="Echo",status="2xx"} 3"#,
        r#"moln_request_seconds_count{service="tiny",operation="Echo"} 3"#,
        "moln_requests_lost_total 1",
        "moln_requests_in_flight 1",
        "moln_test 42",
    ] {
        assert!(reply.body.lines().any(|found| found == line), "{line}\n{}", reply.body);
    }
}

#[tokio::test]
async fn behind_signatures_only_health_is_open() {
    let server = Start::required().run();
    for path in ["/_moln/health", "/_localstack/health"] {
        let reply = server.ask(get(path)).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.body.contains("parts"), "strangers learn nothing about the inside: {reply:?}");
    }
    for path in ["/_moln/clock", "/_moln/backup", "/metrics", "/_localstack/info"] {
        let reply = server.ask(get(path)).await;
        assert_eq!(reply.status, 403, "{path}");
        assert_eq!(reply.json()["message"], "Request is missing Authentication Token", "{path}");
    }
    let ask = |service: &str| {
        let signer = Signer {
            access_key: KEY.into(),
            secret: SECRET.into(),
            region: "us-east-1".into(),
            service: service.into(),
        };
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost:4566"))]);
        sign(&signer, &Method::GET, &"/metrics".parse().unwrap(), &mut headers, b"", NOW);
        write("GET", "/metrics", &headers, "")
    };
    assert_eq!(server.ask(ask("moln")).await.status, 200);
    assert_ne!(server.ask(ask("tiny")).await.status, 200);
}
