//! `AWS::IAM::ManagedPolicy`. `Ref` is the ARN; `GetAtt` knows `PolicyArn`, `PolicyId`, `DefaultVersionId`,
//! `AttachmentCount`, `PermissionsBoundaryUsageCount`, `IsAttachable`, `CreateDate`, `UpdateDate`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context, Timestamp, ids,
    resources::{Origin, Resource, ResourceType},
};
use moln_store::Batch;
use moln_wire::{schema::TimestampFormat, time};
use serde_json::Value;

use super::properties::{HOLDERS, required, text, texts};
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
    let moment = |millis| time::format(Timestamp(millis), TimestampFormat::DateTime);
    Ok(Resource::new(row.arn.as_str())
        .with("AttachmentCount", usage.attached(&row.arn))
        .with("CreateDate", moment(row.created))
        .with("DefaultVersionId", version_id(row.default))
        .with("IsAttachable", true)
        .with("PermissionsBoundaryUsageCount", usage.bounding(&row.arn))
        .with("PolicyArn", row.arn.as_str())
        .with("PolicyId", row.id.as_str())
        .with("UpdateDate", moment(row.updated)))
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
    let name = text(properties, "ManagedPolicyName").unwrap_or_else(|| origin.name(128));
    if view.policy(&name)?.is_some() {
        return Err(errors::already_exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let document = required(properties, "PolicyDocument")?;
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
    let document = required(after, "PolicyDocument")?;
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

impl ResourceType for ManagedPolicyHandler {
    const NAME: &'static str = "AWS::IAM::ManagedPolicy";
    const PROPERTIES: &'static [&'static str] =
        &["Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"];
    const REPLACING: &'static [&'static str] = &["Description", "ManagedPolicyName", "Path"];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        self.0.change(ctx, move |view, batch| create(view, batch, origin, properties)).await
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let name = text(properties, "ManagedPolicyName").unwrap_or_else(|| origin.name(128));
        let path = text(properties, "Path").unwrap_or_else(|| "/".to_owned());
        self.read(ctx, &ctx.global_arn("iam", &format!("policy{path}{name}"))).await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        self.0.change(ctx, move |view, batch| update(view, batch, id, before, after)).await
    }

    /// Its versions go with it; whom others attached it to keep it.
    async fn delete(&self, ctx: &Context, id: &str, properties: &Value) -> Result<(), ApiError> {
        self.0
            .change(ctx, move |view, batch| {
                let Some(Found::Own(row)) = view.find_policy(id)? else { return Ok(()) };
                let named: i32 = HOLDERS
                    .into_iter()
                    .map(|(property, kind)| {
                        let holds = |name: &String| {
                            view.find(kind, name).is_ok_and(|row| {
                                row.is_some_and(|row| row.attached.iter().any(|arn| arn == id))
                            })
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
            })
            .await
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        self.0.look(ctx, |view| match view.find_policy(id)? {
            Some(Found::Own(row)) => describe(view, &row).map(Some),
            _ => Ok(None),
        })
    }
}
