//! Does a queue get slower, or the server larger, with a million messages waiting in it?
//!
//! Two ways of receiving are measured on a queue of 100 messages and again on one with the whole backlog: receiving
//! one message that is visible again at once (nothing but the search for the head), and turning over (ten sent, ten
//! received, ten deleted: the level stays, and what is deleted piles up in front of the head).

use std::{collections::BTreeMap, time::Duration};

use super::{Outcome, Pace, Script, Sizes, Step, Tally, Target, Workload, drive, metric, mib, queue, settle};
use crate::{
    body::Bodies,
    client::{Queue, Receive, Sqs, payload::BATCH},
    error::{Error, Result},
    process::Process,
    results::median,
};

/// Messages in the small queue: more than connections, so that none goes without.
const SMALL: u64 = 100;
/// Runs of each kind; the median counts.
const RUNS: usize = 3;

struct Head {
    sqs: Sqs,
    queue: Queue,
}

impl Script for Head {
    async fn step(&mut self) -> Result<Step> {
        let how = Receive { max: 1, wait_s: 0, visibility_s: Some(0) };
        let got = self.sqs.receive(&self.queue, how).await?.len() as u64;
        Ok(if got == 0 { Step::Nothing } else { Step::Did(got) })
    }
}

struct Turnover {
    sqs: Sqs,
    queue: Queue,
    number: usize,
}

impl Script for Turnover {
    async fn step(&mut self) -> Result<Step> {
        self.number += BATCH;
        self.sqs.send_batch(&self.queue, self.number, BATCH).await?;
        let how = Receive { max: BATCH, wait_s: 0, visibility_s: None };
        let messages = self.sqs.receive(&self.queue, how).await?;
        if messages.is_empty() {
            return Ok(Step::Nothing);
        }
        self.sqs.delete_batch(&self.queue, &messages).await?;
        Ok(Step::Did(messages.len() as u64))
    }
}

/// Rates of one queue, messages per second.
struct Rates {
    head: f64,
    turnover: f64,
    /// The largest share of a core that others took meanwhile, percent.
    others: f64,
}

async fn rates(target: &Target, queue: &Queue, sizes: &Sizes, bodies: &Bodies) -> Result<Rates> {
    let pace = Pace { warm_up: sizes.warm_up / 4, measure: sizes.measure / 2 };
    let (mut heads, mut turnovers, mut others) = (Vec::new(), Vec::new(), 0.0_f64);
    let mut note = |tally: &Tally| others = others.max(tally.others_percent().unwrap_or_default());
    for _ in 0..RUNS {
        let connections = queue::connect(target, bodies, sizes.connections).await?.into_iter();
        let scripts = connections.map(|sqs| Head { sqs, queue: queue.clone() }).collect();
        let tally = drive(scripts, pace, target.process).await;
        note(&tally);
        heads.push(rate(tally)?);
    }
    for _ in 0..RUNS {
        let connections = queue::connect(target, bodies, sizes.connections).await?.into_iter();
        let scripts = connections.map(|sqs| Turnover { sqs, queue: queue.clone(), number: 0 }).collect();
        let tally = drive(scripts, pace, target.process).await;
        note(&tally);
        turnovers.push(rate(tally)?);
    }
    Ok(Rates { head: median(&heads), turnover: median(&turnovers), others })
}

#[allow(clippy::cast_precision_loss)]
fn rate(tally: Tally) -> Result<f64> {
    match tally.first_error {
        Some(error) => Err(error),
        None if tally.messages == 0 => Err(Error::usage("no message was received")),
        None => Ok(tally.messages as f64 / tally.elapsed.as_secs_f64()),
    }
}

/// Runs the workload.
#[allow(clippy::cast_precision_loss)]
pub(super) async fn run(target: &Target, sizes: &Sizes, bodies: &Bodies) -> Result<Outcome> {
    let memory = || target.process.and_then(Process::usage).map(|usage| usage.rss);
    let small = queue::create(target, bodies, Workload::Backlog).await?;
    queue::fill(target, &small, sizes, bodies, SMALL).await?;
    let few = rates(target, &small, sizes, bodies).await?;
    queue::delete(target, bodies, &small).await?;

    let large = queue::create(target, bodies, Workload::Backlog).await?;
    settle(target.process).await;
    let before = memory();
    let filled = queue::fill(target, &large, sizes, bodies, sizes.backlog).await?;
    settle(target.process).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = memory();
    let many = rates(target, &large, sizes, bodies).await?;
    queue::delete(target, bodies, &large).await?;

    let ratios = (many.head / few.head, many.turnover / few.turnover);
    let mut values = BTreeMap::from([
        ("messages", filled.messages as f64),
        ("load-rate", filled.messages as f64 / filled.elapsed.as_secs_f64()),
        ("receive-few", few.head),
        ("receive-many", many.head),
        ("receive-ratio", ratios.0),
        ("turnover-few", few.turnover),
        ("turnover-many", many.turnover),
        ("turnover-ratio", ratios.1),
        (metric::OTHERS, few.others.max(many.others)),
        (metric::RATIO, ratios.0.min(ratios.1)),
    ]);
    if let Some((before, after)) = before.zip(after) {
        values.insert(metric::BYTES, (after as f64 - before as f64) / filled.messages as f64);
        values.insert(metric::RSS, mib(after));
    }
    Ok(Outcome { values, trouble: None })
}
