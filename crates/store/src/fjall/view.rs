//! What readers see: the last durable group, and the purges in force with it.

use std::sync::Arc;

use bytes::Bytes;
use fjall::Readable;

use super::{Shared, purge::Purge, rows};
use crate::{KeyRange, Page, Scan, Snapshot, StoreError, Version};

/// A durable state of the store. One is made per group; every snapshot taken before the next shares it.
pub(crate) struct Visible {
    pub(crate) version: Version,
    pub(crate) snapshot: fjall::Snapshot,
    pub(crate) purges: Arc<Vec<Purge>>,
}

/// A snapshot.
pub(crate) struct View {
    pub(crate) shared: Arc<Shared>,
    pub(crate) visible: Arc<Visible>,
}

impl Snapshot for View {
    fn version(&self) -> Version {
        self.visible.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<(Bytes, Version)>, StoreError> {
        if key.is_empty() {
            return Ok(None);
        }
        let stored = self.visible.snapshot.get(&self.shared.disk.space, key);
        rows::seen(key, stored.map_err(|error| rows::engine_error(&error))?, &self.visible.purges)
    }

    fn scan(&self, range: &KeyRange, how: Scan) -> Result<Page, StoreError> {
        rows::scan(&self.visible.snapshot, &self.shared.disk.space, &self.visible.purges, range, how)
    }
}
