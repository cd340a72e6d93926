//! Values too large for rows: files named by the SHA-256 of what they hold.
//!
//! * A file is written to `tmp/`, synced, renamed to its name, and its directory synced; only then is there a
//!   [`BlobRef`] a row may refer to. A full disk or a kill leaves nothing but a file in `tmp/`, which the next open removes.
//! * The batch that writes the referring row also writes a link ([`Batch::link`]); the one that removes it removes the link.
//! * [`Blobs::collect`] removes files without a link that have been without one for a grace period. While a [`Pinned`]
//!   lives, its file stays: hold it until the commit with the link has resolved.
//!
//! All calls block on the disk: from async code, call them on a blocking thread.

mod collect;
mod write;

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use bytes::{BufMut, Bytes, BytesMut};
use ring::digest::{self, SHA256};

use crate::{Batch, KeyRange};

pub use collect::Collected;
pub use write::BlobWriter;

/// What all links' keys begin with: `bl/ ++ sha256 (32 bytes) ++ owner`.
const LINKS: &[u8] = b"bl/";

/// Names a blob: what it holds, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Bytes of the content.
    pub len: u64,
}

impl BlobRef {
    /// Reads 32 bytes of hash and 8 bytes of length, as [`BlobRef::to_bytes`] writes them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sha256, rest) = bytes.split_first_chunk::<32>()?;
        Some(Self { sha256: *sha256, len: u64::from_be_bytes(rest.try_into().ok()?) })
    }

    /// Hash and length, for the row that refers to the blob.
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let (hash, len) = bytes.split_at_mut(32);
        hash.copy_from_slice(&self.sha256);
        len.copy_from_slice(&self.len.to_be_bytes());
        bytes
    }

    fn name(&self) -> String {
        let mut name = String::with_capacity(64);
        for byte in self.sha256 {
            // Writing to a text cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name(), self.len)
    }
}

/// Why a blob could not be written or read.
#[derive(Debug)]
pub enum BlobError {
    /// No such blob.
    Missing(BlobRef),
    /// The file does not hold what its name says.
    Corrupt(BlobRef),
    /// The disk is full: nothing was kept.
    Full,
    /// What the disk answered.
    Io(io::Error),
    /// The store could not be read.
    Store(crate::StoreError),
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(blob) => write!(f, "blob {blob} is missing"),
            Self::Corrupt(blob) => write!(f, "blob {blob} is damaged: restore it from a backup"),
            Self::Full => f.write_str("the disk is full: free space, then try again"),
            Self::Io(error) => write!(f, "blob: {error}"),
            Self::Store(error) => write!(f, "blob: {error}"),
        }
    }
}
impl std::error::Error for BlobError {}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

/// The blobs of one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    next_temporary: AtomicU64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Blobs somebody is about to link → how many.
    pins: HashMap<[u8; 32], usize>,
    /// Backups that read: nothing is removed.
    readers: usize,
    /// Blobs found without a link → since when, in the caller's milliseconds.
    unlinked: HashMap<[u8; 32], u64>,
    /// The directory to look at next.
    cursor: u8,
}

/// A blob that is on disk and stays there while this lives.
pub struct Pinned {
    blobs: Blobs,
    blob: BlobRef,
}

/// Nothing is removed while this lives.
pub(crate) struct Reading(Blobs);

