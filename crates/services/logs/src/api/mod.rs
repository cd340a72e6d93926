//! The operations, one file per group of verbs. This file is the trait's implementation and nothing else: each line
//! hands on to its group.

mod definitions;
mod deliveries;
mod destinations;
mod events;
mod filtering;
mod groups;
mod lookup;
mod metric_filters;
mod queries;
mod streams;
mod subscriptions;
mod tags;
mod tails;
mod validation;

use moln_kernel::{ApiError, Context};

use crate::{
    LogGroups,
    model::{
        AssociateKmsKeyRequest, CreateDeliveryRequest, CreateDeliveryResponse, CreateLogGroupRequest,
        CreateLogStreamRequest, DeleteDeliveryDestinationPolicyRequest, DeleteDeliveryDestinationRequest,
        DeleteDeliveryRequest, DeleteDeliverySourceRequest, DeleteDestinationRequest, DeleteLogGroupRequest,
        DeleteLogStreamRequest, DeleteMetricFilterRequest, DeleteQueryDefinitionRequest,
        DeleteQueryDefinitionResponse, DeleteResourcePolicyRequest, DeleteRetentionPolicyRequest,
        DeleteSubscriptionFilterRequest, DescribeDeliveriesRequest, DescribeDeliveriesResponse,
        DescribeDeliveryDestinationsRequest, DescribeDeliveryDestinationsResponse,
        DescribeDeliverySourcesRequest, DescribeDeliverySourcesResponse, DescribeDestinationsRequest,
        DescribeDestinationsResponse, DescribeLogGroupsRequest, DescribeLogGroupsResponse,
        DescribeLogStreamsRequest, DescribeLogStreamsResponse, DescribeMetricFiltersRequest,
        DescribeMetricFiltersResponse, DescribeQueriesRequest, DescribeQueriesResponse,
        DescribeQueryDefinitionsRequest, DescribeQueryDefinitionsResponse, DescribeResourcePoliciesRequest,
        DescribeResourcePoliciesResponse, DescribeSubscriptionFiltersRequest,
        DescribeSubscriptionFiltersResponse, DisassociateKmsKeyRequest, FilterLogEventsRequest,
        FilterLogEventsResponse, GetDeliveryDestinationPolicyRequest, GetDeliveryDestinationPolicyResponse,
        GetDeliveryDestinationRequest, GetDeliveryDestinationResponse, GetDeliveryRequest,
        GetDeliveryResponse, GetDeliverySourceRequest, GetDeliverySourceResponse, GetLogEventsRequest,
        GetLogEventsResponse, GetLogGroupFieldsRequest, GetLogGroupFieldsResponse, GetLogRecordRequest,
        GetLogRecordResponse, GetQueryResultsRequest, GetQueryResultsResponse, ListLogGroupsForQueryRequest,
        ListLogGroupsForQueryResponse, ListLogGroupsRequest, ListLogGroupsResponse,
        ListTagsForResourceRequest, ListTagsForResourceResponse, ListTagsLogGroupRequest,
        ListTagsLogGroupResponse, Logs, PutDeliveryDestinationPolicyRequest,
        PutDeliveryDestinationPolicyResponse, PutDeliveryDestinationRequest, PutDeliveryDestinationResponse,
        PutDeliverySourceRequest, PutDeliverySourceResponse, PutDestinationPolicyRequest,
        PutDestinationRequest, PutDestinationResponse, PutLogEventsRequest, PutLogEventsResponse,
        PutLogGroupDeletionProtectionRequest, PutMetricFilterRequest, PutQueryDefinitionRequest,
        PutQueryDefinitionResponse, PutResourcePolicyRequest, PutResourcePolicyResponse,
        PutRetentionPolicyRequest, PutSubscriptionFilterRequest, StartLiveTailRequest, StartLiveTailResponse,
        StartQueryRequest, StartQueryResponse, StopQueryRequest, StopQueryResponse, TagLogGroupRequest,
        TagResourceRequest, TestMetricFilterRequest, TestMetricFilterResponse, UntagLogGroupRequest,
        UntagResourceRequest, UpdateDeliveryConfigurationRequest, UpdateDeliveryConfigurationResponse,
    },
};

