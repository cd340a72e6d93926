//! Rows that are only kept: read, listed, written, one change at a time.

use moln_kernel::{ApiError, Context};
use moln_store::{Batch, Scan};

use super::Core;
use crate::{
    errors,
    tables::kept::{KEPT, Kept, KeptKey},
};

/// What kinds there are: part of their keys.
pub(crate) mod kind {
    pub(crate) const DESTINATION: &str = "destination";
    pub(crate) const RESOURCE_POLICY: &str = "resource-policy";
    pub(crate) const QUERY_DEFINITION: &str = "query-definition";
    pub(crate) const DELIVERY_SOURCE: &str = "delivery-source";
    pub(crate) const DELIVERY_DESTINATION: &str = "delivery-destination";
    pub(crate) const DELIVERY: &str = "delivery";
}

fn key(ctx: &Context, kind: &str, name: &str) -> KeptKey {
    ((ctx.account.to_string(), ctx.region.to_string()), (kind.to_owned(), name.to_owned()))
}

impl Core {
    /// One row.
    pub(crate) fn kept(&self, ctx: &Context, kind: &str, name: &str) -> Result<Option<Kept>, ApiError> {
        let found = KEPT.get(&*self.store.snapshot(), &key(ctx, kind, name));
        Ok(found.map_err(|why| errors::unread(&why))?.map(|(row, _)| row))
    }

    /// All rows of a kind whose names begin with `prefix`, by name. There are few of each kind: quotas bound them.
    pub(crate) fn all_kept(
        &self,
        ctx: &Context,
        kind: &str,
        prefix: &str,
    ) -> Result<Vec<(String, Kept)>, ApiError> {
        let place = (ctx.account.to_string(), ctx.region.to_string());
        let snapshot = self.store.snapshot();
        let mut range = Some(KEPT.within(&(place, kind.to_owned())));
        let mut rows = Vec::new();
        while let Some(next) = range {
            let page = KEPT.scan(&*snapshot, &next, Scan::default()).map_err(|why| errors::unread(&why))?;
            let named = page.rows.into_iter().map(|((_, (_, name)), row, _)| (name, row));
            rows.extend(named.filter(|(name, _)| name.starts_with(prefix)));
            range = page.rest;
        }
        Ok(rows)
    }

    /// Writes a row. The caller holds [`Core::changing`].
    pub(crate) async fn keep(
        &self,
        ctx: &Context,
        kind: &str,
        name: &str,
        row: &Kept,
    ) -> Result<(), ApiError> {
        let mut batch = Batch::default();
        KEPT.put(&mut batch, &key(ctx, kind, name), row).map_err(|why| errors::unread(&why))?;
        self.commit(batch).await
    }

    /// Removes a row; whether it was there. The caller holds [`Core::changing`].
    pub(crate) async fn forget(&self, ctx: &Context, kind: &str, name: &str) -> Result<bool, ApiError> {
        if self.kept(ctx, kind, name)?.is_none() {
            return Ok(false);
        }
        let mut batch = Batch::default();
        KEPT.delete(&mut batch, &key(ctx, kind, name));
        self.commit(batch).await?;
        Ok(true)
    }
}
