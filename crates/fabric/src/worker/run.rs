//! One worker's life: step, wait, step …; after an error or a panic it is made anew.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moln_kernel::{SharedClock, Timestamp};
use tokio::{
    sync::{Notify, watch},
    task::{JoinError, JoinSet},
};

use super::{
    Worker, WorkerError, WorkerState,
    report::{Phase, Status},
};
use crate::Backoff;

/// Between a failure and the next start.
const RESTART: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_mins(1));

/// What a worker's task and the registry share.
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) wake: Notify,
    pub(super) status: watch::Sender<Status>,
    pub(super) rounds: Arc<AtomicU64>,
    pub(super) clock: SharedClock,
    pub(super) stopping: watch::Receiver<bool>,
}

enum End {
    Done,
    Stopped,
    Failed(WorkerError),
}

/// Runs a worker until it is done or the process stops.
pub(super) async fn supervise<W: Worker>(entry: Arc<Entry>, make: Arc<dyn Fn() -> W + Send + Sync>) {
    loop {
        // In a task of its own: a panic ends that task and is seen here. Dropping the set ends the task.
        let mut task = JoinSet::new();
        task.spawn({
            let (entry, make) = (Arc::clone(&entry), Arc::clone(&make));
            async move { run(&entry, &mut make()).await }
        });
        let why = match task.join_next().await {
            None | Some(Ok(End::Done | End::Stopped)) => break,
            Some(Ok(End::Failed(error))) => error.to_string(),
            Some(Err(error)) => describe(error),
        };
        let until = entry.fail(&why);
        let mut stopping = entry.stopping.clone();
        tokio::select! {
            () = entry.clock.sleep_until(until) => {}
            _ = stopping.wait_for(|stopping| *stopping) => break,
        }
    }
    entry.status.send_modify(|status| status.report.phase = Phase::Done);
}

async fn run(entry: &Entry, worker: &mut impl Worker) -> End {
    let mut stopping = entry.stopping.clone();
    loop {
        let round = entry.rounds.load(Ordering::Acquire);
        entry.status.send_modify(|status| status.report.phase = Phase::Running);
        let stepped = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => None,
            stepped = worker.step() => Some(stepped),
        };
        let state = match stepped {
            Some(Ok(state)) => state,
            Some(Err(error)) => return End::Failed(error),
            None => {
                worker.stop().await;
                return End::Stopped;
            }
        };
        let phase = entry.publish(state, round, worker.info());
        let sleep = match phase {
            Phase::Running => {
                tokio::task::yield_now().await;
                continue;
            }
            Phase::Done => return End::Done,
            Phase::Idle { until } => until,
            Phase::Throttled { until } | Phase::Failed { until } => Some(until),
        };
        let deaf = !matches!(phase, Phase::Idle { .. });
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = due(&entry.clock, sleep) => {}
            () = entry.wake.notified(), if !deaf => {}
            () = worker.ready(), if !deaf => {}
        }
    }
}

async fn due(clock: &SharedClock, moment: Option<Timestamp>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Entry {
    fn publish(&self, state: WorkerState, round: u64, info: String) -> Phase {
        let phase = match state {
            WorkerState::Busy => Phase::Running,
            WorkerState::Idle { until } => Phase::Idle { until },
            WorkerState::Throttled { pause } => Phase::Throttled { until: self.clock.now().after(pause) },
            WorkerState::Done => Phase::Done,
        };
        self.status.send_modify(|status| {
            status.round = round;
            status.busy += u64::from(phase == Phase::Running);
            status.report.phase = phase;
            status.report.info = info;
            status.report.steps += 1;
            status.report.failures = 0;
        });
        phase
    }

    /// Notes a failure and says when to start again.
    fn fail(&self, why: &str) -> Timestamp {
        let failures = self.status.borrow().report.failures.saturating_add(1);
        let seed = crate::hash::stable(&[self.name.as_bytes()]);
        let until = self.clock.now().after(RESTART.delay(failures, seed));
        tracing::error!(worker = %self.name, failures, error = why, "a background worker failed and is started again");
        self.status.send_modify(|status| {
            status.busy += 1;
            status.report.phase = Phase::Failed { until };
            status.report.errors += 1;
            status.report.failures = failures;
            status.report.last_error = Some(why.into());
        });
        until
    }
}

fn describe(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("panicked: {}", panic_text(&*panic)),
        Err(error) => error.to_string(),
    }
}

/// The words of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no words)")
}
