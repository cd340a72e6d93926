//! Commits with an id, remembered so that a repeated submit is not applied twice.

use std::collections::{HashMap, VecDeque};

use crate::Committed;

/// The last commits that had an id. Bounded in number and in memory only: an engine of one process loses its callers
/// when it stops, so there is nobody left to repeat a submit. Only what was applied is remembered: a batch that was
/// refused changed nothing and is judged anew.
pub(crate) struct Idem {
    seen: HashMap<[u8; 16], Committed>,
    order: VecDeque<[u8; 16]>,
    cap: usize,
}

impl Idem {
    /// Remembers the last `cap` commits.
    pub(crate) fn new(cap: usize) -> Self {
        Self { seen: HashMap::new(), order: VecDeque::new(), cap }
    }
    /// The outcome of the commit that had this id.
    pub(crate) fn outcome(&self, id: &[u8; 16]) -> Option<Committed> {
        self.seen.get(id).copied()
    }
    /// Notes a commit.
    pub(crate) fn committed(&mut self, id: [u8; 16], outcome: Committed) {
        if self.seen.insert(id, outcome).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > self.cap {
            let Some(oldest) = self.order.pop_front() else { return };
            self.seen.remove(&oldest);
        }
    }
}
