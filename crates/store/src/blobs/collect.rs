//! Removing blobs no row refers to.

use std::{fs, io};

use super::{BlobError, Blobs, links_of, parse_name};
use crate::{KeyRange, Scan, Store};

/// What one call of [`Blobs::collect`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Files looked at.
    pub seen: usize,
    /// Files without a link that are within their grace.
    pub waiting: usize,
    /// Files removed.
    pub removed: usize,
}

impl Blobs {
    /// Looks at the next of the 256 directories, and removes what has been without a link for `grace` milliseconds by
    /// the caller's clock (`now`, also in milliseconds); after a restart the grace begins anew. While a backup reads,
    /// nothing is looked at.
    pub fn collect(&self, store: &Store, now: u64, grace: u64) -> Result<Collected, BlobError> {
        let dir = {
            let mut held = self.held();
            if held.readers > 0 {
                return Ok(Collected::default());
            }
            held.cursor = held.cursor.wrapping_add(1);
            format!("{:02x}", held.cursor.wrapping_sub(1))
        };
        let mut done = Collected::default();
        let files = match fs::read_dir(self.0.dir.join(&dir)) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(done),
            Err(error) => return Err(error.into()),
        };
        for file in files {
            let file = file?;
            let Some(sha256) = file.file_name().to_str().and_then(|name| parse_name(&dir, name)) else {
                continue;
            };
            done.seen += 1;
            let mut held = self.held();
            if held.readers > 0 {
                break;
            }
            // The lock is held from the look at the pins to the removal, and a pin is let go only when the link is
            // committed: a snapshot taken now sees every link that will ever come of the pins that were there.
            let links = KeyRange::prefix(links_of(&sha256));
            let one = Scan { limit: 1, keys_only: true, ..Scan::default() };
            let page = store.snapshot().scan(&links, one).map_err(BlobError::Store)?;
            if held.pins.contains_key(&sha256) || !page.rows.is_empty() {
                held.unlinked.remove(&sha256);
            } else if now.saturating_sub(*held.unlinked.entry(sha256).or_insert(now)) < grace {
                done.waiting += 1;
            } else {
                fs::remove_file(file.path())?;
                held.unlinked.remove(&sha256);
                done.removed += 1;
            }
        }
        Ok(done)
    }
}
