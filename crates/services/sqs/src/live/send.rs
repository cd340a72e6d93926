//! Sending: stamps, deduplication, one commit.

use std::sync::Arc;

use moln_kernel::ApiError;

use super::{Core, Live, Queue, core::unread};
use crate::queue::{
    Incoming,
    deduplication::{Deduplication, Digest, Recall, Seen},
};

/// A message that was checked and may be sent.
pub(crate) struct Outgoing {
    pub(crate) id: [u8; 16],
    pub(crate) incoming: Incoming,
    /// FIFO: its deduplication id, digested.
    pub(crate) digest: Option<Digest>,
}

/// What became of it: its own id and place, or those of the message it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: [u8; 16],
    pub(crate) stamp: u64,
}

impl Queue {
    /// Sends messages in order, in one commit; resolves when they are durable.
    pub(crate) async fn send(
        self: &Arc<Self>,
        core: &Arc<Core>,
        now: u64,
        messages: &[Outgoing],
    ) -> Result<Vec<Sent>, ApiError> {
        self.commit(core, |live, _, batch| {
            let mut sent = Vec::with_capacity(messages.len());
            for message in messages {
                if let Some(digest) = &message.digest
                    && let Some(seen) = recall(core, live, now, digest)?
                {
                    sent.push(Sent { id: seen.id, stamp: seen.stamp });
                    continue;
                }
                let stamp = core.store.stamp();
                live.state.send(now, stamp, &message.incoming, batch);
                if let Some(digest) = message.digest {
                    live.deduplication.remember(digest, Seen { at: now, id: message.id, stamp }, batch);
                }
                sent.push(Sent { id: message.id, stamp });
            }
            Ok(sent)
        })
        .await?
    }
}

/// The message sent under this deduplication id within five minutes. Rows that memory may lack are durable: memory
/// holds more ids than commits can be under way.
fn recall(core: &Core, live: &mut Live, now: u64, digest: &Digest) -> Result<Option<Seen>, ApiError> {
    match live.deduplication.recall(now, digest) {
        Recall::Seen(seen) => Ok(Some(seen)),
        Recall::New => Ok(None),
        Recall::AskStore => {
            let snapshot = core.store.snapshot();
            for key in live.deduplication.rows(now, digest) {
                let row = snapshot.get(&key).map_err(|error| unread(&error))?;
                if let Some(seen) = row.and_then(|(row, _)| Deduplication::still_counts(now, &row)) {
                    return Ok(Some(seen));
                }
            }
            Ok(None)
        }
    }
}
