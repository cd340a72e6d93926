//! Users and groups.

use moln_kernel::{ApiError, Context, Principal, Timestamp};
use moln_store::Batch;

use crate::{
    Iam,
    core::{View, folded},
    entity::{self, New, refuse_policies, shapes},
    errors::{self, unread},
    limits::GROUPS_OF_USER,
    model::{
        CreateGroupRequest, CreateUserRequest, GetGroupRequest, GetGroupResponse, Group,
        ListGroupsForUserRequest, ListGroupsForUserResponse, ListGroupsRequest, ListGroupsResponse,
        ListUsersRequest, ListUsersResponse, UpdateGroupRequest, UpdateUserRequest, User,
    },
    tables::{EntityRow, KEYS, Kind, Own},
};

/// The user's own name, for operations that may leave it out.
pub(super) fn own_name(ctx: &Context) -> Result<String, ApiError> {
    match &ctx.principal {
        Principal::Arn(arn) if arn.contains(":user/") => {
            Ok(arn.rsplit('/').next().unwrap_or_default().to_owned())
        }
        _ => Err(errors::validation("Must specify userName when calling with non-User credentials")),
    }
}

fn groups_of(row: &EntityRow) -> &[String] {
    match &row.own {
        Own::User { groups, .. } => groups,
        _ => &[],
    }
}

/// The users of a group, by name.
fn users_of(view: &View<'_>, group: &str) -> Result<Vec<EntityRow>, ApiError> {
    let mut users = view.list(Kind::User)?;
    users.retain(|user| groups_of(user).contains(&folded(group)));
    Ok(users)
}

/// Gives an entity another name, or path.
fn rename(
    view: &View<'_>,
    batch: &mut Batch,
    kind: Kind,
    row: &mut EntityRow,
    (name, path): (Option<String>, Option<String>),
) -> Result<(), ApiError> {
    if let Some(name) = name {
        if folded(&name) != folded(&row.name) && view.find(kind, &name)?.is_some() {
            return Err(errors::exists(kind, &name));
        }
        view.remove(batch, kind, &row.name);
        row.name = name;
    }
    if let Some(path) = path {
        row.path = path;
    }
    view.put(batch, kind, row)
}

impl Iam {
    pub(super) async fn make_user(&self, ctx: &Context, input: CreateUserRequest) -> Result<User, ApiError> {
        self.change(ctx, |view, batch| {
            let new = New {
                kind: Kind::User,
                name: input.user_name,
                path: input.path,
                boundary: input.permissions_boundary,
                tags: input.tags.unwrap_or_default(),
                own: Own::User { groups: Vec::new(), keys: Vec::new() },
            };
            let row = entity::create(view, batch, new)?;
            Ok(shapes::user(view, &row))
        })
        .await
    }

    /// The named user, or the calling one.
    pub(super) fn describe_user(&self, ctx: &Context, name: Option<&str>) -> Result<User, ApiError> {
        let session = ctx.caller.as_ref().is_some_and(|caller| caller.session.is_some());
        if name.is_none() && !session && matches!(ctx.principal, Principal::Account(_)) {
            // The root is nobody's entity: it has an ARN, and no name.
            return Ok(User {
                user_id: ctx.account.to_string(),
                arn: ctx.global_arn("iam", "root"),
                create_date: Timestamp(0),
                ..User::default()
            });
        }
        let name = name.map_or_else(|| own_name(ctx), |name| Ok(name.to_owned()))?;
        self.look(ctx, |view| Ok(shapes::user(view, &view.get(Kind::User, &name)?)))
    }

    pub(super) fn list_own_users(
        &self,
        ctx: &Context,
        input: &ListUsersRequest,
    ) -> Result<ListUsersResponse, ApiError> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let users = self.look(ctx, |view| {
            let rows = view.list(Kind::User)?.into_iter().filter(|row| row.path.starts_with(prefix));
            Ok(rows.map(|row| shapes::listed_user(view, &row)).collect::<Vec<_>>())
        })?;
        let scope = ["ListUsers", ctx.account.as_str(), prefix];
        let page =
            self.page(users, |user| &user.user_name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListUsersResponse { users: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }

    pub(super) async fn change_user(&self, ctx: &Context, input: UpdateUserRequest) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.get(Kind::User, &input.user_name)?;
            rename(view, batch, Kind::User, &mut row, (input.new_user_name, input.new_path))?;
            let Own::User { keys, .. } = &row.own else { return Ok(()) };
            for id in keys {
                // The user's keys know it by its name.
                if let Some((mut key, _)) = KEYS.get(view.snapshot, id).map_err(|error| unread(&error))? {
                    key.user = folded(&row.name);
                    KEYS.put(batch, id, &key).map_err(|error| unread(&error))?;
                }
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn drop_user(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let row = view.get(Kind::User, name)?;
            if let Own::User { groups, keys } = &row.own {
                if !groups.is_empty() {
                    return Err(errors::conflict(
                        "Cannot delete entity, must remove users from group first.",
                    ));
                }
                if !keys.is_empty() {
                    return Err(errors::conflict("Cannot delete entity, must delete access keys first."));
                }
            }
            refuse_policies(&row)?;
            view.remove(batch, Kind::User, name);
            Ok(())
        })
        .await
    }

