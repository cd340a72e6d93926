//! `AWS::Lambda::Version`. `Ref` is the version's ARN; `GetAtt` knows `Version`, `FunctionArn`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

use super::properties::{gone_is_fine, input, required, resource, some};
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
        let asked = input(lambda, "PutProvisionedConcurrencyConfig", asked)?;
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
    resource(&arn, &[("FunctionArn", function), ("Version", version.version.clone())])
}

impl ResourceHandler for VersionHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::Version"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["CodeSha256", "Description", "FunctionName", "ProvisionedConcurrencyConfig"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["CodeSha256", "Description", "FunctionName"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let _ = origin;
            required(properties, "FunctionName")?;
            let asked = some(properties, &["CodeSha256", "Description", "FunctionName"]);
            let made =
                describe(&self.0.publish_version(ctx, input(&self.0, "PublishVersion", asked)?).await?);
            provision(&self.0, ctx, &made.id, &Value::Null, properties).await?;
            Ok(made)
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
            provision(&self.0, ctx, id, before, after).await?;
            let (function, qualifier) = split(id)?;
            let input = GetFunctionConfigurationRequest {
                function_name: function.to_owned(),
                qualifier: Some(qualifier.to_owned()),
            };
            Ok(describe(&self.0.get_function_configuration(ctx, input).await?))
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
            let (function, qualifier) = split(id)?;
            let input = DeleteFunctionRequest {
                function_name: function.to_owned(),
                qualifier: Some(qualifier.to_owned()),
            };
            gone_is_fine(self.0.delete_function(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let (function, qualifier) = split(id)?;
            let input = GetFunctionConfigurationRequest {
                function_name: function.to_owned(),
                qualifier: Some(qualifier.to_owned()),
            };
            match self.0.get_function_configuration(ctx, input).await.map(|version| describe(&version)) {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(Some),
            }
        })
    }
}
