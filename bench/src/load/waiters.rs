//! Ten thousand receivers that wait: what they cost while nothing happens, and how fast one wakes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{task::JoinSet, time::Instant, time::timeout};

use super::{Outcome, Sizes, Target, Workload, metric, mib, queue};
use crate::{
    body::Bodies,
    client::{Queue, Receive, Sqs},
    error::{Error, Result},
    histogram::Histogram,
    process::Process,
};

/// The longest wait SQS knows.
const WAIT: Receive = Receive { max: 1, wait_s: 20, visibility_s: None };
/// Messages sent while all wait. All of it is over before the first wait ends.
const SENDS: usize = 200;
/// A message that no receiver got in this time is lost.
const LOST: Duration = Duration::from_secs(10);

/// When each message was sent, and how long each took to arrive.
struct Arrivals {
    sent: Vec<Option<Instant>>,
    latency: Histogram,
}

type Shared = Arc<Mutex<Arrivals>>;

/// Runs the workload.
#[allow(clippy::cast_precision_loss)]
pub(super) async fn run(target: &Target, sizes: &Sizes, bodies: &Bodies) -> Result<Outcome> {
    allow_files(sizes.waiters as u64 + 256)?;
    let queue = queue::create(target, bodies, Workload::Waiters).await?;
    super::settle(target.process).await;
    let usage = || target.process.and_then(Process::usage);
    let before = usage();
    let arrivals: Shared =
        Arc::new(Mutex::new(Arrivals { sent: vec![None; SENDS], latency: Histogram::default() }));
    let mut waiting = JoinSet::new();
    for _ in 0..sizes.waiters {
        let sqs = Sqs::connect(&target.endpoint, bodies).await?;
        waiting.spawn(wait(sqs, queue.clone(), Arc::clone(&arrivals)));
    }
    super::settle(target.process.into_iter().chain([Process::this()])).await;
    let idle = usage();
    tokio::time::sleep(sizes.idle).await;
    let rested = usage();

    let mut sender = Sqs::connect(&target.endpoint, bodies).await?;
    for number in 0..SENDS {
        if let Some(sent) = arrivals.lock().unwrap_or_else(PoisonError::into_inner).sent.get_mut(number) {
            *sent = Some(Instant::now());
        }
        sender.send(&queue, number).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all_arrived = async {
        while arrivals.lock().unwrap_or_else(PoisonError::into_inner).latency.total() < SENDS as u64 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = timeout(LOST, all_arrived).await.is_ok();
    let failed = waiting.try_join_next().and_then(|joined| joined.ok()?.err());
    waiting.shutdown().await;
    sender.delete_queue(&queue).await?;
    if let Some(error) = failed {
        return Err(error);
    }

    let latency = arrivals.lock().unwrap_or_else(PoisonError::into_inner).latency.clone();
    if !in_time {
        let arrived = latency.total();
        return Err(Error::usage(format!(
            "{arrived} of {SENDS} messages reached a waiting receiver in {LOST:?}"
        )));
    }
    let mut values = BTreeMap::from([
        ("waiters", sizes.waiters as f64),
        (metric::P50, latency.quantile_ms(0.5)),
        (metric::P99, latency.quantile_ms(0.99)),
    ]);
    if let (Some(before), Some(idle), Some(rested)) = (before, idle, rested) {
        let grown = idle.rss.saturating_sub(before.rss) as f64;
        values.insert(metric::WAITER_KIB, grown / 1024.0 / sizes.waiters.max(1) as f64);
        values.insert(metric::IDLE, (rested.cpu_ms - idle.cpu_ms) / sizes.idle.as_secs_f64() / 10.0);
        values.insert(metric::RSS, mib(rested.rss));
    }
    Ok(Outcome { values, trouble: None })
}

/// Waits for messages, one after the other, until it is stopped or fails.
async fn wait(mut sqs: Sqs, queue: Queue, arrivals: Shared) -> Result<()> {
    loop {
        for message in sqs.receive(&queue, WAIT).await? {
            let now = Instant::now();
            let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sent) = arrivals.sent.get_mut(message.number).and_then(Option::take) {
                arrivals.latency.record(now - sent);
            }
        }
    }
}

/// Raises this process's limit of open files to what is needed.
fn allow_files(needed: u64) -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        let maximum = limit.maximum.unwrap_or_default();
        return Err(Error::usage(format!(
            "{needed} open files are needed and {maximum} allowed: raise `ulimit -Hn`"
        )));
    }
    limit.current = Some(needed);
    setrlimit(Resource::Nofile, limit)
        .map_err(|error| Error::io("raise the limit of open files")(error.into()))
}
