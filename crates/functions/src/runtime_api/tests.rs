//! The APIs over real connections, with good and bad clients.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc, oneshot},
};

use super::{Answer, Api, Conversation, Event, Serving, Stream};
use crate::{
    limits::{HEAD, RESPONSE},
    testing::{log, revision},
};

const NEXT: &str = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";

struct Server {
    api: Arc<Api>,
    port: u16,
    _serving: Serving,
}

impl Server {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let api = Api::new(Arc::new(revision()), log(revision().logging).0, true);
        let serving = api.serve(listener, moln_sandbox::Peers::everybody()).unwrap();
        Self { api, port, _serving: serving }
    }

    async fn client(&self) -> Client {
        Client { stream: TcpStream::connect(("127.0.0.1", self.port)).await.unwrap(), read: Vec::new() }
    }

    /// Gives the runtime an invocation as soon as it waits.
    async fn deliver(&self, id: &str, stream: Option<Stream>) {
        let (event, mut stream) = (event(id), stream);
        let handed = self.api.until(|state| state.deliver(&event, &mut stream)).await;
        // Dropped, and so served like all others.
        Conversation::new(&self.api).begin(handed);
    }

    async fn answer(&self) -> Answer {
        self.api.until(|state| state.current.as_mut().and_then(|current| current.answer.take())).await
    }
}

fn event(id: &str) -> Event {
    Event {
        request_id: id.into(),
        deadline_ms: 42,
        function_arn: "arn:f:alias".into(),
        trace: "Root=1".into(),
        client_context: Some("{\"a\":\r\n1}".into()),
        cognito_identity: None,
        payload: Bytes::from_static(b"{\"in\":1}"),
    }
}

struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// An answer: status, head, body.
    async fn answer(&mut self) -> (u16, String, String) {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if let Some((head, rest)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                if rest.len() >= length {
                    self.read.drain(..head.len() + 4 + length);
                    let status = head[9..12].parse().unwrap();
                    return (status, head.to_owned(), rest[..length].to_owned());
                }
            }
            let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read_buf(&mut self.read));
            assert_ne!(read.await.expect("an answer comes").unwrap(), 0, "closed after {text}");
        }
    }

    async fn status(&mut self, request: &str) -> (u16, String) {
        self.send(request).await;
        let (status, _, body) = self.answer().await;
        (status, body)
    }
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn an_invocation_goes_round_pipelined() {
    let server = Server::start();
    let mut runtime = server.client().await;
    runtime.send(NEXT).await;
    server.deliver("id-1", None).await;
    let (status, head, body) = runtime.answer().await;
    assert_eq!((status, body.as_str()), (200, "{\"in\":1}"));
    for header in [
        "Lambda-Runtime-Aws-Request-Id: id-1",
        "Lambda-Runtime-Deadline-Ms: 42",
        "Lambda-Runtime-Invoked-Function-Arn: arn:f:alias",
        "Lambda-Runtime-Trace-Id: Root=1",
        "Lambda-Runtime-Client-Context: {\"a\":  1}",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("Cognito"));
    runtime.send(format!("{}{NEXT}", post("invocation/id-1/response", "\"out\""))).await;
    assert_eq!(server.answer().await, Answer::Value(Bytes::from_static(b"\"out\"")));
    server.deliver("id-2", None).await;
    let (status, _, body) = runtime.answer().await;
    assert_eq!((status, body.as_str()), (202, "{\"status\":\"OK\"}"));
    assert!(runtime.answer().await.1.contains("id-2"));
}

#[tokio::test]
async fn second_and_foreign_answers_are_refused() {
    let server = Server::start();
    let mut runtime = server.client().await;
    assert_eq!(runtime.status(&post("invocation/none/response", "1")).await.0, 400);
    runtime.send(NEXT).await;
    server.deliver("id", None).await;
    runtime.answer().await;
    let (status, body) = runtime.status(&post("invocation/other/response", "1")).await;
    assert!(status == 400 && body.contains("InvalidRequestID"), "{status} {body}");
    let (status, body) = runtime.status(NEXT).await;
    assert!(status == 403 && body.contains("InvalidStateTransition"), "{status} {body}");
    assert_eq!(runtime.status(&post("invocation/id/response", "1")).await.0, 202);
    let (status, body) = runtime.status(&post("invocation/id/response", "2")).await;
    assert!(status == 403 && body.contains("InvalidStateTransition"), "{status} {body}");
    assert_eq!(runtime.status(&post("invocation/id/error", "{}")).await.0, 403);
    assert_eq!(runtime.status(&post("init/error", "{}")).await.0, 403);
    assert_eq!(server.answer().await, Answer::Value(Bytes::from_static(b"1")));
}

