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

#[allow(clippy::wildcard_imports)] // every operation has types of its own
use crate::{Buckets, model::*};

/// What an operation comes to.
type Answer<T> = Result<T, ApiError>;

/// The bucket an input names, and whose it is expected to be.
macro_rules! place {
    ($input:expr) => {
        ($input.bucket.as_str(), $input.expected_bucket_owner.as_deref())
    };
}

impl S3 for Buckets {
    async fn create_bucket(&self, ctx: &Context, input: CreateBucketRequest) -> Answer<CreateBucketOutput> {
        self.make_bucket(ctx, input).await
    }
    async fn delete_bucket(&self, ctx: &Context, input: DeleteBucketRequest) -> Answer<()> {
        self.remove_bucket(ctx, input).await
    }
    async fn delete_bucket_analytics_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketAnalyticsConfigurationRequest,
    ) -> Answer<()> {
        self.remove_named::<AnalyticsConfiguration>(ctx, place!(input), &input.id).await
    }
    async fn delete_bucket_cors(&self, ctx: &Context, input: DeleteBucketCorsRequest) -> Answer<()> {
        self.remove_cors(ctx, input).await
    }
    async fn delete_bucket_encryption(
        &self,
        ctx: &Context,
        input: DeleteBucketEncryptionRequest,
    ) -> Answer<()> {
        self.remove_encryption(ctx, input).await
    }
    async fn delete_bucket_intelligent_tiering_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketIntelligentTieringConfigurationRequest,
    ) -> Answer<()> {
        self.remove_named::<IntelligentTieringConfiguration>(ctx, place!(input), &input.id).await
    }
    async fn delete_bucket_inventory_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketInventoryConfigurationRequest,
    ) -> Answer<()> {
        self.remove_named::<InventoryConfiguration>(ctx, place!(input), &input.id).await
    }
    async fn delete_bucket_lifecycle(
        &self,
        ctx: &Context,
        input: DeleteBucketLifecycleRequest,
    ) -> Answer<()> {
        self.remove_lifecycle(ctx, input).await
    }
    async fn delete_bucket_metrics_configuration(
        &self,
        ctx: &Context,
        input: DeleteBucketMetricsConfigurationRequest,
    ) -> Answer<()> {
        self.remove_named::<MetricsConfiguration>(ctx, place!(input), &input.id).await
    }
    async fn delete_bucket_ownership_controls(
        &self,
        ctx: &Context,
        input: DeleteBucketOwnershipControlsRequest,
    ) -> Answer<()> {
        self.remove_ownership(ctx, input).await
    }
    async fn delete_bucket_policy(&self, ctx: &Context, input: DeleteBucketPolicyRequest) -> Answer<()> {
        self.remove_policy(ctx, input).await
    }
    async fn delete_bucket_replication(
        &self,
        ctx: &Context,
        input: DeleteBucketReplicationRequest,
    ) -> Answer<()> {
        self.remove_replication(ctx, input).await
    }
    async fn delete_bucket_tagging(&self, ctx: &Context, input: DeleteBucketTaggingRequest) -> Answer<()> {
        self.remove_bucket_tags(ctx, input).await
    }
    async fn delete_bucket_website(&self, ctx: &Context, input: DeleteBucketWebsiteRequest) -> Answer<()> {
        self.remove_website(ctx, input).await
    }
    async fn delete_public_access_block(
        &self,
        ctx: &Context,
        input: DeletePublicAccessBlockRequest,
    ) -> Answer<()> {
        self.remove_public_access_block(ctx, input).await
    }
    async fn get_bucket_accelerate_configuration(
        &self,
        ctx: &Context,
        input: GetBucketAccelerateConfigurationRequest,
    ) -> Answer<GetBucketAccelerateConfigurationOutput> {
        self.acceleration(ctx, &input)
    }
    async fn get_bucket_acl(&self, ctx: &Context, input: GetBucketAclRequest) -> Answer<GetBucketAclOutput> {
        self.bucket_acl(ctx, &input)
    }
    async fn get_bucket_analytics_configuration(
        &self,
        ctx: &Context,
        input: GetBucketAnalyticsConfigurationRequest,
    ) -> Answer<GetBucketAnalyticsConfigurationOutput> {
        let analytics_configuration = self.named(ctx, place!(input), &input.id)?;
        Ok(GetBucketAnalyticsConfigurationOutput { analytics_configuration })
    }
    async fn get_bucket_cors(
        &self,
        ctx: &Context,
        input: GetBucketCorsRequest,
    ) -> Answer<GetBucketCorsOutput> {
        self.cors(ctx, &input)
    }
    async fn get_bucket_encryption(
        &self,
        ctx: &Context,
        input: GetBucketEncryptionRequest,
    ) -> Answer<GetBucketEncryptionOutput> {
        self.encryption(ctx, &input)
    }
    async fn get_bucket_intelligent_tiering_configuration(
        &self,
        ctx: &Context,
        input: GetBucketIntelligentTieringConfigurationRequest,
    ) -> Answer<GetBucketIntelligentTieringConfigurationOutput> {
        let intelligent_tiering_configuration = self.named(ctx, place!(input), &input.id)?;
        Ok(GetBucketIntelligentTieringConfigurationOutput { intelligent_tiering_configuration })
    }
    async fn get_bucket_inventory_configuration(
        &self,
        ctx: &Context,
        input: GetBucketInventoryConfigurationRequest,
    ) -> Answer<GetBucketInventoryConfigurationOutput> {
        let inventory_configuration = self.named(ctx, place!(input), &input.id)?;
        Ok(GetBucketInventoryConfigurationOutput { inventory_configuration })
    }
    async fn get_bucket_lifecycle_configuration(
        &self,
        ctx: &Context,
        input: GetBucketLifecycleConfigurationRequest,
    ) -> Answer<GetBucketLifecycleConfigurationOutput> {
        self.lifecycle(ctx, &input)
    }
    async fn get_bucket_location(
        &self,
        ctx: &Context,
        input: GetBucketLocationRequest,
    ) -> Answer<GetBucketLocationOutput> {
        self.location(ctx, &input)
    }
    async fn get_bucket_logging(
        &self,
        ctx: &Context,
        input: GetBucketLoggingRequest,
    ) -> Answer<GetBucketLoggingOutput> {
        self.logging(ctx, &input)
    }
    async fn get_bucket_metrics_configuration(
        &self,
        ctx: &Context,
        input: GetBucketMetricsConfigurationRequest,
    ) -> Answer<GetBucketMetricsConfigurationOutput> {
        let metrics_configuration = self.named(ctx, place!(input), &input.id)?;
        Ok(GetBucketMetricsConfigurationOutput { metrics_configuration })
    }
    async fn get_bucket_notification_configuration(
        &self,
        ctx: &Context,
        input: GetBucketNotificationConfigurationRequest,
    ) -> Answer<NotificationConfiguration> {
        self.notifications(ctx, &input)
    }
    async fn get_bucket_ownership_controls(
        &self,
        ctx: &Context,
        input: GetBucketOwnershipControlsRequest,
    ) -> Answer<GetBucketOwnershipControlsOutput> {
        self.ownership(ctx, &input)
    }
    async fn get_bucket_policy(
        &self,
        ctx: &Context,
        input: GetBucketPolicyRequest,
    ) -> Answer<GetBucketPolicyOutput> {
        self.policy(ctx, &input)
    }
    async fn get_bucket_policy_status(
        &self,
        ctx: &Context,
        input: GetBucketPolicyStatusRequest,
    ) -> Answer<GetBucketPolicyStatusOutput> {
        self.policy_status(ctx, &input)
    }
    async fn get_bucket_replication(
        &self,
        ctx: &Context,
        input: GetBucketReplicationRequest,
    ) -> Answer<GetBucketReplicationOutput> {
        self.replication(ctx, &input)
    }
    async fn get_bucket_request_payment(
        &self,
        ctx: &Context,
        input: GetBucketRequestPaymentRequest,
    ) -> Answer<GetBucketRequestPaymentOutput> {
        self.payment(ctx, &input)
    }
    async fn get_bucket_tagging(
        &self,
        ctx: &Context,
        input: GetBucketTaggingRequest,
    ) -> Answer<GetBucketTaggingOutput> {
        self.bucket_tags(ctx, &input)
    }
    async fn get_bucket_versioning(
        &self,
        ctx: &Context,
        input: GetBucketVersioningRequest,
    ) -> Answer<GetBucketVersioningOutput> {
        self.versioning(ctx, &input)
    }
    async fn get_bucket_website(
        &self,
        ctx: &Context,
        input: GetBucketWebsiteRequest,
    ) -> Answer<GetBucketWebsiteOutput> {
        self.website(ctx, &input)
    }
    async fn get_object_lock_configuration(
        &self,
        ctx: &Context,
        input: GetObjectLockConfigurationRequest,
    ) -> Answer<GetObjectLockConfigurationOutput> {
        self.lock(ctx, &input)
    }
    async fn get_public_access_block(
        &self,
        ctx: &Context,
        input: GetPublicAccessBlockRequest,
    ) -> Answer<GetPublicAccessBlockOutput> {
        self.public_access_block(ctx, &input)
    }
    async fn head_bucket(&self, ctx: &Context, input: HeadBucketRequest) -> Answer<HeadBucketOutput> {
        self.look_at_bucket(ctx, &input)
    }
    async fn list_bucket_analytics_configurations(
        &self,
        ctx: &Context,
        input: ListBucketAnalyticsConfigurationsRequest,
    ) -> Answer<ListBucketAnalyticsConfigurationsOutput> {
        let page = self.all_named(ctx, place!(input), input.continuation_token.as_deref())?;
        Ok(ListBucketAnalyticsConfigurationsOutput {
            is_truncated: Some(page.next.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: page.next,
            analytics_configuration_list: Some(page.found),
        })
    }
    async fn list_bucket_intelligent_tiering_configurations(
        &self,
        ctx: &Context,
        input: ListBucketIntelligentTieringConfigurationsRequest,
    ) -> Answer<ListBucketIntelligentTieringConfigurationsOutput> {
        let page = self.all_named(ctx, place!(input), input.continuation_token.as_deref())?;
        Ok(ListBucketIntelligentTieringConfigurationsOutput {
            is_truncated: Some(page.next.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: page.next,
            intelligent_tiering_configuration_list: Some(page.found),
        })
    }
    async fn list_bucket_inventory_configurations(
        &self,
        ctx: &Context,
        input: ListBucketInventoryConfigurationsRequest,
    ) -> Answer<ListBucketInventoryConfigurationsOutput> {
        let page = self.all_named(ctx, place!(input), input.continuation_token.as_deref())?;
        Ok(ListBucketInventoryConfigurationsOutput {
            is_truncated: Some(page.next.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: page.next,
            inventory_configuration_list: Some(page.found),
        })
    }
    async fn list_bucket_metrics_configurations(
        &self,
        ctx: &Context,
        input: ListBucketMetricsConfigurationsRequest,
    ) -> Answer<ListBucketMetricsConfigurationsOutput> {
        let page = self.all_named(ctx, place!(input), input.continuation_token.as_deref())?;
        Ok(ListBucketMetricsConfigurationsOutput {
            is_truncated: Some(page.next.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: page.next,
            metrics_configuration_list: Some(page.found),
        })
    }
    async fn list_buckets(&self, ctx: &Context, input: ListBucketsRequest) -> Answer<ListBucketsOutput> {
        self.list(ctx, input)
    }
    async fn put_bucket_accelerate_configuration(
        &self,
        ctx: &Context,
        input: PutBucketAccelerateConfigurationRequest,
    ) -> Answer<()> {
        self.set_acceleration(ctx, input).await
    }
    async fn put_bucket_acl(&self, ctx: &Context, input: PutBucketAclRequest) -> Answer<()> {
        self.set_bucket_acl(ctx, input).await
    }
    async fn put_bucket_analytics_configuration(
        &self,
        ctx: &Context,
        input: PutBucketAnalyticsConfigurationRequest,
    ) -> Answer<()> {
        self.set_named(ctx, place!(input), &input.id, &input.analytics_configuration).await
    }
    async fn put_bucket_cors(&self, ctx: &Context, input: PutBucketCorsRequest) -> Answer<()> {
        self.set_cors(ctx, input).await
    }
    async fn put_bucket_encryption(&self, ctx: &Context, input: PutBucketEncryptionRequest) -> Answer<()> {
        self.set_encryption(ctx, input).await
    }
    async fn put_bucket_intelligent_tiering_configuration(
        &self,
        ctx: &Context,
        input: PutBucketIntelligentTieringConfigurationRequest,
    ) -> Answer<()> {
        self.set_named(ctx, place!(input), &input.id, &input.intelligent_tiering_configuration).await
    }
    async fn put_bucket_inventory_configuration(
        &self,
        ctx: &Context,
        input: PutBucketInventoryConfigurationRequest,
    ) -> Answer<()> {
        self.set_named(ctx, place!(input), &input.id, &input.inventory_configuration).await
    }
    async fn put_bucket_lifecycle_configuration(
        &self,
        ctx: &Context,
        input: PutBucketLifecycleConfigurationRequest,
    ) -> Answer<PutBucketLifecycleConfigurationOutput> {
        self.set_lifecycle(ctx, input).await
    }
    async fn put_bucket_logging(&self, ctx: &Context, input: PutBucketLoggingRequest) -> Answer<()> {
        self.set_logging(ctx, input).await
    }
    async fn put_bucket_metrics_configuration(
        &self,
        ctx: &Context,
        input: PutBucketMetricsConfigurationRequest,
    ) -> Answer<()> {
        self.set_named(ctx, place!(input), &input.id, &input.metrics_configuration).await
    }
    async fn put_bucket_notification_configuration(
        &self,
        ctx: &Context,
        input: PutBucketNotificationConfigurationRequest,
    ) -> Answer<()> {
        self.set_notifications(ctx, input).await
    }
    async fn put_bucket_ownership_controls(
        &self,
        ctx: &Context,
        input: PutBucketOwnershipControlsRequest,
    ) -> Answer<()> {
        self.set_ownership(ctx, input).await
    }
    async fn put_bucket_policy(&self, ctx: &Context, input: PutBucketPolicyRequest) -> Answer<()> {
        self.set_policy(ctx, input).await
    }
    async fn put_bucket_replication(&self, ctx: &Context, input: PutBucketReplicationRequest) -> Answer<()> {
        self.set_replication(ctx, input).await
    }
    async fn put_bucket_request_payment(
        &self,
        ctx: &Context,
        input: PutBucketRequestPaymentRequest,
    ) -> Answer<()> {
        self.set_payment(ctx, input).await
    }
    async fn put_bucket_tagging(&self, ctx: &Context, input: PutBucketTaggingRequest) -> Answer<()> {
        self.set_bucket_tags(ctx, input).await
    }
    async fn put_bucket_versioning(&self, ctx: &Context, input: PutBucketVersioningRequest) -> Answer<()> {
        self.set_versioning(ctx, input).await
    }
    async fn put_bucket_website(&self, ctx: &Context, input: PutBucketWebsiteRequest) -> Answer<()> {
        self.set_website(ctx, input).await
    }
    async fn put_object_lock_configuration(
        &self,
        ctx: &Context,
        input: PutObjectLockConfigurationRequest,
    ) -> Answer<PutObjectLockConfigurationOutput> {
        self.set_lock(ctx, input).await
    }
    async fn put_public_access_block(&self, ctx: &Context, input: PutPublicAccessBlockRequest) -> Answer<()> {
        self.set_public_access_block(ctx, input).await
    }
    // Not awaited here: a request of a kilobyte would be moved once more.
    fn put_object(
        &self,
        ctx: &Context,
        input: PutObjectRequest,
    ) -> impl Future<Output = Answer<PutObjectOutput>> + Send {
        self.put(ctx, input)
    }
    async fn get_object(&self, ctx: &Context, input: GetObjectRequest) -> Answer<GetObjectOutput> {
        self.get(ctx, &input)
    }
    async fn head_object(&self, ctx: &Context, input: HeadObjectRequest) -> Answer<HeadObjectOutput> {
        self.head(ctx, &input)
    }
    async fn delete_object(&self, ctx: &Context, input: DeleteObjectRequest) -> Answer<DeleteObjectOutput> {
        self.delete_one(ctx, input).await
    }
    async fn delete_objects(
        &self,
        ctx: &Context,
        input: DeleteObjectsRequest,
    ) -> Answer<DeleteObjectsOutput> {
        self.delete_many(ctx, input).await
    }
    async fn list_objects(&self, ctx: &Context, input: ListObjectsRequest) -> Answer<ListObjectsOutput> {
        self.list_v1(ctx, input)
    }
    async fn list_objects_v2(
        &self,
        ctx: &Context,
        input: ListObjectsV2Request,
    ) -> Answer<ListObjectsV2Output> {
        self.list_v2(ctx, input)
    }
    async fn list_object_versions(
        &self,
        ctx: &Context,
        input: ListObjectVersionsRequest,
    ) -> Answer<ListObjectVersionsOutput> {
        self.list_versions(ctx, input)
    }
    async fn put_object_tagging(
        &self,
        ctx: &Context,
        input: PutObjectTaggingRequest,
    ) -> Answer<PutObjectTaggingOutput> {
        self.tag_object(ctx, input).await
    }
    async fn get_object_tagging(
        &self,
        ctx: &Context,
        input: GetObjectTaggingRequest,
    ) -> Answer<GetObjectTaggingOutput> {
        self.object_tags(ctx, &input)
    }
    async fn delete_object_tagging(
        &self,
        ctx: &Context,
        input: DeleteObjectTaggingRequest,
    ) -> Answer<DeleteObjectTaggingOutput> {
        self.untag_object(ctx, input).await
    }
    async fn put_object_acl(&self, ctx: &Context, input: PutObjectAclRequest) -> Answer<PutObjectAclOutput> {
        self.set_object_acl(ctx, input).await
    }
    async fn get_object_acl(&self, ctx: &Context, input: GetObjectAclRequest) -> Answer<GetObjectAclOutput> {
        self.object_acl(ctx, &input)
    }
    async fn put_object_retention(
        &self,
        ctx: &Context,
        input: PutObjectRetentionRequest,
    ) -> Answer<PutObjectRetentionOutput> {
        self.retain(ctx, input).await
    }
    async fn get_object_retention(
        &self,
        ctx: &Context,
        input: GetObjectRetentionRequest,
    ) -> Answer<GetObjectRetentionOutput> {
        self.retention(ctx, &input)
    }
    async fn put_object_legal_hold(
        &self,
        ctx: &Context,
        input: PutObjectLegalHoldRequest,
    ) -> Answer<PutObjectLegalHoldOutput> {
        self.hold(ctx, input).await
    }
    async fn get_object_legal_hold(
        &self,
        ctx: &Context,
        input: GetObjectLegalHoldRequest,
    ) -> Answer<GetObjectLegalHoldOutput> {
        self.legal_hold(ctx, &input)
    }
    async fn copy_object(&self, ctx: &Context, input: CopyObjectRequest) -> Answer<CopyObjectOutput> {
        self.copy(ctx, input).await
    }
    async fn upload_part_copy(
        &self,
        ctx: &Context,
        input: UploadPartCopyRequest,
    ) -> Answer<UploadPartCopyOutput> {
        self.copy_part(ctx, input).await
    }
    async fn create_multipart_upload(
        &self,
        ctx: &Context,
        input: CreateMultipartUploadRequest,
    ) -> Answer<CreateMultipartUploadOutput> {
        self.begin_upload(ctx, input).await
    }
    async fn restore_object(
        &self,
        ctx: &Context,
        input: RestoreObjectRequest,
    ) -> Answer<RestoreObjectOutput> {
        self.restore(ctx, input).await
    }
    async fn upload_part(&self, ctx: &Context, input: UploadPartRequest) -> Answer<UploadPartOutput> {
        self.bring_part(ctx, input).await
    }
    async fn complete_multipart_upload(
        &self,
        ctx: &Context,
        input: CompleteMultipartUploadRequest,
    ) -> Answer<CompleteMultipartUploadOutput> {
        self.complete_upload(ctx, input).await
    }
    async fn abort_multipart_upload(
        &self,
        ctx: &Context,
        input: AbortMultipartUploadRequest,
    ) -> Answer<AbortMultipartUploadOutput> {
        self.abort_upload(ctx, input).await
    }
    async fn list_parts(&self, ctx: &Context, input: ListPartsRequest) -> Answer<ListPartsOutput> {
        self.parts(ctx, input)
    }
    async fn list_multipart_uploads(
        &self,
        ctx: &Context,
        input: ListMultipartUploadsRequest,
    ) -> Answer<ListMultipartUploadsOutput> {
        self.uploads(ctx, input)
    }
    async fn get_object_attributes(
        &self,
        ctx: &Context,
        input: GetObjectAttributesRequest,
    ) -> Answer<GetObjectAttributesOutput> {
        self.attributes(ctx, &input)
    }
}
