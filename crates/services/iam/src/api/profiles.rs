//! Instance profiles.

use moln_kernel::{ApiError, Context};

use crate::{
    Iam,
    core::folded,
    entity::{self, New, shapes},
    errors,
    model::{
        CreateInstanceProfileRequest, InstanceProfile, ListInstanceProfilesForRoleRequest,
        ListInstanceProfilesForRoleResponse, ListInstanceProfilesRequest, ListInstanceProfilesResponse,
    },
    tables::{Kind, Own},
};

impl Iam {
    pub(super) async fn make_profile(
        &self,
        ctx: &Context,
        input: CreateInstanceProfileRequest,
    ) -> Result<InstanceProfile, ApiError> {
        self.change(ctx, |view, batch| {
            let new = New {
                kind: Kind::Profile,
                name: input.instance_profile_name,
                path: input.path,
                boundary: None,
                tags: input.tags.unwrap_or_default(),
                own: Own::Profile { role: None },
            };
            let row = entity::create(view, batch, new)?;
            shapes::profile(view, &row)
        })
        .await
    }

    pub(super) fn describe_profile(&self, ctx: &Context, name: &str) -> Result<InstanceProfile, ApiError> {
        self.look(ctx, |view| shapes::profile(view, &view.get(Kind::Profile, name)?))
    }

    pub(super) fn list_profiles(
        &self,
        ctx: &Context,
        input: &ListInstanceProfilesRequest,
    ) -> Result<ListInstanceProfilesResponse, ApiError> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let profiles = self.look(ctx, |view| {
            let rows = view.list(Kind::Profile)?.into_iter().filter(|row| row.path.starts_with(prefix));
            let shape = |row| Ok(InstanceProfile { tags: None, ..shapes::profile(view, &row)? });
            rows.map(shape).collect::<Result<Vec<_>, ApiError>>()
        })?;
        let scope = ["ListInstanceProfiles", ctx.account.as_str(), prefix];
        let marker = input.marker.as_deref();
        let page = self.page(profiles, |one| &one.instance_profile_name, &scope, marker, input.max_items)?;
        Ok(ListInstanceProfilesResponse {
            instance_profiles: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }

    pub(super) fn profiles_of_role(
        &self,
        ctx: &Context,
        input: &ListInstanceProfilesForRoleRequest,
    ) -> Result<ListInstanceProfilesForRoleResponse, ApiError> {
        let profiles = self.look(ctx, |view| {
            let role = Some(folded(&view.get(Kind::Role, &input.role_name)?.name));
            let rows = view.list(Kind::Profile)?.into_iter();
            let rows = rows.filter(|row| matches!(&row.own, Own::Profile { role: held } if *held == role));
            let shape = |row| Ok(InstanceProfile { tags: None, ..shapes::profile(view, &row)? });
            rows.map(shape).collect::<Result<Vec<_>, ApiError>>()
        })?;
        let scope = ["ListInstanceProfilesForRole", ctx.account.as_str(), &input.role_name];
        let marker = input.marker.as_deref();
        let page = self.page(profiles, |one| &one.instance_profile_name, &scope, marker, input.max_items)?;
        Ok(ListInstanceProfilesForRoleResponse {
            instance_profiles: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }

    pub(super) async fn drop_profile(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            if matches!(view.get(Kind::Profile, name)?.own, Own::Profile { role: Some(_) }) {
                return Err(errors::conflict(
                    "Cannot delete entity, must remove roles from instance profile first.",
                ));
            }
            view.remove(batch, Kind::Profile, name);
            Ok(())
        })
        .await
    }

    pub(super) async fn give_role(&self, ctx: &Context, profile: &str, role: &str) -> Result<(), ApiError> {
        self.change_entity(ctx, Kind::Profile, profile, |view, row| {
            view.get(Kind::Role, role)?;
            if let Own::Profile { role: held } = &mut row.own {
                if held.is_some() {
                    return Err(errors::quota("InstanceSessionsPerInstanceProfile", 1));
                }
                *held = Some(folded(role));
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn take_role(&self, ctx: &Context, profile: &str, role: &str) -> Result<(), ApiError> {
        self.change_entity(ctx, Kind::Profile, profile, |_, row| {
            if let Own::Profile { role: held } = &mut row.own {
                if held.as_deref() != Some(&*folded(role)) {
                    return Err(errors::no_such_entity(Kind::Role, role));
                }
                *held = None;
            }
            Ok(())
        })
        .await
    }
}
