//! A bucket's properties, each set through the operation that a client would call.

use std::collections::BTreeSet;

use moln_kernel::{ApiError, Context};
use serde_json::{Value, json};

use super::{fit, forms};
use crate::{
    Buckets, acl,
    api::named::Named,
    errors,
    model::{
        AnalyticsConfiguration, DeleteBucketCorsRequest, DeleteBucketEncryptionRequest,
        DeleteBucketLifecycleRequest, DeleteBucketReplicationRequest, DeleteBucketTaggingRequest,
        DeleteBucketWebsiteRequest, IntelligentTieringConfiguration, InventoryConfiguration,
        MetricsConfiguration, PutBucketAccelerateConfigurationRequest, PutBucketAclRequest,
        PutBucketCorsRequest, PutBucketEncryptionRequest, PutBucketLifecycleConfigurationRequest,
        PutBucketLoggingRequest, PutBucketNotificationConfigurationRequest,
        PutBucketOwnershipControlsRequest, PutBucketReplicationRequest, PutBucketTaggingRequest,
        PutBucketVersioningRequest, PutBucketWebsiteRequest, PutObjectLockConfigurationRequest,
        PutPublicAccessBlockRequest,
    },
    tables::bucket::Versioning,
};

/// In this order: what another one rests on comes first.
pub(super) const SETTINGS: &[&str] = &[
    "VersioningConfiguration",
    "ObjectLockEnabled",
    "ObjectLockConfiguration",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "AccessControl",
    "BucketEncryption",
    "Tags",
    "CorsConfiguration",
    "LifecycleConfiguration",
    "LoggingConfiguration",
    "WebsiteConfiguration",
    "AccelerateConfiguration",
    "ReplicationConfiguration",
    "AnalyticsConfigurations",
    "IntelligentTieringConfigurations",
    "InventoryConfigurations",
    "MetricsConfigurations",
    "NotificationConfiguration",
];

