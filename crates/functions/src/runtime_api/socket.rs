//! What a connection is made of.

use std::io;

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};

/// A stream of bytes to and from whoever speaks with the APIs.
pub(super) enum Socket {
    /// Somebody connected to the listener: any runtime and every extension.
    Tcp(TcpStream),
    /// Inherited by our own bootstraps: nobody else can have it, and a round trip takes some microseconds less.
    Channel(UnixStream),
}

impl Socket {
    pub(super) async fn read_buf(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read_buf(buffer).await,
            Self::Channel(stream) => stream.read_buf(buffer).await,
        }
    }

    pub(super) fn try_read_buf(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read_buf(buffer),
            Self::Channel(stream) => stream.try_read_buf(buffer),
        }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Channel(stream) => stream.write_all(bytes).await,
        }
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Channel(stream) => stream.try_write(bytes),
        }
    }
}
