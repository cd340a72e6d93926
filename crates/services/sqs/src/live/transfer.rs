//! Messages on their way from one queue to another. They leave the source's memory first; then, under both queues'
//! locks, one commit writes them to the destination and removes them here. Whenever the process ends, the store has each
//! of them in exactly one queue, and visible there.

use std::sync::Arc;

use moln_kernel::ApiError;
use moln_store::{Batch, Pending};

use super::{Core, Live, Queue, core::unread};
use crate::{
    errors,
    queue::{Ask, EVERY},
    tables::{Hidden, keys, message},
};

/// Messages that left their queue's memory.
pub(crate) struct Leaving {
    /// The memory they left: when that was forgotten meanwhile, they are back in the queue.
    pub(crate) epoch: u64,
    pub(crate) messages: Vec<(u64, Hidden)>,
}

/// What came of trying to submit a transfer.
enum Passed {
    Submitted(Pending),
    /// They are back where they were.
    Back,
    /// The destination has to be read from the store first.
    Unread,
}

impl Queue {
    /// Takes up to `max` visible messages out of memory, never received ones too. Nothing is written: whoever does not
    /// pass them on calls [`Queue::reload`].
    pub(crate) async fn take_away(
        self: &Arc<Self>,
        core: &Arc<Core>,
        max: usize,
    ) -> Result<Leaving, ApiError> {
        loop {
            let now = core.clock.now().millis();
            let retention = self.meta().settings.retention_ms;
            let expired_before = now.saturating_sub(retention);
            let ask = Ask { now, max, visibility: 0, max_receives: EVERY, expired_before };
            let (epoch, taken) =
                self.commit(core, |live, _, batch| (live.epoch, live.state.receive(&ask, batch))).await?;
            if !taken.dead.is_empty() || !taken.starved {
                return Ok(Leaving { epoch, messages: taken.dead });
            }
            self.refill(core).await?;
        }
    }

    /// The rows of messages that left.
    pub(crate) async fn rows_of(
        &self,
        core: &Core,
        leaving: &Leaving,
    ) -> Result<Vec<(u64, Hidden, bytes::Bytes)>, ApiError> {
        let mut rows = self.rows(core, leaving)?;
        if rows.len() < leaving.messages.len() {
            // Their send may not be durable yet, and no snapshot shows it.
            core.barrier().await?;
            rows = self.rows(core, leaving)?;
        }
        Ok(rows)
    }

    fn rows(&self, core: &Core, leaving: &Leaving) -> Result<Vec<(u64, Hidden, bytes::Bytes)>, ApiError> {
        let snapshot = core.store.snapshot();
        let mut rows = Vec::with_capacity(leaving.messages.len());
        for (stamp, state) in &leaving.messages {
            if let Some(row) = message::get(&*snapshot, self.id, *stamp).map_err(|error| unread(&error))? {
                rows.push((*stamp, *state, row));
            }
        }
        Ok(rows)
    }

    /// Passes messages on in one commit: `arrive` adds them to the destination and may add rows of its own; `stamps` are
    /// their places here and their numbers of rows. `false`: this queue was read from the store anew since they left, or
    /// is gone; nothing was done. After an error this queue must be reloaded.
    pub(crate) async fn transfer(
        self: &Arc<Self>,
        core: &Arc<Core>,
        destination: &Arc<Queue>,
        epoch: u64,
        stamps: &[(u64, u8)],
        mut arrive: impl FnMut(&mut Live, &mut Batch),
    ) -> Result<bool, ApiError> {
        loop {
            match self.pass(core, destination, epoch, stamps, &mut arrive)? {
                Passed::Submitted(pending) => {
                    destination.settle(core, Some(pending)).await?;
                    return Ok(true);
                }
                Passed::Back => return Ok(false),
                Passed::Unread => destination.activate(core).await?,
            }
        }
    }

    fn pass(
        self: &Arc<Self>,
        core: &Arc<Core>,
        destination: &Arc<Queue>,
        epoch: u64,
        stamps: &[(u64, u8)],
        arrive: &mut impl FnMut(&mut Live, &mut Batch),
    ) -> Result<Passed, ApiError> {
        // In the order of their numbers, so that two transfers never wait for each other. A queue may be its own
        // dead-letter queue: then there is one lock.
        let two = !Arc::ptr_eq(self, destination);
        let mut here = (two && self.id < destination.id).then(|| self.lock());
        let mut there = destination.lock();
        if two && here.is_none() {
            here = Some(self.lock());
        }
        if there.deleted {
            return Err(errors::queue_does_not_exist());
        }
        let Some(target) = &mut there.live else { return Ok(Passed::Unread) };
        let mut batch = Batch::default();
        {
            let source = here.as_mut().map(|inner| inner.live.as_mut());
            let mut leave = |live: &mut Live| {
                for (stamp, rows) in stamps {
                    live.state.left(*stamp);
                    message::delete(&mut batch, self.id, *stamp, *rows);
                    batch.delete(keys::hidden(self.id, *stamp));
                }
            };
            match source {
                Some(Some(live)) if live.epoch == epoch => leave(live),
                None if target.epoch == epoch => leave(target),
                _ => return Ok(Passed::Back),
            }
        }
        arrive(target, &mut batch);
        let (pending, refused) = core.submit(batch);
        if refused {
            there.forget();
            if let Some(inner) = &mut here {
                inner.forget();
            }
        }
        drop(here);
        destination.after(core, there);
        Ok(Passed::Submitted(pending))
    }
}
