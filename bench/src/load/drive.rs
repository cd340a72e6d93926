//! The harness: runs scripts side by side for a while and counts.

use std::{future::Future, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    error::{Error, Result},
    histogram::Histogram,
    process::{Process, machine_cpu_ms},
};

/// How long an answer may take beyond the measured time: longer than the longest long poll (20 s).
const GRACE: Duration = Duration::from_secs(30);
/// A script with so many errors gives up.
const ERRORS: u64 = 10;

/// When to count.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time before anything is counted.
    pub warm_up: Duration,
    /// Time measured, at most: it ends when all scripts have finished.
    pub measure: Duration,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many messages.
    Did(u64),
    /// Nothing that counts; its time is not counted either.
    Nothing,
    /// There is nothing left to do.
    Finished,
}

/// What one connection does, again and again.
pub trait Script: Send + 'static {
    /// Does it once.
    fn step(&mut self) -> impl Future<Output = Result<Step>> + Send;
}

/// What was counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages in the measured time.
    pub messages: u64,
    /// The measured time.
    pub elapsed: Duration,
    /// Duration of each step that did something.
    pub latency: Histogram,
    /// Steps that failed, in warm-up too.
    pub errors: u64,
    /// The first failure.
    pub first_error: Option<Error>,
    /// The server's CPU in the measured time, when its process is known.
    pub server_cpu_ms: Option<f64>,
    /// This process's CPU in the measured time.
    pub client_cpu_ms: f64,
    /// What the rest of the machine took in the measured time, when the server's process is known.
    pub others_cpu_ms: Option<f64>,
}

/// CPU times in milliseconds.
struct Costs {
    server: Option<f64>,
    client: Option<f64>,
    machine: Option<f64>,
}

impl Costs {
    fn now(server: Option<Process>) -> Self {
        let of = |process: Process| process.usage().map(|usage| usage.cpu_ms);
        Self { machine: machine_cpu_ms(), server: server.and_then(of), client: of(Process::this()) }
    }

    fn since(self, before: &Self) -> Self {
        let less = |now: Option<f64>, before: Option<f64>| now.zip(before).map(|(now, before)| now - before);
        Self {
            server: less(self.server, before.server),
            client: less(self.client, before.client),
            machine: less(self.machine, before.machine),
        }
    }
}

impl Tally {
    /// What the rest of the machine took, percent of one core.
    pub fn others_percent(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        self.others_cpu_ms.filter(|_| seconds > 0.0).map(|ms| ms.max(0.0) / seconds / 10.0)
    }
}

#[derive(Default)]
struct Share {
    messages: u64,
    latency: Histogram,
    errors: u64,
    first_error: Option<Error>,
    last: Option<Instant>,
}

/// Runs all scripts at once.
pub async fn drive<S: Script>(scripts: Vec<S>, pace: Pace, server: Option<Process>) -> Tally {
    let from = Instant::now() + pace.warm_up;
    let until = from + pace.measure;
    let mut running = JoinSet::new();
    for script in scripts {
        running.spawn(repeat(script, from, until));
    }
    sleep_until(from).await;
    let before = Costs::now(server);
    let mut tally = Tally::default();
    let mut last = from;
    let mut collect = |tally: &mut Tally, share: Share| {
        tally.messages += share.messages;
        tally.latency.merge(&share.latency);
        tally.errors += share.errors;
        tally.first_error = tally.first_error.take().or(share.first_error);
        last = last.max(share.last.unwrap_or(from));
    };
    while let Ok(Some(joined)) = timeout_at(until, running.join_next()).await {
        if let Ok(share) = joined {
            collect(&mut tally, share);
        }
    }
    let spent = Costs::now(server).since(&before);
    while let Ok(Some(joined)) = timeout_at(until + GRACE, running.join_next()).await {
        if let Ok(share) = joined {
            collect(&mut tally, share);
        }
    }
    if !running.is_empty() {
        tally.errors += running.len() as u64;
        let error = Error::usage(format!("{} connections without an answer for {GRACE:?}", running.len()));
        tally.first_error = tally.first_error.take().or(Some(error));
        running.shutdown().await;
    }
    tally.elapsed = last.min(until) - from;
    tally.server_cpu_ms = spent.server;
    tally.client_cpu_ms = spent.client.unwrap_or_default();
    tally.others_cpu_ms =
        spent.machine.zip(spent.server).map(|(all, server)| all - server - tally.client_cpu_ms);
    tally
}

async fn repeat<S: Script>(mut script: S, from: Instant, until: Instant) -> Share {
    let mut share = Share::default();
    let mut began = Instant::now();
    while began < until && share.errors < ERRORS {
        let step = script.step().await;
        let ended = Instant::now();
        share.last = Some(ended);
        match step {
            Ok(Step::Did(messages)) if ended >= from && ended <= until => {
                share.messages += messages;
                share.latency.record(ended - began);
            }
            Ok(Step::Did(_) | Step::Nothing) => {}
            Ok(Step::Finished) => break,
            Err(error) => {
                share.errors += 1;
                share.first_error = share.first_error.or(Some(error));
            }
        }
        began = ended;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counted {
        left: u32,
        fails: bool,
    }

    impl Script for Counted {
        async fn step(&mut self) -> Result<Step> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.fails {
                return Err(Error::usage("as told"));
            }
            self.left = self.left.saturating_sub(1);
            Ok(if self.left == 0 { Step::Finished } else { Step::Did(2) })
        }
    }

    const PACE: Pace = Pace { warm_up: Duration::from_millis(105), measure: Duration::from_secs(1) };

    #[tokio::test(start_paused = true)]
    async fn counts_what_ends_in_the_measured_time() {
        let scripts =
            vec![Counted { left: u32::MAX, fails: false }, Counted { left: u32::MAX, fails: false }];
        let tally = drive(scripts, PACE, None).await;
        assert_eq!((tally.messages, tally.latency.total(), tally.errors), (400, 200, 0));
        assert_eq!(tally.elapsed, PACE.measure);
    }

    #[tokio::test(start_paused = true)]
    async fn ends_when_all_have_finished() {
        let tally = drive(vec![Counted { left: 21, fails: false }], PACE, None).await;
        assert_eq!(tally.messages, 20);
        assert_eq!(tally.elapsed, Duration::from_millis(105));
    }

    #[tokio::test(start_paused = true)]
    async fn errors_are_counted_and_the_first_is_kept() {
        let tally = drive(
            vec![Counted { left: 0, fails: true }, Counted { left: u32::MAX, fails: false }],
            PACE,
            None,
        )
        .await;
        assert_eq!(tally.errors, ERRORS);
        assert_eq!(tally.first_error.unwrap().to_string(), "as told");
        assert_eq!(tally.messages, 200);
    }
}
