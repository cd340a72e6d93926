//! `AWS::IAM::ManagedPolicy`. `Ref` is the ARN; `GetAtt` knows `PolicyArn`, `PolicyId`, `DefaultVersionId`,
//! `AttachmentCount`, `PermissionsBoundaryUsageCount`, `IsAttachable`, `CreateDate`, `UpdateDate`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context, Timestamp,
    clock::BoxFuture,
    ids,
    resources::{Origin, Resource, ResourceHandler},
};
use moln_store::Batch;
use moln_wire::{schema::TimestampFormat, time};
use serde_json::Value;

use super::properties::{HOLDERS, document, generated_name, text, texts};
use crate::{
    Iam,
    core::{View, folded},
    errors,
    limits::{POLICIES as MOST, VERSIONS},
    policies::{Found, Usage, check, version_id},
    tables::{POLICIES, PolicyRow, VersionRow},
};

/// The handler.
pub struct ManagedPolicyHandler(pub Arc<Iam>);

fn describe(view: &View<'_>, row: &PolicyRow) -> Result<Resource, ApiError> {
    let usage = Usage::count(view)?;
    let moment = |millis| Value::from(time::format(Timestamp(millis), TimestampFormat::DateTime));
    let attributes = [
        ("AttachmentCount", usage.attached(&row.arn).into()),
        ("CreateDate", moment(row.created)),
        ("DefaultVersionId", version_id(row.default).into()),
        ("IsAttachable", true.into()),
        ("PermissionsBoundaryUsageCount", usage.bounding(&row.arn).into()),
        ("PolicyArn", row.arn.clone().into()),
        ("PolicyId", row.id.clone().into()),
        ("UpdateDate", moment(row.updated)),
    ];
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
    Ok(Resource { id: row.arn.clone(), reference: row.arn.clone(), attributes: attributes.collect() })
}

/// Attaches the policy to whom the properties name, and to nobody whom only the properties before named.
fn attach(
    view: &View<'_>,
    batch: &mut Batch,
    arn: &str,
    before: &Value,
    after: &Value,
) -> Result<(), ApiError> {
    for (property, kind) in HOLDERS {
        let (old, new) = (texts(before, property), texts(after, property));
        for name in old.iter().filter(|name| !new.contains(name)) {
            let Some(mut row) = view.find(kind, name)? else { continue };
            row.attached.retain(|known| known != arn);
            view.put(batch, kind, &row)?;
        }
        for name in &new {
            let mut row = view.get(kind, name)?;
            if !row.attached.iter().any(|known| known == arn) {
                row.attached.push(arn.to_owned());
                view.put(batch, kind, &row)?;
            }
        }
    }
    Ok(())
}

fn create(
    view: &View<'_>,
    batch: &mut Batch,
    origin: &Origin,
    properties: &Value,
) -> Result<Resource, ApiError> {
    let name = text(properties, "ManagedPolicyName").unwrap_or_else(|| generated_name(origin, 128));
    if view.policy(&name)?.is_some() {
        return Err(errors::already_exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let document = document(properties, "PolicyDocument")?;
    check(&document)?;
    if view.policies()?.len() >= MOST {
        return Err(errors::quota("PoliciesPerAccount", MOST));
    }
    let path = text(properties, "Path").unwrap_or_else(|| "/".to_owned());
    let created = view.now.seconds() * 1_000;
    let row = PolicyRow {
        arn: view.ctx.global_arn("iam", &format!("policy{path}{name}")),
        name,
        path,
        id: ids::base32_id("ANPA", 17),
        created,
        updated: created,
        description: text(properties, "Description"),
        tags: Vec::new(),
        versions: vec![VersionRow { number: 1, document, created }],
        default: 1,
        next: 2,
    };
    view.put_policy(batch, &row)?;
    attach(view, batch, &row.arn, &Value::Null, properties)?;
    describe(view, &row)
}

/// Another document is another version, the default; the oldest of too many goes.
fn update(
    view: &View<'_>,
    batch: &mut Batch,
    arn: &str,
    before: &Value,
    after: &Value,
) -> Result<Resource, ApiError> {
    let mut row = view.own_policy(arn)?;
    let document = document(after, "PolicyDocument")?;
    if row
        .versions
        .iter()
        .find(|version| version.number == row.default)
        .is_none_or(|v| v.document != document)
    {
        check(&document)?;
        if row.versions.len() >= VERSIONS {
            let oldest =
                row.versions.iter().map(|version| version.number).find(|number| *number != row.default);
            row.versions.retain(|version| Some(version.number) != oldest);
        }
        let created = view.now.seconds() * 1_000;
        row.versions.push(VersionRow { number: row.next, document, created });
        row.default = row.next;
        row.next += 1;
        row.updated = created;
        view.put_policy(batch, &row)?;
    }
    attach(view, batch, arn, before, after)?;
    describe(view, &row)
}

impl ResourceHandler for ManagedPolicyHandler {
    fn type_name(&self) -> &'static str {
        "AWS::IAM::ManagedPolicy"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["Description", "ManagedPolicyName", "Path"]
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
            let name = text(properties, "ManagedPolicyName").unwrap_or_else(|| generated_name(origin, 128));
            let path = text(properties, "Path").unwrap_or_else(|| "/".to_owned());
            self.read(ctx, &ctx.global_arn("iam", &format!("policy{path}{name}"))).await
        })
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.0.change(ctx, move |view, batch| update(view, batch, id, before, after)))
    }

    /// Its versions go with it; whom others attached it to keep it.
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(self.0.change(ctx, move |view, batch| {
            let Some(Found::Own(row)) = view.find_policy(id)? else { return Ok(()) };
            let named: i32 = HOLDERS
                .into_iter()
                .map(|(property, kind)| {
                    let holds = |name: &String| {
                        view.find(kind, name)
                            .is_ok_and(|row| row.is_some_and(|row| row.attached.iter().any(|arn| arn == id)))
                    };
                    texts(properties, property).iter().filter(|name| holds(name)).count()
                })
                .sum::<usize>()
                .try_into()
                .unwrap_or(i32::MAX);
            let usage = Usage::count(view)?;
            if usage.attached(id) > named || usage.bounding(id) > 0 {
                return Err(errors::conflict("Cannot delete a policy attached to entities."));
            }
            attach(view, batch, id, properties, &Value::Null)?;
            POLICIES.delete(batch, &(view.account.to_owned(), folded(&row.name)));
            Ok(())
        }))
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        let found = self.0.look(ctx, |view| match view.find_policy(id)? {
            Some(Found::Own(row)) => describe(view, &row).map(Some),
            _ => Ok(None),
        });
        Box::pin(std::future::ready(found))
    }
}
