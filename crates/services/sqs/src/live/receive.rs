//! Receiving: at once, or waiting for a message.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use moln_kernel::ApiError;
use tokio::sync::oneshot;

use super::{Core, Queue, core::unread, transfer::Leaving};
use crate::{
    errors,
    queue::{Ask, Received, State, Taken, waiters::Place},
    tables::{Hidden, message},
};

/// How a receive is asked for.
pub(crate) struct Request<'a> {
    pub(crate) max: usize,
    pub(crate) wait: Duration,
    /// `None`: the queue's own, as it is when messages are handed out.
    pub(crate) visibility_ms: Option<u64>,
    /// Besides the visibility timeout.
    pub(crate) longer_ms: u64,
    pub(crate) attempt: Option<&'a str>,
}

/// A message for a client.
pub(crate) struct Delivery {
    pub(crate) stamp: u64,
    pub(crate) state: Hidden,
    /// When this receive happened, milliseconds since the epoch.
    pub(crate) received: u64,
    /// The whole row.
    pub(crate) row: Bytes,
}

/// A receiver's place among those who wait. Going away, it passes its turn on.
struct Waiting<'a> {
    core: &'a Arc<Core>,
    queue: &'a Arc<Queue>,
    /// Taken when it first has to wait, and kept.
    place: Option<Place>,
    max: usize,
    standing: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut inner = self.queue.lock();
        inner.waiters.answered(place);
        self.queue.decided.notify_waiters();
        if !self.standing {
            return;
        }
        if inner.waiters.leave(place, self.max) {
            self.queue.after(self.core, inner);
        } else if inner.waiters.is_empty() && inner.timer.is_some() {
            self.queue.rearm.notify_one();
        }
    }
}

enum Step {
    /// In the memory of this epoch.
    Done(Received, u64),
    Replayed(u64, Vec<Taken>),
    Wait(oneshot::Receiver<()>),
}

