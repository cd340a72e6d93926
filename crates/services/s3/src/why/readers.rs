//! Which version a function read. A read notes itself in memory and costs the request nothing more; what gathered is written
//! within a second, many reads in one commit. A crash loses the reads of the last second, nothing else.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use moln_kernel::{ApiError, Context, Principal};
use moln_store::{Batch, CommitError};

use crate::{
    Buckets,
    bucket::Bucket,
    errors,
    limits::{READERS, READS_IN_MEMORY},
    tables::{
        object::ObjectRow,
        why::{READS, ReadRow, ReadsRow},
    },
};

/// By bucket and key.
type Noted = HashMap<(String, String), ReadsRow>;

/// Reads that are not written yet.
#[derive(Default)]
pub(crate) struct Readers {
    noted: Mutex<Noted>,
    pub(super) some: tokio::sync::Notify,
}

/// The function on whose behalf a request comes: the last one of its chain, or the session it runs as.
fn reader(ctx: &Context) -> Option<String> {
    let function = ctx.lineage.hops.last().filter(|hop| hop.contains(":function:"));
    let session = || match &ctx.principal {
        Principal::Arn(arn) if arn.contains(":assumed-role/") => Some(arn.to_string()),
        _ => None,
    };
    function.map(ToString::to_string).or_else(session)
}

impl Readers {
    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a read, when a function does it.
    pub(crate) fn note(&self, ctx: &Context, bucket: &Bucket, key: &str, row: &ObjectRow) {
        let Some(reader) = reader(ctx) else { return };
        let mut noted = self.noted();
        let at = (bucket.name.clone(), key.to_owned());
        // More than can be written in time are not told of.
        if noted.len() >= READS_IN_MEMORY && !noted.contains_key(&at) {
            return;
        }
        noted.entry(at).or_default().add(ReadRow {
            stamp: row.stamp,
            reader,
            request_id: ctx.request_id.as_str().into(),
            when: ctx.now.millis(),
            times: 1,
        });
        drop(noted);
        self.some.notify_one();
    }
}

impl ReadsRow {
    /// Adds a read behind all others; the same reader's of the same version are one. The oldest makes room.
    fn add(&mut self, mut read: ReadRow) {
        if let Some(at) =
            self.0.iter().position(|known| known.stamp == read.stamp && known.reader == read.reader)
        {
            read.times = read.times.saturating_add(self.0.remove(at).times);
        }
        if self.0.len() >= READERS {
            self.0.remove(0);
        }
        self.0.push(read);
    }
}

impl Buckets {
    /// Writes the reads that were noted.
    pub(super) async fn write_reads(&self) -> Result<(), ApiError> {
        let noted = std::mem::take(&mut *self.readers.noted());
        let mut by_bucket: HashMap<String, Vec<(String, ReadsRow)>> = HashMap::new();
        for ((bucket, key), reads) in noted {
            by_bucket.entry(bucket).or_default().push((key, reads));
        }
        for (name, keys) in by_bucket {
            // Of a bucket that is gone nobody asks.
            let Some(bucket) = self.find(&name)? else { continue };
            let mut batch = Batch::default();
            bucket.guard(&mut batch);
            let snapshot = self.store.snapshot();
            for (key, reads) in keys {
                let at = (bucket.row.number, key);
                let unreadable = |why| errors::unreadable(&why);
                let known = READS.get(&*snapshot, &at).map_err(unreadable)?;
                let mut known = known.map(|(row, _)| row).unwrap_or_default();
                reads.0.into_iter().for_each(|read| known.add(read));
                READS.put(&mut batch, &at, &known).map_err(unreadable)?;
            }
            match self.store.commit(batch).await {
                Ok(_) => {}
                // Its settings changed in this moment, or it went: these reads are not told of.
                Err(CommitError::Conflict { .. }) => self.pictures.forget(&name),
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_readers_are_kept() {
        let mut row = ReadsRow::default();
        let read = |stamp: u64, reader: &str, when: u64| ReadRow {
            stamp,
            reader: reader.into(),
            request_id: "r".into(),
            when,
            times: 1,
        };
        row.add(read(1, "f", 1));
        row.add(read(1, "g", 2));
        row.add(read(1, "f", 3));
        let told: Vec<_> = row.0.iter().map(|read| (read.reader.as_str(), read.when, read.times)).collect();
        assert_eq!(told, [("g", 2, 1), ("f", 3, 2)]);
        for stamp in 2..100 {
            row.add(read(stamp, "f", stamp));
        }
        assert_eq!((row.0.len(), row.0.last().map(|read| read.stamp)), (READERS, Some(99)));
    }
}
