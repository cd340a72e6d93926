//! A stream of bytes from a thread that writes to a task that sends.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

/// Bytes a piece.
const PIECE: usize = 256 << 10;
/// Pieces that may wait: what a backup takes of memory, whatever its size.
const WAITING: usize = 4;

/// What a stream is made of.
pub(crate) type Piece = Result<Bytes, io::Error>;

/// Writes pieces. Blocks while the reader is slow; fails when it is gone. Without [`PieceWriter::finish`] the reader sees
/// an error at the end.
pub(crate) struct PieceWriter {
    buffer: BytesMut,
    pieces: Option<mpsc::Sender<Piece>>,
}

/// A writer and what reads from it. The writer is for a thread that may block.
pub(crate) fn channel() -> (PieceWriter, mpsc::Receiver<Piece>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (PieceWriter { buffer: BytesMut::with_capacity(PIECE), pieces: Some(sender) }, receiver)
}

impl PieceWriter {
    fn send(&mut self) -> io::Result<()> {
        let piece = self.buffer.split().freeze();
        let Some(pieces) = self.pieces.as_ref().filter(|_| !piece.is_empty()) else { return Ok(()) };
        pieces.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Everything was written.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.send()?;
        self.pieces = None;
        Ok(())
    }
}

impl io::Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Drop for PieceWriter {
    fn drop(&mut self) {
        if let Some(pieces) = self.pieces.take() {
            // Waits for room: an end without this error would look like the end of a whole backup. Nobody may be there
            // any more to hear it.
            let _ = pieces.blocking_send(Err(io::Error::other("the backup broke off")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn everything_arrives_or_the_reader_knows() {
        let (mut writer, mut reader) = channel();
        let writing = std::thread::spawn(move || {
            for _ in 0..1_000 {
                writer.write_all(&[7; 1_000]).unwrap();
            }
            writer.finish().unwrap();
        });
        let mut bytes = 0;
        while let Some(piece) = reader.blocking_recv() {
            bytes += piece.unwrap().len();
        }
        writing.join().unwrap();
        assert_eq!(bytes, 1_000_000);

        let (mut writer, mut reader) = channel();
        writer.write_all(b"x").unwrap();
        drop(writer);
        assert!(reader.blocking_recv().unwrap().is_err(), "a broken backup is not taken for a whole one");
        let (mut writer, reader) = channel();
        drop(reader);
        assert!(writer.write_all(&vec![0; PIECE]).is_err());
    }
}
