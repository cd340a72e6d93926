//! Access keys of users, and the account's alias.

use moln_kernel::{ApiError, Context, Timestamp, ids};

use super::users::own_name;
use crate::{
    Iam,
    core::{View, folded},
    errors::{self, unread},
    limits::ACCESS_KEYS,
    model::{AccessKey, AccessKeyMetadata, ListAccessKeysRequest, ListAccessKeysResponse},
    tables::{ALIASES, AliasRow, EntityRow, KEYS, KeyRow, Kind, Own},
};

fn status(active: bool) -> String {
    if active { "Active" } else { "Inactive" }.to_owned()
}

fn keys_of(row: &mut EntityRow) -> Option<&mut Vec<String>> {
    match &mut row.own {
        Own::User { keys, .. } => Some(keys),
        _ => None,
    }
}

/// A key of a user's.
fn key(view: &View<'_>, user: &str, id: &str) -> Result<KeyRow, ApiError> {
    let row = KEYS.get(view.snapshot, &id.to_owned()).map_err(|error| unread(&error))?;
    row.map(|(row, _)| row)
        .filter(|row| row.account == view.account && row.user == folded(user))
        .ok_or_else(|| errors::no_such(format!("The Access Key with id {id} cannot be found.")))
}

impl Iam {
    pub(super) async fn make_key(&self, ctx: &Context, user: Option<String>) -> Result<AccessKey, ApiError> {
        let user = user.map_or_else(|| own_name(ctx), Ok)?;
        self.change(ctx, |view, batch| {
            let mut row = view.get(Kind::User, &user)?;
            let id = loop {
                let id = ids::access_key_id("AKIA", &ctx.account);
                if KEYS.get(view.snapshot, &id).map_err(|error| unread(&error))?.is_none() {
                    break id;
                }
            };
            if let Some(keys) = keys_of(&mut row) {
                if keys.len() >= ACCESS_KEYS {
                    return Err(errors::quota("AccessKeysPerUser", ACCESS_KEYS));
                }
                keys.push(id.clone());
            }
            let key = KeyRow {
                account: view.account.to_owned(),
                user: folded(&row.name),
                secret: ids::secret_text(40)?,
                created: view.now.seconds() * 1_000,
                active: true,
            };
            KEYS.put(batch, &id, &key).map_err(|error| unread(&error))?;
            view.put(batch, Kind::User, &row)?;
            Ok(AccessKey {
                user_name: row.name,
                access_key_id: id,
                status: status(true),
                secret_access_key: key.secret,
                create_date: Some(Timestamp(key.created)),
            })
        })
        .await
    }

    pub(super) fn list_keys(
        &self,
        ctx: &Context,
        input: &ListAccessKeysRequest,
    ) -> Result<ListAccessKeysResponse, ApiError> {
        let user = input.user_name.clone().map_or_else(|| own_name(ctx), Ok)?;
        let found = self.look(ctx, |view| {
            let mut row = view.get(Kind::User, &user)?;
            let ids = keys_of(&mut row).map(std::mem::take).unwrap_or_default();
            let mut found = Vec::new();
            for id in ids {
                let key = key(view, &user, &id)?;
                found.push(AccessKeyMetadata {
                    user_name: Some(row.name.clone()),
                    access_key_id: Some(id),
                    status: Some(status(key.active)),
                    create_date: Some(Timestamp(key.created)),
                });
            }
            Ok(found)
        })?;
        let scope = ["ListAccessKeys", ctx.account.as_str(), &user];
        let page = self.page_in_order(found, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListAccessKeysResponse {
            access_key_metadata: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }

    pub(super) async fn switch_key(
        &self,
        ctx: &Context,
        user: Option<String>,
        id: &str,
        to: &str,
    ) -> Result<(), ApiError> {
        let user = user.map_or_else(|| own_name(ctx), Ok)?;
        self.change(ctx, |view, batch| {
            view.get(Kind::User, &user)?;
            let mut row = key(view, &user, id)?;
            row.active = to == "Active";
            KEYS.put(batch, &id.to_owned(), &row).map_err(|error| unread(&error))
        })
        .await
    }

    pub(super) async fn drop_key(
        &self,
        ctx: &Context,
        user: Option<String>,
        id: &str,
    ) -> Result<(), ApiError> {
        let user = user.map_or_else(|| own_name(ctx), Ok)?;
        self.change(ctx, |view, batch| {
            let mut row = view.get(Kind::User, &user)?;
            key(view, &user, id)?;
            if let Some(keys) = keys_of(&mut row) {
                keys.retain(|known| known != id);
            }
            KEYS.delete(batch, &id.to_owned());
            view.put(batch, Kind::User, &row)
        })
        .await
    }

    pub(super) fn alias(&self, ctx: &Context) -> Result<Option<String>, ApiError> {
        self.look(ctx, |view| {
            let row = ALIASES.get(view.snapshot, &view.account.to_owned()).map_err(|error| unread(&error))?;
            Ok(row.map(|(row, _)| row.alias))
        })
    }

    /// An account has one alias: a new one takes the old one's place.
    pub(super) async fn set_alias(&self, ctx: &Context, alias: String) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let all = ALIASES.scan(
                view.snapshot,
                &ALIASES.all(),
                moln_store::Scan { limit: 10_000, ..Default::default() },
            );
            let all = all.map_err(|error| unread(&error))?.rows;
            if all.iter().any(|(account, row, _)| row.alias == alias && account != view.account) {
                return Err(errors::already_exists(format!("The account alias {alias} already exists.")));
            }
            ALIASES.put(batch, &view.account.to_owned(), &AliasRow { alias }).map_err(|error| unread(&error))
        })
        .await
    }

    pub(super) async fn drop_alias(&self, ctx: &Context, alias: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let key = view.account.to_owned();
            let row = ALIASES.get(view.snapshot, &key).map_err(|error| unread(&error))?;
            if row.is_none_or(|(row, _)| row.alias != alias) {
                return Err(errors::no_such(format!("The Account Alias {alias} cannot be found.")));
            }
            ALIASES.delete(batch, &key);
            Ok(())
        })
        .await
    }
}
