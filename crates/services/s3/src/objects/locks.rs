//! One writer at a time for a key: what is decided from the newest version must still be so when it is committed.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// How many keys can be written at once, at most.
const STRIPES: usize = 4096;

/// The locks of all keys; keys that share one wait for each other.
pub(crate) struct KeyLocks {
    stripes: Box<[Mutex<()>]>,
    hash: RandomState,
}

impl Default for KeyLocks {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(), hash: RandomState::new() }
    }
}

impl KeyLocks {
    fn stripe(&self, bucket: u64, key: &str) -> usize {
        usize::try_from(self.hash.hash_one((bucket, key)) % STRIPES as u64).unwrap_or(0)
    }

    /// Waits until nobody else writes this key. Hold it until the commit has resolved.
    pub(crate) async fn lock(&self, bucket: u64, key: &str) -> Option<MutexGuard<'_, ()>> {
        match self.stripes.get(self.stripe(bucket, key)) {
            Some(stripe) => Some(stripe.lock().await),
            None => None,
        }
    }
}
