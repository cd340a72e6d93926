//! `AWS::Lambda::LayerVersion`. `Ref` and `GetAtt` `LayerVersionArn` are the version's ARN.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use super::properties::{input, members, unless_gone};
use crate::{
    Lambda, errors,
    model::{DeleteLayerVersionRequest, GetLayerVersionByArnRequest, Lambda as _},
};

/// The handler.
pub struct LayerVersionHandler(pub Arc<Lambda>);

fn describe(arn: Option<String>) -> Resource {
    let arn = arn.unwrap_or_default();
    Resource::new(arn.as_str()).with("LayerVersionArn", arn)
}

/// The layer's ARN and the number of a version's ARN.
pub(super) fn split(arn: &str) -> Result<(&str, i64), ApiError> {
    let bad = || errors::validation(format!("{arn} is not the ARN of a layer's version."));
    let (layer, number) = arn.rsplit_once(':').ok_or_else(bad)?;
    Ok((layer, number.parse().map_err(|_| bad())?))
}

impl ResourceType for LayerVersionHandler {
    const NAME: &'static str = "AWS::Lambda::LayerVersion";
    const PROPERTIES: &'static [&'static str] = &[
        "CompatibleArchitectures",
        "CompatibleRuntimes",
        "Content",
        "Description",
        "LayerName",
        "LicenseInfo",
    ];
    const REPLACING: &'static [&'static str] = Self::PROPERTIES;

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let mut asked = members(properties);
        asked.entry("LayerName").or_insert_with(|| origin.name(64).into());
        let asked = input(&self.0, asked)?;
        let token = Some(origin.token.clone()).filter(|token| !token.is_empty());
        Ok(describe(self.0.new_layer(ctx, asked, token).await?.layer_version_arn))
    }

    async fn update(&self, _: &Context, id: &str, _: &Value, _: &Value) -> Result<Resource, ApiError> {
        // Every property makes another version.
        Ok(describe(Some(id.to_owned())))
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let (layer, number) = split(id)?;
        let input = DeleteLayerVersionRequest { layer_name: layer.to_owned(), version_number: number };
        unless_gone(self.0.delete_layer_version(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let input = GetLayerVersionByArnRequest { arn: id.to_owned() };
        unless_gone(
            self.0.get_layer_version_by_arn(ctx, input).await.map(|found| describe(found.layer_version_arn)),
        )
    }
}
