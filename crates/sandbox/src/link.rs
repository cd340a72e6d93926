//! A channel within a tokio runtime.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::unix::AsyncFd;

use crate::{channel, sys};

/// The server's end of a channel.
#[derive(Debug)]
pub(crate) struct Link(AsyncFd<OwnedFd>);

impl Link {
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        sys::register(socket).map(Self)
    }

    /// Sends a message, whole or not at all: a dropped future sends nothing.
    pub(crate) async fn send(&self, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = channel::encode(message)?;
        loop {
            let mut guard = self.0.writable().await?;
            if let Ok(sent) = guard.try_io(|socket| channel::send_bytes(socket.as_fd(), &bytes, fds)) {
                return sent;
            }
        }
    }

    /// Receives a message; `None` when the other end is closed.
    pub(crate) async fn receive<M: DeserializeOwned>(
        &self,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        loop {
            let mut guard = self.0.readable().await?;
            if let Ok(received) = guard.try_io(|socket| channel::receive(socket.as_fd(), buffer)) {
                return received;
            }
        }
    }

    /// Ends the conversation: both sides see an end of file.
    pub(crate) fn close(&self) {
        // It fails when the other side did the same before.
        let _ = rustix::net::shutdown(self.0.get_ref(), rustix::net::Shutdown::Both);
    }
}
