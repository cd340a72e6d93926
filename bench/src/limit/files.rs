//! A file server as bare as it gets: a file is read as a whole on a thread that may wait for the disk, and answered.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::error::{Error, Result};

/// Sizes of the files there are.
const SIZES: [usize; 2] = [1 << 10, 1 << 20];
/// Files of each size.
const COUNT: u64 = 64;

/// A directory with files to answer with.
pub(super) struct Files(PathBuf);

impl Files {
    /// Writes the files.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(Error::io(format!("create {}", dir.display())))?;
        for size in SIZES {
            for number in 0..COUNT {
                let path = dir.join(format!("{size}-{number}"));
                fs::write(&path, vec![b'x'; size]).map_err(Error::io(format!("write {}", path.display())))?;
            }
        }
        Ok(Self(dir.to_owned()))
    }

    /// The content of the file that a path `/BUCKET/SIZE/NUMBER` means.
    pub(super) async fn read(&self, size: usize, path: &str) -> Option<Bytes> {
        let number: u64 = path.rsplit('/').next()?.parse().ok()?;
        let file = self.0.join(format!("{size}-{}", number % COUNT));
        let read = tokio::task::spawn_blocking(move || fs::read(file)).await;
        read.ok()?.ok().map(Bytes::from)
    }
}

/// So many bytes, at most a megabyte, of nothing in particular.
pub(super) fn zeros(count: usize) -> Bytes {
    static ZEROS: [u8; 1 << 20] = [0; 1 << 20];
    Bytes::from_static(ZEROS.get(..count).unwrap_or(&ZEROS))
}
