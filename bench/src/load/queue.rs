//! Queues for a run: created, filled, and deleted afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Pace, Script, Sizes, Step, Target, Workload, drive, fresh_name};
use crate::{
    body::Bodies,
    client::{Queue, Sqs, payload::BATCH},
    error::Result,
};

/// Opens so many connections.
pub(super) async fn connect(target: &Target, bodies: &Bodies, count: usize) -> Result<Vec<Sqs>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Sqs::connect(&target.endpoint, bodies).await?);
    }
    Ok(connections)
}

/// Creates a queue that did not exist before.
pub(super) async fn create(target: &Target, bodies: &Bodies, workload: Workload) -> Result<Queue> {
    let suffix = if workload == Workload::FifoSend { ".fifo" } else { "" };
    Sqs::connect(&target.endpoint, bodies).await?.create_queue(&fresh_name(workload, suffix)).await
}

/// Deletes it.
pub(super) async fn delete(target: &Target, bodies: &Bodies, queue: &Queue) -> Result<()> {
    Sqs::connect(&target.endpoint, bodies).await?.delete_queue(queue).await
}

struct Filler {
    sqs: Sqs,
    queue: Queue,
    next: Arc<AtomicU64>,
    total: u64,
}

impl Script for Filler {
    async fn step(&mut self) -> Result<Step> {
        let first = self.next.fetch_add(BATCH as u64, Ordering::Relaxed);
        if first >= self.total {
            return Ok(Step::Finished);
        }
        let count = usize::try_from(self.total - first).unwrap_or(BATCH).min(BATCH);
        self.sqs.send_batch(&self.queue, usize::try_from(first).unwrap_or_default(), count).await?;
        Ok(Step::Did(count as u64))
    }
}

/// What filling a queue came to.
pub(super) struct Filled {
    /// Messages in it: as many as wanted, or as many as the server took in the time allowed.
    pub(super) messages: u64,
    /// Time it took.
    pub(super) elapsed: Duration,
}

/// Sends so many messages in batches, for the time that [`Sizes::fill`] allows.
pub(super) async fn fill(
    target: &Target,
    queue: &Queue,
    sizes: &Sizes,
    bodies: &Bodies,
    total: u64,
) -> Result<Filled> {
    let next = Arc::new(AtomicU64::new(0));
    let scripts = connect(target, bodies, sizes.connections).await?.into_iter();
    let scripts =
        scripts.map(|sqs| Filler { sqs, queue: queue.clone(), next: Arc::clone(&next), total }).collect();
    let tally = drive(scripts, Pace { warm_up: Duration::ZERO, measure: sizes.fill }, None).await;
    match tally.first_error {
        Some(error) => Err(error),
        None => Ok(Filled { messages: tally.messages, elapsed: tally.elapsed }),
    }
}
