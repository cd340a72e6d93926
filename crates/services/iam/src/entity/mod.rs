//! What roles, users, groups and instance profiles have in common: names, tags, policies of their own, managed policies.

mod attached;
mod inline;
pub(crate) mod shapes;
pub(crate) mod tags;

use std::collections::BTreeMap;

use moln_kernel::{ApiError, ids};
use moln_store::Batch;

use crate::{
    core::View,
    errors,
    limits::{GROUPS, INSTANCE_PROFILES, ROLES, USERS},
    model::Tag,
    tables::{EntityRow, Kind, Own},
};

/// What an entity is made of.
pub(crate) struct New {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) path: Option<String>,
    pub(crate) boundary: Option<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) own: Own,
}

/// Makes an entity of a name that is free.
pub(crate) fn create(view: &View<'_>, batch: &mut Batch, new: New) -> Result<EntityRow, ApiError> {
    let kind = new.kind;
    if view.find(kind, &new.name)?.is_some() {
        return Err(errors::exists(kind, &new.name));
    }
    let (quota, limit) = match kind {
        Kind::Role => ("RolesPerAccount", ROLES),
        Kind::User => ("UsersPerAccount", USERS),
        Kind::Group => ("GroupsPerAccount", GROUPS),
        Kind::Profile => ("InstanceProfilesPerAccount", INSTANCE_PROFILES),
    };
    if view.list(kind)?.len() >= limit {
        return Err(errors::quota(quota, limit));
    }
    if let Some(arn) = &new.boundary {
        view.boundary(arn)?;
    }
    let mut row = EntityRow {
        name: new.name,
        path: new.path.unwrap_or_else(|| "/".to_owned()),
        id: ids::base32_id(kind.id_prefix(), 17),
        created: view.now.seconds() * 1_000,
        tags: Vec::new(),
        boundary: new.boundary,
        inline: BTreeMap::new(),
        attached: Vec::new(),
        own: new.own,
    };
    tags::add(&mut row.tags, new.tags)?;
    view.put(batch, kind, &row)?;
    Ok(row)
}

/// Nothing may hang on what is deleted.
pub(crate) fn refuse_policies(row: &EntityRow) -> Result<(), ApiError> {
    if !row.attached.is_empty() {
        return Err(errors::conflict("Cannot delete entity, must detach all policies first."));
    }
    if !row.inline.is_empty() {
        return Err(errors::conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}

/// A role that is linked to a service is that service's to change.
pub(crate) fn refuse_linked(row: &EntityRow) -> Result<(), ApiError> {
    match &row.own {
        Own::Role { service: Some(_), .. } => Err(errors::unmodifiable(&row.name)),
        _ => Ok(()),
    }
}
