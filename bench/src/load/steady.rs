//! The workloads that run in rounds, against a server that speaks SQS.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Outcome, Pace, Script, Sizes, Step, Target, Workload, drive, figures, queue};
use crate::{
    body::Bodies,
    client::{Queue, Receive, Sqs, payload::BATCH},
    error::Result,
};

/// Distance of the connections' numbers: deduplication ids are made of them, so no two connections may share any.
const APART: usize = 100_000_000;
const ONE: Receive = Receive { max: 1, wait_s: 0, visibility_s: None };
const TEN: Receive = Receive { max: BATCH, wait_s: 0, visibility_s: None };

/// One connection of a workload.
struct Worker {
    workload: Workload,
    sqs: Sqs,
    queue: Queue,
    /// Number of the next body, different for each connection at the beginning.
    number: usize,
    groups: usize,
    /// `drain`: messages that are still there.
    left: Arc<AtomicU64>,
}

impl Script for Worker {
    async fn step(&mut self) -> Result<Step> {
        self.number += 1;
        match self.workload {
            Workload::SendBatch => {
                self.number += BATCH;
                self.sqs.send_batch(&self.queue, self.number, BATCH).await?;
                Ok(Step::Did(BATCH as u64))
            }
            Workload::Cycle => self.cycle().await,
            Workload::Drain => self.drain().await,
            Workload::FifoSend => {
                let id = self.number.to_string();
                self.sqs.send_fifo(&self.queue, self.number, self.number % self.groups, &id).await?;
                Ok(Step::Did(1))
            }
            _ => {
                self.sqs.send(&self.queue, self.number).await?;
                Ok(Step::Did(1))
            }
        }
    }
}

impl Worker {
    /// Every connection takes one message after it has put one in, so there always is one: a receive that brings none
    /// is the server's sampling, and is asked again.
    async fn cycle(&mut self) -> Result<Step> {
        self.sqs.send(&self.queue, self.number).await?;
        loop {
            if let Some(message) = self.sqs.receive(&self.queue, ONE).await?.first() {
                self.sqs.delete(&self.queue, message).await?;
                return Ok(Step::Did(1));
            }
        }
    }

    async fn drain(&mut self) -> Result<Step> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Ok(Step::Finished);
        }
        let messages = self.sqs.receive(&self.queue, TEN).await?;
        if messages.is_empty() {
            return Ok(Step::Nothing);
        }
        self.sqs.delete_batch(&self.queue, &messages).await?;
        self.left.fetch_sub(messages.len() as u64, Ordering::Relaxed);
        Ok(Step::Did(messages.len() as u64))
    }
}

/// Runs one of [`Workload::STEADY`] on a queue of its own.
pub(super) async fn run(
    workload: Workload,
    target: &Target,
    sizes: &Sizes,
    bodies: &Bodies,
) -> Result<Outcome> {
    let queue = queue::create(target, bodies, workload).await?;
    let mut pace = Pace { warm_up: sizes.warm_up, measure: sizes.measure };
    let mut backlog = 0;
    if workload == Workload::Drain {
        backlog = queue::fill(target, &queue, sizes, bodies, sizes.drain).await?.messages;
        super::settle(target.process).await;
        // Ends when all is drained; a slow server is stopped.
        pace = Pace { warm_up: Duration::ZERO, measure: sizes.measure * 4 };
    }
    let left = Arc::new(AtomicU64::new(backlog));
    let workers = queue::connect(target, bodies, sizes.connections).await?.into_iter().enumerate();
    let workers = workers
        .map(|(index, sqs)| Worker {
            workload,
            sqs,
            queue: queue.clone(),
            number: index * APART + index * 17,
            groups: sizes.groups.max(1),
            left: Arc::clone(&left),
        })
        .collect();
    let tally = drive(workers, pace, target.process).await;
    queue::delete(target, bodies, &queue).await?;
    Ok(figures(&tally, target))
}