impl Blobs {
    /// Opens the directory, creating it if need be, and removes what unfinished writes left.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let dir = dir.into();
        let temporary = dir.join("tmp");
        fs::create_dir_all(&temporary)?;
        for left in fs::read_dir(&temporary)? {
            fs::remove_file(left?.path())?;
        }
        sync_dir(&dir)?;
        Ok(Self(Arc::new(Inner { dir, next_temporary: AtomicU64::new(0), held: Mutex::default() })))
    }

    /// Writes a blob; one that is there already costs only its hash.
    pub fn put(&self, content: &[u8]) -> Result<Pinned, BlobError> {
        let mut writer = self.writer()?;
        io::Write::write_all(&mut writer, content)?;
        writer.finish()
    }

    /// Starts to write a blob piece by piece.
    pub fn writer(&self) -> Result<BlobWriter, BlobError> {
        BlobWriter::new(self.clone())
    }

    /// Keeps a blob that is on disk from being removed, to link it once more.
    pub fn pin(&self, blob: BlobRef) -> Result<Pinned, BlobError> {
        let pinned = self.pin_unchecked(blob);
        if self.path(&blob).try_exists()? { Ok(pinned) } else { Err(BlobError::Missing(blob)) }
    }

    /// The whole content, checked against its hash.
    pub fn get(&self, blob: BlobRef) -> Result<Bytes, BlobError> {
        let mut content = Vec::with_capacity(usize::try_from(blob.len).unwrap_or(0).min(64 << 20));
        self.read(blob, 0..blob.len)?.read_to_end(&mut content)?;
        if content.len() as u64 == blob.len && digest::digest(&SHA256, &content).as_ref() == blob.sha256 {
            Ok(content.into())
        } else {
            Err(BlobError::Corrupt(blob))
        }
    }

    /// Streams part of the content, not checked against the hash. The range is cut to the content.
    pub fn read(&self, blob: BlobRef, range: std::ops::Range<u64>) -> Result<impl Read + use<>, BlobError> {
        let mut file = match File::open(self.path(&blob)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BlobError::Missing(blob)),
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.len() != blob.len {
            return Err(BlobError::Corrupt(blob));
        }
        let end = range.end.min(blob.len);
        file.seek(SeekFrom::Start(range.start))?;
        Ok(file.take(end.saturating_sub(range.start)))
    }

    /// The file of a blob whose length is not known, not checked against its hash.
    pub fn file(&self, sha256: [u8; 32]) -> Result<File, BlobError> {
        let blob = BlobRef { sha256, len: 0 };
        File::open(self.path(&blob)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::Missing(blob),
            _ => error.into(),
        })
    }

    /// Keeps everything while a backup reads.
    pub(crate) fn reading(&self) -> Reading {
        self.held().readers += 1;
        Reading(self.clone())
    }

    fn pin_unchecked(&self, blob: BlobRef) -> Pinned {
        let mut held = self.held();
        *held.pins.entry(blob.sha256).or_default() += 1;
        held.unlinked.remove(&blob.sha256);
        drop(held);
        Pinned { blobs: self.clone(), blob }
    }

    fn path(&self, blob: &BlobRef) -> PathBuf {
        let name = blob.name();
        let (dir, file) = name.split_at(2);
        self.0.dir.join(dir).join(file)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::ops::Deref for Pinned {
    type Target = BlobRef;
    fn deref(&self) -> &BlobRef {
        &self.blob
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut held = self.blobs.held();
        if let Some(count) = held.pins.get_mut(&self.blob.sha256) {
            *count -= 1;
            if *count == 0 {
                held.pins.remove(&self.blob.sha256);
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.readers = held.readers.saturating_sub(1);
    }
}

impl Batch {
    /// Notes that the row `owner` refers to the blob. Belongs into the batch that writes the row.
    pub fn link(&mut self, blob: &BlobRef, owner: &[u8]) -> &mut Self {
        self.put(link_key(blob, owner), blob.len.to_be_bytes().to_vec())
    }
    /// Notes that the row `owner` refers to the blob no more. Belongs into the batch that removes or overwrites the row.
    pub fn unlink(&mut self, blob: &BlobRef, owner: &[u8]) -> &mut Self {
        self.delete(link_key(blob, owner))
    }
}

fn link_key(blob: &BlobRef, owner: &[u8]) -> Bytes {
    let mut key = links_of(&blob.sha256);
    key.put_slice(owner);
    key.freeze()
}

fn links_of(sha256: &[u8; 32]) -> BytesMut {
    let mut key = BytesMut::from(LINKS);
    key.put_slice(sha256);
    key
}

/// The range of all links.
pub(crate) fn all_links() -> KeyRange {
    KeyRange::prefix(LINKS)
}

/// The blob a link refers to.
pub(crate) fn linked(key: &[u8], val: &[u8]) -> Option<BlobRef> {
    let (sha256, _) = key.strip_prefix(LINKS)?.split_first_chunk::<32>()?;
    Some(BlobRef { sha256: *sha256, len: u64::from_be_bytes(val.try_into().ok()?) })
}

fn parse_name(dir: &str, file: &str) -> Option<[u8; 32]> {
    let name = format!("{dir}{file}");
    if name.len() != 64 || !name.is_ascii() {
        return None;
    }
    let mut sha256 = [0; 32];
    for (at, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(name.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(sha256)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
