//! `AWS::Lambda::Version`. `Ref` is the version's ARN; `GetAtt` knows `Version`, `FunctionArn`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use super::properties::{input, required, some, unless_gone};
use crate::{
    Lambda, errors,
    model::{
        DeleteFunctionRequest, DeleteProvisionedConcurrencyConfigRequest, FunctionConfiguration,
        GetFunctionConfigurationRequest, Lambda as _,
    },
};

/// The handler.
pub struct VersionHandler(pub Arc<Lambda>);

/// A version's or alias' ARN: the function's, and the qualifier.
pub(super) fn split(arn: &str) -> Result<(&str, &str), ApiError> {
    arn.rsplit_once(':')
        .ok_or_else(|| errors::validation(format!("{arn} is not the ARN of a version or an alias.")))
}

/// Keeps as many environments ready as the properties say; none when they say nothing.
pub(super) async fn provision(
    lambda: &Lambda,
    ctx: &Context,
    arn: &str,
    before: &Value,
    after: &Value,
) -> Result<(), ApiError> {
    let (old, new) = (before.get("ProvisionedConcurrencyConfig"), after.get("ProvisionedConcurrencyConfig"));
    if old == new {
        return Ok(());
    }
    let (function, qualifier) = split(arn)?;
    if let Some(config) = new {
        let mut asked = some(config, &["ProvisionedConcurrentExecutions"]);
        asked.insert("FunctionName".into(), function.into());
        asked.insert("Qualifier".into(), qualifier.into());
        let asked = input(lambda, asked)?;
        return lambda.put_provisioned_concurrency_config(ctx, asked).await.map(drop);
    }
    let asked = DeleteProvisionedConcurrencyConfigRequest {
        function_name: function.to_owned(),
        qualifier: qualifier.to_owned(),
    };
    lambda.delete_provisioned_concurrency_config(ctx, asked).await
}

fn describe(version: &FunctionConfiguration) -> Resource {
    let arn = version.function_arn.clone().unwrap_or_default();
    let function = split(&arn).map(|(function, _)| function.to_owned()).ok();
    Resource::new(arn.as_str()).with("FunctionArn", function).with("Version", version.version.clone())
}

impl ResourceType for VersionHandler {
    const NAME: &'static str = "AWS::Lambda::Version";
    const PROPERTIES: &'static [&'static str] =
        &["CodeSha256", "Description", "FunctionName", "ProvisionedConcurrencyConfig"];
    const REPLACING: &'static [&'static str] = &["CodeSha256", "Description", "FunctionName"];

    async fn create(&self, ctx: &Context, _: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        required(properties, "FunctionName")?;
        let asked = some(properties, &["CodeSha256", "Description", "FunctionName"]);
        let made = describe(&self.0.publish_version(ctx, input(&self.0, asked)?).await?);
        provision(&self.0, ctx, &made.id, &Value::Null, properties).await?;
        Ok(made)
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        provision(&self.0, ctx, id, before, after).await?;
        let (function, qualifier) = split(id)?;
        let input = GetFunctionConfigurationRequest {
            function_name: function.to_owned(),
            qualifier: Some(qualifier.to_owned()),
        };
        Ok(describe(&self.0.get_function_configuration(ctx, input).await?))
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let (function, qualifier) = split(id)?;
        let input = DeleteFunctionRequest {
            function_name: function.to_owned(),
            qualifier: Some(qualifier.to_owned()),
        };
        unless_gone(self.0.delete_function(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let (function, qualifier) = split(id)?;
        let input = GetFunctionConfigurationRequest {
            function_name: function.to_owned(),
            qualifier: Some(qualifier.to_owned()),
        };
        unless_gone(self.0.get_function_configuration(ctx, input).await.map(|version| describe(&version)))
    }
}
