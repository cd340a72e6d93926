//! One attempt at one delivery, and what follows from it: a decision, then one commit.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use moln_kernel::{RecursiveLoop, Timestamp};
use moln_store::{Batch, CommitError};

use super::{Delivery, Failure, Inner, MAX_DEAD_LETTER, Outbox, Target, keys};
use crate::{
    fence::{self, Fence},
    guarded::guarded,
};

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Try again at a moment.
    Again(Timestamp),
    /// Give it up.
    GiveUp,
}

/// Where a delivery stands after the attempt's commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Arrived, or was given up: its row is gone. `failed`: the target is not well.
    Through { failed: bool },
    /// In its place again, not before a moment (ordered deliveries).
    Stays { until: Timestamp },
    /// Among the failed ones, in this row, due at a moment.
    Moved { row: Bytes, due: Timestamp },
}

pub(super) struct Attempt {
    pub(super) shared: Arc<Inner>,
    pub(super) fence: Option<Fence>,
    pub(super) row: Bytes,
    pub(super) delivery: Delivery,
    pub(super) target: Option<Arc<dyn Target>>,
}

/// What to do after a failure at `now`.
pub(super) fn decide(delivery: &Delivery, failure: &Failure, now: Timestamp) -> Decision {
    let failures = delivery.failures.saturating_add(1);
    if failure.permanent || failures >= delivery.retry.attempts {
        return Decision::GiveUp;
    }
    let seed = crate::hash::stable(&[&delivery.id]);
    let pause = delivery.retry.backoff.delay(failures, seed).max(failure.after.unwrap_or_default());
    // At least a millisecond: what is due at this moment has been looked for already.
    let next = now.after(pause).max(Timestamp(now.millis().saturating_add(1)));
    if next > delivery.created.after(delivery.retry.age) { Decision::GiveUp } else { Decision::Again(next) }
}

impl Attempt {
    pub(super) async fn run(mut self) -> Result<End, CommitError> {
        let mut batch = Batch::default();
        batch.delete(self.row.clone());
        let end = match self.deliver().await {
            Ok(()) => {
                self.shared.delivered.fetch_add(1, Ordering::Relaxed);
                End::Through { failed: false }
            }
            Err(failure) => self.follow(&failure, &mut batch),
        };
        fence::guard(self.fence.as_ref(), &mut batch);
        self.shared.store.commit(batch).await?;
        Ok(end)
    }

    async fn deliver(&mut self) -> Result<(), Failure> {
        let address = &self.delivery.target;
        let Some(target) = &self.target else {
            return Err(Failure::passing("NoTarget", format!("nothing delivers to {}", address.kind)));
        };
        // The dead letter of a loop must get through.
        let wish = if self.delivery.is_dead_letter {
            RecursiveLoop::Allow
        } else {
            target.recursive_loop(&address.arn)
        };
        let before = self.delivery.lineage.clone();
        if let Err(stopped) = self.delivery.lineage.push(Arc::clone(&address.arn), wish) {
            self.shared.loops_stopped.fetch_add(1, Ordering::Relaxed);
            return Err(Failure::permanent("RecursiveLoop", stopped.to_string()));
        }
        let answer = guarded(target.deliver(&self.delivery), target.timeout()).await;
        self.delivery.lineage = before;
        answer.unwrap_or_else(|gone| Err(Failure::passing("DeliveryFailed", gone.to_string())))
    }

    /// Adds to the batch what follows from a failure.
    fn follow(&mut self, failure: &Failure, batch: &mut Batch) -> End {
        let now = self.shared.clock.now();
        if let Decision::Again(at) = decide(&self.delivery, failure, now) {
            self.delivery.failures = self.delivery.failures.saturating_add(1);
            self.delivery.not_before = at;
            if let Some(end) = self.again(at, batch) {
                self.shared.retried.fetch_add(1, Ordering::Relaxed);
                let (arn, failures) = (&self.delivery.target.arn, self.delivery.failures);
                tracing::debug!(target = %arn, failures, %failure, "a delivery failed and is tried again");
                return end;
            }
        }
        self.give_up(failure, now, batch);
        End::Through { failed: !failure.permanent }
    }

    /// `None`: the row is not one of ours.
    fn again(&self, at: Timestamp, batch: &mut Batch) -> Option<End> {
        let value = self.delivery.encode()?;
        if self.delivery.ordered {
            batch.ops.clear();
            batch.put(self.row.clone(), value);
            return Some(End::Stays { until: at });
        }
        let row = keys::failed_row(&self.row, at)?;
        batch.put(row.clone(), value);
        Some(End::Moved { row, due: at })
    }

    fn give_up(&self, failure: &Failure, now: Timestamp, batch: &mut Batch) {
        let delivery = &self.delivery;
        let (arn, attempts) = (&delivery.target.arn, delivery.failures.saturating_add(1));
        if let Some(to) = &delivery.dead_letter {
            let dead = delivery.clone().into_dead_letter(to.clone(), failure, now);
            let fits = Outbox::put_within(batch, &dead, MAX_DEAD_LETTER).is_ok() || {
                // The reason does not fit any more; the original came from a row.
                let plain = Delivery { attributes: delivery.attributes.clone(), ..dead };
                Outbox::put_within(batch, &plain, MAX_DEAD_LETTER).is_ok()
            };
            if fits {
                self.shared.given_up(delivery, failure, Some(to), now, batch);
                self.shared.dead_lettered.fetch_add(1, Ordering::Relaxed);
                tracing::info!(target = %arn, dead_letter = %to.arn, attempts, %failure, "a delivery became a dead letter");
                return;
            }
        }
        self.shared.given_up(delivery, failure, None, now, batch);
        self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        let id = u128::from_be_bytes(delivery.id);
        let source = delivery.source.as_deref().unwrap_or_default();
        tracing::error!(
            target = %arn, source, attempts, %failure, id = format_args!("{id:032x}"),
            "a delivery was given up and dropped: it has no dead letter target that takes it"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        Backoff,
        outbox::{Address, Retry},
    };

    #[test]
    fn the_schedule_is_the_back_offs_until_attempts_or_age_end() {
        let mut delivery = Delivery::new(Address::new("t", "arn:t"), "", Timestamp(1_000));
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
        delivery.retry = Retry { backoff, attempts: 5, age: Duration::from_hours(1) };
        let failure = Failure::passing("X", "");
        let seed = crate::hash::stable(&[&delivery.id]);
        for failures in 1..5 {
            let due = Timestamp(1_000).after(backoff.delay(failures, seed));
            assert_eq!(decide(&delivery, &failure, Timestamp(1_000)), Decision::Again(due));
            delivery.failures = failures;
        }
        assert_eq!(
            decide(&delivery, &failure, Timestamp(1_000)),
            Decision::GiveUp,
            "the fifth attempt was the last"
        );
        delivery.failures = 0;
        assert_eq!(decide(&delivery, &Failure::permanent("X", ""), Timestamp(1_000)), Decision::GiveUp);
        let late = Timestamp(1_000).after(Duration::from_hours(1));
        assert_eq!(decide(&delivery, &failure, late), Decision::GiveUp);
        let wish = Failure { after: Some(Duration::from_secs(90)), ..failure };
        assert_eq!(decide(&delivery, &wish, Timestamp(1_000)), Decision::Again(Timestamp(91_000)));
        delivery.retry.backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        let again = decide(&delivery, &Failure::passing("X", ""), Timestamp(1_000));
        assert_eq!(again, Decision::Again(Timestamp(1_001)));
    }
}
