//! Fair queues: when a tenant (a standard message's group id) holds most of what is in flight, other tenants' messages
//! are handed out before its own, as long as there are some near the front. Nothing is held back for good: without
//! others, the noisy tenant's messages go out as usual.
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>)

use std::{collections::HashMap, sync::Arc};

use crate::limits::{NOISY_IN_FLIGHT, NOISY_SHARE};

/// Who holds how much in flight. Forgotten in a restart, and built up again by new receives.
#[derive(Debug, Default)]
pub struct Tenants {
    of: HashMap<u64, Arc<str>>,
    in_flight: HashMap<Arc<str>, usize>,
}

impl Tenants {
    /// A tenant's message went in flight.
    pub fn enter(&mut self, stamp: u64, tenant: &str) {
        let shared = match self.in_flight.get_key_value(tenant) {
            Some((shared, _)) => Arc::clone(shared),
            None => Arc::from(tenant),
        };
        if self.of.insert(stamp, Arc::clone(&shared)).is_none() {
            *self.in_flight.entry(shared).or_default() += 1;
        }
    }

    /// A message is no longer in flight.
    pub fn leave(&mut self, stamp: u64) {
        if self.of.is_empty() {
            return;
        }
        let Some(tenant) = self.of.remove(&stamp) else { return };
        if let Some(count) = self.in_flight.get_mut(&tenant) {
            *count -= 1;
            if *count == 0 {
                self.in_flight.remove(&tenant);
            }
        }
    }

    /// Whether a tenant holds so much of the messages in flight that others go first.
    pub fn is_noisy(&self, tenant: &str, in_flight: usize) -> bool {
        let held = self.in_flight.get(tenant).copied().unwrap_or(0);
        held >= NOISY_IN_FLIGHT && held * 100 > in_flight * NOISY_SHARE
    }

    /// Forgets everyone.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
