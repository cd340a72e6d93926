//! What can be seen of a worker.

use std::sync::Arc;

use moln_kernel::Timestamp;

/// Where a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Working.
    Running,
    /// Idle, woken by work or at a moment.
    Idle {
        /// The moment, if one is known.
        until: Option<Timestamp>,
    },
    /// Paused by its own wish.
    Throttled {
        /// When it goes on.
        until: Timestamp,
    },
    /// Failed; waits before it is started again.
    Failed {
        /// When it is started again.
        until: Timestamp,
    },
    /// Finished.
    Done,
}

/// A worker as health and metrics show it.
#[derive(Clone, Debug)]
pub struct WorkerReport {
    /// Its name.
    pub name: Arc<str>,
    /// What it says it is doing.
    pub info: String,
    /// Where it stands.
    pub phase: Phase,
    /// Steps since the start of the process.
    pub steps: u64,
    /// Errors and panics since the start of the process.
    pub errors: u64,
    /// Of these, how many in a row until now.
    pub failures: u32,
    /// The last of them.
    pub last_error: Option<Arc<str>>,
}

/// A report and what quiescence needs to know besides.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) report: WorkerReport,
    /// The latest round (see `Workers::quiescent`) that had been called when the last step began.
    pub(super) round: u64,
    /// How often it has done something.
    pub(super) busy: u64,
}

impl Status {
    pub(super) fn new(name: Arc<str>) -> Self {
        let report = WorkerReport {
            name,
            info: String::new(),
            phase: Phase::Running,
            steps: 0,
            errors: 0,
            failures: 0,
            last_error: None,
        };
        Self { report, round: 0, busy: 0 }
    }

    /// Whether it has looked for work since `round` was called and found none that is due.
    pub(super) fn is_settled(&self, round: u64, now: Timestamp) -> bool {
        match self.report.phase {
            Phase::Running => false,
            Phase::Idle { until } => self.round >= round && until.is_none_or(|until| until > now),
            Phase::Throttled { until } | Phase::Failed { until } => until > now,
            Phase::Done => true,
        }
    }

    /// When it goes on by itself.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        match self.report.phase {
            Phase::Idle { until } => until,
            Phase::Throttled { until } | Phase::Failed { until } => Some(until),
            Phase::Running | Phase::Done => None,
        }
    }
}
