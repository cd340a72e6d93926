//! `AWS::S3::BucketPolicy`. `Ref` is the bucket's name.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
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

impl ResourceHandler for PolicyHandler {
    fn type_name(&self) -> &'static str {
        "AWS::S3::BucketPolicy"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["Bucket", "PolicyDocument"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["Bucket"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        _: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.set(ctx, properties))
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        _: &'a str,
        _: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.set(ctx, after))
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let input = DeleteBucketPolicyRequest { bucket: id.to_owned(), expected_bucket_owner: None };
            match self.0.remove_policy(ctx, input).await {
                Err(error) if error.code == "NoSuchBucket" => Ok(()),
                other => other,
            }
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let bucket = self.0.find(id)?.filter(|bucket| bucket.is_owned_by(ctx));
            Ok(bucket.filter(|bucket| bucket.has(Kind::Policy)).map(|_| resource(id)))
        })
    }
}
