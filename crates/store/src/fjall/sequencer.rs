//! The one thread that writes: takes all queued commits, judges them in order, writes them as one group with one sync,
//! makes the group visible, then answers everybody in it.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use bytes::Bytes;
use fjall::PersistMode;

use super::{
    Disk, Shared,
    ahead::Ahead,
    purge::Purge,
    queue::{Done, Job},
    reserve::{BLOCK, Reserved},
    rows,
    view::Visible,
};
use crate::{
    CommitError, Committed, KeyRange, StoreError, Threads, Version, failpoint,
    sequence::{Base, Group, Sequence, Touched},
};

/// A group is closed once it holds this many bytes,
const GROUP_BYTES: usize = 4 << 20;
/// or this many commits.
const GROUP_COMMITS: usize = 4_096;
/// What the journal adds to a row, about, in bytes.
const ROW: usize = 40;
/// So many commits need not wait for more.
const ENOUGH: usize = 16;
/// A range of up to this many keys is removed key by key, a larger one by a purge.
const FEW_KEYS: usize = 256;

/// The sequencer's state; lives on its thread.
pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    threads: Option<Arc<Threads>>,
    sequence: Sequence,
    group: Group,
    purges: Arc<Vec<Purge>>,
    reserved: Reserved,
    answers: Vec<(Done, Result<Committed, CommitError>)>,
    scratch: Vec<u8>,
    ahead: Ahead,
}

/// What the group is judged against: the disk, with the purges.
struct OnDisk<'a> {
    disk: &'a Disk,
    purges: &'a [Purge],
}

impl Base for OnDisk<'_> {
    fn read(&self, key: &[u8]) -> Result<Option<(Bytes, Version)>, StoreError> {
        if key.is_empty() {
            return Ok(None);
        }
        let stored = self.disk.space.get(key).map_err(|error| rows::engine_error(&error))?;
        rows::seen(key, stored, self.purges)
    }

    fn few_keys(&self, range: &KeyRange) -> Result<Option<Vec<Bytes>>, StoreError> {
        let how = crate::Scan { limit: FEW_KEYS, bytes: usize::MAX, keys_only: true, reverse: false };
        let page = rows::scan(&self.disk.database.snapshot(), &self.disk.space, self.purges, range, how)?;
        Ok(page.rest.is_none().then(|| page.rows.into_iter().map(|(key, ..)| key).collect()))
    }
}

impl Sequencer {
    /// Goes on from what was found on disk.
    pub(crate) fn new(
        shared: Arc<Shared>,
        threads: Option<Arc<Threads>>,
        last: Version,
        reserved: Reserved,
        purges: Arc<Vec<Purge>>,
        ahead: Ahead,
    ) -> Self {
        Self {
            shared,
            threads,
            sequence: Sequence::new(last),
            group: Group::default(),
            purges,
            reserved,
            answers: Vec::new(),
            scratch: Vec::new(),
            ahead,
        }
    }

