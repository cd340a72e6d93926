//! `AWS::IAM::Policy`: one policy that is put into several roles, users and groups. `Ref` and `GetAtt` `Id` are a name
//! that was made for it.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use moln_store::Batch;
use serde_json::Value;

use super::properties::{HOLDERS, document, generated_name, missing, text, texts};
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
    let attributes = BTreeMap::from([("Id".to_owned(), Value::from(id))]);
    Resource { id: id.to_owned(), reference: id.to_owned(), attributes }
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
        let name = text(after, "PolicyName").ok_or_else(|| missing("PolicyName"))?;
        let document = document(after, "PolicyDocument")?;
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

impl ResourceHandler for PolicyHandler {
    fn type_name(&self) -> &'static str {
        "AWS::IAM::Policy"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["Groups", "PolicyDocument", "PolicyName", "Roles", "Users"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &[]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.0.change(ctx, move |view, batch| {
            change(view, batch, &Value::Null, properties)?;
            Ok(resource(&generated_name(origin, 128)))
        }))
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.0.change(ctx, move |view, batch| {
            change(view, batch, before, after)?;
            Ok(resource(id))
        }))
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        _: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(self.0.change(ctx, move |view, batch| change(view, batch, properties, &Value::Null)))
    }

    fn read<'a>(&'a self, _: &'a Context, id: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        // It has no existence but in whom it is for, which its id does not tell.
        Box::pin(std::future::ready(Ok(Some(resource(id)))))
    }
}