/// Sets a property of a bucket, or takes it back to what a bucket without it has.
#[allow(clippy::too_many_lines)] // one entry for each property
pub(super) async fn set(
    buckets: &Buckets,
    ctx: &Context,
    bucket: &str,
    property: &str,
    value: Option<Value>,
) -> Result<(), ApiError> {
    let name = || bucket.to_owned();
    macro_rules! put {
        ($operation:ident, $input:ident, $member:ident: $value:expr) => {
            buckets
                .$operation(ctx, $input { bucket: name(), $member: $value, ..$input::default() })
                .await
                .map(drop)
        };
    }
    macro_rules! take_away {
        ($operation:ident, $input:ident) => {
            buckets.$operation(ctx, $input { bucket: name(), ..$input::default() }).await
        };
    }
    match (property, value) {
        ("AccelerateConfiguration", value) => {
            let value = value.unwrap_or_else(|| json!({"Status": "Suspended"}));
            put!(set_acceleration, PutBucketAccelerateConfigurationRequest,
                accelerate_configuration: fit::shape(value)?)
        }
        ("AccessControl", value) => {
            let canned =
                value.as_ref().and_then(Value::as_str).map_or_else(|| "private".into(), forms::canned);
            put!(set_bucket_acl, PutBucketAclRequest, acl: Some(canned))
        }
        ("BucketEncryption", Some(value)) => put!(set_encryption, PutBucketEncryptionRequest,
            server_side_encryption_configuration: fit::shape(value)?),
        ("BucketEncryption", None) => take_away!(remove_encryption, DeleteBucketEncryptionRequest),
        ("CorsConfiguration", Some(value)) => {
            put!(set_cors, PutBucketCorsRequest, cors_configuration: fit::shape(value)?)
        }
        ("CorsConfiguration", None) => take_away!(remove_cors, DeleteBucketCorsRequest),
        ("LifecycleConfiguration", Some(value)) => {
            let smallest = value.get("TransitionDefaultMinimumObjectSize").and_then(Value::as_str);
            let input = PutBucketLifecycleConfigurationRequest {
                bucket: name(),
                transition_default_minimum_object_size: smallest.map(str::to_owned),
                lifecycle_configuration: Some(fit::shape(forms::lifecycle(value))?),
                ..PutBucketLifecycleConfigurationRequest::default()
            };
            buckets.set_lifecycle(ctx, input).await.map(drop)
        }
        ("LifecycleConfiguration", None) => take_away!(remove_lifecycle, DeleteBucketLifecycleRequest),
        ("LoggingConfiguration", value) => {
            let value = value.map_or_else(|| json!({}), |value| forms::logging(value, bucket));
            put!(set_logging, PutBucketLoggingRequest, bucket_logging_status: fit::shape(value)?)
        }
        ("NotificationConfiguration", value) => {
            let value = forms::notification(value.unwrap_or_else(|| json!({})));
            put!(set_notifications, PutBucketNotificationConfigurationRequest,
                notification_configuration: fit::shape(value)?)
        }
        ("ObjectLockEnabled", value) => lock(buckets, ctx, bucket, is_true(value.as_ref())).await,
        ("ObjectLockConfiguration", None) if !buckets.bucket(bucket, None)?.row.object_lock => Ok(()),
        ("ObjectLockConfiguration", value) => {
            let value = value.unwrap_or_else(|| json!({"ObjectLockEnabled": "Enabled"}));
            put!(set_lock, PutObjectLockConfigurationRequest, object_lock_configuration: Some(fit::shape(value)?))
        }
        ("OwnershipControls", value) => {
            let value = value.unwrap_or_else(|| json!({"Rules": [{"ObjectOwnership": acl::ENFORCED}]}));
            put!(set_ownership, PutBucketOwnershipControlsRequest, ownership_controls: fit::shape(value)?)
        }
        ("PublicAccessBlockConfiguration", value) => {
            // As a new bucket has it.
            let closed = json!({"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true,
                "RestrictPublicBuckets": true});
            put!(set_public_access_block, PutPublicAccessBlockRequest,
                public_access_block_configuration: fit::shape(value.unwrap_or(closed))?)
        }
        ("ReplicationConfiguration", Some(value)) => {
            put!(set_replication, PutBucketReplicationRequest, replication_configuration: fit::shape(value)?)
        }
        ("ReplicationConfiguration", None) => take_away!(remove_replication, DeleteBucketReplicationRequest),
        ("Tags", Some(value)) => {
            put!(set_bucket_tags, PutBucketTaggingRequest, tagging: fit::shape(json!({"TagSet": value}))?)
        }
        ("Tags", None) => take_away!(remove_bucket_tags, DeleteBucketTaggingRequest),
        ("VersioningConfiguration", None)
            if buckets.bucket(bucket, None)?.row.versioning == Versioning::Off =>
        {
            Ok(())
        }
        ("VersioningConfiguration", value) => {
            let value = value.unwrap_or_else(|| json!({"Status": "Suspended"}));
            put!(set_versioning, PutBucketVersioningRequest, versioning_configuration: fit::shape(value)?)
        }
        ("WebsiteConfiguration", Some(value)) => put!(set_website, PutBucketWebsiteRequest,
            website_configuration: fit::shape(forms::website(value))?),
        ("WebsiteConfiguration", None) => take_away!(remove_website, DeleteBucketWebsiteRequest),
        ("AnalyticsConfigurations", value) => {
            named::<AnalyticsConfiguration>(buckets, ctx, bucket, value, forms::filtered).await
        }
        ("IntelligentTieringConfigurations", value) => {
            named::<IntelligentTieringConfiguration>(buckets, ctx, bucket, value, forms::filtered).await
        }
        ("InventoryConfigurations", value) => {
            named::<InventoryConfiguration>(buckets, ctx, bucket, value, forms::inventory).await
        }
        ("MetricsConfigurations", value) => {
            named::<MetricsConfiguration>(buckets, ctx, bucket, value, forms::filtered).await
        }
        (other, _) => Err(errors::invalid_request(format!("extraneous key [{other}] is not permitted"))),
    }
}

/// A flag, which a template may write as a text.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Switches locks on; off they never go.
async fn lock(buckets: &Buckets, ctx: &Context, bucket: &str, on: bool) -> Result<(), ApiError> {
    let there = buckets.bucket(bucket, None)?.row.object_lock;
    match (there, on) {
        (true, false) => {
            Err(errors::invalid_request("Object Lock cannot be disabled on a bucket that has it"))
        }
        (false, true) => {
            let enabled = fit::shape(json!({"ObjectLockEnabled": "Enabled"}))?;
            let input = PutObjectLockConfigurationRequest {
                bucket: bucket.to_owned(),
                object_lock_configuration: Some(enabled),
                ..PutObjectLockConfigurationRequest::default()
            };
            buckets.set_lock(ctx, input).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// Sets these configurations and takes all others of the kind away.
async fn named<T: Named>(
    buckets: &Buckets,
    ctx: &Context,
    bucket: &str,
    value: Option<Value>,
    form: fn(Value) -> Value,
) -> Result<(), ApiError> {
    let wanted = match value {
        Some(Value::Array(wanted)) => wanted,
        _ => Vec::new(),
    };
    let at = (bucket, None);
    let mut kept = BTreeSet::new();
    for one in wanted {
        let set: T = fit::shape(form(one))?;
        buckets.set_named(ctx, at, set.id(), &set).await?;
        kept.insert(set.id().to_owned());
    }
    let mut token = None;
    loop {
        let page = buckets.all_named::<T>(ctx, at, token.as_deref())?;
        for one in page.found.iter().filter(|one| !kept.contains(one.id())) {
            buckets.remove_named::<T>(ctx, at, one.id()).await?;
        }
        token = page.next;
        if token.is_none() {
            return Ok(());
        }
    }
}
