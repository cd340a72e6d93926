//! A connection's life: read, hand on, write, until somebody ends it or its time is over.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream::FuturesUnordered};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::CapacityError,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{Outgoing, Socket};
use crate::{Apis, limits};

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// How a connection ended: code and reason, as `$disconnect` is told.
type End = (u16, String);

fn end(code: CloseCode, reason: &str) -> End {
    (code.into(), reason.to_owned())
}

impl Apis {
    /// Serves a connection once its protocols were changed.
    pub(super) async fn run_socket(
        self: Arc<Self>,
        socket: Arc<Socket>,
        upgrade: OnUpgrade,
        outgoing: mpsc::Receiver<Outgoing>,
    ) {
        let ended = match upgrade.await {
            Ok(upgraded) => {
                let config = WebSocketConfig::default()
                    .read_buffer_size(4 << 10)
                    .write_buffer_size(0)
                    .max_write_buffer_size(2 * limits::MESSAGE)
                    .max_message_size(Some(limits::MESSAGE))
                    .max_frame_size(Some(limits::FRAME));
                let stream =
                    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config))
                        .await;
                self.converse(&socket, stream, outgoing).await
            }
            Err(_) => end(CloseCode::Abnormal, "Connection closed abnormally"),
        };
        self.sockets.remove(&socket.id);
        self.disconnected(&socket, (ended.0, &ended.1)).await;
    }

    async fn converse(
        &self,
        socket: &Socket,
        mut stream: Stream,
        mut outgoing: mpsc::Receiver<Outgoing>,
    ) -> End {
        let mut closing = self.sockets.closing.subscribe();
        let over = socket.connected.after(limits::LIFETIME);
        let mut work = FuturesUnordered::new();
        let ended = loop {
            let silent = socket.active().after(limits::IDLE);
            tokio::select! {
                read = stream.next(), if work.len() < limits::AT_ONCE => {
                    socket.touch(self.clock.now());
                    match read {
                        Some(Ok(Message::Text(text))) => work.push(self.message(socket, Bytes::from(text))),
                        // <https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html>
                        Some(Ok(Message::Binary(_))) => {
                            break end(CloseCode::Unsupported, "Binary frames are not supported");
                        }
                        Some(Ok(Message::Close(frame))) => {
                            let code = frame.as_ref().map_or(1005, |frame| frame.code.into());
                            let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                            // The other side's word is answered by the library; nothing more is read.
                            break (code, reason);
                        }
                        // Pings are answered by the library.
                        Some(Ok(_)) => {}
                        Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                            break end(CloseCode::Size, "Message too long");
                        }
                        Some(Err(_)) | None => break end(CloseCode::Abnormal, "Connection closed abnormally"),
                    }
                }
                Some(answer) = work.next(), if !work.is_empty() => {
                    if let Some(bytes) = answer && write(&mut stream, bytes).await.is_err() {
                        break end(CloseCode::Abnormal, "Connection closed abnormally");
                    }
                }
                sent = outgoing.recv() => match sent {
                    Some(Outgoing::Message(bytes)) => {
                        socket.touch(self.clock.now());
                        if write(&mut stream, bytes).await.is_err() {
                            break end(CloseCode::Abnormal, "Connection closed abnormally");
                        }
                    }
                    Some(Outgoing::Close) | None => break end(CloseCode::Normal, "Connection Closed Normally"),
                },
                () = self.clock.sleep_until(over.min(silent)) => {
                    let now = self.clock.now();
                    if now >= over || now >= socket.active().after(limits::IDLE) {
                        break end(CloseCode::Away, "Going away");
                    }
                }
                _ = closing.changed() => break end(CloseCode::Away, "Going away"),
            }
        };
        drop(work);
        let code = CloseCode::from(ended.0);
        let frame = code.is_allowed().then(|| CloseFrame { code, reason: ended.1.as_str().into() });
        // Who is gone already does not hear it.
        let _ = tokio::time::timeout(FAREWELL, stream.close(frame)).await;
        ended
    }
}

/// How long the last word may take to be written.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(1);

/// Writes a message: text when it is one. Errors: the connection is broken, or its other side has stopped to read.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut WebSocketStream<S>,
    bytes: Bytes,
) -> Result<(), Error> {
    let message = match String::from_utf8(bytes.into()) {
        Ok(text) => Message::text(text),
        Err(other) => Message::binary(other.into_bytes()),
    };
    // Real time: what is waited for is a network.
    let written = tokio::time::timeout(limits::STALLED, stream.send(message)).await;
    written.unwrap_or_else(|_| Err(Error::Io(std::io::ErrorKind::TimedOut.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_given_up() {
        let (here, there) = tokio::io::duplex(1 << 10);
        let mut stream = WebSocketStream::from_raw_socket(here, Role::Server, None).await;
        write(&mut stream, Bytes::from_static(b"short")).await.unwrap();
        let long = Bytes::from(vec![b'a'; 1 << 12]);
        assert!(matches!(write(&mut stream, long).await, Err(Error::Io(_))));
        drop(there);
    }
}