    /// Works until the queue is closed and empty, or the disk fails.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // Should this thread panic, nobody may go on as if it still committed.
        let _fail_on_panic = FailOnPanic(&shared);
        if let Some(threads) = &self.threads {
            threads.gathers_here();
        }
        let mut jobs = VecDeque::new();
        while shared.queue.take(&mut jobs) {
            if let Some(threads) = self.threads.as_ref().filter(|_| jobs.len() < ENOUGH) {
                threads.gather();
                shared.queue.more(&mut jobs);
            }
            while !jobs.is_empty() {
                if let Err(why) = self.commit_group(&mut jobs) {
                    self.fail(&why, jobs);
                    return;
                }
            }
        }
    }

    fn commit_group(&mut self, jobs: &mut VecDeque<Job>) -> Result<(), String> {
        while let Some(job) = jobs.pop_front() {
            self.judge(job)?;
            if self.group.bytes() >= GROUP_BYTES || self.answers.len() >= GROUP_COMMITS {
                break;
            }
        }
        let stamps = self.reserve();
        if !self.group.is_empty() {
            self.write().map_err(|error| error.to_string())?;
            self.publish();
        }
        if let Some(end) = stamps {
            self.shared.stamps.extend(end);
        }
        for (done, answer) in self.answers.drain(..) {
            // Nobody may be waiting: a commit whose Pending was dropped is as good as any.
            let _ = done.send(answer);
        }
        self.ahead.synced((self.group.bytes() + self.group.rows().len() * ROW) as u64);
        self.group.clear();
        Ok(())
    }

    fn judge(&mut self, job: Job) -> Result<(), String> {
        let (done, answer) = match job {
            Job::Commit { batch, done } => {
                let base = OnDisk { disk: &self.shared.disk, purges: &self.purges };
                let before = self.group.ranges().len();
                let answer = self.sequence.apply(batch, &mut self.group, &base);
                self.note_purges(before);
                (done, answer)
            }
            Job::Sweep { keys, seen, done } => {
                (done, self.sweep(keys, seen).map_err(|error| unreadable(&error)))
            }
            Job::Swept { version, number, done } => {
                if let Some(purge) = self.purges.iter().find(|p| p.version == version && p.number == number) {
                    self.group.write(purge.key(), None, self.sequence.last());
                }
                let rest = self.purges.iter().filter(|p| p.version != version || p.number != number);
                self.purges = Arc::new(rest.cloned().collect());
                (done, Ok(Committed { version: self.sequence.last(), stamp_base: 0 }))
            }
            Job::Look => return Ok(()),
        };
        let counters = &self.shared.counters;
        let counter = if answer.is_ok() { &counters.commits } else { &counters.conflicts };
        counter.fetch_add(1, Relaxed);
        let outcome = match &answer {
            Err(CommitError::Fatal(why)) => Err(why.to_string()),
            _ => Ok(()),
        };
        self.answers.push((done, answer));
        outcome
    }

    /// Ranges the last batch removed whole become purges: rows in the same group, and in force for the next batch.
    fn note_purges(&mut self, before: usize) {
        let new: Vec<_> = (0..)
            .zip(self.group.ranges().iter().skip(before))
            .map(|(number, (version, range))| Purge { version: *version, number, range: range.clone() })
            .collect();
        if new.is_empty() {
            return;
        }
        let version = self.sequence.last();
        for purge in &new {
            self.group.write(purge.key(), Some(purge.encode()), version);
        }
        self.purges = Arc::new(self.purges.iter().cloned().chain(new).collect());
    }

    /// Removes swept rows, except those written anew since they were seen.
    fn sweep(&mut self, keys: Vec<Bytes>, seen: Version) -> Result<Committed, StoreError> {
        let version = self.sequence.last();
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
            return Ok(Committed { version, stamp_base: 0 });
        };
        let mut end = last.to_vec();
        end.push(0);
        let touched = self.sequence.changed(&KeyRange::new(first.clone(), end), seen);
        for key in keys {
            let rewritten = touched && {
                let base = OnDisk { disk: &self.shared.disk, purges: &self.purges };
                !matches!(self.group.get(&key), Touched::No) || base.read(&key)?.is_some()
            };
            if !rewritten {
                self.group.write(key, None, version);
            }
        }
        Ok(Committed { version, stamp_base: 0 })
    }

    /// Writes a new block of versions or stamps into the group when one runs out. Answers the stamps' new end.
    fn reserve(&mut self) -> Option<u64> {
        let stamps = self.shared.stamps.wanted();
        let last = self.sequence.last();
        if last > self.reserved.versions {
            self.reserved.versions = last + BLOCK;
        } else if stamps.is_none() {
            return None;
        }
        self.reserved.stamps = stamps.unwrap_or(self.reserved.stamps);
        self.group.write(Reserved::key(), Some(self.reserved.encode()), last);
        stamps
    }

    fn write(&mut self) -> Result<(), fjall::Error> {
        let disk = &self.shared.disk;
        failpoint::pass("store.commit.before_write")?;
        let mut batch = fjall::OwnedWriteBatch::with_capacity(disk.database.clone(), self.group.rows().len());
        for row in self.group.rows() {
            match &row.val {
                Some(val) => {
                    let stored = rows::encode(row.version, val, &mut self.scratch);
                    batch.insert(&disk.space, row.key.as_ref(), stored);
                }
                None => batch.remove(&disk.space, row.key.as_ref()),
            }
        }
        batch.commit()?;
        failpoint::pass("store.commit.before_sync")?;
        let start = Instant::now();
        // Never tried again: after a failed sync the kernel may have dropped what it could not write.
        disk.database.persist(PersistMode::SyncData)?;
        let counters = &self.shared.counters;
        counters.synced(start.elapsed());
        failpoint::pass("store.commit.after_sync")?;
        counters.groups.fetch_add(1, Relaxed);
        counters.rows.fetch_add(self.group.rows().len() as u64, Relaxed);
        counters.bytes.fetch_add(self.group.bytes() as u64, Relaxed);
        Ok(())
    }

    /// The group is durable: readers may see it.
    fn publish(&mut self) {
        let version = self.sequence.last();
        let snapshot = self.shared.disk.database.snapshot();
        self.shared.show(Visible { version, snapshot, purges: Arc::clone(&self.purges) });
        self.shared.watchers.wake(&self.group, version);
        if !self.group.ranges().is_empty() {
            // Not before the purges can be seen: the sweeper would find none, and sleep.
            self.shared.sweeper.wake();
        }
    }

    /// The disk failed: tells everybody, then stops the process.
    fn fail(&mut self, why: &str, jobs: VecDeque<Job>) {
        let error = CommitError::Fatal(why.into());
        let waiting = jobs.into_iter().filter_map(|job| match job {
            Job::Commit { done, .. } | Job::Sweep { done, .. } | Job::Swept { done, .. } => Some(done),
            Job::Look => None,
        });
        for done in self.answers.drain(..).map(|(done, _)| done).chain(waiting) {
            let _ = done.send(Err(error.clone()));
        }
        self.shared.fail(why);
    }
}

fn unreadable(error: &StoreError) -> CommitError {
    CommitError::Fatal(error.to_string().into())
}

struct FailOnPanic<'a>(&'a Shared);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the sequencer panicked");
        }
    }
}
