//! Rows as answers carry them.

use moln_kernel::{ApiError, Timestamp, encoding::percent_encode};

use super::tags;
use crate::{
    core::View,
    model::{AttachedPermissionsBoundary, Group, InstanceProfile, Role, RoleLastUsed, User},
    tables::{EntityRow, Kind, Own},
};

fn boundary(row: &EntityRow) -> Option<AttachedPermissionsBoundary> {
    row.boundary.as_ref().map(|arn| AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".into()),
        permissions_boundary_arn: Some(arn.clone()),
    })
}

fn tags_of(row: &EntityRow) -> Option<Vec<crate::model::Tag>> {
    (!row.tags.is_empty()).then(|| tags::shapes(&row.tags))
}

/// A role as it is told when it was just made.
pub(crate) fn new_role(view: &View<'_>, row: &EntityRow) -> Role {
    let trust = match &row.own {
        Own::Role { trust, .. } => Some(percent_encode(trust)),
        _ => None,
    };
    Role {
        path: row.path.clone(),
        role_name: row.name.clone(),
        role_id: row.id.clone(),
        arn: view.arn(Kind::Role, row),
        create_date: Timestamp(row.created),
        assume_role_policy_document: trust,
        permissions_boundary: boundary(row),
        tags: tags_of(row),
        ..Role::default()
    }
}

/// A role as lists tell it.
pub(crate) fn listed_role(view: &View<'_>, row: &EntityRow) -> Role {
    let mut role = Role { permissions_boundary: None, tags: None, ..new_role(view, row) };
    if let Own::Role { description, max_session, .. } = &row.own {
        role.description.clone_from(description);
        role.max_session_duration = i32::try_from(*max_session).ok();
    }
    role
}

/// A role with all there is to tell.
pub(crate) fn role(view: &View<'_>, row: &EntityRow) -> Role {
    Role {
        permissions_boundary: boundary(row),
        tags: tags_of(row),
        role_last_used: Some(RoleLastUsed::default()),
        ..listed_role(view, row)
    }
}

/// A user as lists tell it.
pub(crate) fn listed_user(view: &View<'_>, row: &EntityRow) -> User {
    User {
        path: row.path.clone(),
        user_name: row.name.clone(),
        user_id: row.id.clone(),
        arn: view.arn(Kind::User, row),
        create_date: Timestamp(row.created),
        ..User::default()
    }
}

/// A user with all there is to tell.
pub(crate) fn user(view: &View<'_>, row: &EntityRow) -> User {
    User { permissions_boundary: boundary(row), tags: tags_of(row), ..listed_user(view, row) }
}

/// A group.
pub(crate) fn group(view: &View<'_>, row: &EntityRow) -> Group {
    Group {
        path: row.path.clone(),
        group_name: row.name.clone(),
        group_id: row.id.clone(),
        arn: view.arn(Kind::Group, row),
        create_date: Timestamp(row.created),
    }
}

/// An instance profile, with its role.
pub(crate) fn profile(view: &View<'_>, row: &EntityRow) -> Result<InstanceProfile, ApiError> {
    let role = match &row.own {
        Own::Profile { role: Some(role) } => view.find(Kind::Role, role)?,
        _ => None,
    };
    Ok(InstanceProfile {
        path: row.path.clone(),
        instance_profile_name: row.name.clone(),
        instance_profile_id: row.id.clone(),
        arn: view.arn(Kind::Profile, row),
        create_date: Timestamp(row.created),
        roles: role.iter().map(|role| listed_role(view, role)).collect(),
        tags: tags_of(row),
    })
}
