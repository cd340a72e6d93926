//! Reading a queue's state from the store when it is first touched: the cursor, the hidden messages, the first window.
//! Never-received messages are only counted, in the background when they are many.

use std::sync::Arc;

use moln_kernel::ApiError;
use moln_store::{KeyRange, Scan, Snapshot, StoreError};

use super::{
    Core, Live, Queue,
    core::unread,
    refill::{Fetched, rows_for},
};
use crate::{
    queue::{Fifo, Share, Standard, State, deduplication::Deduplication},
    tables::{Hidden, keys},
};

/// Rows of a counting page: keys only.
const COUNT_PAGE: usize = 20_000;

struct Found {
    live: Live,
    /// Messages counted so far, and the range still to be counted.
    counted: u64,
    rest: Option<KeyRange>,
    snapshot: Box<dyn Snapshot>,
}

impl Queue {
    /// Reads the state unless that is done.
    pub(crate) async fn activate(self: &Arc<Self>, core: &Arc<Core>) -> Result<(), ApiError> {
        let _turn = self.activating.lock().await;
        let unsettled = {
            let inner = self.lock();
            if inner.live.is_some() || inner.deleted {
                return Ok(());
            }
            inner.unsettled
        };
        if unsettled {
            core.barrier().await?;
        }
        let (queue, shared) = (Arc::clone(self), Arc::clone(core));
        let found = tokio::task::spawn_blocking(move || queue.find(&shared))
            .await
            .map_err(|_| ApiError::internal("The service is stopping."))?
            .map_err(|error| unread(&error))?;
        let epoch;
        {
            let mut inner = self.lock();
            if inner.deleted {
                return Ok(());
            }
            epoch = found.live.epoch;
            inner.live = Some(found.live);
            inner.unsettled = false;
            self.counted.send_replace(found.rest.is_none());
            self.after(core, inner);
        }
        if let Some(rest) = found.rest {
            let queue = Arc::clone(self);
            let (counted, snapshot) = (found.counted, found.snapshot);
            tokio::task::spawn_blocking(move || queue.count_rest(&*snapshot, rest, counted, epoch));
        }
        Ok(())
    }

    fn find(&self, core: &Core) -> Result<Found, StoreError> {
        let snapshot = core.store.snapshot();
        let now = core.clock.now().millis();
        let cursor =
            snapshot.get(&keys::cursor(self.id))?.and_then(|(row, _)| keys::last_number(&row)).unwrap_or(0);
        let last = snapshot
            .scan(
                &keys::bodies_after(self.id, cursor),
                Scan { reverse: true, limit: 1, keys_only: true, ..Scan::default() },
            )?
            .rows
            .first()
            .and_then(|(key, ..)| keys::last_number(key))
            .unwrap_or(cursor);
        let mut hidden = Vec::new();
        let mut range = Some(keys::all_hidden(self.id));
        while let Some(next) = range {
            let page = snapshot.scan(&next, Scan { limit: 10_000, ..Scan::default() })?;
            for (key, row, _) in &page.rows {
                let entry = keys::last_number(key).zip(Hidden::decode(row));
                hidden.push(entry.ok_or_else(|| StoreError::Corrupt("a hidden message's row".into()))?);
            }
            range = page.rest;
        }
        // Behind the cursor, too, are delayed messages and some that were received: not to be counted as fresh.
        let delayed = hidden.iter().filter(|(stamp, _)| *stamp > cursor).count() as u64;
        let mut state = if self.fifo {
            State::Fifo(Fifo::restore(self.id, cursor, last, hidden.into_iter(), Share::of(&core.bodies)))
        } else {
            State::Standard(Standard::restore(
                self.id,
                cursor,
                last,
                hidden.into_iter(),
                Share::of(&core.bodies),
            ))
        };
        let first = Scan { limit: 1, keys_only: true, ..Scan::default() };
        let seen = !snapshot.scan(&keys::all_seen(self.id), first)?.rows.is_empty();
        let (mut counted, mut rest) = (0, None);
        if let Some(gap) = state.gap() {
            let Fetched { rows, read_to, whole } = rows_for(&*snapshot, self.id, &gap)?;
            counted = rows.len() as u64;
            rest = (!whole).then(|| keys::bodies_after(self.id, read_to));
            state.fill(&gap, rows, read_to);
        }
        match &mut state {
            State::Standard(queue) => queue.forget_fresh(delayed),
            State::Fifo(_) => {}
        }
        if rest.is_none() {
            add(&mut state, counted);
        }
        state.advance(now);
        Ok(Found {
            live: Live {
                state,
                deduplication: Deduplication::new(self.id, now, seen),
                epoch: core.store.stamp(),
                counting: rest.is_some(),
            },
            counted,
            rest,
            snapshot,
        })
    }

    fn count_rest(&self, snapshot: &dyn Snapshot, rest: KeyRange, mut counted: u64, epoch: u64) {
        let mut range = Some(rest);
        while let Some(next) = range {
            match snapshot
                .scan(&next, Scan { limit: COUNT_PAGE, bytes: usize::MAX, keys_only: true, reverse: false })
            {
                Ok(page) => {
                    counted += page.rows.len() as u64;
                    range = page.rest;
                }
                Err(error) => {
                    tracing::error!(queue = %self.arn, %error, "its messages could not be counted");
                    break;
                }
            }
        }
        let mut inner = self.lock();
        // Memory that was read anew meanwhile is counted anew, too.
        if let Some(live) = inner.live.as_mut().filter(|live| live.epoch == epoch) {
            if std::mem::take(&mut live.counting) {
                add(&mut live.state, counted);
            }
            self.counted.send_replace(true);
        }
    }
}

fn add(state: &mut State, found: u64) {
    match state {
        State::Standard(queue) => queue.count_fresh(found),
        State::Fifo(queue) => queue.count_total(found),
    }
}
