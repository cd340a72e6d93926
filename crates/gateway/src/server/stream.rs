//! A connection's bytes: plain or TLS, leaving traces in the pulse.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};
use tokio_rustls::server::TlsStream;

use super::pulse::Pulse;

/// How long we read on after our last word, so that a client that is still sending gets to read it.
const LINGER: Duration = Duration::from_secs(1);

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A stream that is watched.
pub(super) struct Watched {
    socket: Socket,
    pulse: Arc<Pulse>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    pub(super) fn plain(socket: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { socket: Socket::Plain(socket), pulse, linger: None }
    }

    pub(super) fn tls(socket: TlsStream<TcpStream>, pulse: Arc<Pulse>) -> Self {
        Self { socket: Socket::Tls(Box::new(socket)), pulse, linger: None }
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(bytes)) => {
                self.pulse.written.fetch_add(*bytes as u64, Relaxed);
                if self.pulse.stalled.load(Relaxed) {
                    self.pulse.stalled.store(false, Relaxed);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pulse.stalled.store(true, Relaxed),
        }
        result
    }

    /// Throws away what still comes, until the client ends or the time is over.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut scratch = [0u8; 8_192];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = match &mut self.socket {
                Socket::Plain(socket) => ready!(Pin::new(socket).poll_read(cx, &mut buffer)),
                Socket::Tls(socket) => ready!(Pin::new(socket).poll_read(cx, &mut buffer)),
            };
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = match &mut this.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Socket::Tls(socket) => Pin::new(socket).poll_read(cx, buffer),
        };
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            this.pulse.read.fetch_add(bytes as u64, Relaxed);
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Socket::Tls(socket) => Pin::new(socket).poll_write(cx, bytes),
        };
        this.wrote(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
            Socket::Tls(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
        };
        this.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(socket) => socket.is_write_vectored(),
            Socket::Tls(socket) => socket.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Socket::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            let result = match &mut this.socket {
                Socket::Plain(socket) => ready!(Pin::new(socket).poll_shutdown(cx)),
                Socket::Tls(socket) => ready!(Pin::new(socket).poll_shutdown(cx)),
            };
            // Closing with unread bytes resets the connection, and the client loses an answer it has not read yet.
            if result.is_err() || !this.pulse.is_mid_head() {
                return Poll::Ready(result);
            }
        }
        ready!(this.poll_linger(cx));
        Poll::Ready(Ok(()))
    }
}
