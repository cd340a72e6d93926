//! A subscriber of the Telemetry API: events are collected and delivered to a listener inside the sandbox.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use moln_kernel::SharedClock;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, mpsc},
    time::timeout,
};

use crate::limits::{TELEMETRY_DELIVERY, TELEMETRY_EVENTS};

/// Which events somebody wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Types {
    /// `platform.*`
    pub(crate) platform: bool,
    /// Lines of the function.
    pub(crate) function: bool,
    /// Lines of extensions.
    pub(crate) extension: bool,
}

impl Types {
    fn wants(self, kind: &str) -> bool {
        match kind {
            "function" => self.function,
            "extension" => self.extension,
            _ => self.platform,
        }
    }
}

/// How events are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// `POST` of an array.
    Http {
        /// On the sandbox's loopback.
        port: u16,
        /// `/` or more.
        path: String,
    },
    /// One event a line.
    Tcp {
        /// On the sandbox's loopback.
        port: u16,
    },
}

/// Which API it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// `/2022-07-01/telemetry`
    Telemetry,
    /// `/2020-08-15/logs`: only what that API knew.
    Logs,
}

/// What a subscriber asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// What.
    pub(crate) types: Types,
    /// Where to.
    pub(crate) destination: Destination,
    /// Events in a delivery, at most.
    pub(crate) max_items: usize,
    /// Bytes in a delivery, at most (a single event may be longer).
    pub(crate) max_bytes: usize,
    /// How long events may wait.
    pub(crate) wait: Duration,
    /// By which API.
    pub(crate) schema: Schema,
}

pub(super) struct Subscriber {
    pub(super) name: Arc<str>,
    types: Types,
    pub(super) schema: Schema,
    events: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    push: Notify,
    lost_records: AtomicU64,
    lost_bytes: AtomicU64,
}

impl Subscriber {
    /// Delivers until it is dropped and everything is delivered or given up.
    pub(super) fn start(name: &str, subscription: Subscription, clock: SharedClock) -> Self {
        let (events, waiting) = mpsc::channel(TELEMETRY_EVENTS);
        let shared = Arc::new(Shared::default());
        let (types, schema) = (subscription.types, subscription.schema);
        tokio::spawn(deliver(subscription, waiting, Arc::clone(&shared), clock));
        Self { name: name.into(), types, schema, events, shared }
    }

    pub(super) fn send(&self, kind: &str, event: Bytes) {
        let known =
            self.schema == Schema::Telemetry || !matches!(kind, "platform.initStart" | "platform.initReport");
        if !known || !self.types.wants(kind) {
            return;
        }
        let bytes = event.len() as u64;
        if self.events.try_send(event).is_err() {
            self.shared.lost_records.fetch_add(1, Ordering::Relaxed);
            self.shared.lost_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// What is there is delivered now.
    pub(super) fn push(&self) {
        self.shared.push.notify_one();
    }
}

async fn deliver(
    subscription: Subscription,
    mut events: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
    clock: SharedClock,
) {
    let mut connection = None;
    while let Some(first) = events.recv().await {
        let mut bytes = first.len();
        let mut batch = vec![first];
        let collect = async {
            while batch.len() < subscription.max_items && bytes < subscription.max_bytes {
                let Some(event) = events.recv().await else { return };
                bytes += event.len();
                batch.push(event);
            }
        };
        tokio::select! {
            // What is there goes along before anything says that it is enough.
            biased;
            () = collect => {}
            () = tokio::time::sleep(subscription.wait) => {}
            () = shared.push.notified() => {}
        }
        let lost = shared.lost_records.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let record = json!({
                "droppedRecords": lost,
                "droppedBytes": shared.lost_bytes.swap(0, Ordering::Relaxed),
                "reason": "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
            });
            let event = json!({ "time": crate::time::iso(clock.now()), "type": "platform.logsDropped", "record": record });
            batch.push(event.to_string().into());
        }
        // A listener that does not answer loses the delivery, not its subscription: twice, for a connection that had
        // been closed in the meantime.
        for _ in 0..2 {
            let sent =
                timeout(TELEMETRY_DELIVERY, send(&subscription.destination, &batch, &mut connection)).await;
            if matches!(sent, Ok(Ok(()))) {
                break;
            }
            connection = None;
        }
    }
}

async fn send(
    destination: &Destination,
    batch: &[Bytes],
    connection: &mut Option<TcpStream>,
) -> std::io::Result<()> {
    let (Destination::Http { port, .. } | Destination::Tcp { port }) = destination;
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(TcpStream::connect(("127.0.0.1", *port)).await?),
    };
    match destination {
        Destination::Tcp { .. } => {
            let mut lines = batch.join(&b'\n');
            lines.push(b'\n');
            stream.write_all(&lines).await
        }
        Destination::Http { path, .. } => {
            let body = batch.join(&b',');
            let mut request = format!(
                "POST {path} HTTP/1.1\r\nHost: sandbox.localdomain:{port}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n[",
                body.len() + 2
            )
            .into_bytes();
            request.extend_from_slice(&body);
            request.push(b']');
            stream.write_all(&request).await?;
            if !answered(stream).await? {
                *connection = None;
            }
            Ok(())
        }
    }
}

/// Reads an answer of at most 16 KiB. `true`: the connection may be used again.
async fn answered(stream: &mut TcpStream) -> std::io::Result<bool> {
    let mut answer = Vec::new();
    let mut buffer = [0_u8; 2048];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return if answer.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(false) };
        }
        answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut headers);
        match head.parse(&answer) {
            Ok(httparse::Status::Complete(end)) => {
                let header = |name: &str| {
                    head.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value)
                };
                let closes = header("connection").is_some_and(|v| v.eq_ignore_ascii_case(b"close"));
                let length = header("content-length")
                    .and_then(|v| std::str::from_utf8(v).ok()?.trim().parse::<usize>().ok())
                    .or(matches!(head.code, Some(204 | 304)).then_some(0));
                if closes || length.is_none_or(|length| length > 16 * 1024) || head.version != Some(1) {
                    return Ok(false);
                }
                if answer.len() >= end + length.unwrap_or(0) {
                    return Ok(true);
                }
            }
            Ok(httparse::Status::Partial) => {}
            Err(_) => return Ok(false),
        }
        if answer.len() > 32 * 1024 {
            return Ok(false);
        }
    }
}
