//! `AWS::Lambda::Url` (`Ref` and `GetAtt` `FunctionArn` are the function's ARN, `GetAtt` `FunctionUrl` the URL) and
//! `AWS::Lambda::EventInvokeConfig` (`Ref` is the function's ARN with the qualifier).

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::{Map, Value, json};

use super::properties::{input, members, required, some, text, unless_gone};
use crate::{
    Lambda,
    model::{
        DeleteFunctionEventInvokeConfigRequest, DeleteFunctionUrlConfigRequest,
        GetFunctionEventInvokeConfigRequest, GetFunctionUrlConfigRequest, Lambda as _,
    },
};

/// The handler of `AWS::Lambda::Url`.
pub struct UrlHandler(pub Arc<Lambda>);
/// The handler of `AWS::Lambda::EventInvokeConfig`.
pub struct EventInvokeConfigHandler(pub Arc<Lambda>);

fn asked_of_url(properties: &Value) -> Result<Map<String, Value>, ApiError> {
    let mut asked = some(properties, &["AuthType", "Cors", "InvokeMode", "Qualifier"]);
    asked.insert("FunctionName".into(), required(properties, "TargetFunctionArn")?.into());
    Ok(asked)
}

fn described_url(arn: &str, url: String) -> Resource {
    Resource::new(arn).with("FunctionArn", arn).with("FunctionUrl", url)
}

fn described_config(arn: Option<String>) -> Resource {
    Resource::new(arn.unwrap_or_default())
}

/// A function's ARN, and the qualifier behind it.
fn split(arn: &str) -> (&str, Option<&str>) {
    // `arn:aws:lambda:REGION:ACCOUNT:function:NAME` has seven parts.
    match arn.rsplit_once(':') {
        Some((function, qualifier)) if arn.matches(':').count() > 6 => (function, Some(qualifier)),
        _ => (arn, None),
    }
}

impl ResourceType for UrlHandler {
    const NAME: &'static str = "AWS::Lambda::Url";
    const PROPERTIES: &'static [&'static str] =
        &["AuthType", "Cors", "InvokeMode", "Qualifier", "TargetFunctionArn"];
    const REPLACING: &'static [&'static str] = &["Qualifier", "TargetFunctionArn"];

    async fn create(&self, ctx: &Context, _: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let asked = input(&self.0, asked_of_url(properties)?)?;
        let made = self.0.create_function_url_config(ctx, asked).await?;
        Ok(described_url(&made.function_arn, made.function_url))
    }

    async fn find(
        &self,
        ctx: &Context,
        _: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let Some(function) = text(properties, "TargetFunctionArn") else { return Ok(None) };
        let input =
            GetFunctionUrlConfigRequest { function_name: function, qualifier: text(properties, "Qualifier") };
        let found = self.0.get_function_url_config(ctx, input).await;
        unless_gone(found.map(|found| described_url(&found.function_arn, found.function_url)))
    }

    async fn update(
        &self,
        ctx: &Context,
        _: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        let mut asked = asked_of_url(after)?;
        if before.get("Cors").is_some() {
            asked.entry("Cors").or_insert_with(|| json!({}));
        }
        asked.entry("InvokeMode").or_insert_with(|| "BUFFERED".into());
        let asked = input(&self.0, asked)?;
        let changed = self.0.update_function_url_config(ctx, asked).await?;
        Ok(described_url(&changed.function_arn, changed.function_url))
    }

    async fn delete(&self, ctx: &Context, id: &str, properties: &Value) -> Result<(), ApiError> {
        let (function, qualifier) = split(id);
        let qualifier = qualifier.map(str::to_owned).or_else(|| text(properties, "Qualifier"));
        let input = DeleteFunctionUrlConfigRequest { function_name: function.to_owned(), qualifier };
        unless_gone(self.0.delete_function_url_config(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let (function, qualifier) = split(id);
        let input = GetFunctionUrlConfigRequest {
            function_name: function.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        };
        let found = self.0.get_function_url_config(ctx, input).await;
        unless_gone(found.map(|found| described_url(&found.function_arn, found.function_url)))
    }
}

impl ResourceType for EventInvokeConfigHandler {
    const NAME: &'static str = "AWS::Lambda::EventInvokeConfig";
    const PROPERTIES: &'static [&'static str] = &[
        "DestinationConfig",
        "FunctionName",
        "MaximumEventAgeInSeconds",
        "MaximumRetryAttempts",
        "Qualifier",
    ];
    const REPLACING: &'static [&'static str] = &["FunctionName", "Qualifier"];

    async fn create(&self, ctx: &Context, _: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let asked = input(&self.0, members(properties))?;
        let made = self.0.put_function_event_invoke_config(ctx, asked).await?;
        Ok(described_config(made.function_arn))
    }

    async fn update(&self, ctx: &Context, _: &str, _: &Value, after: &Value) -> Result<Resource, ApiError> {
        // Put sets anew what is given and takes away what is not.
        let asked = input(&self.0, members(after))?;
        let changed = self.0.put_function_event_invoke_config(ctx, asked).await?;
        Ok(described_config(changed.function_arn))
    }

    async fn delete(&self, ctx: &Context, _: &str, properties: &Value) -> Result<(), ApiError> {
        let input = DeleteFunctionEventInvokeConfigRequest {
            function_name: required(properties, "FunctionName")?,
            qualifier: text(properties, "Qualifier"),
        };
        unless_gone(self.0.delete_function_event_invoke_config(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let (function, qualifier) = split(id);
        let input = GetFunctionEventInvokeConfigRequest {
            function_name: function.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        };
        let found = self.0.get_function_event_invoke_config(ctx, input).await;
        unless_gone(found.map(|found| described_config(found.function_arn)))
    }
}
