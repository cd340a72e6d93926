//! The queries of this process: those that run, and results that are still in memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Failed, Outcome};
use crate::limits::ALL_RESULT_BYTES;

/// A query and what came of it.
pub(crate) struct Running {
    pub(crate) cancel: AtomicBool,
    outcome: Mutex<Option<Result<Arc<Outcome>, Failed>>>,
    begun: u64,
}

impl Running {
    pub(crate) fn new(begun: u64) -> Self {
        Self { cancel: AtomicBool::new(false), outcome: Mutex::default(), begun }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Result<Arc<Outcome>, Failed>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of it; `None`: it runs.
    pub(crate) fn outcome(&self) -> Option<Result<Arc<Outcome>, Failed>> {
        self.lock().clone()
    }

    /// AWS's word for how it stands.
    pub(crate) fn status(&self) -> &'static str {
        match &*self.lock() {
            None => "Running",
            Some(Ok(_)) => "Complete",
            Some(Err(Failed::Cancelled)) => "Cancelled",
            Some(Err(Failed::Timeout)) => "Timeout",
            Some(Err(_)) => "Failed",
        }
    }

    /// Says what came of it.
    pub(crate) fn finish(&self, outcome: Result<Outcome, Failed>) {
        *self.lock() = Some(outcome.map(Arc::new));
    }

    fn size(&self) -> usize {
        self.lock().as_ref().and_then(|outcome| outcome.as_ref().ok()).map_or(0, |outcome| outcome.size())
    }
}

/// Them all, by id.
#[derive(Default)]
pub(crate) struct Queries(Mutex<HashMap<String, Arc<Running>>>);

impl Queries {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Running>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Running>> {
        self.lock().get(id).cloned()
    }

    /// Begins a query, unless `most` run already; one that is there is given as it is (and `false`).
    pub(crate) fn begin(&self, id: &str, now: u64, most: usize) -> Option<(Arc<Running>, bool)> {
        let mut queries = self.lock();
        if let Some(known) = queries.get(id) {
            return Some((Arc::clone(known), false));
        }
        if queries.values().filter(|query| query.outcome().is_none()).count() >= most {
            return None;
        }
        let running = Arc::new(Running::new(now));
        queries.insert(id.to_owned(), Arc::clone(&running));
        Some((running, true))
    }

    /// Forgets the oldest results until the others fit into memory. They can be found anew.
    pub(crate) fn trim(&self) {
        let mut queries = self.lock();
        let mut sizes: Vec<(u64, String, usize)> = queries
            .iter()
            .filter(|(_, query)| query.outcome().is_some())
            .map(|(id, query)| (query.begun, id.clone(), query.size() + 256))
            .collect();
        sizes.sort();
        let mut total: usize = sizes.iter().map(|(_, _, size)| size).sum();
        for (_, id, size) in sizes {
            if total <= ALL_RESULT_BYTES {
                break;
            }
            total -= size;
            queries.remove(&id);
        }
    }

    /// Ends all that run.
    pub(crate) fn cancel_all(&self) {
        self.lock().values().for_each(|query| query.cancel.store(true, Ordering::Relaxed));
    }
}
