//! A backup back into a data directory: built in a directory within, moved up when all of it is durable. (Not beside it:
//! a data directory is often a mount of its own.)

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};

use bytes::{Buf, Bytes};

use super::{
    BackupError, Contents,
    frame::{Frame, FrameReader},
};
use crate::{
    Batch, FjallStore, Options, Pending, Store, StoreError,
    blobs::{BlobRef, BlobWriter, Blobs},
    failpoint,
    fjall::{RESTORING, Reserved},
};

/// Commits on their way at once: what bounds the memory.
const IN_FLIGHT: usize = 4;

/// Restores into a directory that is empty or missing; its blobs go to `blobs/` in it. When it fails the target is as it
/// was; when it is killed, the directory does not open and says why. Blocks on disk and stream: call it on a blocking
/// thread.
pub fn restore(from: impl Read, dir: &Path) -> Result<Contents, BackupError> {
    let missing = !dir.try_exists()?;
    if !missing && fs::read_dir(dir)?.next().is_some() {
        return Err(BackupError::NotEmpty);
    }
    // Read before anything is made: most wrong files are noticed here.
    let mut frames = FrameReader::begin(from)?;
    let work = dir.join(RESTORING);
    fs::create_dir_all(&work)?;
    let restored = fill(&mut frames, &work).and_then(|contents| {
        frames.finish()?;
        move_up(&work, dir)?;
        Ok(contents)
    });
    if restored.is_err() {
        // The directory was empty: all in it is ours. What cannot be removed keeps it from being opened.
        if missing {
            let _ = fs::remove_dir_all(dir);
        } else {
            for left in fs::read_dir(dir)?.flatten() {
                let _ = fs::remove_dir_all(left.path()).or_else(|_| fs::remove_file(left.path()));
            }
        }
    }
    restored
}

fn move_up(work: &Path, dir: &Path) -> Result<(), BackupError> {
    failpoint::pass("store.restore.move")?;
    File::open(work)?.sync_all()?;
    for entry in fs::read_dir(work)? {
        let entry = entry?;
        fs::rename(entry.path(), dir.join(entry.file_name()))?;
    }
    File::open(dir)?.sync_all()?;
    // While this is there the directory does not open.
    fs::remove_dir(work)?;
    File::open(dir)?.sync_all()?;
    Ok(())
}

fn fill<R: Read>(frames: &mut FrameReader<R>, dir: &Path) -> Result<Contents, BackupError> {
    let (Frame::Floor, mut floor) = frames.frame()? else {
        return Err(BackupError::Damaged("its first frame is missing"));
    };
    let mut options = Options::new(dir);
    let floor = Reserved { versions: number(&mut floor)?, stamps: number(&mut floor)? };
    options.on_fatal = std::sync::Arc::new(|_| {});
    let store = FjallStore::open_above(options, floor)?;
    let blobs = Blobs::open(dir.join("blobs"))?;
    let mut found = Contents::default();
    let mut writing = Writing::new(&store);
    let mut blob: Option<(BlobRef, BlobWriter)> = None;
    loop {
        let (kind, body) = frames.frame()?;
        if kind != Frame::BlobPart {
            found.blobs += finish_blob(blob.take())?;
        }
        match kind {
            Frame::Rows => found.rows += writing.rows(body)?,
            Frame::Blob => {
                let named =
                    BlobRef::from_bytes(&body).ok_or(BackupError::Damaged("a blob without a name"))?;
                blob = Some((named, blobs.writer()?));
            }
            Frame::BlobPart => match &mut blob {
                Some((_, writer)) => writer.write_all(&body)?,
                None => return Err(BackupError::Damaged("part of no blob")),
            },
            Frame::Floor => return Err(BackupError::Damaged("it begins twice")),
            Frame::End => {
                let mut end = body;
                let expected = Contents { rows: number(&mut end)?, blobs: number(&mut end)? };
                if found != expected {
                    return Err(BackupError::Damaged("it does not hold what it says"));
                }
                break;
            }
        }
    }
    writing.finish()?;
    store.close().map_err(|error| BackupError::Store(error.to_string()))?;
    Ok(found)
}

fn finish_blob(blob: Option<(BlobRef, BlobWriter)>) -> Result<u64, BackupError> {
    let Some((named, writer)) = blob else { return Ok(0) };
    if *writer.finish()? == named {
        Ok(1)
    } else {
        Err(BackupError::Damaged("a blob is not what its name says"))
    }
}

fn number(from: &mut Bytes) -> Result<u64, BackupError> {
    from.try_get_u64().map_err(|_| BackupError::Damaged("a number is missing"))
}

/// Rows on their way into the store.
struct Writing<'a> {
    store: &'a Store,
    batch: Batch,
    bytes: usize,
    in_flight: std::collections::VecDeque<Pending>,
}

impl<'a> Writing<'a> {
    fn new(store: &'a Store) -> Self {
        Self { store, batch: Batch::default(), bytes: 0, in_flight: std::collections::VecDeque::new() }
    }

    fn rows(&mut self, mut body: Bytes) -> Result<u64, BackupError> {
        let limits = self.store.limits();
        let mut rows = 0;
        while !body.is_empty() {
            let (key, val) = (sized(&mut body)?, sized(&mut body)?);
            let size = key.len() + val.len();
            if self.batch.ops.len() >= limits.batch_ops || self.bytes + size > limits.batch_bytes {
                self.submit()?;
            }
            self.bytes += size;
            self.batch.put(key, val);
            rows += 1;
        }
        Ok(rows)
    }

    fn submit(&mut self) -> Result<(), BackupError> {
        self.bytes = 0;
        self.in_flight.push_back(self.store.submit(std::mem::take(&mut self.batch)));
        self.wait(IN_FLIGHT)
    }

    fn finish(mut self) -> Result<(), BackupError> {
        self.submit()?;
        self.wait(0)
    }

    /// Waits until no more than `left` are on their way.
    fn wait(&mut self, left: usize) -> Result<(), BackupError> {
        while self.in_flight.len() > left {
            let Some(pending) = self.in_flight.pop_front() else { break };
            let outcome = pending.0.blocking_recv();
            outcome
                .map_err(|_| BackupError::Store(StoreError::Io("the store stopped".into()).to_string()))?
                .map_err(|error| BackupError::Store(error.to_string()))?;
        }
        Ok(())
    }
}

fn sized(body: &mut Bytes) -> Result<Bytes, BackupError> {
    let length = body.try_get_u32().map_err(|_| BackupError::Damaged("a length is missing"))? as usize;
    if length > body.len() {
        return Err(BackupError::Damaged("a row is cut off"));
    }
    Ok(body.split_to(length))
}
