//! `AWS::IAM::Role`. `Ref` is the name; `GetAtt` knows `Arn`, `RoleId`.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use moln_store::Batch;
use serde_json::Value;

use super::properties::{document, generated_name, inline, tags, text, texts};
use crate::{
    Iam,
    api::roles::check_trust,
    core::View,
    documents,
    entity::{self, New, refuse_policies, tags as entity_tags},
    errors,
    limits::{ATTACHED, MAX_SESSION, ROLE_INLINE_CHARS},
    tables::{EntityRow, Kind, Own},
};

/// The handler.
pub struct RoleHandler(pub Arc<Iam>);

fn describe(view: &View<'_>, row: &EntityRow) -> Resource {
    let attributes = BTreeMap::from([
        ("Arn".to_owned(), view.arn(Kind::Role, row).into()),
        ("RoleId".to_owned(), row.id.clone().into()),
    ]);
    Resource { id: row.name.clone(), reference: row.name.clone(), attributes }
}

fn own(properties: &Value) -> Result<Own, ApiError> {
    let seconds = text(properties, "MaxSessionDuration").and_then(|seconds| seconds.parse::<u32>().ok());
    let seconds = seconds.map_or(MAX_SESSION.as_secs(), u64::from);
    if !(3_600..=43_200).contains(&seconds) {
        return Err(errors::validation("MaxSessionDuration must be between 3600 and 43200."));
    }
    Ok(Own::Role {
        trust: document(properties, "AssumeRolePolicyDocument")?,
        description: text(properties, "Description"),
        max_session: u32::try_from(seconds).unwrap_or(3_600),
        service: None,
    })
}

/// Gives a role the policies of its properties, in place of those that came from the properties before.
fn set_policies(view: &View<'_>, row: &mut EntityRow, before: &Value, after: &Value) -> Result<(), ApiError> {
    let (old, new) = (inline(before)?, inline(after)?);
    row.inline.retain(|name, _| !old.contains_key(name));
    for (name, document) in new {
        documents::check_identity(&document, false)?;
        row.inline.insert(name, document);
    }
    let chars: usize = row.inline.values().map(|document| documents::chars(document)).sum();
    if chars > ROLE_INLINE_CHARS {
        let words =
            format!("Maximum policy size of {ROLE_INLINE_CHARS} bytes exceeded for role {}", row.name);
        return Err(errors::limit_exceeded(words));
    }
    let (old, new) = (texts(before, "ManagedPolicyArns"), texts(after, "ManagedPolicyArns"));
    row.attached.retain(|arn| new.contains(arn) || !old.contains(arn));
    for arn in new {
        view.attachable(&arn)?;
        if !row.attached.contains(&arn) {
            row.attached.push(arn);
        }
    }
    if row.attached.len() > ATTACHED {
        return Err(errors::quota("PoliciesPerRole", ATTACHED));
    }
    Ok(())
}

fn create(
    view: &View<'_>,
    batch: &mut Batch,
    origin: &Origin,
    properties: &Value,
) -> Result<Resource, ApiError> {
    let own = own(properties)?;
    if let Own::Role { trust, .. } = &own {
        check_trust(view, trust)?;
    }
    let new = New {
        kind: Kind::Role,
        name: text(properties, "RoleName").unwrap_or_else(|| generated_name(origin, 64)),
        path: text(properties, "Path"),
        boundary: text(properties, "PermissionsBoundary"),
        tags: tags(properties),
        own,
    };
    let mut row = entity::create(view, batch, new)?;
    set_policies(view, &mut row, &Value::Null, properties)?;
    view.put(batch, Kind::Role, &row)?;
    Ok(describe(view, &row))
}

fn update(view: &View<'_>, row: &mut EntityRow, before: &Value, after: &Value) -> Result<Resource, ApiError> {
    row.own = own(after)?;
    if let Own::Role { trust, .. } = &row.own {
        check_trust(view, trust)?;
    }
    row.boundary = text(after, "PermissionsBoundary");
    if let Some(arn) = &row.boundary {
        view.boundary(arn)?;
    }
    let gone: Vec<String> = tags(before).into_iter().map(|tag| tag.key).collect();
    entity_tags::remove(&mut row.tags, &gone);
    entity_tags::add(&mut row.tags, tags(after))?;
    set_policies(view, row, before, after)?;
    Ok(describe(view, row))
}

impl ResourceHandler for RoleHandler {
    fn type_name(&self) -> &'static str {
        "AWS::IAM::Role"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["Path", "RoleName"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.0.change(ctx, move |view, batch| create(view, batch, origin, properties)))
    }

    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let name = text(properties, "RoleName").unwrap_or_else(|| generated_name(origin, 64));
            self.read(ctx, &name).await
        })
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.0.change_entity(ctx, Kind::Role, id, move |view, row| update(view, row, before, after)))
    }

    /// What the template put on the role goes with it; what came from elsewhere keeps it.
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(self.0.change(ctx, move |view, batch| {
            let Some(mut row) = view.find(Kind::Role, id)? else { return Ok(()) };
            set_policies(view, &mut row, properties, &Value::Null)?;
            refuse_policies(&row)?;
            view.remove(batch, Kind::Role, id);
            Ok(())
        }))
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        let found = self.0.look(ctx, |view| Ok(view.find(Kind::Role, id)?.map(|row| describe(view, &row))));
        Box::pin(std::future::ready(found))
    }
}
