//! A bucket is made, changed and removed as templates say.

use std::sync::Arc;

use moln_kernel::{
    Context, Endpoint, ManualClock, Principal, Timestamp,
    resources::{Origin, ResourceHandler},
};
use moln_store::MemoryStore;
use serde_json::{Value, json};

use super::{BucketHandler, PolicyHandler};
use crate::{Buckets, Ports, model::*};

struct World {
    buckets: Arc<Buckets>,
    ctx: Context,
    bucket: BucketHandler,
    _dir: tempfile::TempDir,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let blobs = moln_store::blobs::Blobs::open(dir.path()).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
    let buckets = Buckets::open(MemoryStore::new(), blobs, clock, Ports::default()).unwrap();
    let endpoint = Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() });
    let principal = Principal::Account("000000000000".into());
    let ctx =
        Context::internal("000000000000".into(), "eu-west-1".into(), principal, endpoint, Timestamp(1_000));
    World { bucket: BucketHandler(Arc::clone(&buckets)), buckets, ctx, _dir: dir }
}

fn origin() -> Origin {
    Origin { stack: "My-Stack".into(), logical_id: "Files".into(), ..Origin::default() }
}

/// A request about a bucket.
macro_rules! of {
    ($input:ident, $name:expr) => {
        $input { bucket: $name.to_owned(), ..$input::default() }
    };
}

#[tokio::test]
async fn a_bucket_has_a_generated_name_and_attributes() {
    let World { bucket, ctx, .. } = world();
    let made = bucket.create(&ctx, &origin(), &json!({})).await.unwrap();
    let name = made.reference.clone();
    assert!(name.starts_with("my-stack-files-") && crate::names::check(&name).is_ok(), "{name}");
    assert_eq!(made.attributes["Arn"], format!("arn:aws:s3:::{name}"));
    assert_eq!(made.attributes["DomainName"], format!("{name}.s3.amazonaws.com"));
    assert_eq!(made.attributes["RegionalDomainName"], format!("{name}.s3.eu-west-1.amazonaws.com"));
    assert_eq!(
        made.attributes["DualStackDomainName"],
        format!("{name}.s3.dualstack.eu-west-1.amazonaws.com")
    );
    assert_eq!(made.attributes["WebsiteURL"], format!("http://{name}.s3-website.eu-west-1.localhost:4566"));
    let long = Origin { stack: "s".repeat(128), logical_id: "L".into(), ..Origin::default() };
    assert_eq!(bucket.create(&ctx, &long, &json!({})).await.unwrap().id.len(), 63);
    assert_eq!(bucket.read(&ctx, &name).await.unwrap(), Some(made));
    bucket.delete(&ctx, &name, &json!({})).await.unwrap();
    bucket.delete(&ctx, &name, &json!({})).await.unwrap();
    assert_eq!(bucket.read(&ctx, &name).await.unwrap(), None);
}