    pub(super) async fn make_group(
        &self,
        ctx: &Context,
        input: CreateGroupRequest,
    ) -> Result<Group, ApiError> {
        self.change(ctx, |view, batch| {
            let new = New {
                kind: Kind::Group,
                name: input.group_name,
                path: input.path,
                boundary: None,
                tags: Vec::new(),
                own: Own::Group,
            };
            let row = entity::create(view, batch, new)?;
            Ok(shapes::group(view, &row))
        })
        .await
    }

    pub(super) fn describe_group(
        &self,
        ctx: &Context,
        input: &GetGroupRequest,
    ) -> Result<GetGroupResponse, ApiError> {
        let (group, users) = self.look(ctx, |view| {
            let row = view.get(Kind::Group, &input.group_name)?;
            let users = users_of(view, &row.name)?;
            let users = users.iter().map(|user| shapes::listed_user(view, user)).collect::<Vec<_>>();
            Ok((shapes::group(view, &row), users))
        })?;
        let scope = ["GetGroup", ctx.account.as_str(), &input.group_name];
        let page =
            self.page(users, |user| &user.user_name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(GetGroupResponse {
            group,
            users: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }

    pub(super) fn list_own_groups(
        &self,
        ctx: &Context,
        input: &ListGroupsRequest,
    ) -> Result<ListGroupsResponse, ApiError> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let groups = self.look(ctx, |view| {
            let rows = view.list(Kind::Group)?.into_iter().filter(|row| row.path.starts_with(prefix));
            Ok(rows.map(|row| shapes::group(view, &row)).collect::<Vec<_>>())
        })?;
        let scope = ["ListGroups", ctx.account.as_str(), prefix];
        let page =
            self.page(groups, |group| &group.group_name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListGroupsResponse { groups: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }

    pub(super) fn groups_of_user(
        &self,
        ctx: &Context,
        input: &ListGroupsForUserRequest,
    ) -> Result<ListGroupsForUserResponse, ApiError> {
        let groups = self.look(ctx, |view| {
            let user = view.get(Kind::User, &input.user_name)?;
            let mut groups = Vec::new();
            for name in groups_of(&user) {
                groups.extend(view.find(Kind::Group, name)?.map(|row| shapes::group(view, &row)));
            }
            groups.sort_by_key(|group| folded(&group.group_name));
            Ok(groups)
        })?;
        let scope = ["ListGroupsForUser", ctx.account.as_str(), &input.user_name];
        let page =
            self.page(groups, |group| &group.group_name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListGroupsForUserResponse {
            groups: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }

    pub(super) async fn change_group(
        &self,
        ctx: &Context,
        input: UpdateGroupRequest,
    ) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.get(Kind::Group, &input.group_name)?;
            rename(view, batch, Kind::Group, &mut row, (input.new_group_name, input.new_path))?;
            for mut user in users_of(view, &input.group_name)? {
                if let Own::User { groups, .. } = &mut user.own {
                    groups.retain(|group| *group != folded(&input.group_name));
                    groups.push(folded(&row.name));
                }
                view.put(batch, Kind::User, &user)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn drop_group(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let row = view.get(Kind::Group, name)?;
            if !users_of(view, name)?.is_empty() {
                return Err(errors::conflict("Cannot delete entity, must remove users from group first."));
            }
            refuse_policies(&row)?;
            view.remove(batch, Kind::Group, name);
            Ok(())
        })
        .await
    }

    pub(super) async fn join(&self, ctx: &Context, group: &str, user: &str) -> Result<(), ApiError> {
        self.change_entity(ctx, Kind::User, user, |view, row| {
            view.get(Kind::Group, group)?;
            let Own::User { groups, .. } = &mut row.own else { return Ok(()) };
            if !groups.contains(&folded(group)) {
                if groups.len() >= GROUPS_OF_USER {
                    return Err(errors::quota("GroupsPerUser", GROUPS_OF_USER));
                }
                groups.push(folded(group));
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn leave(&self, ctx: &Context, group: &str, user: &str) -> Result<(), ApiError> {
        self.change_entity(ctx, Kind::User, user, |view, row| {
            view.get(Kind::Group, group)?;
            if let Own::User { groups, .. } = &mut row.own {
                groups.retain(|known| *known != folded(group));
            }
            Ok(())
        })
        .await
    }
}
