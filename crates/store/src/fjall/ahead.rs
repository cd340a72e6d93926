//! Space of the journal that is written ahead.
//!
//! fjall makes a journal of 64 MiB without writing it. Each sync then has to record, too, where the file's new blocks lie:
//! that takes half as long again, and on ext4 it waits for whatever other files have under way, such as a table that is
//! being flushed. Where zeros were written before, a sync writes data only.

use std::{fs::OpenOptions, io, os::unix::fs::FileExt as _, path::PathBuf};

use rustix::fs::{SeekFrom, seek};

use super::journal::journals;

/// Bytes written ahead at a time,
const STEP: u64 = 1 << 20;
/// when fewer than these are left.
const LOW: u64 = 256 << 10;

static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// The active journal, ahead of its end.
pub(super) struct Ahead {
    engine: PathBuf,
    /// An estimate: nothing but time depends on it.
    left: u64,
}

impl Ahead {
    /// Of the journals in the engine's directory.
    pub(super) fn new(engine: PathBuf) -> Self {
        Self { engine, left: STEP }
    }

    /// About so many bytes more are in the journal, all synced. To be called by the one thread that writes to it.
    pub(super) fn synced(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        if self.left < LOW {
            // What fails (a full disk, a file system without holes) leaves the journal as it was. Looked at again later.
            self.left = self.extend().ok().filter(|written| *written > 0).unwrap_or(STEP);
        }
    }

    /// Writes zeros where nothing was written yet, and nothing lies behind; never beyond the file's end, where fjall
    /// appends to a journal that it goes on with. How many.
    fn extend(&self) -> io::Result<u64> {
        let Some(path) = journals(&self.engine)?.pop() else { return Ok(0) };
        // Not kept open: a journal that fjall removes would go on taking its space.
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        let hole = seek(&file, SeekFrom::Hole(0))?;
        let is_last = seek(&file, SeekFrom::Data(hole)) == Err(rustix::io::Errno::NXIO);
        let wanted = usize::try_from(length.saturating_sub(hole).min(STEP)).unwrap_or_default();
        let zeros = ZEROS.get(..wanted).filter(|zeros| is_last && !zeros.is_empty()).unwrap_or_default();
        file.write_all_at(zeros, hole)?;
        Ok(zeros.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

    use super::*;

    fn written(path: &Path) -> u64 {
        fs::metadata(path).unwrap().blocks() * 512
    }

    #[test]
    fn holes_behind_the_data_are_filled_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("3.jnl");
        fs::write(directory.path().join("2.jnl"), "old").unwrap();
        let data = vec![7; 10_000];
        fs::write(&journal, &data).unwrap();
        let file = OpenOptions::new().write(true).open(&journal).unwrap();
        file.set_len(4 << 20).unwrap();
        file.sync_all().unwrap();
        let mut ahead = Ahead::new(directory.path().into());
        ahead.synced(10_000);
        assert!(written(&journal) < 100_000, "enough is thought to be left");
        ahead.synced(STEP);
        assert!(written(&journal) >= STEP, "{}", written(&journal));
        for _ in 0..10 {
            ahead.synced(STEP);
        }
        let now = fs::read(&journal).unwrap();
        assert_eq!((now.len(), written(&journal) >= 4 << 20), (4 << 20, true), "to the end and not beyond");
        assert!(now[..10_000] == data && now[10_000..].iter().all(|byte| *byte == 0));
        assert_eq!(fs::read(directory.path().join("2.jnl")).unwrap(), b"old");
    }

    #[test]
    fn what_has_no_hole_or_data_behind_one_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("1.jnl");
        fs::write(&journal, "appended to").unwrap();
        let ahead = Ahead::new(directory.path().into());
        assert_eq!(ahead.extend().unwrap(), 0);
        assert_eq!(fs::read(&journal).unwrap(), b"appended to");
        let file = OpenOptions::new().write(true).open(&journal).unwrap();
        file.write_all_at(b"behind", 1 << 20).unwrap();
        file.sync_all().unwrap();
        assert_eq!(ahead.extend().unwrap(), 0);
        fs::remove_file(&journal).unwrap();
        assert_eq!(Ahead::new(directory.path().into()).extend().unwrap(), 0, "no journal at all");
    }
}
