//! Filling a window from the store.

use std::sync::Arc;

use bytes::Bytes;
use moln_kernel::ApiError;
use moln_store::{KeyRange, Scan, Snapshot, StoreError};

use super::{Core, Queue, core::unread};
use crate::{
    limits::{REFILL_BYTES, REFILL_ROWS},
    queue::window::Gap,
    tables::keys,
};

/// What was read for a gap.
pub(crate) struct Fetched {
    /// Stamps and rows, in order.
    pub(crate) rows: Vec<(u64, Bytes)>,
    /// Every message up to here is among them.
    pub(crate) read_to: u64,
    /// The gap's end was reached.
    pub(crate) whole: bool,
}

pub(crate) fn rows_for(snapshot: &dyn Snapshot, queue: u64, gap: &Gap) -> Result<Fetched, StoreError> {
    let range = KeyRange {
        start: keys::bodies_after(queue, gap.after).start,
        end: keys::bodies_after(queue, gap.last).start,
    };
    let page = snapshot.scan(&range, Scan { limit: REFILL_ROWS, bytes: REFILL_BYTES, ..Scan::default() })?;
    let rows: Vec<(u64, Bytes)> =
        page.rows.into_iter().filter_map(|(key, row, _)| Some((keys::last_number(&key)?, row))).collect();
    let whole = page.rest.is_none();
    let read_to = if whole { gap.last } else { rows.last().map_or(gap.after, |row| row.0) };
    Ok(Fetched { rows, read_to, whole })
}

impl Queue {
    /// Fills the window, unless someone did meanwhile.
    pub(crate) async fn refill(self: &Arc<Self>, core: &Arc<Core>) -> Result<(), ApiError> {
        let _turn = self.refilling.lock().await;
        let found = self.lock().live.as_ref().and_then(|live| Some((live.epoch, live.state.gap()?)));
        let Some((epoch, gap)) = found else { return Ok(()) };
        let mut read = self.read(core, gap).await?;
        if read.whole && read.rows.last().is_none_or(|row| row.0 < gap.last) {
            // The last ones sent are not durable yet, and no snapshot shows them.
            core.barrier().await?;
            read = self.read(core, gap).await?;
        }
        let mut inner = self.lock();
        if let Some(live) = inner.live.as_mut().filter(|live| live.epoch == epoch) {
            live.state.fill(&gap, read.rows, read.read_to);
        }
        self.after(core, inner);
        Ok(())
    }

    async fn read(&self, core: &Arc<Core>, gap: Gap) -> Result<Fetched, ApiError> {
        let (id, core) = (self.id, Arc::clone(core));
        tokio::task::spawn_blocking(move || rows_for(&*core.store.snapshot(), id, &gap))
            .await
            .map_err(|_| ApiError::internal("The service is stopping."))?
            .map_err(|error| unread(&error))
    }
}