impl Queue {
    /// Hands out messages; waits for one when there is none, as long as asked.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        core: &Arc<Core>,
        request: &Request<'_>,
    ) -> Result<Vec<Delivery>, ApiError> {
        let deadline = core.clock.now().after(request.wait);
        let mut closing = core.closing.subscribe();
        let mut waiting = Waiting { core, queue: self, place: None, max: request.max, standing: false };
        loop {
            let now = core.clock.now();
            let meta = self.meta();
            let graveyard = meta.settings.redrive.as_ref().and_then(|redrive| {
                core.find_arn(&redrive.target_arn).map(|queue| (queue, redrive.max_receives))
            });
            let ask = Ask {
                now: now.millis(),
                max: request.max,
                visibility: request
                    .visibility_ms
                    .unwrap_or(meta.settings.visibility_ms)
                    .saturating_add(request.longer_ms),
                max_receives: graveyard.as_ref().map(|(_, most)| *most),
                expired_before: now.millis().saturating_sub(meta.settings.retention_ms),
            };
            let may_wait = now < deadline && !*closing.borrow();
            let (standing, place) = (&mut waiting.standing, &mut waiting.place);
            let (step, pending) = self
                .decide(core, |live, waiters, batch| {
                    if let Some(place) = place.filter(|_| std::mem::take(standing)) {
                        waiters.leave(place, request.max);
                    }
                    if let (Some(id), State::Fifo(fifo)) = (request.attempt, &mut live.state)
                        && let Some((at, taken)) = fifo.replay(id, &ask, batch)
                    {
                        return Step::Replayed(at, taken);
                    }
                    let received = live.state.receive(&ask, batch);
                    if let (Some(id), State::Fifo(fifo)) = (request.attempt, &mut live.state)
                        && !received.messages.is_empty()
                    {
                        fifo.remember(id, ask.now, &received.messages);
                    }
                    let nothing = received.messages.is_empty() && received.dead.is_empty();
                    if nothing && !received.starved && may_wait {
                        *standing = true;
                        let place = *place.get_or_insert_with(|| waiters.place());
                        return Step::Wait(waiters.wait(place, request.max, deadline.millis()));
                    }
                    Step::Done(received, live.epoch)
                })
                .await?;
            let (mut step, mut burial) = (step, None);
            if let (Step::Done(received, epoch), Some((graveyard, _))) = (&mut step, graveyard)
                && !received.dead.is_empty()
            {
                // Started at once: from here on nobody else knows of these messages, and this receiver may go away.
                let dead = Leaving { epoch: *epoch, messages: std::mem::take(&mut received.dead) };
                burial = Some(self.bury(core, graveyard, dead));
            }
            self.settle(core, pending).await?;
            match step {
                Step::Replayed(at, taken) => return self.deliver(core, taken, &ask, at).await,
                Step::Wait(woken) => {
                    self.start_timer(core);
                    self.decided.notify_waiters();
                    tokio::select! {
                        _ = woken => {}
                        () = core.clock.sleep_until(deadline) => {}
                        _ = closing.wait_for(|closing| *closing) => {}
                    }
                }
                Step::Done(received, _) => {
                    // Only who does not wait is told; a long poll ends empty.
                    if received.over_limit && request.wait.is_zero() {
                        return Err(errors::over_limit(
                            "Too many messages in flight: delete messages, or wait for their visibility timeout.",
                        ));
                    }
                    let again = received.starved || burial.is_some();
                    if let Some(burial) = burial {
                        let result =
                            burial.await.map_err(|_| ApiError::internal("The service is stopping."))?;
                        // A dead-letter queue that was just deleted: the messages stay here, as if it never was.
                        result.or_else(|error| {
                            if error.code == errors::queue_does_not_exist().code {
                                Ok(())
                            } else {
                                Err(error)
                            }
                        })?;
                    }
                    if received.messages.is_empty() && again {
                        if received.starved {
                            core.starved.fetch_add(1, Ordering::Relaxed);
                            self.refill(core).await?;
                        }
                        continue;
                    }
                    let deliveries = self.deliver(core, received.messages, &ask, ask.now).await?;
                    if deliveries.is_empty() && now < deadline && !*closing.borrow() {
                        continue;
                    }
                    return Ok(deliveries);
                }
            }
        }
    }

    /// Adds the rows memory did not have; `received` is the moment the handles carry. What was deleted meanwhile, or is
    /// past its retention, is left out.
    async fn deliver(
        self: &Arc<Self>,
        core: &Arc<Core>,
        taken: Vec<Taken>,
        ask: &Ask,
        received: u64,
    ) -> Result<Vec<Delivery>, ApiError> {
        let mut deliveries = Vec::with_capacity(taken.len());
        let mut expired = Vec::new();
        let mut snapshot = None;
        for Taken { stamp, state, row } in taken {
            let mut row = row.filter(|row| message::is_whole(row));
            if row.is_none() {
                let snapshot = snapshot.get_or_insert_with(|| core.store.snapshot());
                row = message::get(&**snapshot, self.id, stamp).map_err(|error| unread(&error))?;
            }
            match row {
                Some(row) if message::sent(&row) < ask.expired_before => {
                    expired.push((stamp, message::rows(&row)));
                }
                Some(row) => deliveries.push(Delivery { stamp, state, received, row }),
                None => {}
            }
        }
        if !expired.is_empty() {
            self.expire(core, &expired).await?;
        }
        Ok(deliveries)
    }

    /// Removes received messages that are past their retention.
    async fn expire(self: &Arc<Self>, core: &Arc<Core>, expired: &[(u64, u8)]) -> Result<(), ApiError> {
        self.commit(core, |live, _, batch| {
            for (stamp, rows) in expired {
                live.state.forget(*stamp);
                message::delete(batch, self.id, *stamp, *rows);
                batch.delete(crate::tables::keys::hidden(self.id, *stamp));
            }
        })
        .await
    }
}