#[tokio::test]
async fn errors_are_taken_with_their_type() {
    let server = Server::start();
    let mut runtime = server.client().await;
    runtime.send(NEXT).await;
    server.deliver("id", None).await;
    runtime.answer().await;
    let body = r#"{"errorType":"ValueError","errorMessage":"x"}"#;
    let cause = "x".repeat(60_000);
    let head = format!(
        "POST /2018-06-01/runtime/invocation/id/error HTTP/1.1\r\nLambda-Runtime-Function-Error-Type: Runtime.Mine\r\n\
         Lambda-Runtime-Function-XRay-Error-Cause: {cause}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(runtime.status(&head).await.0, 202);
    let Answer::Error(reported) = server.answer().await else { panic!("an error") };
    assert_eq!((reported.kind.as_str(), &*reported.body), ("Runtime.Mine", body.as_bytes()));

    let starting = Server::start();
    let mut runtime = starting.client().await;
    assert_eq!(runtime.status(&post("init/error", body)).await.0, 202);
    let kind = starting.api.with(|state| state.init_error.clone().unwrap().kind);
    assert_eq!(kind, "ValueError");
    assert_eq!(runtime.status(&NEXT.replace("invocation", "restore")).await.0, 404);
}

#[tokio::test]
async fn too_long_an_answer_is_read_to_its_end_and_refused() {
    for chunked in [false, true] {
        let server = Server::start();
        let mut runtime = server.client().await;
        runtime.send(NEXT).await;
        server.deliver("id", None).await;
        runtime.answer().await;
        let body = vec![b'x'; 7 << 20];
        let path = "POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\n";
        if chunked {
            runtime.send(format!("{path}Transfer-Encoding: chunked\r\n\r\n")).await;
            for piece in body.chunks(1 << 20) {
                runtime.send(format!("{:x}\r\n", piece.len())).await;
                runtime.send(piece).await;
                runtime.send("\r\n").await;
            }
            runtime.send("0\r\n\r\n").await;
        } else {
            runtime.send(format!("{path}Content-Length: {}\r\n\r\n", body.len())).await;
            runtime.send(&body).await;
        }
        let (status, _, text) = runtime.answer().await;
        assert!(status == 413 && text.contains(&RESPONSE.to_string()), "{status} {text}");
        assert_eq!(server.answer().await, Answer::TooLarge);
    }
}

#[tokio::test]
async fn a_streamed_answer_arrives_piece_by_piece_and_may_end_in_an_error() {
    let server = Server::start();
    let mut runtime = server.client().await;
    runtime.send(NEXT).await;
    let (head, begun) = oneshot::channel();
    let (pieces, mut body) = mpsc::channel(1);
    server.deliver("id", Some(Stream { head: Some(head), pieces })).await;
    runtime.answer().await;
    runtime
        .send(
            "POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\
             Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Type: text/x\r\nX-Mine: 1\r\n\
             Trailer: Lambda-Runtime-Function-Error-Type\r\n\r\n3\r\nabc\r\n",
        )
        .await;
    let head = begun.await.unwrap();
    assert_eq!((head.content_type.as_deref(), head.streaming), (Some("text/x"), true));
    assert_eq!(head.headers, [("X-Mine".to_owned(), "1".to_owned())]);
    assert_eq!(body.recv().await.unwrap(), "abc", "before the rest is there");
    let error =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, br#"{"errorMessage":"mid"}"#);
    runtime
        .send(format!(
            "2\r\nde\r\n0\r\nLambda-Runtime-Function-Error-Type: Mid\r\nLambda-Runtime-Function-Error-Body: {error}\r\n\r\n"
        ))
        .await;
    assert_eq!(body.recv().await.unwrap(), "de");
    assert_eq!(body.recv().await, None);
    let Answer::Error(reported) = server.answer().await else { panic!("an error") };
    assert_eq!((reported.kind.as_str(), &*reported.body), ("Mid", &br#"{"errorMessage":"mid"}"#[..]));
    assert_eq!(runtime.answer().await.0, 202);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let server = Server::start();
    let mut runtime = server.client().await;
    runtime.send(NEXT).await;
    server.deliver("id", None).await;
    runtime.answer().await;
    runtime
        .send("POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    drop(runtime);
    assert_eq!(server.answer().await, Answer::Truncated);
}

#[tokio::test]
async fn hostile_clients_are_refused_and_others_go_on() {
    let server = Server::start();
    let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(HEAD + 1));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200));
    for (bad, status) in [
        ("\u{0}\u{1}nonsense\r\n\r\n", 400),
        (long.as_str(), 431),
        (many.as_str(), 431),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("GET /2018-06-01/nothing HTTP/1.1\r\n\r\n", 404),
    ] {
        let mut client = server.client().await;
        client.send(bad).await;
        assert_eq!(client.answer().await.0, status, "{}", &bad[..bad.len().min(60)]);
    }
    // Chunks that are none end the connection.
    let mut client = server.client().await;
    client.send("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await;
    assert_eq!(client.stream.read(&mut [0; 8]).await.unwrap(), 0);
    // A client that closes its half still gets its answer.
    let mut client = server.client().await;
    client.send("GET /2018-06-01/ping HTTP/1.1\r\n\r\n").await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.answer().await.2, "pong");
    // A body that waits for leave gets it.
    let mut client = server.client().await;
    client.send("POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
    assert_eq!(client.answer().await.0, 100);
    client.send("ab").await;
    assert_eq!(client.answer().await.0, 404);
    // A runtime that went away while it waited takes no invocation; it may come again.
    let mut gone = server.client().await;
    gone.send(NEXT).await;
    server.api.until(|state| state.is_waiting().then_some(())).await;
    drop(gone);
    while server.api.with(super::State::is_waiting) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut runtime = server.client().await;
    runtime.send(NEXT).await;
    server.deliver("id", None).await;
    assert_eq!(runtime.answer().await.0, 200);
}

#[tokio::test]
async fn extensions_register_and_get_events() {
    let server = Server::start();
    server.api.with(|state| state.expect("outer"));
    let mut extension = server.client().await;
    let register = |name: &str, body: &str| {
        format!(
            "POST /2020-01-01/extension/register HTTP/1.1\r\nLambda-Extension-Name: {name}\r\n\
             Lambda-Extension-Accept-Feature: accountId\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    assert_eq!(extension.status(&register("", "{}")).await.0, 403);
    assert_eq!(extension.status(&register("outer", "[")).await.0, 403);
    assert_eq!(extension.status(&register("outer", r#"{"events":["PARTY"]}"#)).await.0, 403);
    extension.send(register("outer", r#"{"events":["INVOKE","SHUTDOWN"]}"#)).await;
    let (status, head, body) = extension.answer().await;
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({ "functionName": "f", "functionVersion": "$LATEST", "handler": "index.handler", "accountId": "000000000000" })
    );
    let id =
        head.lines().find_map(|line| line.strip_prefix("Lambda-Extension-Identifier: ")).unwrap().to_owned();
    let next = |id: &str| {
        format!("GET /2020-01-01/extension/event/next HTTP/1.1\r\nLambda-Extension-Identifier: {id}\r\n\r\n")
    };
    assert!(extension.status(&next("x")).await.1.contains("Extension.InvalidExtensionIdentifier"));
    extension.send(next(&id)).await;
    server
        .api
        .until(|state| {
            state.extensions[0].tell(super::Wish::Invoke, &Bytes::from_static(b"{\"e\":1}")).then_some(())
        })
        .await;
    assert_eq!(extension.answer().await.2, "{\"e\":1}");
    let error = format!(
        "POST /2020-01-01/extension/exit/error HTTP/1.1\r\nLambda-Extension-Identifier: {id}\r\n\
         Lambda-Extension-Function-Error-Type: Mine.Failed\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    assert_eq!(extension.status(&error).await.0, 202);
    let failed = server.api.with(|state| state.failed_extension()).unwrap();
    assert_eq!((&*failed.0, failed.1.kind.as_str()), ("outer", "Mine.Failed"));
    let subscribe = |host: &str| {
        let body = format!(
            r#"{{"schemaVersion":"2022-12-13","types":["function"],"destination":{{"protocol":"HTTP","URI":"http://{host}:1234"}}}}"#
        );
        format!(
            "PUT /2022-07-01/telemetry HTTP/1.1\r\nLambda-Extension-Identifier: {id}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    assert_eq!(extension.status(&subscribe("127.0.0.1")).await.0, 400);
    assert_eq!(extension.status(&subscribe("sandbox.localdomain")).await, (200, "\"OK\"".into()));
}
