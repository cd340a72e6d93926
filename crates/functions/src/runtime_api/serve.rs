//! Connections and routes.

use std::{io, sync::Arc};

use moln_sandbox::Peers;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::UnboundedReceiver,
    task::JoinSet,
};

use super::{
    Api,
    conversation::{Talk, converse},
    http::{Connection, Head},
    socket::Socket,
    state::Refusal,
};
use crate::limits::{CONNECTIONS, SMALL_BODY};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const OK: &[u8] = br#"{"status":"OK"}"#;

/// What becomes of a connection.
pub(super) enum Then {
    /// It goes on.
    Next,
    /// The runtime waits on it for an invocation.
    Wait,
    /// It ends.
    Close,
}

/// Takes connections until it is dropped; they end with it. `strays` are those that
/// did not come to the listener, or that somebody else served so far.
pub(super) async fn serve(
    api: Arc<Api>,
    listener: TcpListener,
    peers: Peers,
    mut strays: UnboundedReceiver<Talk>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Whoever opens more connections than that waits; the listener's backlog is bounded by the kernel.
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    // Of another function, or whoever else shares the loopback: it hears nothing.
                    if !peers.include(&stream) {
                        continue;
                    }
                    let _ = stream.set_nodelay(true);
                    connections.spawn(converse(Arc::clone(&api), Connection::new(Socket::Tcp(stream))));
                }
                // Out of descriptors: others will be closed.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            Some(talk) = strays.recv() => {
                connections.spawn(talk);
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Passes connections on until it is dropped.
pub(super) async fn forward(listener: TcpListener, to: std::net::SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((mut stream, _)) => {
                    connections.spawn(async move {
                        let Ok(mut platform) = TcpStream::connect(to).await else { return };
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut platform).await;
                    });
                }
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Answers a request, whatever it asks for.
pub(super) async fn route(api: &Api, connection: &mut Connection, head: &Head) -> io::Result<Then> {
    let path = head.path().split('?').next().unwrap_or_default().trim_end_matches('/');
    let invocation =
        path.strip_prefix("/2018-06-01/runtime/invocation/").and_then(|rest| rest.split_once('/'));
    match (head.method(), path, invocation) {
        ("GET", "/2018-06-01/runtime/invocation/next", _) => {
            connection.skip().await?;
            Ok(Then::Wait)
        }
        ("POST", _, Some((id, "response"))) => api.response(connection, head, id).await,
        ("POST", _, Some((id, "error"))) => api.invocation_error(connection, head, id).await,
        ("POST", "/2018-06-01/runtime/init/error", _) => api.init_error(connection, head).await,
        ("GET", "/2018-06-01/ping", _) => {
            connection.put(200, &[], b"pong");
            Ok(Then::Next)
        }
        ("POST", "/2020-01-01/extension/register", _) => {
            let Some(body) = small(connection).await? else { return Ok(Then::Next) };
            Ok(finish(connection, api.register(head, &body)))
        }
        ("GET", "/2020-01-01/extension/event/next", _) => api.next_event(connection, head).await,
        ("POST", "/2020-01-01/extension/init/error" | "/2020-01-01/extension/exit/error", _) => {
            let phase = if path.contains("/init/") { "init" } else { "exit" };
            let Some(body) = small(connection).await? else { return Ok(Then::Next) };
            Ok(finish(connection, api.extension_error(head, phase, body)))
        }
        ("PUT", "/2022-07-01/telemetry" | "/2020-08-15/logs", _) => {
            let logs = path.ends_with("/logs");
            let Some(body) = small(connection).await? else { return Ok(Then::Next) };
            Ok(finish(connection, api.subscribe(head, logs, &body)))
        }
        // Restoring from snapshots (`/runtime/restore/…`) is not part of environments that are not restored: the path is
        // not there, as on AWS.
        _ => {
            connection.skip().await?;
            connection.put(404, &[("Content-Type", "text/plain")], b"404 page not found\n");
            Ok(Then::Next)
        }
    }
}

/// A success with these further headers and body.
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) header: Option<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Success {
    pub(super) fn accepted() -> Self {
        Self { status: 202, header: None, body: OK.to_vec() }
    }
}

fn finish(connection: &mut Connection, result: Result<Success, Refusal>) -> Then {
    match result {
        Ok(success) => match &success.header {
            Some((name, value)) => connection.put(success.status, &[JSON, (name, value)], &success.body),
            None => connection.put(success.status, &[JSON], &success.body),
        },
        Err(refusal) => refuse(connection, &refusal),
    }
    Then::Next
}

/// The error as its document.
pub(super) fn refuse(connection: &mut Connection, refusal: &Refusal) {
    let body = serde_json::json!({ "errorMessage": refusal.message, "errorType": refusal.kind }).to_string();
    connection.put(refusal.status, &[JSON], body.as_bytes());
}

/// `202 {"status":"OK"}`
pub(super) fn accept(connection: &mut Connection) {
    connection.put(202, &[JSON], OK);
}

/// A body that has no reason to be long; when it is, the refusal is put already.
async fn small(connection: &mut Connection) -> io::Result<Option<bytes::Bytes>> {
    let body = connection.whole(SMALL_BODY).await?;
    if body.is_none() {
        refuse(connection, &too_large(SMALL_BODY));
    }
    Ok(body)
}

pub(super) fn too_large(limit: usize) -> Refusal {
    Refusal {
        status: 413,
        kind: "RequestEntityTooLarge",
        message: format!("Exceeded maximum allowed payload size ({limit} bytes)."),
    }
}
