//! Roles.

use moln_kernel::{ApiError, Arn, Context};

use crate::{
    Iam,
    core::{View, folded},
    documents,
    entity::{self, New, refuse_linked, refuse_policies, shapes},
    errors,
    limits::{MAX_SESSION, TRUST_CHARS},
    model::{CreateRoleRequest, ListRolesRequest, ListRolesResponse, Role, UpdateRoleRequest},
    tables::{Kind, Own},
};

fn seconds(asked: Option<i32>) -> u32 {
    let default = u32::try_from(MAX_SESSION.as_secs()).unwrap_or(3_600);
    asked.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(default)
}

pub(crate) fn check_trust(view: &View<'_>, document: &str) -> Result<(), ApiError> {
    let known = |arn: &Arn| {
        let name = arn.resource().rsplit('/').next().unwrap_or_default();
        let kind = if arn.resource().starts_with("user/") { Kind::User } else { Kind::Role };
        Ok(view.find(kind, name)?.is_some_and(|row| view.arn(kind, &row) == arn.as_str()))
    };
    documents::check_trust(document, &view.ctx.account, &known)?;
    if documents::chars(document) > TRUST_CHARS {
        return Err(errors::quota("ACLSizePerRole", TRUST_CHARS));
    }
    Ok(())
}

impl Iam {
    pub(super) async fn make_role(&self, ctx: &Context, input: CreateRoleRequest) -> Result<Role, ApiError> {
        self.change(ctx, |view, batch| {
            if input.path.as_deref().is_some_and(|path| path.starts_with("/aws-service-role/")) {
                return Err(errors::invalid_input("Path must not begin with /aws-service-role/."));
            }
            if view.find(Kind::Role, &input.role_name)?.is_some() {
                return Err(errors::exists(Kind::Role, &input.role_name));
            }
            check_trust(view, &input.assume_role_policy_document)?;
            let own = Own::Role {
                trust: input.assume_role_policy_document,
                description: input.description,
                max_session: seconds(input.max_session_duration),
                service: None,
            };
            let new = New {
                kind: Kind::Role,
                name: input.role_name,
                path: input.path,
                boundary: input.permissions_boundary,
                tags: input.tags.unwrap_or_default(),
                own,
            };
            let row = entity::create(view, batch, new)?;
            Ok(shapes::new_role(view, &row))
        })
        .await
    }

    pub(super) fn list_own_roles(
        &self,
        ctx: &Context,
        input: &ListRolesRequest,
    ) -> Result<ListRolesResponse, ApiError> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let roles = self.look(ctx, |view| {
            let rows = view.list(Kind::Role)?.into_iter().filter(|row| row.path.starts_with(prefix));
            Ok(rows.map(|row| shapes::listed_role(view, &row)).collect::<Vec<_>>())
        })?;
        let scope = ["ListRoles", ctx.account.as_str(), prefix];
        let page =
            self.page(roles, |role| &role.role_name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListRolesResponse { roles: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }

    pub(super) async fn drop_role(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let row = view.get(Kind::Role, name)?;
            refuse_linked(&row)?;
            let held = Some(folded(name));
            if view
                .list(Kind::Profile)?
                .iter()
                .any(|p| matches!(&p.own, Own::Profile { role } if *role == held))
            {
                return Err(errors::conflict(
                    "Cannot delete entity, must remove roles from instance profile first.",
                ));
            }
            refuse_policies(&row)?;
            view.remove(batch, Kind::Role, name);
            Ok(())
        })
        .await
    }

    pub(super) async fn change_role(&self, ctx: &Context, input: UpdateRoleRequest) -> Result<(), ApiError> {
        self.change_entity(ctx, Kind::Role, &input.role_name, |_, row| {
            refuse_linked(row)?;
            if let Own::Role { description, max_session, .. } = &mut row.own {
                if let Some(words) = input.description {
                    *description = Some(words);
                }
                if input.max_session_duration.is_some() {
                    *max_session = seconds(input.max_session_duration);
                }
            }
            Ok(())
        })
        .await
    }

    /// Unlike other changes this one is allowed on a role that is linked to a service.
    pub(super) async fn describe_role_anew(
        &self,
        ctx: &Context,
        name: &str,
        words: String,
    ) -> Result<Role, ApiError> {
        self.change_entity(ctx, Kind::Role, name, |view, row| {
            if let Own::Role { description, .. } = &mut row.own {
                *description = Some(words);
            }
            Ok(shapes::listed_role(view, row))
        })
        .await
    }

    pub(super) async fn trust_anew(
        &self,
        ctx: &Context,
        name: &str,
        document: String,
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, Kind::Role, name, |view, row| {
            refuse_linked(row)?;
            check_trust(view, &document)?;
            if let Own::Role { trust, .. } = &mut row.own {
                *trust = document;
            }
            Ok(())
        })
        .await
    }
}
