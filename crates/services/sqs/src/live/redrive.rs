//! Moving a message that was received too often to its dead-letter queue: one commit writes it there and removes it here.

use std::sync::Arc;

use moln_kernel::ApiError;
use tokio::task::JoinHandle;

use super::{Core, Queue, core::unread};
use crate::{
    limits::INLINE_BYTES,
    queue::Incoming,
    tables::{Hidden, History, Message, keys, message},
};

impl Queue {
    /// Starts to move messages that were taken out of this queue's memory. Goes on when the caller goes away.
    pub(crate) fn bury(
        self: &Arc<Self>,
        core: &Arc<Core>,
        graveyard: Arc<Queue>,
        dead: Vec<(u64, Hidden)>,
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
        dead: &[(u64, Hidden)],
    ) -> Result<(), ApiError> {
        let mut rows = self.rows(core, dead)?;
        if rows.len() < dead.len() {
            // Their send may not be durable yet, and no snapshot shows it.
            core.barrier().await?;
            rows = self.rows(core, dead)?;
        }
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
            graveyard
                .commit(core, |live, _, batch| {
                    for (stamp, count, sent, incoming) in group {
                        let place = core.store.stamp();
                        live.state.send(now, place, incoming, batch);
                        if !graveyard.fifo {
                            batch.put(keys::redriven(graveyard.id, *sent, place), Vec::new());
                        }
                        message::delete(batch, self.id, *stamp, *count);
                        batch.delete(keys::hidden(self.id, *stamp));
                    }
                })
                .await?;
        }
        Ok(())
    }

    fn rows(
        &self,
        core: &Core,
        dead: &[(u64, Hidden)],
    ) -> Result<Vec<(u64, Hidden, bytes::Bytes)>, ApiError> {
        let snapshot = core.store.snapshot();
        let mut rows = Vec::with_capacity(dead.len());
        for (stamp, state) in dead {
            if let Some(row) = message::get(&*snapshot, self.id, *stamp).map_err(|error| unread(&error))? {
                rows.push((*stamp, *state, row));
            }
        }
        Ok(rows)
    }
}