impl Logs for LogGroups {
    async fn associate_kms_key(&self, ctx: &Context, input: AssociateKmsKeyRequest) -> Result<(), ApiError> {
        let (name, resource) = (input.log_group_name, input.resource_identifier);
        self.set_kms_key(ctx, name, resource, Some(input.kms_key_id)).await
    }
    async fn create_delivery(
        &self,
        ctx: &Context,
        input: CreateDeliveryRequest,
    ) -> Result<CreateDeliveryResponse, ApiError> {
        self.join(ctx, input).await
    }
    async fn create_log_group(&self, ctx: &Context, input: CreateLogGroupRequest) -> Result<(), ApiError> {
        self.create_group(ctx, input).await
    }
    async fn create_log_stream(&self, ctx: &Context, input: CreateLogStreamRequest) -> Result<(), ApiError> {
        self.create_stream(ctx, input).await
    }
    async fn delete_delivery(&self, ctx: &Context, input: DeleteDeliveryRequest) -> Result<(), ApiError> {
        self.part(ctx, &input.id).await
    }
    async fn delete_delivery_destination(
        &self,
        ctx: &Context,
        input: DeleteDeliveryDestinationRequest,
    ) -> Result<(), ApiError> {
        self.forget_delivery_destination(ctx, &input.name).await
    }
    async fn delete_delivery_destination_policy(
        &self,
        ctx: &Context,
        input: DeleteDeliveryDestinationPolicyRequest,
    ) -> Result<(), ApiError> {
        self.set_delivery_policy(ctx, &input.delivery_destination_name, None).await
    }
    async fn delete_delivery_source(
        &self,
        ctx: &Context,
        input: DeleteDeliverySourceRequest,
    ) -> Result<(), ApiError> {
        self.forget_source(ctx, &input.name).await
    }
    async fn delete_destination(
        &self,
        ctx: &Context,
        input: DeleteDestinationRequest,
    ) -> Result<(), ApiError> {
        self.forget_destination(ctx, &input.destination_name).await
    }
    async fn delete_log_group(&self, ctx: &Context, input: DeleteLogGroupRequest) -> Result<(), ApiError> {
        self.drop_group(ctx, &input.log_group_name).await
    }
    async fn delete_log_stream(&self, ctx: &Context, input: DeleteLogStreamRequest) -> Result<(), ApiError> {
        self.drop_stream(ctx, &input).await
    }
    async fn delete_metric_filter(
        &self,
        ctx: &Context,
        input: DeleteMetricFilterRequest,
    ) -> Result<(), ApiError> {
        self.drop_metrics(ctx, &input).await
    }
    async fn delete_query_definition(
        &self,
        ctx: &Context,
        input: DeleteQueryDefinitionRequest,
    ) -> Result<DeleteQueryDefinitionResponse, ApiError> {
        self.forget_definition(ctx, &input.query_definition_id).await
    }
    async fn delete_resource_policy(
        &self,
        ctx: &Context,
        input: DeleteResourcePolicyRequest,
    ) -> Result<(), ApiError> {
        self.forget_resource_policy(ctx, input).await
    }
    async fn delete_retention_policy(
        &self,
        ctx: &Context,
        input: DeleteRetentionPolicyRequest,
    ) -> Result<(), ApiError> {
        self.set_retention(ctx, &input.log_group_name, None).await
    }
    async fn delete_subscription_filter(
        &self,
        ctx: &Context,
        input: DeleteSubscriptionFilterRequest,
    ) -> Result<(), ApiError> {
        self.drop_subscription(ctx, &input).await
    }
    async fn describe_deliveries(
        &self,
        ctx: &Context,
        input: DescribeDeliveriesRequest,
    ) -> Result<DescribeDeliveriesResponse, ApiError> {
        self.list_deliveries(ctx, &input)
    }
    async fn describe_delivery_destinations(
        &self,
        ctx: &Context,
        input: DescribeDeliveryDestinationsRequest,
    ) -> Result<DescribeDeliveryDestinationsResponse, ApiError> {
        self.list_delivery_destinations(ctx, &input)
    }
    async fn describe_delivery_sources(
        &self,
        ctx: &Context,
        input: DescribeDeliverySourcesRequest,
    ) -> Result<DescribeDeliverySourcesResponse, ApiError> {
        self.list_sources(ctx, &input)
    }
    async fn describe_destinations(
        &self,
        ctx: &Context,
        input: DescribeDestinationsRequest,
    ) -> Result<DescribeDestinationsResponse, ApiError> {
        self.list_destinations(ctx, &input)
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
        self.describe_streams(ctx, &input)
    }
    async fn describe_metric_filters(
        &self,
        ctx: &Context,
        input: DescribeMetricFiltersRequest,
    ) -> Result<DescribeMetricFiltersResponse, ApiError> {
        self.describe_metrics(ctx, &input)
    }
    async fn describe_queries(
        &self,
        ctx: &Context,
        input: DescribeQueriesRequest,
    ) -> Result<DescribeQueriesResponse, ApiError> {
        self.list_queries(ctx, &input)
    }
    async fn describe_query_definitions(
        &self,
        ctx: &Context,
        input: DescribeQueryDefinitionsRequest,
    ) -> Result<DescribeQueryDefinitionsResponse, ApiError> {
        self.list_definitions(ctx, &input)
    }
    async fn describe_resource_policies(
        &self,
        ctx: &Context,
        input: DescribeResourcePoliciesRequest,
    ) -> Result<DescribeResourcePoliciesResponse, ApiError> {
        self.list_resource_policies(ctx, &input)
    }
    async fn describe_subscription_filters(
        &self,
        ctx: &Context,
        input: DescribeSubscriptionFiltersRequest,
    ) -> Result<DescribeSubscriptionFiltersResponse, ApiError> {
        self.describe_subscriptions(ctx, &input)
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
    async fn get_delivery(
        &self,
        ctx: &Context,
        input: GetDeliveryRequest,
    ) -> Result<GetDeliveryResponse, ApiError> {
        LogGroups::delivery(self, ctx, &input.id)
    }
    async fn get_delivery_destination(
        &self,
        ctx: &Context,
        input: GetDeliveryDestinationRequest,
    ) -> Result<GetDeliveryDestinationResponse, ApiError> {
        LogGroups::delivery_destination(self, ctx, &input.name)
    }
    async fn get_delivery_destination_policy(
        &self,
        ctx: &Context,
        input: GetDeliveryDestinationPolicyRequest,
    ) -> Result<GetDeliveryDestinationPolicyResponse, ApiError> {
        self.delivery_policy(ctx, &input.delivery_destination_name)
    }
    async fn get_delivery_source(
        &self,
        ctx: &Context,
        input: GetDeliverySourceRequest,
    ) -> Result<GetDeliverySourceResponse, ApiError> {
        self.source(ctx, &input.name)
    }
    async fn get_log_events(
        &self,
        ctx: &Context,
        input: GetLogEventsRequest,
    ) -> Result<GetLogEventsResponse, ApiError> {
        self.get_events(ctx, input).await
    }
    async fn get_log_group_fields(
        &self,
        ctx: &Context,
        input: GetLogGroupFieldsRequest,
    ) -> Result<GetLogGroupFieldsResponse, ApiError> {
        self.group_fields(ctx, &input).await
    }
    async fn get_log_record(
        &self,
        ctx: &Context,
        input: GetLogRecordRequest,
    ) -> Result<GetLogRecordResponse, ApiError> {
        self.record(ctx, &input.log_record_pointer).await
    }
    async fn get_query_results(
        &self,
        ctx: &Context,
        input: GetQueryResultsRequest,
    ) -> Result<GetQueryResultsResponse, ApiError> {
        self.query_results(ctx, &input)
    }
    async fn list_log_groups(
        &self,
        ctx: &Context,
        input: ListLogGroupsRequest,
    ) -> Result<ListLogGroupsResponse, ApiError> {
        self.list_groups(ctx, &input)
    }
    async fn list_log_groups_for_query(
        &self,
        ctx: &Context,
        input: ListLogGroupsForQueryRequest,
    ) -> Result<ListLogGroupsForQueryResponse, ApiError> {
        self.groups_of_query(ctx, &input)
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
    async fn put_delivery_destination(
        &self,
        ctx: &Context,
        input: PutDeliveryDestinationRequest,
    ) -> Result<PutDeliveryDestinationResponse, ApiError> {
        self.keep_delivery_destination(ctx, input).await
    }
    async fn put_delivery_destination_policy(
        &self,
        ctx: &Context,
        input: PutDeliveryDestinationPolicyRequest,
    ) -> Result<PutDeliveryDestinationPolicyResponse, ApiError> {
        self.keep_delivery_policy(ctx, input).await
    }
    async fn put_delivery_source(
        &self,
        ctx: &Context,
        input: PutDeliverySourceRequest,
    ) -> Result<PutDeliverySourceResponse, ApiError> {
        self.keep_source(ctx, input).await
    }
    async fn put_destination(
        &self,
        ctx: &Context,
        input: PutDestinationRequest,
    ) -> Result<PutDestinationResponse, ApiError> {
        self.keep_destination(ctx, input).await
    }
    async fn put_destination_policy(
        &self,
        ctx: &Context,
        input: PutDestinationPolicyRequest,
    ) -> Result<(), ApiError> {
        self.keep_destination_policy(ctx, input).await
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
    async fn put_metric_filter(&self, ctx: &Context, input: PutMetricFilterRequest) -> Result<(), ApiError> {
        self.put_metrics(ctx, input).await
    }
    async fn put_query_definition(
        &self,
        ctx: &Context,
        input: PutQueryDefinitionRequest,
    ) -> Result<PutQueryDefinitionResponse, ApiError> {
        self.keep_definition(ctx, input).await
    }
    async fn put_resource_policy(
        &self,
        ctx: &Context,
        input: PutResourcePolicyRequest,
    ) -> Result<PutResourcePolicyResponse, ApiError> {
        self.keep_resource_policy(ctx, input).await
    }
    async fn put_retention_policy(
        &self,
        ctx: &Context,
        input: PutRetentionPolicyRequest,
    ) -> Result<(), ApiError> {
        self.set_retention(ctx, &input.log_group_name, Some(input.retention_in_days)).await
    }
    async fn put_subscription_filter(
        &self,
        ctx: &Context,
        input: PutSubscriptionFilterRequest,
    ) -> Result<(), ApiError> {
        self.put_subscription(ctx, input).await
    }
    async fn start_live_tail(
        &self,
        ctx: &Context,
        input: StartLiveTailRequest,
    ) -> Result<StartLiveTailResponse, ApiError> {
        self.start_tail(ctx, input)
    }
    async fn start_query(
        &self,
        ctx: &Context,
        input: StartQueryRequest,
    ) -> Result<StartQueryResponse, ApiError> {
        self.begin_query(ctx, input).await
    }
    async fn stop_query(
        &self,
        ctx: &Context,
        input: StopQueryRequest,
    ) -> Result<StopQueryResponse, ApiError> {
        self.end_query(ctx, &input.query_id)
    }
    async fn tag_log_group(&self, ctx: &Context, input: TagLogGroupRequest) -> Result<(), ApiError> {
        self.tag_group(ctx, input).await
    }
    async fn tag_resource(&self, ctx: &Context, input: TagResourceRequest) -> Result<(), ApiError> {
        self.tag(ctx, input).await
    }
    async fn test_metric_filter(
        &self,
        _: &Context,
        input: TestMetricFilterRequest,
    ) -> Result<TestMetricFilterResponse, ApiError> {
        metric_filters::test(&input)
    }
    async fn untag_log_group(&self, ctx: &Context, input: UntagLogGroupRequest) -> Result<(), ApiError> {
        self.untag_group(ctx, input).await
    }
    async fn untag_resource(&self, ctx: &Context, input: UntagResourceRequest) -> Result<(), ApiError> {
        self.untag(ctx, input).await
    }
    async fn update_delivery_configuration(
        &self,
        ctx: &Context,
        input: UpdateDeliveryConfigurationRequest,
    ) -> Result<UpdateDeliveryConfigurationResponse, ApiError> {
        self.configure_delivery(ctx, input).await
    }
}
