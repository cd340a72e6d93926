//! `AWS::IAM::Role`. `Ref` is the name; `GetAtt` knows `Arn`, `RoleId`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use moln_store::Batch;
use serde_json::{Value, json};

use super::properties::{inline, required, tag_list, tags, text, texts};
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
    Resource::new(row.name.as_str()).with("Arn", view.arn(Kind::Role, row)).with("RoleId", row.id.as_str())
}

fn own(properties: &Value) -> Result<Own, ApiError> {
    let seconds = text(properties, "MaxSessionDuration").and_then(|seconds| seconds.parse::<u32>().ok());
    let seconds = seconds.map_or(MAX_SESSION.as_secs(), u64::from);
    if !(3_600..=43_200).contains(&seconds) {
        return Err(errors::validation("MaxSessionDuration must be between 3600 and 43200."));
    }
    Ok(Own::Role {
        trust: required(properties, "AssumeRolePolicyDocument")?,
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
        name: text(properties, "RoleName").unwrap_or_else(|| origin.name(64)),
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

/// A role's properties. What is put into it by other resources of a template has names that this one does not say.
fn live(row: &EntityRow, expected: &Value) -> Value {
    let said = inline(expected).unwrap_or_default();
    let policies = row.inline.iter().filter(|(name, _)| said.contains_key(*name));
    let policies = policies.map(|(name, document)| json!({"PolicyName": name, "PolicyDocument": document}));
    let mut live = json!({
        "ManagedPolicyArns": row.attached,
        "Path": row.path,
        "PermissionsBoundary": row.boundary,
        "Policies": policies.collect::<Value>(),
        "RoleName": row.name,
        "Tags": tag_list(&row.tags.iter().cloned().collect()),
    });
    if let (Own::Role { trust, description, max_session, .. }, Some(live)) = (&row.own, live.as_object_mut())
    {
        live.insert("AssumeRolePolicyDocument".to_owned(), trust.clone().into());
        live.insert("Description".to_owned(), description.clone().into());
        live.insert("MaxSessionDuration".to_owned(), (*max_session).into());
    }
    live
}

impl ResourceType for RoleHandler {
    const NAME: &'static str = "AWS::IAM::Role";
    const PROPERTIES: &'static [&'static str] = &[
        "AssumeRolePolicyDocument",
        "Description",
        "ManagedPolicyArns",
        "MaxSessionDuration",
        "Path",
        "PermissionsBoundary",
        "Policies",
        "RoleName",
        "Tags",
    ];
    const REPLACING: &'static [&'static str] = &["Path", "RoleName"];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        self.0.change(ctx, move |view, batch| create(view, batch, origin, properties)).await
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let name = text(properties, "RoleName").unwrap_or_else(|| origin.name(64));
        self.read(ctx, &name).await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        self.0.change_entity(ctx, Kind::Role, id, move |view, row| update(view, row, before, after)).await
    }

    /// What the template put on the role goes with it; what came from elsewhere keeps it.
    async fn delete(&self, ctx: &Context, id: &str, properties: &Value) -> Result<(), ApiError> {
        self.0
            .change(ctx, move |view, batch| {
                let Some(mut row) = view.find(Kind::Role, id)? else { return Ok(()) };
                set_policies(view, &mut row, properties, &Value::Null)?;
                refuse_policies(&row)?;
                view.remove(batch, Kind::Role, id);
                Ok(())
            })
            .await
    }

    async fn live(&self, ctx: &Context, id: &str, expected: &Value) -> Result<Option<Value>, ApiError> {
        self.0.look(ctx, |view| Ok(view.find(Kind::Role, id)?.map(|row| live(&row, expected))))
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        self.0.look(ctx, |view| Ok(view.find(Kind::Role, id)?.map(|row| describe(view, &row))))
    }
}
