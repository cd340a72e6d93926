//! The workloads, and what a run of one yields.

mod backlog;
mod drive;
mod echo;
mod objects;
mod queue;
mod steady;
mod waiters;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

pub use drive::{Pace, Script, Step, Tally, drive};

use crate::{body::Bodies, client::Endpoint, process::Process};

/// Names of the figures that a run yields. More is better for rates and ratios, less for all others.
pub mod metric {
    /// Operations per second; messages per second where a request carries several.
    pub const RATE: &str = "rate";
    /// Median latency of a step, ms: a request, a cycle, or receive and delete of a batch.
    pub const P50: &str = "p50";
    /// 99th percentile of the same, ms.
    pub const P99: &str = "p99";
    /// Server CPU, ms per 1,000 of what `rate` counts.
    pub const CPU: &str = "cpu";
    /// The client's own CPU, ms per 1,000 of what `rate` counts.
    pub const CLIENT_CPU: &str = "client-cpu";
    /// CPU that neither server nor client used, percent of one core: above a few the figures are not theirs alone.
    pub const OTHERS: &str = "others";
    /// The server's resident memory at the end of the run, MiB.
    pub const RSS: &str = "rss";
    /// `backlog`: rate with the backlog over rate without; the lower one of receiving alone and of turning over.
    pub const RATIO: &str = "ratio";
    /// `backlog`: growth of resident memory per message, bytes.
    pub const BYTES: &str = "bytes";
    /// `waiters`: resident memory per waiting receiver, KiB.
    pub const WAITER_KIB: &str = "kib";
    /// `waiters`: server CPU while nothing happens, percent of one core.
    pub const IDLE: &str = "idle";
    /// `start`: process start to first answer, ms.
    pub const MS: &str = "ms";
}

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Workload {
    /// Process start to first answer; only of a server that the comparison starts itself.
    Start,
    /// `SendMessage`.
    Send,
    /// `SendMessageBatch` of ten.
    SendBatch,
    /// `SendMessage`, `ReceiveMessage`, `DeleteMessage`, one after the other.
    Cycle,
    /// `ReceiveMessage` of ten and `DeleteMessageBatch` until a backlog is gone.
    Drain,
    /// `SendMessage` to a FIFO queue, over 100 groups.
    FifoSend,
    /// Receiving from a queue of 100 messages and from one of a million; memory per message.
    Backlog,
    /// Ten thousand receivers waiting in long polls.
    Waiters,
    /// `PutObject` of 1 KiB.
    #[value(name = "put-1k")]
    Put1k,
    /// `GetObject` of 1 KiB.
    #[value(name = "get-1k")]
    Get1k,
    /// `PutObject` of 1 MiB.
    #[value(name = "put-1m")]
    Put1m,
    /// `GetObject` of 1 MiB.
    #[value(name = "get-1m")]
    Get1m,
    /// `ListObjectsV2` of a bucket of 1,000 objects.
    List,
}

impl Workload {
    /// The workloads that run in rounds, side by side, also against the limits.
    pub const STEADY: [Self; 10] = [
        Self::Send,
        Self::SendBatch,
        Self::Cycle,
        Self::Drain,
        Self::FifoSend,
        Self::Put1k,
        Self::Get1k,
        Self::Put1m,
        Self::Get1m,
        Self::List,
    ];
    /// Those on objects.
    pub const OBJECTS: [Self; 5] = [Self::Put1k, Self::Get1k, Self::Put1m, Self::Get1m, Self::List];
    /// Those that run once per server.
    pub const SINGLE: [Self; 2] = [Self::Backlog, Self::Waiters];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Send => "send",
            Self::SendBatch => "send-batch",
            Self::Cycle => "cycle",
            Self::Drain => "drain",
            Self::FifoSend => "fifo-send",
            Self::Backlog => "backlog",
            Self::Waiters => "waiters",
            Self::Put1k => "put-1k",
            Self::Get1k => "get-1k",
            Self::Put1m => "put-1m",
            Self::Get1m => "get-1m",
            Self::List => "list",
        }
    }

    /// Whether it is for servers that answer so.
    pub fn is_for(self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Aws => true,
            Dialect::Echo => !matches!(self, Self::Start | Self::List) && Self::STEADY.contains(&self),
            Dialect::Files => matches!(self, Self::Get1k | Self::Get1m),
        }
    }

    /// The workload with this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Start].into_iter().chain(Self::STEADY).chain(Self::SINGLE);
        all.into_iter().find(|workload| workload.name() == name)
    }
}

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As AWS.
    Aws,
    /// With the request's own body, or as many bytes as the path says: a limit.
    Echo,
    /// With files: a limit.
    Files,
}

