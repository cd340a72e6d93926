//! `AWS::S3::BucketPolicy`. `Ref` is the bucket's name.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use crate::{
    Buckets, errors,
    model::{DeleteBucketPolicyRequest, PutBucketPolicyRequest},
    tables::configuration::Kind,
};

/// The handler.
pub struct PolicyHandler(pub Arc<Buckets>);

impl PolicyHandler {
    async fn set(&self, ctx: &Context, properties: &Value) -> Result<Resource, ApiError> {
        let bucket = properties.get("Bucket").and_then(Value::as_str).unwrap_or_default();
        let policy = match properties.get("PolicyDocument") {
            Some(Value::String(text)) => text.clone(),
            Some(document @ Value::Object(_)) => document.to_string(),
            _ => {
                return Err(errors::invalid_request(
                    "Missing required header for this request: PolicyDocument",
                ));
            }
        };
        let input =
            PutBucketPolicyRequest { bucket: bucket.to_owned(), policy, ..PutBucketPolicyRequest::default() };
        self.0.set_policy(ctx, input).await?;
        Ok(resource(bucket))
    }
}

fn resource(bucket: &str) -> Resource {
    Resource { id: bucket.to_owned(), reference: bucket.to_owned(), attributes: BTreeMap::new() }
}

impl ResourceType for PolicyHandler {
    const NAME: &'static str = "AWS::S3::BucketPolicy";
    const PROPERTIES: &'static [&'static str] = &["Bucket", "PolicyDocument"];
    const REPLACING: &'static [&'static str] = &["Bucket"];

    async fn create(&self, ctx: &Context, _: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        self.set(ctx, properties).await
    }

    async fn update(&self, ctx: &Context, _: &str, _: &Value, after: &Value) -> Result<Resource, ApiError> {
        self.set(ctx, after).await
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let input = DeleteBucketPolicyRequest { bucket: id.to_owned(), expected_bucket_owner: None };
        match self.0.remove_policy(ctx, input).await {
            Err(error) if error.code == "NoSuchBucket" => Ok(()),
            other => other,
        }
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let bucket = self.0.find(id)?.filter(|bucket| bucket.is_owned_by(ctx));
        Ok(bucket.filter(|bucket| bucket.has(Kind::Policy)).map(|_| resource(id)))
    }
}