/// Every property at once; `log` and `copy` are there.
fn everything() -> Value {
    let s3 = |name: &str| format!("arn:aws:s3:::{name}");
    json!({
        "BucketName": "all",
        "AccessControl": "PublicRead",
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": "false", "BlockPublicPolicy": true},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [
            {"BucketKeyEnabled": true, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}}]},
        "CorsConfiguration": {"CorsRules": [{"Id": "c", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"],
            "ExposedHeaders": ["ETag"], "MaxAge": "30"}]},
        "LifecycleConfiguration": {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class", "Rules": [
            {"Id": "a", "Status": "Enabled", "ExpirationInDays": "7", "Prefix": "tmp/",
             "TagFilters": [{"Key": "k", "Value": "v"}], "ObjectSizeGreaterThan": "10",
             "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 3}]},
            {"Id": "b", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
             "NoncurrentVersionExpiration": {"NoncurrentDays": 5, "NewerNoncurrentVersions": 2},
             "NoncurrentVersionTransitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 40}]},
            {"Id": "d", "Status": "Disabled", "ExpirationDate": "2030-01-01T00:00:00.000Z", "Prefix": "old/"}]},
        "LoggingConfiguration": {"DestinationBucketName": "log", "LogFilePrefix": "x/"},
        "NotificationConfiguration": {},
        "ObjectLockEnabled": true,
        "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}},
        "ReplicationConfiguration": {"Role": "arn:aws:iam::000000000000:role/r", "Rules": [
            {"Id": "r", "Priority": 1, "Status": "Enabled", "DeleteMarkerReplication": {"Status": "Disabled"},
             "Filter": {"And": {"Prefix": "p", "TagFilters": [{"Key": "k", "Value": "v"}]}},
             "Destination": {"Bucket": s3("copy")}}]},
        "Tags": [{"Key": "team", "Value": "blue"}],
        "VersioningConfiguration": {"Status": "Enabled"},
        "WebsiteConfiguration": {"IndexDocument": "index.html", "ErrorDocument": "error.html", "RoutingRules": [
            {"RoutingRuleCondition": {"KeyPrefixEquals": "a/"}, "RedirectRule": {"ReplaceKeyPrefixWith": "b/"}}]},
        "AccelerateConfiguration": {"AccelerationStatus": "Enabled"},
        "MetricsConfigurations": [{"Id": "m"}, {"Id": "n", "Prefix": "p", "TagFilters": [{"Key": "k", "Value": "v"}]}],
        "AnalyticsConfigurations": [{"Id": "an", "Prefix": "p", "StorageClassAnalysis": {"DataExport": {
            "OutputSchemaVersion": "V_1", "Destination": {"BucketArn": s3("log"), "Format": "CSV"}}}}],
        "InventoryConfigurations": [{"Id": "i", "Enabled": true, "IncludedObjectVersions": "All", "Prefix": "p",
            "ScheduleFrequency": "Daily", "OptionalFields": ["Size"],
            "Destination": {"BucketArn": s3("log"), "BucketAccountId": "000000000000", "Format": "CSV"}}],
        "IntelligentTieringConfigurations": [{"Id": "t", "Status": "Enabled",
            "Tierings": [{"AccessTier": "ARCHIVE_ACCESS", "Days": 90}]}],
    })
}

async fn with_everything() -> World {
    let world = world();
    let World { bucket, ctx, .. } = &world;
    bucket.create(ctx, &origin(), &json!({"BucketName": "log"})).await.unwrap();
    let versioned = json!({"BucketName": "copy", "VersioningConfiguration": {"Status": "Enabled"}});
    bucket.create(ctx, &origin(), &versioned).await.unwrap();
    bucket.create(ctx, &origin(), &everything()).await.unwrap();
    world
}

