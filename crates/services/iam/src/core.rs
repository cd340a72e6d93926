//! Reading and changing rows.

use moln_kernel::{ApiError, Context, Timestamp, ids};
use moln_store::{Batch, KeyRange, Scan, Snapshot, Store, StoreError, key::Key, table::Row, table::Table};

use crate::{
    Iam,
    errors::{self, refused, unread},
    limits::PAGE,
    tables::{ENTITIES, EntityRow, Kind, POLICIES, PolicyRow, SECRET},
};

/// The key of page markers; made when there is none yet.
pub(crate) fn secret(store: &Store) -> Result<[u8; 32], StoreError> {
    if let Some((secret, _)) = store.snapshot().get(SECRET.as_bytes())? {
        return secret.as_ref().try_into().map_err(|_| StoreError::Corrupt("the key of page markers".into()));
    }
    let secret = ids::secret::<32>().map_err(|error| StoreError::Io(error.message.into()))?;
    let mut batch = Batch::default();
    batch.put(SECRET, secret.to_vec());
    // Submitted before everything else: durable before the first marker is given.
    drop(store.submit(batch));
    Ok(secret)
}

/// Names differ in more than their case.
pub(crate) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Everything of one moment, as an account sees it.
pub(crate) struct View<'s> {
    pub(crate) snapshot: &'s dyn Snapshot,
    pub(crate) ctx: &'s Context,
    pub(crate) account: &'s str,
    pub(crate) now: Timestamp,
}

/// Every row of a range.
pub(crate) fn all<K: Key, V: Row>(
    snapshot: &dyn Snapshot,
    table: &Table<K, V>,
    range: KeyRange,
) -> Result<Vec<V>, ApiError> {
    let (mut rows, mut rest) = (Vec::new(), Some(range));
    while let Some(range) = rest {
        let page = table.scan(snapshot, &range, Scan::default()).map_err(|error| unread(&error))?;
        rows.extend(page.rows.into_iter().map(|(_, row, _)| row));
        rest = page.rest;
    }
    Ok(rows)
}

impl View<'_> {
    pub(crate) fn find(&self, kind: Kind, name: &str) -> Result<Option<EntityRow>, ApiError> {
        let key = (self.account.to_owned(), kind.number(), folded(name));
        let found = ENTITIES.get(self.snapshot, &key).map_err(|error| unread(&error))?;
        Ok(found.map(|(row, _)| row))
    }

    pub(crate) fn get(&self, kind: Kind, name: &str) -> Result<EntityRow, ApiError> {
        self.find(kind, name)?.ok_or_else(|| errors::no_such_entity(kind, name))
    }

    /// All of a kind, by name.
    pub(crate) fn list(&self, kind: Kind) -> Result<Vec<EntityRow>, ApiError> {
        all(self.snapshot, &ENTITIES, ENTITIES.within(&(self.account.to_owned(), kind.number())))
    }

    pub(crate) fn policy(&self, name: &str) -> Result<Option<PolicyRow>, ApiError> {
        let key = (self.account.to_owned(), folded(name));
        Ok(POLICIES.get(self.snapshot, &key).map_err(|error| unread(&error))?.map(|(row, _)| row))
    }

    /// All customer managed policies, by name.
    pub(crate) fn policies(&self) -> Result<Vec<PolicyRow>, ApiError> {
        all(self.snapshot, &POLICIES, POLICIES.within(&self.account.to_owned()))
    }

    pub(crate) fn put(&self, to: &mut Batch, kind: Kind, row: &EntityRow) -> Result<(), ApiError> {
        let key = (self.account.to_owned(), kind.number(), folded(&row.name));
        ENTITIES.put(to, &key, row).map_err(|error| unread(&error))
    }

    pub(crate) fn remove(&self, from: &mut Batch, kind: Kind, name: &str) {
        ENTITIES.delete(from, &(self.account.to_owned(), kind.number(), folded(name)));
    }

    pub(crate) fn put_policy(&self, to: &mut Batch, row: &PolicyRow) -> Result<(), ApiError> {
        let key = (self.account.to_owned(), folded(&row.name));
        POLICIES.put(to, &key, row).map_err(|error| unread(&error))
    }

    pub(crate) fn arn(&self, kind: Kind, row: &EntityRow) -> String {
        self.ctx.global_arn("iam", &format!("{}{}{}", kind.word(), row.path, row.name))
    }
}

impl Iam {
    /// Looks at one moment.
    pub(crate) fn look<T>(
        &self,
        ctx: &Context,
        look: impl FnOnce(&View<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let snapshot = self.store.snapshot();
        let now = self.clock.now();
        look(&View { snapshot: &*snapshot, ctx, account: ctx.account.as_str(), now })
    }

    /// Changes something, alone; durable once it resolves.
    pub(crate) async fn change<T: Send>(
        &self,
        ctx: &Context,
        change: impl FnOnce(&View<'_>, &mut Batch) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        let _alone = self.changing.lock().await;
        let mut batch = Batch::default();
        let result = self.look(ctx, |view| change(view, &mut batch))?;
        if !batch.is_empty() {
            self.store.commit(batch).await.map_err(|error| refused(&error))?;
        }
        Ok(result)
    }

    /// Changes one entity.
    pub(crate) async fn change_entity<T: Send>(
        &self,
        ctx: &Context,
        kind: Kind,
        name: &str,
        change: impl FnOnce(&View<'_>, &mut EntityRow) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.get(kind, name)?;
            let result = change(view, &mut row)?;
            view.put(batch, kind, &row)?;
            Ok(result)
        })
        .await
    }

    /// A page of a list that is ordered by `name`: what is on it, whether there is more, and the marker that leads on.
    pub(crate) fn page<T>(
        &self,
        items: Vec<T>,
        name: impl Fn(&T) -> &str,
        scope: &[&str],
        marker: Option<&str>,
        max_items: Option<i32>,
    ) -> Result<Paged<T>, ApiError> {
        let bad = |_| errors::validation("Invalid Marker.");
        let after = marker.map(|marker| self.pagination.open(scope, marker).map_err(bad)).transpose()?;
        let max = max_items.and_then(|max| usize::try_from(max).ok()).filter(|max| *max > 0).unwrap_or(PAGE);
        let folds = |item: &T| folded(name(item)).into_bytes();
        let mut rest =
            items.into_iter().filter(|item| after.as_ref().is_none_or(|after| folds(item) > *after));
        let page: Vec<T> = rest.by_ref().take(max).collect();
        let marker = match (rest.next(), page.last()) {
            (Some(_), Some(last)) => Some(self.pagination.seal(scope, &folds(last))),
            _ => None,
        };
        Ok(Paged { items: page, is_truncated: Some(marker.is_some()), marker })
    }
}

impl Iam {
    /// A page of a list whose order is its own.
    pub(crate) fn page_in_order<T>(
        &self,
        items: Vec<T>,
        scope: &[&str],
        marker: Option<&str>,
        max_items: Option<i32>,
    ) -> Result<Paged<T>, ApiError> {
        // Numbers of one length are ordered as texts are.
        let numbered: Vec<(String, T)> =
            items.into_iter().enumerate().map(|(n, item)| (format!("{n:06}"), item)).collect();
        let page = self.page(numbered, |item| &item.0, scope, marker, max_items)?;
        Ok(Paged {
            items: page.items.into_iter().map(|(_, item)| item).collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

/// A page.
pub(crate) struct Paged<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_truncated: Option<bool>,
    pub(crate) marker: Option<String>,
}
