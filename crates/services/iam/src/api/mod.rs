//! The operations. This file is the trait's implementation: each line hands on to its group.

mod keys;
mod profiles;
pub(crate) mod roles;
mod translate;
mod users;

use moln_kernel::{ApiError, Context};

#[allow(clippy::wildcard_imports)] // every operation has types of its own
use crate::{Iam as Service, entity::shapes, model::*, tables::Kind};

impl crate::model::Iam for Service {
    async fn add_role_to_instance_profile(
        &self,
        ctx: &Context,
        input: AddRoleToInstanceProfileRequest,
    ) -> Result<(), ApiError> {
        self.give_role(ctx, &input.instance_profile_name, &input.role_name).await
    }
    async fn add_user_to_group(&self, ctx: &Context, input: AddUserToGroupRequest) -> Result<(), ApiError> {
        self.join(ctx, &input.group_name, &input.user_name).await
    }
    async fn attach_group_policy(
        &self,
        ctx: &Context,
        input: AttachGroupPolicyRequest,
    ) -> Result<(), ApiError> {
        self.attach(ctx, Kind::Group, &input.group_name, input.policy_arn).await
    }
    async fn attach_role_policy(
        &self,
        ctx: &Context,
        input: AttachRolePolicyRequest,
    ) -> Result<(), ApiError> {
        self.attach(ctx, Kind::Role, &input.role_name, input.policy_arn).await
    }
    async fn attach_user_policy(
        &self,
        ctx: &Context,
        input: AttachUserPolicyRequest,
    ) -> Result<(), ApiError> {
        self.attach(ctx, Kind::User, &input.user_name, input.policy_arn).await
    }
    async fn create_access_key(
        &self,
        ctx: &Context,
        input: CreateAccessKeyRequest,
    ) -> Result<CreateAccessKeyResponse, ApiError> {
        Ok(CreateAccessKeyResponse { access_key: self.make_key(ctx, input.user_name).await? })
    }
    async fn create_account_alias(
        &self,
        ctx: &Context,
        input: CreateAccountAliasRequest,
    ) -> Result<(), ApiError> {
        self.set_alias(ctx, input.account_alias).await
    }
    async fn create_group(
        &self,
        ctx: &Context,
        input: CreateGroupRequest,
    ) -> Result<CreateGroupResponse, ApiError> {
        Ok(CreateGroupResponse { group: self.make_group(ctx, input).await? })
    }
    async fn create_instance_profile(
        &self,
        ctx: &Context,
        input: CreateInstanceProfileRequest,
    ) -> Result<CreateInstanceProfileResponse, ApiError> {
        Ok(CreateInstanceProfileResponse { instance_profile: self.make_profile(ctx, input).await? })
    }
    async fn create_policy(
        &self,
        ctx: &Context,
        input: CreatePolicyRequest,
    ) -> Result<CreatePolicyResponse, ApiError> {
        Ok(CreatePolicyResponse { policy: Some(self.make_policy(ctx, input).await?) })
    }
    async fn create_policy_version(
        &self,
        ctx: &Context,
        input: CreatePolicyVersionRequest,
    ) -> Result<CreatePolicyVersionResponse, ApiError> {
        Ok(CreatePolicyVersionResponse { policy_version: Some(self.make_version(ctx, input).await?) })
    }
    async fn create_role(
        &self,
        ctx: &Context,
        input: CreateRoleRequest,
    ) -> Result<CreateRoleResponse, ApiError> {
        Ok(CreateRoleResponse { role: self.make_role(ctx, input).await? })
    }
    async fn create_service_linked_role(
        &self,
        ctx: &Context,
        input: CreateServiceLinkedRoleRequest,
    ) -> Result<CreateServiceLinkedRoleResponse, ApiError> {
        Ok(CreateServiceLinkedRoleResponse { role: Some(self.make_linked(ctx, input).await?) })
    }
    async fn create_user(
        &self,
        ctx: &Context,
        input: CreateUserRequest,
    ) -> Result<CreateUserResponse, ApiError> {
        Ok(CreateUserResponse { user: Some(self.make_user(ctx, input).await?) })
    }
    async fn delete_access_key(&self, ctx: &Context, input: DeleteAccessKeyRequest) -> Result<(), ApiError> {
        self.drop_key(ctx, input.user_name, &input.access_key_id).await
    }
    async fn delete_account_alias(
        &self,
        ctx: &Context,
        input: DeleteAccountAliasRequest,
    ) -> Result<(), ApiError> {
        self.drop_alias(ctx, &input.account_alias).await
    }
    async fn delete_group(&self, ctx: &Context, input: DeleteGroupRequest) -> Result<(), ApiError> {
        self.drop_group(ctx, &input.group_name).await
    }
    async fn delete_group_policy(
        &self,
        ctx: &Context,
        input: DeleteGroupPolicyRequest,
    ) -> Result<(), ApiError> {
        self.delete_inline(ctx, Kind::Group, &input.group_name, &input.policy_name).await
    }
    async fn delete_instance_profile(
        &self,
        ctx: &Context,
        input: DeleteInstanceProfileRequest,
    ) -> Result<(), ApiError> {
        self.drop_profile(ctx, &input.instance_profile_name).await
    }
    async fn delete_policy(&self, ctx: &Context, input: DeletePolicyRequest) -> Result<(), ApiError> {
        self.drop_policy(ctx, &input.policy_arn).await
    }
    async fn delete_policy_version(
        &self,
        ctx: &Context,
        input: DeletePolicyVersionRequest,
    ) -> Result<(), ApiError> {
        self.drop_version(ctx, &input.policy_arn, &input.version_id).await
    }
    async fn delete_role(&self, ctx: &Context, input: DeleteRoleRequest) -> Result<(), ApiError> {
        self.drop_role(ctx, &input.role_name).await
    }
    async fn delete_role_permissions_boundary(
        &self,
        ctx: &Context,
        input: DeleteRolePermissionsBoundaryRequest,
    ) -> Result<(), ApiError> {
        self.set_boundary(ctx, Kind::Role, &input.role_name, None).await
    }
    async fn delete_role_policy(
        &self,
        ctx: &Context,
        input: DeleteRolePolicyRequest,
    ) -> Result<(), ApiError> {
        self.delete_inline(ctx, Kind::Role, &input.role_name, &input.policy_name).await
    }
    async fn delete_service_linked_role(
        &self,
        ctx: &Context,
        input: DeleteServiceLinkedRoleRequest,
    ) -> Result<DeleteServiceLinkedRoleResponse, ApiError> {
        let deletion_task_id = self.drop_linked(ctx, &input.role_name).await?;
        Ok(DeleteServiceLinkedRoleResponse { deletion_task_id })
    }
    async fn delete_user(&self, ctx: &Context, input: DeleteUserRequest) -> Result<(), ApiError> {
        self.drop_user(ctx, &input.user_name).await
    }
    async fn delete_user_permissions_boundary(
        &self,
        ctx: &Context,
        input: DeleteUserPermissionsBoundaryRequest,
    ) -> Result<(), ApiError> {
        self.set_boundary(ctx, Kind::User, &input.user_name, None).await
    }
    async fn delete_user_policy(
        &self,
        ctx: &Context,
        input: DeleteUserPolicyRequest,
    ) -> Result<(), ApiError> {
        self.delete_inline(ctx, Kind::User, &input.user_name, &input.policy_name).await
    }
    async fn detach_group_policy(
        &self,
        ctx: &Context,
        input: DetachGroupPolicyRequest,
    ) -> Result<(), ApiError> {
        self.detach(ctx, Kind::Group, &input.group_name, &input.policy_arn).await
    }
    async fn detach_role_policy(
        &self,
        ctx: &Context,
        input: DetachRolePolicyRequest,
    ) -> Result<(), ApiError> {
        self.detach(ctx, Kind::Role, &input.role_name, &input.policy_arn).await
    }
    async fn detach_user_policy(
        &self,
        ctx: &Context,
        input: DetachUserPolicyRequest,
    ) -> Result<(), ApiError> {
        self.detach(ctx, Kind::User, &input.user_name, &input.policy_arn).await
    }
    async fn get_group(&self, ctx: &Context, input: GetGroupRequest) -> Result<GetGroupResponse, ApiError> {
        self.describe_group(ctx, &input)
    }
    async fn get_group_policy(
        &self,
        ctx: &Context,
        input: GetGroupPolicyRequest,
    ) -> Result<GetGroupPolicyResponse, ApiError> {
        let (group_name, policy_document) =
            self.get_inline(ctx, Kind::Group, &input.group_name, &input.policy_name)?;
        Ok(GetGroupPolicyResponse { group_name, policy_name: input.policy_name, policy_document })
    }
    async fn get_instance_profile(
        &self,
        ctx: &Context,
        input: GetInstanceProfileRequest,
    ) -> Result<GetInstanceProfileResponse, ApiError> {
        let instance_profile = self.describe_profile(ctx, &input.instance_profile_name)?;
        Ok(GetInstanceProfileResponse { instance_profile })
    }
    async fn get_policy(
        &self,
        ctx: &Context,
        input: GetPolicyRequest,
    ) -> Result<GetPolicyResponse, ApiError> {
        Ok(GetPolicyResponse { policy: Some(self.describe_policy(ctx, &input.policy_arn)?) })
    }
    async fn get_policy_version(
        &self,
        ctx: &Context,
        input: GetPolicyVersionRequest,
    ) -> Result<GetPolicyVersionResponse, ApiError> {
        let version = self.describe_version(ctx, &input.policy_arn, &input.version_id)?;
        Ok(GetPolicyVersionResponse { policy_version: Some(version) })
    }
    async fn get_role(&self, ctx: &Context, input: GetRoleRequest) -> Result<GetRoleResponse, ApiError> {
        self.look(ctx, |view| {
            let role = shapes::role(view, &view.get(Kind::Role, &input.role_name)?);
            Ok(GetRoleResponse { role })
        })
    }
    async fn get_role_policy(
        &self,
        ctx: &Context,
        input: GetRolePolicyRequest,
    ) -> Result<GetRolePolicyResponse, ApiError> {
        let (role_name, policy_document) =
            self.get_inline(ctx, Kind::Role, &input.role_name, &input.policy_name)?;
        Ok(GetRolePolicyResponse { role_name, policy_name: input.policy_name, policy_document })
    }
    async fn get_service_linked_role_deletion_status(
        &self,
        ctx: &Context,
        input: GetServiceLinkedRoleDeletionStatusRequest,
    ) -> Result<GetServiceLinkedRoleDeletionStatusResponse, ApiError> {
        let status = self.linked_deletion(ctx, &input.deletion_task_id)?.to_owned();
        Ok(GetServiceLinkedRoleDeletionStatusResponse { status, reason: None })
    }
    async fn get_user(&self, ctx: &Context, input: GetUserRequest) -> Result<GetUserResponse, ApiError> {
        Ok(GetUserResponse { user: self.describe_user(ctx, input.user_name.as_deref())? })
    }
    async fn get_user_policy(
        &self,
        ctx: &Context,
        input: GetUserPolicyRequest,
    ) -> Result<GetUserPolicyResponse, ApiError> {
        let (user_name, policy_document) =
            self.get_inline(ctx, Kind::User, &input.user_name, &input.policy_name)?;
        Ok(GetUserPolicyResponse { user_name, policy_name: input.policy_name, policy_document })
    }
    async fn list_access_keys(
        &self,
        ctx: &Context,
        input: ListAccessKeysRequest,
    ) -> Result<ListAccessKeysResponse, ApiError> {
        self.list_keys(ctx, &input)
    }
    async fn list_account_aliases(
        &self,
        ctx: &Context,
        _: ListAccountAliasesRequest,
    ) -> Result<ListAccountAliasesResponse, ApiError> {
        let account_aliases = self.alias(ctx)?.into_iter().collect();
        Ok(ListAccountAliasesResponse { account_aliases, is_truncated: Some(false), marker: None })
    }
    async fn list_attached_group_policies(
        &self,
        ctx: &Context,
        input: ListAttachedGroupPoliciesRequest,
    ) -> Result<ListAttachedGroupPoliciesResponse, ApiError> {
        let prefix = input.path_prefix.as_deref();
        let attached = self.list_attached(ctx, Kind::Group, &input.group_name, prefix)?;
        let scope =
            ["ListAttachedGroupPolicies", ctx.account.as_str(), &input.group_name, prefix.unwrap_or("/")];
        let page = self.page_in_order(attached, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListAttachedGroupPoliciesResponse {
            attached_policies: Some(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
    async fn list_attached_role_policies(
        &self,
        ctx: &Context,
        input: ListAttachedRolePoliciesRequest,
    ) -> Result<ListAttachedRolePoliciesResponse, ApiError> {
        let prefix = input.path_prefix.as_deref();
        let attached = self.list_attached(ctx, Kind::Role, &input.role_name, prefix)?;
        let scope =
            ["ListAttachedRolePolicies", ctx.account.as_str(), &input.role_name, prefix.unwrap_or("/")];
        let page = self.page_in_order(attached, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListAttachedRolePoliciesResponse {
            attached_policies: Some(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
    async fn list_attached_user_policies(
        &self,
        ctx: &Context,
        input: ListAttachedUserPoliciesRequest,
    ) -> Result<ListAttachedUserPoliciesResponse, ApiError> {
        let prefix = input.path_prefix.as_deref();
        let attached = self.list_attached(ctx, Kind::User, &input.user_name, prefix)?;
        let scope =
            ["ListAttachedUserPolicies", ctx.account.as_str(), &input.user_name, prefix.unwrap_or("/")];
        let page = self.page_in_order(attached, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListAttachedUserPoliciesResponse {
            attached_policies: Some(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
    async fn list_entities_for_policy(
        &self,
        ctx: &Context,
        input: ListEntitiesForPolicyRequest,
    ) -> Result<ListEntitiesForPolicyResponse, ApiError> {
        self.entities_of_policy(ctx, &input)
    }
    async fn list_group_policies(
        &self,
        ctx: &Context,
        input: ListGroupPoliciesRequest,
    ) -> Result<ListGroupPoliciesResponse, ApiError> {
        let names = self.list_inline(ctx, Kind::Group, &input.group_name)?;
        let scope = ["ListGroupPolicies", ctx.account.as_str(), &input.group_name];
        let page = self.page(names, |name| name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListGroupPoliciesResponse {
            policy_names: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
    async fn list_groups(
        &self,
        ctx: &Context,
        input: ListGroupsRequest,
    ) -> Result<ListGroupsResponse, ApiError> {
        self.list_own_groups(ctx, &input)
    }
    async fn list_groups_for_user(
        &self,
        ctx: &Context,
        input: ListGroupsForUserRequest,
    ) -> Result<ListGroupsForUserResponse, ApiError> {
        self.groups_of_user(ctx, &input)
    }
    async fn list_instance_profile_tags(
        &self,
        ctx: &Context,
        input: ListInstanceProfileTagsRequest,
    ) -> Result<ListInstanceProfileTagsResponse, ApiError> {
        let tags = self.tags_of_entity(ctx, Kind::Profile, &input.instance_profile_name)?;
        let scope = ["ListInstanceProfileTags", ctx.account.as_str(), &input.instance_profile_name];
        let page = self.page_in_order(tags, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListInstanceProfileTagsResponse {
            tags: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
    async fn list_instance_profiles(
        &self,
        ctx: &Context,
        input: ListInstanceProfilesRequest,
    ) -> Result<ListInstanceProfilesResponse, ApiError> {
        self.list_profiles(ctx, &input)
    }
    async fn list_instance_profiles_for_role(
        &self,
        ctx: &Context,
        input: ListInstanceProfilesForRoleRequest,
    ) -> Result<ListInstanceProfilesForRoleResponse, ApiError> {
        self.profiles_of_role(ctx, &input)
    }
    async fn list_policies(
        &self,
        ctx: &Context,
        input: ListPoliciesRequest,
    ) -> Result<ListPoliciesResponse, ApiError> {
        self.list_own_policies(ctx, &input)
    }
    async fn list_policy_tags(
        &self,
        ctx: &Context,
        input: ListPolicyTagsRequest,
    ) -> Result<ListPolicyTagsResponse, ApiError> {
        let tags = self.describe_policy(ctx, &input.policy_arn)?.tags.unwrap_or_default();
        let scope = ["ListPolicyTags", ctx.account.as_str(), &input.policy_arn];
        let page = self.page_in_order(tags, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListPolicyTagsResponse { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
    async fn list_policy_versions(
        &self,
        ctx: &Context,
        input: ListPolicyVersionsRequest,
    ) -> Result<ListPolicyVersionsResponse, ApiError> {
        self.list_versions(ctx, &input)
    }
    async fn list_role_policies(
        &self,
        ctx: &Context,
        input: ListRolePoliciesRequest,
    ) -> Result<ListRolePoliciesResponse, ApiError> {
        let names = self.list_inline(ctx, Kind::Role, &input.role_name)?;
        let scope = ["ListRolePolicies", ctx.account.as_str(), &input.role_name];
        let page = self.page(names, |name| name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListRolePoliciesResponse {
            policy_names: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
    async fn list_role_tags(
        &self,
        ctx: &Context,
        input: ListRoleTagsRequest,
    ) -> Result<ListRoleTagsResponse, ApiError> {
        let tags = self.tags_of_entity(ctx, Kind::Role, &input.role_name)?;
        let scope = ["ListRoleTags", ctx.account.as_str(), &input.role_name];
        let page = self.page_in_order(tags, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListRoleTagsResponse { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
    async fn list_roles(
        &self,
        ctx: &Context,
        input: ListRolesRequest,
    ) -> Result<ListRolesResponse, ApiError> {
        self.list_own_roles(ctx, &input)
    }
    async fn list_user_policies(
        &self,
        ctx: &Context,
        input: ListUserPoliciesRequest,
    ) -> Result<ListUserPoliciesResponse, ApiError> {
        let names = self.list_inline(ctx, Kind::User, &input.user_name)?;
        let scope = ["ListUserPolicies", ctx.account.as_str(), &input.user_name];
        let page = self.page(names, |name| name, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListUserPoliciesResponse {
            policy_names: page.items,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
    async fn list_user_tags(
        &self,
        ctx: &Context,
        input: ListUserTagsRequest,
    ) -> Result<ListUserTagsResponse, ApiError> {
        let tags = self.tags_of_entity(ctx, Kind::User, &input.user_name)?;
        let scope = ["ListUserTags", ctx.account.as_str(), &input.user_name];
        let page = self.page_in_order(tags, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListUserTagsResponse { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
    async fn list_users(
        &self,
        ctx: &Context,
        input: ListUsersRequest,
    ) -> Result<ListUsersResponse, ApiError> {
        self.list_own_users(ctx, &input)
    }
    async fn put_group_policy(&self, ctx: &Context, input: PutGroupPolicyRequest) -> Result<(), ApiError> {
        self.put_inline(ctx, Kind::Group, &input.group_name, input.policy_name, input.policy_document).await
    }
    async fn put_role_permissions_boundary(
        &self,
        ctx: &Context,
        input: PutRolePermissionsBoundaryRequest,
    ) -> Result<(), ApiError> {
        self.set_boundary(ctx, Kind::Role, &input.role_name, Some(input.permissions_boundary)).await
    }
    async fn put_role_policy(&self, ctx: &Context, input: PutRolePolicyRequest) -> Result<(), ApiError> {
        self.put_inline(ctx, Kind::Role, &input.role_name, input.policy_name, input.policy_document).await
    }
    async fn put_user_permissions_boundary(
        &self,
        ctx: &Context,
        input: PutUserPermissionsBoundaryRequest,
    ) -> Result<(), ApiError> {
        self.set_boundary(ctx, Kind::User, &input.user_name, Some(input.permissions_boundary)).await
    }
    async fn put_user_policy(&self, ctx: &Context, input: PutUserPolicyRequest) -> Result<(), ApiError> {
        self.put_inline(ctx, Kind::User, &input.user_name, input.policy_name, input.policy_document).await
    }
    async fn remove_role_from_instance_profile(
        &self,
        ctx: &Context,
        input: RemoveRoleFromInstanceProfileRequest,
    ) -> Result<(), ApiError> {
        self.take_role(ctx, &input.instance_profile_name, &input.role_name).await
    }
    async fn remove_user_from_group(
        &self,
        ctx: &Context,
        input: RemoveUserFromGroupRequest,
    ) -> Result<(), ApiError> {
        self.leave(ctx, &input.group_name, &input.user_name).await
    }
    async fn set_default_policy_version(
        &self,
        ctx: &Context,
        input: SetDefaultPolicyVersionRequest,
    ) -> Result<(), ApiError> {
        self.choose_version(ctx, &input.policy_arn, &input.version_id).await
    }
    async fn tag_instance_profile(
        &self,
        ctx: &Context,
        input: TagInstanceProfileRequest,
    ) -> Result<(), ApiError> {
        self.tag_entity(ctx, Kind::Profile, &input.instance_profile_name, input.tags).await
    }
    async fn tag_policy(&self, ctx: &Context, input: TagPolicyRequest) -> Result<(), ApiError> {
        self.tag_own_policy(ctx, &input.policy_arn, input.tags).await
    }
    async fn tag_role(&self, ctx: &Context, input: TagRoleRequest) -> Result<(), ApiError> {
        self.tag_entity(ctx, Kind::Role, &input.role_name, input.tags).await
    }
    async fn tag_user(&self, ctx: &Context, input: TagUserRequest) -> Result<(), ApiError> {
        self.tag_entity(ctx, Kind::User, &input.user_name, input.tags).await
    }
    async fn untag_instance_profile(
        &self,
        ctx: &Context,
        input: UntagInstanceProfileRequest,
    ) -> Result<(), ApiError> {
        self.untag_entity(ctx, Kind::Profile, &input.instance_profile_name, &input.tag_keys).await
    }
    async fn untag_policy(&self, ctx: &Context, input: UntagPolicyRequest) -> Result<(), ApiError> {
        self.untag_own_policy(ctx, &input.policy_arn, &input.tag_keys).await
    }
    async fn untag_role(&self, ctx: &Context, input: UntagRoleRequest) -> Result<(), ApiError> {
        self.untag_entity(ctx, Kind::Role, &input.role_name, &input.tag_keys).await
    }
    async fn untag_user(&self, ctx: &Context, input: UntagUserRequest) -> Result<(), ApiError> {
        self.untag_entity(ctx, Kind::User, &input.user_name, &input.tag_keys).await
    }
    async fn update_access_key(&self, ctx: &Context, input: UpdateAccessKeyRequest) -> Result<(), ApiError> {
        self.switch_key(ctx, input.user_name, &input.access_key_id, &input.status).await
    }
    async fn update_assume_role_policy(
        &self,
        ctx: &Context,
        input: UpdateAssumeRolePolicyRequest,
    ) -> Result<(), ApiError> {
        self.trust_anew(ctx, &input.role_name, input.policy_document).await
    }
    async fn update_group(&self, ctx: &Context, input: UpdateGroupRequest) -> Result<(), ApiError> {
        self.change_group(ctx, input).await
    }
    async fn update_role(
        &self,
        ctx: &Context,
        input: UpdateRoleRequest,
    ) -> Result<UpdateRoleResponse, ApiError> {
        self.change_role(ctx, input).await.map(|()| UpdateRoleResponse::default())
    }
    async fn update_role_description(
        &self,
        ctx: &Context,
        input: UpdateRoleDescriptionRequest,
    ) -> Result<UpdateRoleDescriptionResponse, ApiError> {
        let role = self.describe_role_anew(ctx, &input.role_name, input.description).await?;
        Ok(UpdateRoleDescriptionResponse { role: Some(role) })
    }
    async fn update_user(&self, ctx: &Context, input: UpdateUserRequest) -> Result<(), ApiError> {
        self.change_user(ctx, input).await
    }
}
