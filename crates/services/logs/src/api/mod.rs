//! The operations, one file per group of verbs. This file is the trait's implementation and nothing else: each line
//! hands on to its group.

mod events;
mod filtering;
mod groups;
mod lookup;
mod streams;
mod tags;
mod validation;

use moln_kernel::{ApiError, Context};

use crate::{LogGroups, model::*};

impl Logs for LogGroups {
    async fn associate_kms_key(&self, ctx: &Context, input: AssociateKmsKeyRequest) -> Result<(), ApiError> {
        let (name, resource) = (input.log_group_name, input.resource_identifier);
        self.set_kms_key(ctx, name, resource, Some(input.kms_key_id)).await
    }
    async fn create_log_group(&self, ctx: &Context, input: CreateLogGroupRequest) -> Result<(), ApiError> {
        self.create_group(ctx, input).await
    }
    async fn create_log_stream(&self, ctx: &Context, input: CreateLogStreamRequest) -> Result<(), ApiError> {
        self.create_stream(ctx, input).await
    }
    async fn delete_log_group(&self, ctx: &Context, input: DeleteLogGroupRequest) -> Result<(), ApiError> {
        self.drop_group(ctx, &input.log_group_name).await
    }
    async fn delete_log_stream(&self, ctx: &Context, input: DeleteLogStreamRequest) -> Result<(), ApiError> {
        self.drop_stream(ctx, &input).await
    }
    async fn delete_retention_policy(
        &self,
        ctx: &Context,
        input: DeleteRetentionPolicyRequest,
    ) -> Result<(), ApiError> {
        self.set_retention(ctx, &input.log_group_name, None).await
    }
    async fn describe_log_groups(
        &self,
        ctx: &Context,
        input: DescribeLogGroupsRequest,
    ) -> Result<DescribeLogGroupsResponse, ApiError> {
        self.describe_groups(ctx, &input)
    }
    async fn describe_log_streams(
        &self,
        ctx: &Context,
        input: DescribeLogStreamsRequest,
    ) -> Result<DescribeLogStreamsResponse, ApiError> {
        self.describe_streams(ctx, input).await
    }
    async fn disassociate_kms_key(
        &self,
        ctx: &Context,
        input: DisassociateKmsKeyRequest,
    ) -> Result<(), ApiError> {
        self.set_kms_key(ctx, input.log_group_name, input.resource_identifier, None).await
    }
    async fn filter_log_events(
        &self,
        ctx: &Context,
        input: FilterLogEventsRequest,
    ) -> Result<FilterLogEventsResponse, ApiError> {
        self.filter_events(ctx, input).await
    }
    async fn get_log_events(
        &self,
        ctx: &Context,
        input: GetLogEventsRequest,
    ) -> Result<GetLogEventsResponse, ApiError> {
        self.get_events(ctx, input).await
    }
    async fn list_log_groups(
        &self,
        ctx: &Context,
        input: ListLogGroupsRequest,
    ) -> Result<ListLogGroupsResponse, ApiError> {
        self.list_groups(ctx, &input)
    }
    async fn list_tags_for_resource(
        &self,
        ctx: &Context,
        input: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, ApiError> {
        self.tags_of_resource(ctx, &input.resource_arn)
    }
    async fn list_tags_log_group(
        &self,
        ctx: &Context,
        input: ListTagsLogGroupRequest,
    ) -> Result<ListTagsLogGroupResponse, ApiError> {
        self.tags_of_group(ctx, &input.log_group_name)
    }
    async fn put_log_events(
        &self,
        ctx: &Context,
        input: PutLogEventsRequest,
    ) -> Result<PutLogEventsResponse, ApiError> {
        self.put_events(ctx, input).await
    }
    async fn put_log_group_deletion_protection(
        &self,
        ctx: &Context,
        input: PutLogGroupDeletionProtectionRequest,
    ) -> Result<(), ApiError> {
        self.set_protection(ctx, &input).await
    }
    async fn put_retention_policy(
        &self,
        ctx: &Context,
        input: PutRetentionPolicyRequest,
    ) -> Result<(), ApiError> {
        self.set_retention(ctx, &input.log_group_name, Some(input.retention_in_days)).await
    }
    async fn tag_log_group(&self, ctx: &Context, input: TagLogGroupRequest) -> Result<(), ApiError> {
        self.tag_group(ctx, input).await
    }
    async fn tag_resource(&self, ctx: &Context, input: TagResourceRequest) -> Result<(), ApiError> {
        self.tag(ctx, input).await
    }
    async fn untag_log_group(&self, ctx: &Context, input: UntagLogGroupRequest) -> Result<(), ApiError> {
        self.untag_group(ctx, input).await
    }
    async fn untag_resource(&self, ctx: &Context, input: UntagResourceRequest) -> Result<(), ApiError> {
        self.untag(ctx, input).await
    }
}
