//! `AWS::S3::Bucket`. `Ref` is the name; `GetAtt` knows `Arn`, `DomainName`, `DualStackDomainName`,
//! `RegionalDomainName`, `WebsiteURL`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use super::{
    forms, live,
    settings::{self, SETTINGS},
};
use crate::{
    Buckets, acl,
    bucket::Bucket,
    limits,
    model::{CreateBucketConfiguration, CreateBucketRequest, DeleteBucketRequest},
    names,
};

const PROPERTIES: &[&str] = &[
    "AccelerateConfiguration",
    "AccessControl",
    "AnalyticsConfigurations",
    "BucketEncryption",
    "BucketName",
    "CorsConfiguration",
    "IntelligentTieringConfigurations",
    "InventoryConfigurations",
    "LifecycleConfiguration",
    "LoggingConfiguration",
    "MetricsConfigurations",
    "NotificationConfiguration",
    "ObjectLockConfiguration",
    "ObjectLockEnabled",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "ReplicationConfiguration",
    "Tags",
    "VersioningConfiguration",
    "WebsiteConfiguration",
];

/// The handler.
pub struct BucketHandler(pub Arc<Buckets>);

/// `stack-logicalid-suffix` in small letters, cut where the whole would be too long.
fn generated_name(origin: &Origin) -> String {
    origin.name(*limits::BUCKET_NAME.end()).to_ascii_lowercase()
}

fn describe(ctx: &Context, bucket: &Bucket) -> Resource {
    let (name, region) = (&bucket.name, &bucket.row.region);
    let scheme = ctx.endpoint.scheme;
    let port =
        ctx.endpoint.authority.rsplit_once(':').map_or_else(String::new, |(_, port)| format!(":{port}"));
    let attributes = [
        ("Arn", format!("arn:aws:s3:::{name}")),
        ("DomainName", format!("{name}.s3.amazonaws.com")),
        ("DualStackDomainName", format!("{name}.s3.dualstack.{region}.amazonaws.com")),
        ("RegionalDomainName", format!("{name}.s3.{region}.amazonaws.com")),
        // A visitor's address: it has to lead here.
        ("WebsiteURL", format!("{scheme}://{name}.s3-website.{region}.localhost{port}")),
    ];
    Resource {
        id: name.clone(),
        reference: name.clone(),
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
    }
}

/// A property that is set.
fn property(properties: &Value, name: &str) -> Option<Value> {
    properties.get(name).filter(|value| !value.is_null()).cloned()
}

impl BucketHandler {
    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        Ok(describe(ctx, &*self.0.own_bucket(ctx, id, None)?))
    }

    async fn remove(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        let input = DeleteBucketRequest { bucket: name.to_owned(), ..DeleteBucketRequest::default() };
        match self.0.remove_bucket(ctx, input).await {
            Err(error) if error.code == "NoSuchBucket" => Ok(()),
            other => other,
        }
    }

    async fn make(&self, ctx: &Context, name: &str, properties: &Value) -> Result<(), ApiError> {
        // Its owner's bucket of that name is another's resource, even where the operation says yes.
        if self.0.find(name)?.is_some_and(|there| there.is_owned_by(ctx)) {
            return Err(crate::errors::bucket_already_owned_by_you(name));
        }
        let region = ctx.region.as_str();
        let location = (region != "us-east-1").then(|| CreateBucketConfiguration {
            location_constraint: Some(region.to_owned()),
            ..CreateBucketConfiguration::default()
        });
        // Without a rule that lets lists count, a bucket is refused that has one.
        let rule = properties.pointer("/OwnershipControls/Rules/0/ObjectOwnership").and_then(Value::as_str);
        let list = properties.get("AccessControl").and_then(Value::as_str).map(forms::canned);
        let input = CreateBucketRequest {
            bucket: name.to_owned(),
            acl: list.filter(|_| rule.is_none_or(|rule| rule == acl::ENFORCED)),
            create_bucket_configuration: location,
            object_lock_enabled_for_bucket: Some(settings::is_true(properties.get("ObjectLockEnabled"))),
            ..CreateBucketRequest::default()
        };
        self.0.make_bucket(ctx, input).await?;
        for setting in SETTINGS {
            let Some(value) = property(properties, setting) else { continue };
            if let Err(error) = settings::set(&self.0, ctx, name, setting, Some(value)).await {
                // Whole or not at all. It is empty, unless somebody was quick, and then it is kept.
                let _ = self.remove(ctx, name).await;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl ResourceType for BucketHandler {
    const NAME: &'static str = "AWS::S3::Bucket";
    const PROPERTIES: &'static [&'static str] = PROPERTIES;
    const REPLACING: &'static [&'static str] = &["BucketName"];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let name = match properties.get("BucketName").and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => generated_name(origin),
        };
        names::check(&name)?;
        self.make(ctx, &name, properties).await?;
        self.find(ctx, &name)
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let own = properties.get("BucketName").and_then(Value::as_str).map(str::to_owned);
        self.read(ctx, &own.unwrap_or_else(|| generated_name(origin))).await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        self.0.own_bucket(ctx, id, None)?;
        let (old, new) = (|name: &str| property(before, name), |name: &str| property(after, name));
        let changed = |name: &&&str| old(name) != new(name);
        // What goes away goes in the other order: nothing loses what it rests on.
        for setting in SETTINGS.iter().rev().filter(changed).filter(|name| new(name).is_none()) {
            settings::set(&self.0, ctx, id, setting, None).await?;
        }
        for setting in SETTINGS.iter().filter(changed) {
            if let Some(value) = new(setting) {
                settings::set(&self.0, ctx, id, setting, Some(value)).await?;
            }
        }
        self.find(ctx, id)
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        self.remove(ctx, id).await
    }

    async fn live(&self, ctx: &Context, id: &str, expected: &Value) -> Result<Option<Value>, ApiError> {
        let bucket = self.0.own_bucket(ctx, id, None);
        let live = bucket.and_then(|bucket| live::properties(&bucket, expected));
        live.map(Some)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let bucket = self.0.find(id)?.filter(|bucket| bucket.is_owned_by(ctx));
        Ok(bucket.map(|bucket| describe(ctx, &bucket)))
    }
}
