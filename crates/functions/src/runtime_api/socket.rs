//! What a connection is made of.

use std::{
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
};

use bytes::BytesMut;
use rustix::net::{SendFlags, send};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        unix::pipe::{Receiver, Sender},
    },
};

/// A stream of bytes to and from whoever speaks with the APIs.
pub(super) enum Socket {
    /// Somebody connected to the listener: any runtime and every extension.
    Tcp(TcpStream),
    /// Inherited by our own bootstraps: nobody else can have it, and a round trip takes some microseconds less.
    Channel(Channel),
}

impl Socket {
    pub(super) async fn read_buf(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read_buf(buffer).await,
            Self::Channel(channel) => channel.0.read_buf(buffer).await,
        }
    }

    pub(super) fn try_read_buf(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read_buf(buffer),
            Self::Channel(channel) => channel.0.try_read_buf(buffer),
        }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Channel(channel) => channel.write_all(bytes).await,
        }
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Channel(channel) => channel.try_write(bytes),
        }
    }
}

/// One end of a pair of sockets. Only whether it can be read is asked for: the kernel would tell us that it can be written
/// each time the other end has read something, a wake-up for nothing in every invocation.
pub(super) struct Channel(Receiver);

impl Channel {
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Whatever can be read as a pipe is.
        Receiver::from_owned_fd_unchecked(socket.into()).map(Self)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the other end has read.
    async fn writable(&self) -> io::Result<()> {
        Sender::from_owned_fd_unchecked(self.0.as_fd().try_clone_to_owned()?)?.writable().await
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[tokio::test]
    async fn more_than_the_kernel_holds_goes_through_a_channel_both_ways() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut socket = Socket::Channel(Channel::new(ours).unwrap());
        let sent: Vec<u8> = (0..8_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let length = sent.len();
        let echo = std::thread::spawn(move || {
            let mut read = vec![0; length];
            theirs.read_exact(&mut read).unwrap();
            theirs.write_all(&read).unwrap();
        });
        socket.write_all(&sent).await.unwrap();
        let mut back = BytesMut::new();
        while socket.read_buf(&mut back).await.unwrap() > 0 {}
        echo.join().unwrap();
        assert!(back == sent, "{} of {} bytes came back", back.len(), sent.len());
        assert_eq!(socket.write_all(b"nobody").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