/// A server under test.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name in reports.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its process, when known: without it there is no CPU time and no memory.
    pub process: Option<Process>,
    /// How it answers.
    pub dialect: Dialect,
}

/// Sizes of the loads.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Connections, each with one request under way.
    pub connections: usize,
    /// Time before the figures count.
    pub warm_up: Duration,
    /// Time measured.
    pub measure: Duration,
    /// Groups of `fifo-send`.
    pub groups: usize,
    /// Messages that `drain` finds.
    pub drain: u64,
    /// Messages of `backlog`'s large queue.
    pub backlog: u64,
    /// Receivers of `waiters`.
    pub waiters: usize,
    /// How long `waiters` wait before anything is sent.
    pub idle: Duration,
    /// Longest time to fill a queue; a slower server gets a smaller backlog.
    pub fill: Duration,
}

/// What a run yielded.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Figures by name, see [`metric`].
    pub values: BTreeMap<&'static str, f64>,
    /// Why the figures do not count, when something went wrong.
    pub trouble: Option<String>,
}

impl Outcome {
    /// The outcome of a run that could not be done.
    pub fn failed(why: &(impl ToString + ?Sized)) -> Self {
        Self { values: BTreeMap::new(), trouble: Some(why.to_string()) }
    }
}

/// Runs a workload against a server once. What goes wrong stands in the outcome.
pub async fn run(workload: Workload, target: &Target, sizes: &Sizes, bodies: &Bodies) -> Outcome {
    let outcome = match (workload, target.dialect) {
        (Workload::Start, _) => return Outcome::failed("measured only where the server is started"),
        (_, dialect) if !workload.is_for(dialect) => return Outcome::failed("not for such a server"),
        (Workload::Backlog, _) => backlog::run(target, sizes, bodies).await,
        (Workload::Waiters, _) => waiters::run(target, sizes, bodies).await,
        (workload, _) if Workload::OBJECTS.contains(&workload) => objects::run(workload, target, sizes).await,
        (_, Dialect::Aws) => steady::run(workload, target, sizes, bodies).await,
        (..) => echo::run(workload, target, sizes, bodies).await,
    };
    outcome.unwrap_or_else(|error| Outcome::failed(&error))
}

/// A queue name that was not used before, by this process or an earlier one.
fn fresh_name(workload: Workload, suffix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("bench-{}-{started}-{}-{number}{suffix}", workload.name(), std::process::id())
}

/// Figures of a tally, per message.
#[allow(clippy::cast_precision_loss)]
fn figures(tally: &Tally, target: &Target) -> Outcome {
    let mut values = BTreeMap::new();
    let seconds = tally.elapsed.as_secs_f64();
    let thousands = tally.messages as f64 / 1000.0;
    if seconds > 0.0 {
        values.insert(metric::RATE, tally.messages as f64 / seconds);
    }
    if let Some(others) = tally.others_percent() {
        values.insert(metric::OTHERS, others);
    }
    values.insert(metric::P50, tally.latency.quantile_ms(0.5));
    values.insert(metric::P99, tally.latency.quantile_ms(0.99));
    if thousands > 0.0 {
        values.insert(metric::CLIENT_CPU, tally.client_cpu_ms / thousands);
        if let Some(cpu_ms) = tally.server_cpu_ms {
            values.insert(metric::CPU, cpu_ms / thousands);
        }
    }
    if let Some(usage) = target.process.and_then(Process::usage) {
        values.insert(metric::RSS, mib(usage.rss));
    }
    let trouble = match &tally.first_error {
        Some(error) => Some(format!("{} errors, the first: {error}", tally.errors)),
        None if tally.messages == 0 => Some("nothing was answered in the measured time".to_owned()),
        None => None,
    };
    Outcome { values, trouble }
}

#[allow(clippy::cast_precision_loss)]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Waits until none of these processes uses more than a tenth of a core, ten seconds at most: what one run left to do
/// (compaction, freeing) shall not be counted in the next.
pub async fn settle(processes: impl IntoIterator<Item = Process>) {
    const LOOK: Duration = Duration::from_millis(200);
    let processes: Vec<_> = processes.into_iter().collect();
    let used =
        || processes.iter().filter_map(|process| process.usage()).map(|usage| usage.cpu_ms).sum::<f64>();
    let mut before = used();
    for _ in 0..50 {
        tokio::time::sleep(LOOK).await;
        let after = used();
        if after - before <= LOOK.as_secs_f64() * 1000.0 / 10.0 {
            return;
        }
        before = after;
    }
}