#[tokio::test]
async fn every_property_is_set() {
    let World { buckets, ctx, .. } = &with_everything().await;
    let rules = buckets.lifecycle(ctx, &of!(GetBucketLifecycleConfigurationRequest, "all")).unwrap();
    assert_eq!(rules.transition_default_minimum_object_size.as_deref(), Some("varies_by_storage_class"));
    let [a, b, d] = rules.rules.unwrap().try_into().unwrap();
    let and = a.filter.unwrap().and.unwrap();
    assert_eq!(
        (and.prefix.as_deref(), and.object_size_greater_than, and.tags.unwrap().len()),
        (Some("tmp/"), Some(10), 1)
    );
    assert_eq!((a.expiration.unwrap().days, a.transitions.unwrap()[0].days), (Some(7), Some(3)));
    let (noncurrent, moved) =
        (b.noncurrent_version_expiration.unwrap(), b.noncurrent_version_transitions.unwrap());
    assert_eq!((noncurrent.noncurrent_days, noncurrent.newer_noncurrent_versions), (Some(5), Some(2)));
    assert_eq!((moved[0].noncurrent_days, b.filter.unwrap().prefix.as_deref()), (Some(40), Some("")));
    assert_eq!(d.expiration.unwrap().date, Some(Timestamp(1_893_456_000_000)));
    let cors = buckets.cors(ctx, &of!(GetBucketCorsRequest, "all")).unwrap().cors_rules.unwrap();
    assert_eq!((cors[0].max_age_seconds, cors[0].id.as_deref()), (Some(30), Some("c")));
    assert_eq!(cors[0].expose_headers, Some(vec!["ETag".to_owned()]));
    let grants = buckets.bucket_acl(ctx, &of!(GetBucketAclRequest, "all")).unwrap().grants.unwrap();
    assert_eq!(grants.len(), 2);
    let block = buckets.public_access_block(ctx, &of!(GetPublicAccessBlockRequest, "all")).unwrap();
    let block = block.public_access_block_configuration.unwrap();
    assert_eq!((block.block_public_acls, block.block_public_policy), (Some(false), Some(true)));
    let encryption = buckets.encryption(ctx, &of!(GetBucketEncryptionRequest, "all")).unwrap();
    let rule = encryption.server_side_encryption_configuration.unwrap().rules.remove(0);
    assert_eq!(rule.apply_server_side_encryption_by_default.unwrap().kms_master_key_id.as_deref(), Some("k"));
    let logging =
        buckets.logging(ctx, &of!(GetBucketLoggingRequest, "all")).unwrap().logging_enabled.unwrap();
    assert_eq!((logging.target_bucket.as_str(), logging.target_prefix.as_str()), ("log", "x/"));
    let lock = buckets.lock(ctx, &of!(GetObjectLockConfigurationRequest, "all")).unwrap();
    let lock = lock.object_lock_configuration.unwrap().rule.unwrap().default_retention.unwrap();
    assert_eq!((lock.mode.as_deref(), lock.days), (Some("GOVERNANCE"), Some(1)));
    let replication = buckets.replication(ctx, &of!(GetBucketReplicationRequest, "all")).unwrap();
    let rule = replication.replication_configuration.unwrap().rules.remove(0);
    assert_eq!(rule.filter.unwrap().and.unwrap().tags.unwrap()[0].key, "k");
    let tags = buckets.bucket_tags(ctx, &of!(GetBucketTaggingRequest, "all")).unwrap().tag_set;
    assert_eq!((tags[0].key.as_str(), tags[0].value.as_str()), ("team", "blue"));
    let site = buckets.website(ctx, &of!(GetBucketWebsiteRequest, "all")).unwrap();
    assert_eq!(site.index_document.unwrap().suffix, "index.html");
    let rule = site.routing_rules.unwrap().remove(0);
    assert_eq!(rule.condition.unwrap().key_prefix_equals.as_deref(), Some("a/"));
    assert_eq!(rule.redirect.replace_key_prefix_with.as_deref(), Some("b/"));
    let fast = of!(GetBucketAccelerateConfigurationRequest, "all");
    assert_eq!(buckets.acceleration(ctx, &fast).unwrap().status.as_deref(), Some("Enabled"));
    let at = ("all", None);
    assert_eq!(buckets.all_named::<MetricsConfiguration>(ctx, at, None).unwrap().found.len(), 2);
    let inventory = buckets.named::<InventoryConfiguration>(ctx, at, "i").unwrap().unwrap();
    let to = inventory.destination.s3_bucket_destination;
    assert_eq!((to.bucket.as_str(), to.account_id.as_deref()), ("arn:aws:s3:::log", Some("000000000000")));
    assert_eq!(
        (inventory.schedule.frequency.as_str(), inventory.filter.unwrap().prefix.as_str()),
        ("Daily", "p")
    );
    let analysis = buckets.named::<AnalyticsConfiguration>(ctx, at, "an").unwrap().unwrap();
    let export = analysis.storage_class_analysis.data_export.unwrap();
    assert_eq!(export.destination.s3_bucket_destination.bucket, "arn:aws:s3:::log");
    assert!(buckets.named::<IntelligentTieringConfiguration>(ctx, at, "t").is_ok());
}

