//! The least an invocation can take: a runtime of a few lines, over one connection that it pipelines on, and a server that
//! does nothing but hand it events. Once the server is an HTTP server, as a Runtime API has to be; once it knows only the
//! bytes that come and go.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::{Error, Result},
    histogram::Histogram,
};

const HEADERS: [(&str, &str); 5] = [
    ("Content-Type", "application/json"),
    ("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
    ("Lambda-Runtime-Deadline-Ms", "1542409706888"),
    ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench"),
    ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
];
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
const PATIENCE: Duration = Duration::from_secs(10);

/// A runtime's process; it ends with its value.
struct Runtime(Child);

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the runtime; its connection.
fn start(program: &Path, arguments: &[&str]) -> Result<(Runtime, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("listen"))?;
    let port = listener.local_addr().map_err(Error::io("listen"))?.port();
    let child = Command::new(program)
        .args(arguments)
        .env("BARE_PORT", port.to_string())
        .stdin(Stdio::null())
        .spawn()
        .map_err(Error::io(format!("run {}", program.display())))?;
    let runtime = Runtime(child);
    let (stream, _) = listener.accept().map_err(Error::io("accept"))?;
    stream.set_nodelay(true).map_err(Error::io("set TCP_NODELAY"))?;
    Ok((runtime, stream))
}

/// The server that knows only bytes: blocking, one buffer.
pub(super) struct Socket {
    _runtime: Runtime,
    stream: TcpStream,
    first: String,
    event: String,
}

impl Socket {
    pub(super) fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let (runtime, mut stream) = start(program, arguments)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(Error::io("set a time limit"))?;
        read_next(&mut stream)?;
        let mut first = String::from("HTTP/1.1 200 OK\r\n");
        for (name, value) in HEADERS {
            let _ = write!(first, "{name}: {value}\r\n");
        }
        first.push_str("Content-Length: 2\r\n\r\n{}");
        let event = format!("{ACCEPTED}{first}");
        Ok(Self { _runtime: runtime, stream, first, event })
    }

    /// From an event's sending until its answer and the request for the next one are read.
    pub(super) fn rounds(&mut self, rounds: u32, times: &mut Histogram) -> Result<()> {
        for _ in 0..rounds {
            let begun = Instant::now();
            // Before the first there is no answer to accept.
            let first = std::mem::take(&mut self.first);
            let bytes = if first.is_empty() { &self.event } else { &first };
            self.stream.write_all(bytes.as_bytes()).map_err(Error::io("send an event"))?;
            read_next(&mut self.stream)?;
            times.record(begun.elapsed());
        }
        Ok(())
    }
}

/// Reads until the request for the next event has come whole.
fn read_next(stream: &mut TcpStream) -> Result<()> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).map_err(Error::io("read an answer"))?;
        if count == 0 {
            return Err(ended());
        }
        read.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let next = memchr::memmem::rfind(&read, b"GET /2018-06-01/runtime/invocation/next");
        if next.is_some() && read.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
    }
}

fn ended() -> Error {
    Error::usage("the bare runtime ended")
}

/// Lets an event go out to the runtime that waits for it.
type Waiting = oneshot::Sender<()>;

/// The HTTP server: hyper on one thread of tokio.
pub(super) struct Api {
    _runtime: Runtime,
    asks: mpsc::UnboundedReceiver<Waiting>,
    waiting: Option<Waiting>,
}

impl Api {
    /// To be called within a tokio runtime.
    pub(super) async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let (runtime, stream) = start(program, arguments)?;
        stream.set_nonblocking(true).map_err(Error::io("accept"))?;
        let stream = tokio::net::TcpStream::from_std(stream).map_err(Error::io("accept"))?;
        let (asked, asks) = mpsc::unbounded_channel();
        let answer = move |request| answer(request, asked.clone());
        tokio::spawn(async move {
            let mut server = http1::Builder::new();
            // The answer to one request and the next event leave in one write.
            server.pipeline_flush(true).serve_connection(TokioIo::new(stream), service_fn(answer)).await
        });
        let mut api = Self { _runtime: runtime, asks, waiting: None };
        api.waiting = Some(api.next().await?);
        Ok(api)
    }

    async fn next(&mut self) -> Result<Waiting> {
        let next = tokio::time::timeout(PATIENCE, self.asks.recv()).await;
        next.ok().flatten().ok_or_else(ended)
    }

    /// From an event's handing out until its answer was taken and the next event is asked for.
    pub(super) async fn rounds(&mut self, rounds: u32, times: &mut Histogram) -> Result<()> {
        for _ in 0..rounds {
            let begun = Instant::now();
            self.waiting.take().ok_or_else(ended)?.send(()).map_err(|()| ended())?;
            self.waiting = Some(self.asks.recv().await.ok_or_else(ended)?);
            times.record(begun.elapsed());
        }
        Ok(())
    }
}

async fn answer(
    request: Request<Incoming>,
    asked: mpsc::UnboundedSender<Waiting>,
) -> std::result::Result<Response<Full<Bytes>>, hyper::Error> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    if request.method() == Method::GET {
        let (waiting, event) = oneshot::channel();
        let _ = asked.send(waiting);
        let _ = event.await;
        for (name, value) in HEADERS {
            let (Ok(name), Ok(value)) =
                (http::HeaderName::try_from(name), http::HeaderValue::try_from(value))
            else {
                continue;
            };
            response.headers_mut().insert(name, value);
        }
    } else {
        request.into_body().collect().await?;
        *response.body_mut() = Full::new(Bytes::from_static(b"{\"status\":\"OK\"}\n"));
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(response)
}
