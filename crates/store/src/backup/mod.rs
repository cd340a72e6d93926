//! The whole store and its blobs as one stream, and back.
//!
//! A backup is a consistent state: one snapshot, and the blobs it links; commits go on meanwhile. Memory stays constant.
//! Form: `MOLNBACKUP1\n`, then frames `kind (1) ++ length (4, big endian) ++ body ++ check (8)`, where the check is the
//! beginning of SHA-256 over the check before, kind, length and body: a frame that is changed, missing or out of place
//! is noticed. The first frame says where versions and stamps begin, the last how many rows and blobs there are.

mod frame;
mod restore;

use std::{
    fmt,
    io::{self, Read, Write},
};

use bytes::{BufMut, BytesMut};

use crate::{
    KeyRange, Scan, Store, StoreError,
    blobs::{self, BlobError, Blobs},
    failpoint,
};
use frame::{Frame, FrameWriter};
pub use restore::restore;

/// Bytes of a frame's body, about.
const FRAME_BYTES: usize = 256 << 10;

/// What a backup held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Rows.
    pub rows: u64,
    /// Blobs.
    pub blobs: u64,
}

/// Why a backup or its restoring failed.
#[derive(Debug)]
pub enum BackupError {
    /// The file is not a backup, is damaged, or ends too early.
    Damaged(&'static str),
    /// The directory to restore into is not empty.
    NotEmpty,
    /// Reading or writing the stream or the directory failed.
    Io(io::Error),
    /// The store failed.
    Store(String),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) => write!(f, "the backup is damaged: {what}; nothing was restored"),
            Self::NotEmpty => f.write_str("the directory is not empty: restore into a new one"),
            Self::Io(error) => write!(f, "backup: {error}"),
            Self::Store(why) => write!(f, "backup: {why}"),
        }
    }
}
impl std::error::Error for BackupError {}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}
impl From<BlobError> for BackupError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Io(error) => Self::Io(error),
            error => Self::Store(error.to_string()),
        }
    }
}

/// Writes a backup. Blocks on disk and stream: call it on a blocking thread.
pub fn backup(store: &Store, blobs: Option<&Blobs>, to: impl Write) -> Result<Contents, BackupError> {
    // First: what the snapshot links must not be removed while it is read.
    let _reading = blobs.map(Blobs::reading);
    let snapshot = store.snapshot();
    // Taken after the snapshot, so above every stamp in it.
    let stamps = store.stamp();
    let mut to = FrameWriter::begin(to)?;
    let mut floor = BytesMut::new();
    floor.put_u64(snapshot.version());
    floor.put_u64(stamps);
    to.frame(Frame::Floor, &floor)?;
    let mut contents = Contents::default();
    let how = Scan { bytes: FRAME_BYTES, ..Scan::default() };
    let mut body = BytesMut::new();
    let mut rest = Some(KeyRange::prefix(""));
    while let Some(range) = rest {
        failpoint::pass("store.backup.read")?;
        let page = snapshot.scan(&range, how)?;
        for (key, val, _) in &page.rows {
            put_sized(&mut body, key);
            put_sized(&mut body, val);
        }
        to.frame(Frame::Rows, &body)?;
        body.clear();
        contents.rows += page.rows.len() as u64;
        rest = page.rest;
    }
    if let Some(blobs) = blobs {
        let mut last = None;
        let mut rest = Some(blobs::all_links());
        while let Some(range) = rest {
            let page = snapshot.scan(&range, how)?;
            for (key, val, _) in &page.rows {
                let blob =
                    blobs::linked(key, val).ok_or(BackupError::Store("a link cannot be read".into()))?;
                // Links are in the order of their blobs.
                if last.replace(blob) != Some(blob) {
                    copy_blob(blobs, blob, &mut to)?;
                    contents.blobs += 1;
                }
            }
            rest = page.rest;
        }
    }
    let mut end = BytesMut::new();
    end.put_u64(contents.rows);
    end.put_u64(contents.blobs);
    to.frame(Frame::End, &end)?;
    to.finish()?;
    Ok(contents)
}

fn copy_blob<W: Write>(
    blobs: &Blobs,
    blob: blobs::BlobRef,
    to: &mut FrameWriter<W>,
) -> Result<(), BackupError> {
    to.frame(Frame::Blob, &blob.to_bytes())?;
    let mut from = blobs.read(blob, 0..blob.len)?;
    let mut part = vec![0; FRAME_BYTES];
    loop {
        let read = from.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        to.frame(Frame::BlobPart, part.get(..read).unwrap_or_default())?;
    }
}

fn put_sized(body: &mut BytesMut, bytes: &[u8]) {
    // Keys and values are far below 4 GiB.
    body.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    body.put_slice(bytes);
}

#[cfg(test)]
mod tests;
