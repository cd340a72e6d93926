//! Writing a blob: to a temporary file, hashed on the way, synced, then renamed to its name.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::atomic::Ordering,
};

use ring::digest::{self, SHA256};

use super::{BlobError, BlobRef, Blobs, Pinned, sync_dir};
use crate::failpoint;

/// A blob being written. Dropped before [`BlobWriter::finish`], it leaves nothing.
pub struct BlobWriter {
    blobs: Blobs,
    hash: digest::Context,
    len: u64,
    file: File,
    temporary: Temporary,
}

/// Removes the file unless it was renamed.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // What cannot be removed now is removed by the next open.
            let _ = fs::remove_file(path);
        }
    }
}

impl BlobWriter {
    pub(super) fn new(blobs: Blobs) -> Result<Self, BlobError> {
        let number = blobs.0.next_temporary.fetch_add(1, Ordering::Relaxed);
        let path = blobs.0.dir.join("tmp").join(number.to_string());
        failpoint::pass("store.blob.create")?;
        let file = File::create_new(&path)?;
        let temporary = Temporary(Some(path));
        Ok(Self { blobs, hash: digest::Context::new(&SHA256), len: 0, file, temporary })
    }

    /// Makes the blob durable. It stays while what is answered lives, and then while a row links it.
    pub fn finish(mut self) -> Result<Pinned, BlobError> {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        let blob = BlobRef { sha256, len: self.len };
        // From here on nobody removes a blob of this name.
        let pinned = self.blobs.pin_unchecked(blob);
        let path = self.blobs.path(&blob);
        let dir = path.parent().unwrap_or(&self.blobs.0.dir);
        if fs::metadata(&path).is_ok_and(|there| there.len() == blob.len) {
            // Whoever wrote it may not have come to this yet, or have failed at it.
            sync_dir(dir)?;
            return Ok(pinned);
        }
        failpoint::pass("store.blob.sync")?;
        self.file.sync_all()?;
        failpoint::pass("store.blob.rename")?;
        if !dir.try_exists()? {
            fs::create_dir_all(dir)?;
            sync_dir(&self.blobs.0.dir)?;
        }
        if let Some(temporary) = &self.temporary.0 {
            fs::rename(temporary, &path)?;
        }
        self.temporary.0 = None;
        failpoint::pass("store.blob.sync_dir")?;
        sync_dir(dir)?;
        Ok(pinned)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if let Some(part) = failpoint::pass_write("store.blob.write")? {
            self.file.write_all(content.get(..part).unwrap_or(content))?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let written = self.file.write(content)?;
        if let Some(content) = content.get(..written) {
            self.hash.update(content);
        }
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
