//! What authorizers said, for as long as it counts.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use moln_kernel::Timestamp;

use super::Authorized;
use crate::limits;

/// The results of a stage's authorizers, by what identifies a caller.
#[derive(Default)]
pub(crate) struct Results(Mutex<HashMap<String, (Timestamp, Verdict)>>);

/// What an authorizer said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Come in.
    Allowed(Authorized),
    /// Stay out.
    Denied,
}

impl Results {
    /// What was said before, unless it is too old.
    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<Verdict> {
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.get(key).filter(|(until, _)| now < *until).map(|(_, verdict)| verdict.clone())
    }

    /// Remembers. When there is no room, what is too old goes; when nothing is, this is not remembered.
    pub(crate) fn put(&self, key: String, until: Timestamp, now: Timestamp, verdict: Verdict) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if results.len() >= limits::AUTHORIZER_RESULTS {
            results.retain(|_, (until, _)| now < *until);
        }
        if results.len() < limits::AUTHORIZER_RESULTS {
            results.insert(key, (until, verdict));
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
