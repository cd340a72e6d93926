//! Sockets: listening, limits, stopping.

mod connection;
mod pulse;
mod roster;
mod stream;
mod tls;
mod turns;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{Gateway, identity::Access, settings::Peer};
use roster::Roster;
pub use tls::{Tls, TlsError};

/// The numbers within which connections live.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections at once; further ones get a 503 and are closed. Each costs a file descriptor and some 10 KB.
    pub connections: usize,
    /// Longest head of a request in bytes; a longer one gets a 431.
    pub head_bytes: usize,
    /// How long a client may take to send a head, or the first bytes at all.
    pub head_time: Duration,
    /// How long a connection may lie idle between requests.
    pub idle: Duration,
    /// How long a client may not read while an answer waits to be written.
    pub write_stall: Duration,
    /// HTTP/2 requests at once on a connection.
    pub streams: u32,
    /// How long open requests may take once the server is stopping.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            head_bytes: 64 << 10,
            head_time: Duration::from_secs(30),
            idle: Duration::from_mins(5),
            write_stall: Duration::from_mins(1),
            streams: 250,
            drain: Duration::from_secs(10),
        }
    }
}

/// A socket that is bound and not yet served.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    access: Access,
    tls: Option<Arc<Tls>>,
}

/// Connections the system keeps for us while we are busy accepting.
const BACKLOG: u32 = 4_096;

impl Listener {
    /// Binds the address; port 0 takes a free one.
    pub fn bind(address: SocketAddr, access: Access, tls: Option<Arc<Tls>>) -> std::io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, access, tls })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Serves the listeners until `stop` says true (or its sender is gone); then takes no more connections, lets open requests
/// end within [`Limits::drain`], and returns.
pub async fn serve(
    listeners: Vec<Listener>,
    gateway: Arc<Gateway>,
    limits: Limits,
    stop: watch::Receiver<bool>,
) {
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept(listener, Arc::clone(&gateway), limits, stop.clone()));
    }
    while loops.join_next().await.is_some() {}
}

async fn accept(listener: Listener, gateway: Arc<Gateway>, limits: Limits, stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut stopped = stop.clone();
    let roster = Arc::new(Roster::default());
    let watching = {
        let roster = Arc::clone(&roster);
        tokio::spawn(async move { roster.watch(&limits, stop).await })
    };
    let builder = connection::builder(&limits);
    let local: Arc<str> = listener.address.to_string().into();
    loop {
        let accepted = tokio::select! {
            // An error means that the sender is gone: nobody is left to stop us, so we stop.
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.socket.accept() => accepted,
        };
        let (socket, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: waiting lets connections end; spinning would not.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let open = gateway.metrics().connections.load(Relaxed);
        if usize::try_from(open).unwrap_or(0) >= limits.connections {
            gateway.metrics().refused.fetch_add(1, Relaxed);
            connections.spawn(turn_away(socket));
            continue;
        }
        // Answers are one write; waiting for more to send would only delay them. A failure costs speed, nothing else.
        let _ = socket.set_nodelay(true);
        let peer =
            Peer { scheme: listener.scheme(), access: listener.access, address, local: Arc::clone(&local) };
        let counted = Counted::new(Arc::clone(&gateway));
        let (tls, builder, entered) = (listener.tls.clone(), builder.clone(), roster.enter());
        connections.spawn(async move {
            connection::serve(socket, tls, &counted.0, peer, builder, &entered.pulse).await;
            drop((entered, counted));
        });
    }
    drop(listener);
    let ending = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, ending).await.is_err() {
        tracing::warn!(open = connections.len(), "closing connections that did not end in time");
    }
    watching.abort();
}

/// Says no politely, without HTTP's machinery.
async fn turn_away(mut socket: TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
                            Content-Type: text/plain\r\nContent-Length: 21\r\n\r\nToo many connections\n";
    let answer = async {
        socket.write_all(ANSWER).await?;
        socket.shutdown().await
    };
    // Whether it arrives or not, the connection is closed.
    let _ = tokio::time::timeout(Duration::from_secs(1), answer).await;
}

/// Counts a connection as long as it lives.
struct Counted(Arc<Gateway>);

impl Counted {
    fn new(gateway: Arc<Gateway>) -> Self {
        gateway.metrics().connections.fetch_add(1, Relaxed);
        Self(gateway)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics().connections.fetch_sub(1, Relaxed);
    }
}
