//! The operations, one file per group. This file is the trait's implementation and nothing else: each line hands on to its
//! group.

mod access;
mod buckets;
pub(crate) mod named;
mod notifications;
pub(crate) mod objects;
mod rules;
pub(crate) mod settings;

use moln_kernel::{ApiError, Context};

use crate::{
    Buckets,
    model::{
        AbortMultipartUploadOutput, AbortMultipartUploadRequest, AnalyticsConfiguration,
        CompleteMultipartUploadOutput, CompleteMultipartUploadRequest, CopyObjectOutput, CopyObjectRequest,
        CreateBucketOutput, CreateBucketRequest, CreateMultipartUploadOutput, CreateMultipartUploadRequest,
        DeleteBucketAnalyticsConfigurationRequest, DeleteBucketCorsRequest, DeleteBucketEncryptionRequest,
        DeleteBucketIntelligentTieringConfigurationRequest, DeleteBucketInventoryConfigurationRequest,
        DeleteBucketLifecycleRequest, DeleteBucketMetricsConfigurationRequest,
        DeleteBucketOwnershipControlsRequest, DeleteBucketPolicyRequest, DeleteBucketReplicationRequest,
        DeleteBucketRequest, DeleteBucketTaggingRequest, DeleteBucketWebsiteRequest, DeleteObjectOutput,
        DeleteObjectRequest, DeleteObjectTaggingOutput, DeleteObjectTaggingRequest, DeleteObjectsOutput,
        DeleteObjectsRequest, DeletePublicAccessBlockRequest, GetBucketAccelerateConfigurationOutput,
        GetBucketAccelerateConfigurationRequest, GetBucketAclOutput, GetBucketAclRequest,
        GetBucketAnalyticsConfigurationOutput, GetBucketAnalyticsConfigurationRequest, GetBucketCorsOutput,
        GetBucketCorsRequest, GetBucketEncryptionOutput, GetBucketEncryptionRequest,
        GetBucketIntelligentTieringConfigurationOutput, GetBucketIntelligentTieringConfigurationRequest,
        GetBucketInventoryConfigurationOutput, GetBucketInventoryConfigurationRequest,
        GetBucketLifecycleConfigurationOutput, GetBucketLifecycleConfigurationRequest,
        GetBucketLocationOutput, GetBucketLocationRequest, GetBucketLoggingOutput, GetBucketLoggingRequest,
        GetBucketMetricsConfigurationOutput, GetBucketMetricsConfigurationRequest,
        GetBucketNotificationConfigurationRequest, GetBucketOwnershipControlsOutput,
        GetBucketOwnershipControlsRequest, GetBucketPolicyOutput, GetBucketPolicyRequest,
        GetBucketPolicyStatusOutput, GetBucketPolicyStatusRequest, GetBucketReplicationOutput,
        GetBucketReplicationRequest, GetBucketRequestPaymentOutput, GetBucketRequestPaymentRequest,
        GetBucketTaggingOutput, GetBucketTaggingRequest, GetBucketVersioningOutput,
        GetBucketVersioningRequest, GetBucketWebsiteOutput, GetBucketWebsiteRequest, GetObjectAclOutput,
        GetObjectAclRequest, GetObjectAttributesOutput, GetObjectAttributesRequest, GetObjectLegalHoldOutput,
        GetObjectLegalHoldRequest, GetObjectLockConfigurationOutput, GetObjectLockConfigurationRequest,
        GetObjectOutput, GetObjectRequest, GetObjectRetentionOutput, GetObjectRetentionRequest,
        GetObjectTaggingOutput, GetObjectTaggingRequest, GetPublicAccessBlockOutput,
        GetPublicAccessBlockRequest, HeadBucketOutput, HeadBucketRequest, HeadObjectOutput,
        HeadObjectRequest, IntelligentTieringConfiguration, InventoryConfiguration,
        ListBucketAnalyticsConfigurationsOutput, ListBucketAnalyticsConfigurationsRequest,
        ListBucketIntelligentTieringConfigurationsOutput, ListBucketIntelligentTieringConfigurationsRequest,
        ListBucketInventoryConfigurationsOutput, ListBucketInventoryConfigurationsRequest,
        ListBucketMetricsConfigurationsOutput, ListBucketMetricsConfigurationsRequest, ListBucketsOutput,
        ListBucketsRequest, ListMultipartUploadsOutput, ListMultipartUploadsRequest,
        ListObjectVersionsOutput, ListObjectVersionsRequest, ListObjectsOutput, ListObjectsRequest,
        ListObjectsV2Output, ListObjectsV2Request, ListPartsOutput, ListPartsRequest, MetricsConfiguration,
        NotificationConfiguration, PutBucketAccelerateConfigurationRequest, PutBucketAclRequest,
        PutBucketAnalyticsConfigurationRequest, PutBucketCorsRequest, PutBucketEncryptionRequest,
        PutBucketIntelligentTieringConfigurationRequest, PutBucketInventoryConfigurationRequest,
        PutBucketLifecycleConfigurationOutput, PutBucketLifecycleConfigurationRequest,
        PutBucketLoggingRequest, PutBucketMetricsConfigurationRequest,
        PutBucketNotificationConfigurationRequest, PutBucketOwnershipControlsRequest, PutBucketPolicyRequest,
        PutBucketReplicationRequest, PutBucketRequestPaymentRequest, PutBucketTaggingRequest,
        PutBucketVersioningRequest, PutBucketWebsiteRequest, PutObjectAclOutput, PutObjectAclRequest,
        PutObjectLegalHoldOutput, PutObjectLegalHoldRequest, PutObjectLockConfigurationOutput,
        PutObjectLockConfigurationRequest, PutObjectOutput, PutObjectRequest, PutObjectRetentionOutput,
        PutObjectRetentionRequest, PutObjectTaggingOutput, PutObjectTaggingRequest,
        PutPublicAccessBlockRequest, RestoreObjectOutput, RestoreObjectRequest, S3, UploadPartCopyOutput,
        UploadPartCopyRequest, UploadPartOutput, UploadPartRequest,
    },
};

