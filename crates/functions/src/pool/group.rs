//! The environments of one revision.

use std::sync::Arc;

use moln_kernel::Timestamp;

use super::Resident;

/// A revision's environments that are idle, and how many are not.
#[derive(Default)]
pub(super) struct Group {
    /// The one used last is at the end, and is used next: the others grow old and end.
    pub(super) idle: Vec<Idle>,
    /// Invocations that have an environment, or start one.
    pub(super) busy: usize,
    /// Not invoked any more.
    pub(super) retired: bool,
    /// Provisioned environments that are wanted.
    pub(super) wanted: u32,
    /// Provisioned environments that are there, busy ones included.
    pub(super) ready: u32,
    /// Provisioned environments that start.
    pub(super) filling: bool,
    /// Why the last provisioned one did not start.
    pub(super) failure: Option<String>,
}

/// An environment that waits.
pub(super) struct Idle {
    pub(super) resident: Arc<Resident>,
    pub(super) since: Timestamp,
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.busy == 0 && self.wanted == 0 && !self.filling
    }

    fn oldest_at(&self) -> Option<usize> {
        self.idle.iter().position(|idle| !idle.resident.environment.provisioned)
    }

    /// Since when its oldest environment that may end has been idle.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.idle.get(self.oldest_at()?).map(|idle| idle.since)
    }

    /// Takes that one out.
    pub(super) fn take_oldest(&mut self) -> Option<Arc<Resident>> {
        let at = self.oldest_at()?;
        Some(self.idle.remove(at).resident)
    }
}