#[tokio::test]
async fn what_is_taken_out_goes_back_to_the_beginning() {
    let World { buckets, bucket, ctx, .. } = &with_everything().await;
    let bare = json!({"BucketName": "all", "ObjectLockEnabled": true,
        "VersioningConfiguration": {"Status": "Enabled"}, "MetricsConfigurations": [{"Id": "n"}]});
    assert!(!bucket.replaces(&everything(), &bare) && bucket.replaces(&everything(), &json!({})));
    bucket.update(ctx, "all", &everything(), &bare).await.unwrap();
    let gone = |error: moln_kernel::ApiError| error.code.into_owned();
    let all = "all";
    assert_eq!(
        [
            buckets
                .lifecycle(ctx, &of!(GetBucketLifecycleConfigurationRequest, all))
                .map_err(gone)
                .unwrap_err(),
            buckets.cors(ctx, &of!(GetBucketCorsRequest, all)).map_err(gone).unwrap_err(),
            buckets.website(ctx, &of!(GetBucketWebsiteRequest, all)).map_err(gone).unwrap_err(),
            buckets.replication(ctx, &of!(GetBucketReplicationRequest, all)).map_err(gone).unwrap_err(),
            buckets.bucket_tags(ctx, &of!(GetBucketTaggingRequest, all)).map_err(gone).unwrap_err(),
        ],
        [
            "NoSuchLifecycleConfiguration",
            "NoSuchCORSConfiguration",
            "NoSuchWebsiteConfiguration",
            "ReplicationConfigurationNotFoundError",
            "NoSuchTagSet",
        ]
    );
    let block = buckets.public_access_block(ctx, &of!(GetPublicAccessBlockRequest, all)).unwrap();
    assert_eq!(block.public_access_block_configuration.unwrap().block_public_acls, Some(true));
    let rules = buckets.ownership(ctx, &of!(GetBucketOwnershipControlsRequest, all)).unwrap();
    assert_eq!(rules.ownership_controls.unwrap().rules[0].object_ownership, "BucketOwnerEnforced");
    let metrics = buckets.all_named::<MetricsConfiguration>(ctx, (all, None), None).unwrap().found;
    assert_eq!(metrics.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["n"]);
    let refused = bucket.update(ctx, all, &bare, &json!({"BucketName": all})).await.unwrap_err();
    assert_eq!(refused.code, "InvalidRequest", "locks stay: {refused}");
}

#[tokio::test]
async fn a_bucket_is_made_whole_or_not_at_all() {
    let World { buckets, bucket, ctx, .. } = &world();
    for (property, value) in [
        ("CorsConfiguration", json!({"CorsRules": [{"AllowedMethods": ["GET"]}]})),
        ("LifecycleConfiguration", json!({"Rules": [{"Status": "Enabled", "Colour": "red"}]})),
        ("VersioningConfiguration", json!({"Status": "Perhaps"})),
        ("WebsiteConfiguration", json!({"IndexDocument": 7, "ErrorDocument": {}})),
        (
            "NotificationConfiguration",
            json!({"QueueConfigurations": [{"Queue": "q", "Event": "s3:Nothing"}]}),
        ),
    ] {
        let properties = json!({"BucketName": "bad", property: value});
        let refused = bucket.create(ctx, &origin(), &properties).await.unwrap_err();
        assert!((400..500).contains(&refused.status), "{property}: {refused}");
        assert!(buckets.find("bad").unwrap().is_none(), "{property}");
    }
    bucket.create(ctx, &origin(), &json!({"BucketName": "once"})).await.unwrap();
    let twice = bucket.create(ctx, &origin(), &json!({"BucketName": "once"})).await.unwrap_err();
    assert_eq!(twice.code, "BucketAlreadyOwnedByYou");
    assert!(buckets.find("once").unwrap().is_some(), "the other's is not taken away");
}

#[tokio::test]
async fn a_policy_is_set_changed_and_removed() {
    let World { buckets, bucket, ctx, .. } = &world();
    let policy = PolicyHandler(Arc::clone(buckets));
    bucket.create(ctx, &origin(), &json!({"BucketName": "bbb"})).await.unwrap();
    let document = |action: &str| {
        json!({"Bucket": "bbb", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Deny",
            "Principal": "*", "Action": action, "Resource": "arn:aws:s3:::bbb/*"}]}})
    };
    let (before, after) = (document("s3:GetObject"), document("s3:PutObject"));
    let made = policy.create(ctx, &origin(), &before).await.unwrap();
    assert_eq!(made.reference, "bbb");
    assert_eq!(policy.update(ctx, "bbb", &before, &after).await.unwrap(), made);
    let told = buckets.policy(ctx, &of!(GetBucketPolicyRequest, "bbb")).unwrap().policy.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), after["PolicyDocument"]);
    assert!(policy.create(ctx, &origin(), &json!({"Bucket": "bbb"})).await.is_err());
    let elsewhere = json!({"Bucket": "nowhere", "PolicyDocument": after["PolicyDocument"]});
    assert_eq!(policy.create(ctx, &origin(), &elsewhere).await.unwrap_err().code, "NoSuchBucket");
    assert_eq!(policy.read(ctx, "bbb").await.unwrap(), Some(made));
    for _ in 0..2 {
        policy.delete(ctx, "bbb", &after).await.unwrap();
    }
    policy.delete(ctx, "nowhere", &after).await.unwrap();
    assert_eq!(policy.read(ctx, "bbb").await.unwrap(), None);
}
