//! The workloads on objects, against S3 and against limits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Dialect, Outcome, Pace, Script, Sizes, Step, Target, Workload, drive, figures, fresh_name};
use crate::{
    client::{Check, Content, S3},
    error::Result,
};

/// Objects that are read, by their size: enough that no two connections read the same one all the time, few enough for
/// any server's memory.
const SMALL: (usize, u64) = (1 << 10, 1_000);
const LARGE: (usize, u64) = (1 << 20, 64);
/// Keys of a list: a full page.
const KEYS: u64 = 1_000;
/// Keys that a connection writes in turn.
const OWN_KEYS: u64 = 64;

impl Workload {
    /// Bytes of an object, and how many objects there are before the figures count.
    fn objects(self) -> (usize, u64) {
        match self {
            Self::Get1m => LARGE,
            Self::Put1k => (SMALL.0, 0),
            Self::Put1m => (LARGE.0, 0),
            Self::List => (64, KEYS),
            _ => SMALL,
        }
    }
}

/// `/BUCKET/SIZE/NUMBER`: limits read the size out of it.
fn path(bucket: &str, size: usize, number: u64) -> String {
    format!("/{bucket}/{size}/{number:06}")
}

struct Worker {
    workload: Workload,
    s3: S3,
    bucket: Arc<str>,
    content: Content,
    /// Which connection it is.
    index: u64,
    count: u64,
}

impl Script for Worker {
    async fn step(&mut self) -> Result<Step> {
        self.count += 1;
        let (size, objects) = self.workload.objects();
        match self.workload {
            Workload::List => self.s3.list(&self.bucket, usize::try_from(KEYS).unwrap_or_default()).await?,
            Workload::Get1k | Workload::Get1m => {
                let number = (self.index * 17 + self.count) % objects;
                self.s3.get(&path(&self.bucket, size, number), &self.content, number).await?;
            }
            _ => {
                let key = self.index * OWN_KEYS + self.count % OWN_KEYS;
                let number = self.index * 1_000_000_000 + self.count;
                self.s3.put(&path(&self.bucket, size, key), &mut self.content, number).await?;
            }
        }
        Ok(Step::Did(1))
    }
}

/// Puts what will be read.
struct Filler {
    s3: S3,
    bucket: Arc<str>,
    content: Content,
    size: usize,
    next: Arc<AtomicU64>,
    total: u64,
}

impl Script for Filler {
    async fn step(&mut self) -> Result<Step> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.total {
            return Ok(Step::Finished);
        }
        self.s3.put(&path(&self.bucket, self.size, number), &mut self.content, number).await?;
        Ok(Step::Did(1))
    }
}

/// Runs one of [`Workload::OBJECTS`] on a bucket of its own.
pub(super) async fn run(workload: Workload, target: &Target, sizes: &Sizes) -> Result<Outcome> {
    let check = if target.dialect == Dialect::Aws { Check::Objects } else { Check::Length };
    let bucket: Arc<str> = fresh_name(workload, "").into();
    let (size, objects) = workload.objects();
    if check == Check::Objects {
        S3::connect(&target.endpoint, check).await?.create_bucket(&bucket).await?;
        fill(target, sizes, &bucket, size, objects).await?;
        super::settle(target.process).await;
    }
    let mut workers = Vec::with_capacity(sizes.connections);
    for index in 0..sizes.connections {
        workers.push(Worker {
            workload,
            s3: S3::connect(&target.endpoint, check).await?,
            bucket: Arc::clone(&bucket),
            content: Content::new(size),
            index: index as u64,
            count: 0,
        });
    }
    let pace = Pace { warm_up: sizes.warm_up, measure: sizes.measure };
    Ok(figures(&drive(workers, pace, target.process).await, target))
}

async fn fill(target: &Target, sizes: &Sizes, bucket: &Arc<str>, size: usize, total: u64) -> Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let mut fillers = Vec::new();
    for _ in 0..sizes.connections.min(usize::try_from(total).unwrap_or(usize::MAX)) {
        fillers.push(Filler {
            s3: S3::connect(&target.endpoint, Check::Objects).await?,
            bucket: Arc::clone(bucket),
            content: Content::new(size),
            size,
            next: Arc::clone(&next),
            total,
        });
    }
    let tally = drive(fillers, Pace { warm_up: Duration::ZERO, measure: sizes.fill }, None).await;
    tally.first_error.map_or(Ok(()), Err)
}
