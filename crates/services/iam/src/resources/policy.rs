//! `AWS::IAM::Policy`: one policy that is put into several roles, users and groups. `Ref` and `GetAtt` `Id` are a name
//! that was made for it.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use moln_store::Batch;
use serde_json::Value;

use super::properties::{HOLDERS, required, text, texts};
use crate::{
    Iam,
    core::{View, folded},
    documents, errors,
    limits::{GROUP_INLINE_CHARS, ROLE_INLINE_CHARS, USER_INLINE_CHARS},
    tables::{EntityRow, Kind},
};

/// The handler.
pub struct PolicyHandler(pub Arc<Iam>);

fn resource(id: &str) -> Resource {
    Resource::new(id).with("Id", id)
}

/// Takes the policy of some properties out of whom it was in, and puts the one of others into whom it is for.
fn change(view: &View<'_>, batch: &mut Batch, before: &Value, after: &Value) -> Result<(), ApiError> {
    let mut rows: BTreeMap<(u8, String), (Kind, EntityRow)> = BTreeMap::new();
    if let Some(name) = text(before, "PolicyName") {
        for (property, kind) in HOLDERS {
            for holder in texts(before, property) {
                // Who is gone has no policies.
                let Some(mut row) = view.find(kind, &holder)? else { continue };
                row.inline.remove(&name);
                rows.insert((kind.number(), folded(&holder)), (kind, row));
            }
        }
    }
    if !after.is_null() {
        let name = required(after, "PolicyName")?;
        let document = required(after, "PolicyDocument")?;
        documents::check_identity(&document, false)?;
        let mut holders = 0;
        for (property, kind) in HOLDERS {
            for holder in texts(after, property) {
                let key = (kind.number(), folded(&holder));
                if !rows.contains_key(&key) {
                    rows.insert(key.clone(), (kind, view.get(kind, &holder)?));
                }
                if let Some((_, row)) = rows.get_mut(&key) {
                    row.inline.insert(name.clone(), document.clone());
                }
                holders += 1;
            }
        }
        if holders == 0 {
            return Err(errors::validation("At least one of [Groups,Roles,Users] must be non-empty."));
        }
    }
    for (kind, row) in rows.values() {
        let limit = match kind {
            Kind::User => USER_INLINE_CHARS,
            Kind::Group => GROUP_INLINE_CHARS,
            _ => ROLE_INLINE_CHARS,
        };
        if row.inline.values().map(|document| documents::chars(document)).sum::<usize>() > limit {
            let words =
                format!("Maximum policy size of {limit} bytes exceeded for {} {}", kind.word(), row.name);
            return Err(errors::limit_exceeded(words));
        }
        view.put(batch, *kind, row)?;
    }
    Ok(())
}

impl ResourceType for PolicyHandler {
    const NAME: &'static str = "AWS::IAM::Policy";
    const PROPERTIES: &'static [&'static str] = &["Groups", "PolicyDocument", "PolicyName", "Roles", "Users"];
    const REPLACING: &'static [&'static str] = &[];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        self.0
            .change(ctx, move |view, batch| {
                change(view, batch, &Value::Null, properties)?;
                Ok(resource(&origin.name(128)))
            })
            .await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        self.0
            .change(ctx, move |view, batch| {
                change(view, batch, before, after)?;
                Ok(resource(id))
            })
            .await
    }

    async fn delete(&self, ctx: &Context, _: &str, properties: &Value) -> Result<(), ApiError> {
        self.0.change(ctx, move |view, batch| change(view, batch, properties, &Value::Null)).await
    }

    async fn read(&self, _: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        // It has no existence but in whom it is for, which its id does not tell.
        Ok(Some(resource(id)))
    }
}
