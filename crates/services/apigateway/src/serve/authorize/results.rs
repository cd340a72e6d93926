//! What Lambda authorizers said, for as long as it counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use moln_kernel::Timestamp;
use moln_policy::Document;
use serde_json::{Map, Value};

use crate::limits;

/// The results of a stage's authorizers, by what identifies a caller.
#[derive(Default)]
pub(crate) struct Results(Mutex<HashMap<String, (Timestamp, Arc<Said>)>>);

/// What an authorizer said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    /// Who the caller is, when it says so.
    pub(crate) principal: Option<String>,
    /// What it tells the integration.
    pub(crate) context: Map<String, Value>,
}

/// Whether the caller may come in.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may or may not, wherever the authorizer is asked.
    Simple(bool),
    /// It may where the policy says so.
    Policy(Document),
}

impl Results {
    /// What was said before, unless it is too old.
    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<Arc<Said>> {
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.get(key).filter(|(until, _)| now < *until).map(|(_, said)| Arc::clone(said))
    }

    /// Remembers. When there is no room, what is too old goes; when nothing is, this is not remembered.
    pub(crate) fn put(&self, key: String, until: Timestamp, now: Timestamp, said: Arc<Said>) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if results.len() >= limits::AUTHORIZER_RESULTS {
            results.retain(|_, (until, _)| now < *until);
        }
        if results.len() < limits::AUTHORIZER_RESULTS {
            results.insert(key, (until, said));
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
