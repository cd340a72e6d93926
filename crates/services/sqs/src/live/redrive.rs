//! Moving a message that was received too often to its dead-letter queue: one commit writes it there and removes it here.

use std::sync::Arc;

use moln_kernel::ApiError;
use moln_store::Batch;
use tokio::task::JoinHandle;

use super::{Core, Live, Queue, transfer::Leaving};
use crate::{
    limits::INLINE_BYTES,
    queue::Incoming,
    tables::{History, Message, keys, message},
};

impl Queue {
    /// Starts to move messages that were taken out of this queue's memory. Goes on when the caller goes away.
    pub(crate) fn bury(
        self: &Arc<Self>,
        core: &Arc<Core>,
        graveyard: Arc<Queue>,
        dead: Leaving,
    ) -> JoinHandle<Result<(), ApiError>> {
        let (queue, core) = (Arc::clone(self), Arc::clone(core));
        tokio::spawn(async move {
            let result = queue.bury_all(&core, &graveyard, &dead).await;
            if result.is_err() {
                // Not moved: the store still has them here.
                queue.reload();
            }
            result
        })
    }

    async fn bury_all(
        self: &Arc<Self>,
        core: &Arc<Core>,
        graveyard: &Arc<Queue>,
        dead: &Leaving,
    ) -> Result<(), ApiError> {
        let rows = self.rows_of(core, dead).await?;
        let now = core.clock.now().millis();
        let retention = graveyard.meta().settings.retention_ms;
        let mut moved = Vec::with_capacity(rows.len());
        for (stamp, state, row) in &rows {
            let Some(message) = Message::decode(row) else { continue };
            let before = message.history.unwrap_or_default();
            let deduplication = crate::ids::uuid_text(&message.id);
            let first_received =
                if before.first_received > 0 { before.first_received } else { state.first() };
            let message = Message {
                delayed: false,
                // A FIFO queue's message is new there; a standard one keeps its age.
                sent: if graveyard.fifo { now } else { message.sent },
                // Two messages that happened to share a deduplication id must both arrive.
                deduplication: graveyard.fifo.then_some(deduplication.as_str()),
                history: Some(History {
                    receives: before.receives.saturating_add(state.count()),
                    first_received,
                    source_arn: &self.arn,
                }),
                ..message
            };
            let incoming =
                Incoming { row: message.encode(), visible_at: now, group: message.group.map(Into::into) };
            // It may be older than all that is there.
            graveyard.sweep_at(message.sent.saturating_add(retention));
            core.sweep_by(message.sent.saturating_add(retention));
            moved.push((*stamp, message::rows(row), message.sent, incoming));
        }
        // Long messages go one by one: a commit has a size.
        for group in moved.chunk_by(|a, b| a.3.row.len() + b.3.row.len() < INLINE_BYTES) {
            let stamps: Vec<_> = group.iter().map(|(stamp, rows, ..)| (*stamp, *rows)).collect();
            let arrive = |live: &mut Live, batch: &mut Batch| {
                for (_, _, sent, incoming) in group {
                    let place = core.store.stamp();
                    live.state.send(now, place, incoming, batch);
                    if !graveyard.fifo {
                        batch.put(keys::redriven(graveyard.id, *sent, place), Vec::new());
                    }
                }
            };
            self.transfer(core, graveyard, dead.epoch, &stamps, arrive).await?;
        }
        Ok(())
    }
}
