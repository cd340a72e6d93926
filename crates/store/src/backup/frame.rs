//! Checked frames.

use std::io::{self, BufReader, BufWriter, Read, Write};

use bytes::Bytes;
use ring::digest::{self, SHA256};

use super::BackupError;
use crate::failpoint;

const MAGIC: &[u8; 12] = b"MOLNBACKUP1\n";
/// No frame is longer; what claims to be is damaged.
const MAX_BODY: usize = 4 << 20;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Where versions (8 bytes) and stamps (8) begin.
    Floor = 1,
    /// Keys and values, each with its length (4) before it.
    Rows = 2,
    /// A blob begins: hash (32), length (8).
    Blob = 3,
    /// What it holds, in parts.
    BlobPart = 4,
    /// Numbers of rows (8) and blobs (8).
    End = 5,
}

type Check = [u8; 8];

fn check(before: Check, kind: u8, body: &[u8]) -> Check {
    let mut hash = digest::Context::new(&SHA256);
    hash.update(&before);
    hash.update(&[kind]);
    hash.update(&(body.len() as u64).to_be_bytes());
    hash.update(body);
    hash.finish().as_ref().first_chunk().copied().unwrap_or_default()
}

/// Writes frames.
pub(super) struct FrameWriter<W: Write> {
    to: BufWriter<W>,
    before: Check,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn begin(to: W) -> io::Result<Self> {
        let mut to = BufWriter::with_capacity(64 << 10, to);
        to.write_all(MAGIC)?;
        Ok(Self { to, before: Check::default() })
    }

    pub(super) fn frame(&mut self, kind: Frame, body: &[u8]) -> io::Result<()> {
        failpoint::pass("store.backup.write")?;
        let kind = kind as u8;
        self.before = check(self.before, kind, body);
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.to.write_all(&[kind])?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(body)?;
        self.to.write_all(&self.before)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads frames.
pub(super) struct FrameReader<R: Read> {
    from: BufReader<R>,
    before: Check,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn begin(from: R) -> Result<Self, BackupError> {
        let mut from = BufReader::with_capacity(64 << 10, from);
        let mut magic = [0; MAGIC.len()];
        exact(&mut from, &mut magic)?;
        if magic != *MAGIC {
            return Err(BackupError::Damaged("it does not begin as a backup of this version does"));
        }
        Ok(Self { from, before: Check::default() })
    }

    pub(super) fn frame(&mut self) -> Result<(Frame, Bytes), BackupError> {
        failpoint::pass("store.restore.read")?;
        let (mut kind, mut length) = ([0], [0; 4]);
        exact(&mut self.from, &mut kind)?;
        exact(&mut self.from, &mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_BODY {
            return Err(BackupError::Damaged("a frame is too long"));
        }
        let mut body = vec![0; length];
        exact(&mut self.from, &mut body)?;
        let mut found = Check::default();
        exact(&mut self.from, &mut found)?;
        let [kind] = kind;
        self.before = check(self.before, kind, &body);
        if found != self.before {
            return Err(BackupError::Damaged("a check does not match"));
        }
        let kind = match kind {
            1 => Frame::Floor,
            2 => Frame::Rows,
            3 => Frame::Blob,
            4 => Frame::BlobPart,
            5 => Frame::End,
            _ => return Err(BackupError::Damaged("a frame of unknown kind")),
        };
        Ok((kind, body.into()))
    }

    /// Nothing may follow.
    pub(super) fn finish(mut self) -> Result<(), BackupError> {
        if self.from.read(&mut [0])? == 0 {
            Ok(())
        } else {
            Err(BackupError::Damaged("something follows its end"))
        }
    }
}

fn exact(from: &mut impl Read, into: &mut [u8]) -> Result<(), BackupError> {
    from.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::Damaged("it ends too early"),
        _ => BackupError::Io(error),
    })
}
