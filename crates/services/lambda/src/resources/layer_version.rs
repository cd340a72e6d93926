//! `AWS::Lambda::LayerVersion`. `Ref` and `GetAtt` `LayerVersionArn` are the version's ARN.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

use super::properties::{generated_name, gone_is_fine, input, members, resource};
use crate::{
    Lambda, errors,
    model::{DeleteLayerVersionRequest, GetLayerVersionByArnRequest, Lambda as _},
};

/// The handler.
pub struct LayerVersionHandler(pub Arc<Lambda>);

fn describe(arn: Option<String>) -> Resource {
    let arn = arn.unwrap_or_default();
    resource(&arn, &[("LayerVersionArn", Some(arn.clone()))])
}

/// The layer's ARN and the number of a version's ARN.
pub(super) fn split(arn: &str) -> Result<(&str, i64), ApiError> {
    let bad = || errors::validation(format!("{arn} is not the ARN of a layer's version."));
    let (layer, number) = arn.rsplit_once(':').ok_or_else(bad)?;
    Ok((layer, number.parse().map_err(|_| bad())?))
}

impl ResourceHandler for LayerVersionHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::LayerVersion"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Content",
            "Description",
            "LayerName",
            "LicenseInfo",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &[
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Content",
            "Description",
            "LayerName",
            "LicenseInfo",
        ]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let mut asked = members(properties);
            asked.entry("LayerName").or_insert_with(|| generated_name(origin, 64).into());
            let asked = input(&self.0, "PublishLayerVersion", asked)?;
            Ok(describe(self.0.publish_layer_version(ctx, asked).await?.layer_version_arn))
        })
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            // Every property makes another version.
            let _ = (ctx, before, after);
            Ok(describe(Some(id.to_owned())))
        })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let _ = properties;
            let (layer, number) = split(id)?;
            let input = DeleteLayerVersionRequest { layer_name: layer.to_owned(), version_number: number };
            gone_is_fine(self.0.delete_layer_version(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let input = GetLayerVersionByArnRequest { arn: id.to_owned() };
            match self
                .0
                .get_layer_version_by_arn(ctx, input)
                .await
                .map(|found| describe(found.layer_version_arn))
            {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(Some),
            }
        })
    }
}