impl S3 for Buckets {
    async fn create_bucket(
        &self,
        ctx: &Context,
        input: CreateBucketRequest,
    ) -> Result<CreateBucketOutput, ApiError> {
        self.make_bucket(ctx, input).await
    }
    async fn delete_bucket(&self, ctx: &Context, input: DeleteBucketRequest) -> Result<(), ApiError> {
        self.remove_bucket(ctx, input).await
    }
    async fn delete_bucket_analytics_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketAnalyticsConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.remove_named::<AnalyticsConfiguration>(ctx, at, &input.id).await
        }
    }
    async fn delete_bucket_cors(
        &self,
        ctx: &Context,
        input: DeleteBucketCorsRequest,
    ) -> Result<(), ApiError> {
        self.remove_cors(ctx, input).await
    }
    async fn delete_bucket_encryption(
        &self,
        ctx: &Context,
        input: DeleteBucketEncryptionRequest,
    ) -> Result<(), ApiError> {
        self.remove_encryption(ctx, input).await
    }
    async fn delete_bucket_intelligent_tiering_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketIntelligentTieringConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.remove_named::<IntelligentTieringConfiguration>(ctx, at, &input.id).await
        }
    }
    async fn delete_bucket_inventory_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketInventoryConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.remove_named::<InventoryConfiguration>(ctx, at, &input.id).await
        }
    }
    async fn delete_bucket_lifecycle(
        &self,
        ctx: &Context,
        input: DeleteBucketLifecycleRequest,
    ) -> Result<(), ApiError> {
        self.remove_lifecycle(ctx, input).await
    }
    async fn delete_bucket_metrics_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketMetricsConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.remove_named::<MetricsConfiguration>(ctx, at, &input.id).await
        }
    }
    async fn delete_bucket_ownership_controls(
        &self,
        ctx: &Context,
        input: DeleteBucketOwnershipControlsRequest,
    ) -> Result<(), ApiError> {
        self.remove_ownership(ctx, input).await
    }
    async fn delete_bucket_policy(
        &self,
        ctx: &Context,
        input: DeleteBucketPolicyRequest,
    ) -> Result<(), ApiError> {
        self.remove_policy(ctx, input).await
    }
    async fn delete_bucket_replication(
        &self,
        ctx: &Context,
        input: DeleteBucketReplicationRequest,
    ) -> Result<(), ApiError> {
        self.remove_replication(ctx, input).await
    }
    async fn delete_bucket_tagging(
        &self,
        ctx: &Context,
        input: DeleteBucketTaggingRequest,
    ) -> Result<(), ApiError> {
        self.remove_bucket_tags(ctx, input).await
    }
    async fn delete_bucket_website(
        &self,
        ctx: &Context,
        input: DeleteBucketWebsiteRequest,
    ) -> Result<(), ApiError> {
        self.remove_website(ctx, input).await
    }
    async fn delete_public_access_block(
        &self,
        ctx: &Context,
        input: DeletePublicAccessBlockRequest,
    ) -> Result<(), ApiError> {
        self.remove_public_access_block(ctx, input).await
    }
    async fn get_bucket_accelerate_configuration(
        &self,
        ctx: &Context,
        input: GetBucketAccelerateConfigurationRequest,
    ) -> Result<GetBucketAccelerateConfigurationOutput, ApiError> {
        self.acceleration(ctx, &input)
    }
    async fn get_bucket_acl(
        &self,
        ctx: &Context,
        input: GetBucketAclRequest,
    ) -> Result<GetBucketAclOutput, ApiError> {
        self.bucket_acl(ctx, &input)
    }
    async fn get_bucket_analytics_configuration(
        &self,
        ctx: &Context,
        input: GetBucketAnalyticsConfigurationRequest,
    ) -> Result<GetBucketAnalyticsConfigurationOutput, ApiError> {
        Ok(GetBucketAnalyticsConfigurationOutput {
            analytics_configuration: self.named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                &input.id,
            )?,
        })
    }
    async fn get_bucket_cors(
        &self,
        ctx: &Context,
        input: GetBucketCorsRequest,
    ) -> Result<GetBucketCorsOutput, ApiError> {
        self.cors(ctx, &input)
    }
    async fn get_bucket_encryption(
        &self,
        ctx: &Context,
        input: GetBucketEncryptionRequest,
    ) -> Result<GetBucketEncryptionOutput, ApiError> {
        self.encryption(ctx, &input)
    }
    async fn get_bucket_intelligent_tiering_configuration(
        &self,
        ctx: &Context,
        input: GetBucketIntelligentTieringConfigurationRequest,
    ) -> Result<GetBucketIntelligentTieringConfigurationOutput, ApiError> {
        Ok(GetBucketIntelligentTieringConfigurationOutput {
            intelligent_tiering_configuration: self.named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                &input.id,
            )?,
        })
    }
    async fn get_bucket_inventory_configuration(
        &self,
        ctx: &Context,
        input: GetBucketInventoryConfigurationRequest,
    ) -> Result<GetBucketInventoryConfigurationOutput, ApiError> {
        Ok(GetBucketInventoryConfigurationOutput {
            inventory_configuration: self.named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                &input.id,
            )?,
        })
    }
    async fn get_bucket_lifecycle_configuration(
        &self,
        ctx: &Context,
        input: GetBucketLifecycleConfigurationRequest,
    ) -> Result<GetBucketLifecycleConfigurationOutput, ApiError> {
        self.lifecycle(ctx, &input)
    }
    async fn get_bucket_location(
        &self,
        ctx: &Context,
        input: GetBucketLocationRequest,
    ) -> Result<GetBucketLocationOutput, ApiError> {
        self.location(ctx, &input)
    }
    async fn get_bucket_logging(
        &self,
        ctx: &Context,
        input: GetBucketLoggingRequest,
    ) -> Result<GetBucketLoggingOutput, ApiError> {
        self.logging(ctx, &input)
    }
    async fn get_bucket_metrics_configuration(
        &self,
        ctx: &Context,
        input: GetBucketMetricsConfigurationRequest,
    ) -> Result<GetBucketMetricsConfigurationOutput, ApiError> {
        Ok(GetBucketMetricsConfigurationOutput {
            metrics_configuration: self.named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                &input.id,
            )?,
        })
    }
    async fn get_bucket_notification_configuration(
        &self,
        ctx: &Context,
        input: GetBucketNotificationConfigurationRequest,
    ) -> Result<NotificationConfiguration, ApiError> {
        self.notifications(ctx, &input)
    }
    async fn get_bucket_ownership_controls(
        &self,
        ctx: &Context,
        input: GetBucketOwnershipControlsRequest,
    ) -> Result<GetBucketOwnershipControlsOutput, ApiError> {
        self.ownership(ctx, &input)
    }
    async fn get_bucket_policy(
        &self,
        ctx: &Context,
        input: GetBucketPolicyRequest,
    ) -> Result<GetBucketPolicyOutput, ApiError> {
        self.policy(ctx, &input)
    }
    async fn get_bucket_policy_status(
        &self,
        ctx: &Context,
        input: GetBucketPolicyStatusRequest,
    ) -> Result<GetBucketPolicyStatusOutput, ApiError> {
        self.policy_status(ctx, &input)
    }
    async fn get_bucket_replication(
        &self,
        ctx: &Context,
        input: GetBucketReplicationRequest,
    ) -> Result<GetBucketReplicationOutput, ApiError> {
        self.replication(ctx, &input)
    }
    async fn get_bucket_request_payment(
        &self,
        ctx: &Context,
        input: GetBucketRequestPaymentRequest,
    ) -> Result<GetBucketRequestPaymentOutput, ApiError> {
        self.payment(ctx, &input)
    }
    async fn get_bucket_tagging(
        &self,
        ctx: &Context,
        input: GetBucketTaggingRequest,
    ) -> Result<GetBucketTaggingOutput, ApiError> {
        self.bucket_tags(ctx, &input)
    }
    async fn get_bucket_versioning(
        &self,
        ctx: &Context,
        input: GetBucketVersioningRequest,
    ) -> Result<GetBucketVersioningOutput, ApiError> {
        self.versioning(ctx, &input)
    }
    async fn get_bucket_website(
        &self,
        ctx: &Context,
        input: GetBucketWebsiteRequest,
    ) -> Result<GetBucketWebsiteOutput, ApiError> {
        self.website(ctx, &input)
    }
    async fn get_object_lock_configuration(
        &self,
        ctx: &Context,
        input: GetObjectLockConfigurationRequest,
    ) -> Result<GetObjectLockConfigurationOutput, ApiError> {
        self.lock(ctx, &input)
    }
    async fn get_public_access_block(
        &self,
        ctx: &Context,
        input: GetPublicAccessBlockRequest,
    ) -> Result<GetPublicAccessBlockOutput, ApiError> {
        self.public_access_block(ctx, &input)
    }
    async fn head_bucket(
        &self,
        ctx: &Context,
        input: HeadBucketRequest,
    ) -> Result<HeadBucketOutput, ApiError> {
        self.look_at_bucket(ctx, &input)
    }
    async fn list_bucket_analytics_configurations(
        &self,
        ctx: &Context,
        input: ListBucketAnalyticsConfigurationsRequest,
    ) -> Result<ListBucketAnalyticsConfigurationsOutput, ApiError> {
        {
            let page = self.all_named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                input.continuation_token.as_deref(),
            )?;
            Ok(ListBucketAnalyticsConfigurationsOutput {
                is_truncated: Some(page.next.is_some()),
                continuation_token: input.continuation_token,
                next_continuation_token: page.next,
                analytics_configuration_list: Some(page.found),
            })
        }
    }
    async fn list_bucket_intelligent_tiering_configurations(
        &self,
        ctx: &Context,
        input: ListBucketIntelligentTieringConfigurationsRequest,
    ) -> Result<ListBucketIntelligentTieringConfigurationsOutput, ApiError> {
        {
            let page = self.all_named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                input.continuation_token.as_deref(),
            )?;
            Ok(ListBucketIntelligentTieringConfigurationsOutput {
                is_truncated: Some(page.next.is_some()),
                continuation_token: input.continuation_token,
                next_continuation_token: page.next,
                intelligent_tiering_configuration_list: Some(page.found),
            })
        }
    }
    async fn list_bucket_inventory_configurations(
        &self,
        ctx: &Context,
        input: ListBucketInventoryConfigurationsRequest,
    ) -> Result<ListBucketInventoryConfigurationsOutput, ApiError> {
        {
            let page = self.all_named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                input.continuation_token.as_deref(),
            )?;
            Ok(ListBucketInventoryConfigurationsOutput {
                is_truncated: Some(page.next.is_some()),
                continuation_token: input.continuation_token,
                next_continuation_token: page.next,
                inventory_configuration_list: Some(page.found),
            })
        }
    }
    async fn list_bucket_metrics_configurations(
        &self,
        ctx: &Context,
        input: ListBucketMetricsConfigurationsRequest,
    ) -> Result<ListBucketMetricsConfigurationsOutput, ApiError> {
        {
            let page = self.all_named(
                ctx,
                (input.bucket.as_str(), input.expected_bucket_owner.as_deref()),
                input.continuation_token.as_deref(),
            )?;
            Ok(ListBucketMetricsConfigurationsOutput {
                is_truncated: Some(page.next.is_some()),
                continuation_token: input.continuation_token,
                next_continuation_token: page.next,
                metrics_configuration_list: Some(page.found),
            })
        }
    }
    async fn list_buckets(
        &self,
        ctx: &Context,
        input: ListBucketsRequest,
    ) -> Result<ListBucketsOutput, ApiError> {
        self.list(ctx, input)
    }
    async fn put_bucket_accelerate_configuration(
        &self,
        ctx: &Context,
        input: PutBucketAccelerateConfigurationRequest,
    ) -> Result<(), ApiError> {
        self.set_acceleration(ctx, input).await
    }
    async fn put_bucket_acl(&self, ctx: &Context, input: PutBucketAclRequest) -> Result<(), ApiError> {
        self.set_bucket_acl(ctx, input).await
    }
    async fn put_bucket_analytics_configuration(
        &self,
        ctx: &Context,
        input: PutBucketAnalyticsConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.set_named(ctx, at, &input.id, &input.analytics_configuration).await
        }
    }
    async fn put_bucket_cors(&self, ctx: &Context, input: PutBucketCorsRequest) -> Result<(), ApiError> {
        self.set_cors(ctx, input).await
    }
    async fn put_bucket_encryption(
        &self,
        ctx: &Context,
        input: PutBucketEncryptionRequest,
    ) -> Result<(), ApiError> {
        self.set_encryption(ctx, input).await
    }
    async fn put_bucket_intelligent_tiering_configuration(
        &self,
        ctx: &Context,
        input: PutBucketIntelligentTieringConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.set_named(ctx, at, &input.id, &input.intelligent_tiering_configuration).await
        }
    }
    async fn put_bucket_inventory_configuration(
        &self,
        ctx: &Context,
        input: PutBucketInventoryConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.set_named(ctx, at, &input.id, &input.inventory_configuration).await
        }
    }
    async fn put_bucket_lifecycle_configuration(
        &self,
        ctx: &Context,
        input: PutBucketLifecycleConfigurationRequest,
    ) -> Result<PutBucketLifecycleConfigurationOutput, ApiError> {
        self.set_lifecycle(ctx, input).await
    }
    async fn put_bucket_logging(
        &self,
        ctx: &Context,
        input: PutBucketLoggingRequest,
    ) -> Result<(), ApiError> {
        self.set_logging(ctx, input).await
    }
    async fn put_bucket_metrics_configuration(
        &self,
        ctx: &Context,
        input: PutBucketMetricsConfigurationRequest,
    ) -> Result<(), ApiError> {
        {
            let at = (input.bucket.as_str(), input.expected_bucket_owner.as_deref());
            self.set_named(ctx, at, &input.id, &input.metrics_configuration).await
        }
    }
    async fn put_bucket_notification_configuration(
        &self,
        ctx: &Context,
        input: PutBucketNotificationConfigurationRequest,
    ) -> Result<(), ApiError> {
        self.set_notifications(ctx, input).await
    }
    async fn put_bucket_ownership_controls(
        &self,
        ctx: &Context,
        input: PutBucketOwnershipControlsRequest,
    ) -> Result<(), ApiError> {
        self.set_ownership(ctx, input).await
    }
    async fn put_bucket_policy(&self, ctx: &Context, input: PutBucketPolicyRequest) -> Result<(), ApiError> {
        self.set_policy(ctx, input).await
    }
    async fn put_bucket_replication(
        &self,
        ctx: &Context,
        input: PutBucketReplicationRequest,
    ) -> Result<(), ApiError> {
        self.set_replication(ctx, input).await
    }
    async fn put_bucket_request_payment(
        &self,
        ctx: &Context,
        input: PutBucketRequestPaymentRequest,
    ) -> Result<(), ApiError> {
        self.set_payment(ctx, input).await
    }
    async fn put_bucket_tagging(
        &self,
        ctx: &Context,
        input: PutBucketTaggingRequest,
    ) -> Result<(), ApiError> {
        self.set_bucket_tags(ctx, input).await
    }
    async fn put_bucket_versioning(
        &self,
        ctx: &Context,
        input: PutBucketVersioningRequest,
    ) -> Result<(), ApiError> {
        self.set_versioning(ctx, input).await
    }
    async fn put_bucket_website(
        &self,
        ctx: &Context,
        input: PutBucketWebsiteRequest,
    ) -> Result<(), ApiError> {
        self.set_website(ctx, input).await
    }
    async fn put_object_lock_configuration(
        &self,
        ctx: &Context,
        input: PutObjectLockConfigurationRequest,
    ) -> Result<PutObjectLockConfigurationOutput, ApiError> {
        self.set_lock(ctx, input).await
    }
    async fn put_public_access_block(
        &self,
        ctx: &Context,
        input: PutPublicAccessBlockRequest,
    ) -> Result<(), ApiError> {
        self.set_public_access_block(ctx, input).await
    }
    async fn put_object(&self, ctx: &Context, input: PutObjectRequest) -> Result<PutObjectOutput, ApiError> {
        self.put(ctx, input).await
    }
    async fn get_object(&self, ctx: &Context, input: GetObjectRequest) -> Result<GetObjectOutput, ApiError> {
        self.get(ctx, &input)
    }
    async fn head_object(
        &self,
        ctx: &Context,
        input: HeadObjectRequest,
    ) -> Result<HeadObjectOutput, ApiError> {
        self.head(ctx, &input)
    }
    async fn delete_object(
        &self,
        ctx: &Context,
        input: DeleteObjectRequest,
    ) -> Result<DeleteObjectOutput, ApiError> {
        self.delete_one(ctx, input).await
    }
    async fn delete_objects(
        &self,
        ctx: &Context,
        input: DeleteObjectsRequest,
    ) -> Result<DeleteObjectsOutput, ApiError> {
        self.delete_many(ctx, input).await
    }
    async fn list_objects(
        &self,
        ctx: &Context,
        input: ListObjectsRequest,
    ) -> Result<ListObjectsOutput, ApiError> {
        self.list_v1(ctx, input)
    }
    async fn list_objects_v2(
        &self,
        ctx: &Context,
        input: ListObjectsV2Request,
    ) -> Result<ListObjectsV2Output, ApiError> {
        self.list_v2(ctx, input)
    }
    async fn list_object_versions(
        &self,
        ctx: &Context,
        input: ListObjectVersionsRequest,
    ) -> Result<ListObjectVersionsOutput, ApiError> {
        self.list_versions(ctx, input)
    }
    async fn put_object_tagging(
        &self,
        ctx: &Context,
        input: PutObjectTaggingRequest,
    ) -> Result<PutObjectTaggingOutput, ApiError> {
        self.tag_object(ctx, input).await
    }
    async fn get_object_tagging(
        &self,
        ctx: &Context,
        input: GetObjectTaggingRequest,
    ) -> Result<GetObjectTaggingOutput, ApiError> {
        self.object_tags(ctx, &input)
    }
    async fn delete_object_tagging(
        &self,
        ctx: &Context,
        input: DeleteObjectTaggingRequest,
    ) -> Result<DeleteObjectTaggingOutput, ApiError> {
        self.untag_object(ctx, input).await
    }
    async fn put_object_acl(
        &self,
        ctx: &Context,
        input: PutObjectAclRequest,
    ) -> Result<PutObjectAclOutput, ApiError> {
        self.set_object_acl(ctx, input).await
    }
    async fn get_object_acl(
        &self,
        ctx: &Context,
        input: GetObjectAclRequest,
    ) -> Result<GetObjectAclOutput, ApiError> {
        self.object_acl(ctx, &input)
    }
    async fn put_object_retention(
        &self,
        ctx: &Context,
        input: PutObjectRetentionRequest,
    ) -> Result<PutObjectRetentionOutput, ApiError> {
        self.retain(ctx, input).await
    }
    async fn get_object_retention(
        &self,
        ctx: &Context,
        input: GetObjectRetentionRequest,
    ) -> Result<GetObjectRetentionOutput, ApiError> {
        self.retention(ctx, &input)
    }
    async fn put_object_legal_hold(
        &self,
        ctx: &Context,
        input: PutObjectLegalHoldRequest,
    ) -> Result<PutObjectLegalHoldOutput, ApiError> {
        self.hold(ctx, input).await
    }
    async fn get_object_legal_hold(
        &self,
        ctx: &Context,
        input: GetObjectLegalHoldRequest,
    ) -> Result<GetObjectLegalHoldOutput, ApiError> {
        self.legal_hold(ctx, &input)
    }
    async fn copy_object(
        &self,
        ctx: &Context,
        input: CopyObjectRequest,
    ) -> Result<CopyObjectOutput, ApiError> {
        self.copy(ctx, input).await
    }
    async fn upload_part_copy(
        &self,
        ctx: &Context,
        input: UploadPartCopyRequest,
    ) -> Result<UploadPartCopyOutput, ApiError> {
        self.copy_part(ctx, input).await
    }
    async fn create_multipart_upload(
        &self,
        ctx: &Context,
        input: CreateMultipartUploadRequest,
    ) -> Result<CreateMultipartUploadOutput, ApiError> {
        self.begin_upload(ctx, input).await
    }
    async fn restore_object(
        &self,
        ctx: &Context,
        input: RestoreObjectRequest,
    ) -> Result<RestoreObjectOutput, ApiError> {
        self.restore(ctx, input).await
    }
    async fn upload_part(
        &self,
        ctx: &Context,
        input: UploadPartRequest,
    ) -> Result<UploadPartOutput, ApiError> {
        self.bring_part(ctx, input).await
    }
    async fn complete_multipart_upload(
        &self,
        ctx: &Context,
        input: CompleteMultipartUploadRequest,
    ) -> Result<CompleteMultipartUploadOutput, ApiError> {
        self.complete_upload(ctx, input).await
    }
    async fn abort_multipart_upload(
        &self,
        ctx: &Context,
        input: AbortMultipartUploadRequest,
    ) -> Result<AbortMultipartUploadOutput, ApiError> {
        self.abort_upload(ctx, input).await
    }
    async fn list_parts(&self, ctx: &Context, input: ListPartsRequest) -> Result<ListPartsOutput, ApiError> {
        self.parts(ctx, input)
    }
    async fn list_multipart_uploads(
        &self,
        ctx: &Context,
        input: ListMultipartUploadsRequest,
    ) -> Result<ListMultipartUploadsOutput, ApiError> {
        self.uploads(ctx, input)
    }
    async fn get_object_attributes(
        &self,
        ctx: &Context,
        input: GetObjectAttributesRequest,
    ) -> Result<GetObjectAttributesOutput, ApiError> {
        self.attributes(ctx, &input)
    }
}
