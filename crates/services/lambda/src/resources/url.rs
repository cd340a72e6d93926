//! `AWS::Lambda::Url` (`Ref` and `GetAtt` `FunctionArn` are the function's ARN, `GetAtt` `FunctionUrl` the URL) and
//! `AWS::Lambda::EventInvokeConfig` (`Ref` is the function's ARN with the qualifier).

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::{Map, Value, json};

use super::properties::{gone_is_fine, input, members, required, resource, some, text};
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
    resource(arn, &[("FunctionArn", Some(arn.to_owned())), ("FunctionUrl", Some(url))])
}

fn described_config(arn: Option<String>) -> Resource {
    resource(&arn.unwrap_or_default(), &[])
}

/// A function's ARN, and the qualifier behind it.
fn split(arn: &str) -> (&str, Option<&str>) {
    // `arn:aws:lambda:REGION:ACCOUNT:function:NAME` has seven parts.
    match arn.rsplit_once(':') {
        Some((function, qualifier)) if arn.matches(':').count() > 6 => (function, Some(qualifier)),
        _ => (arn, None),
    }
}

impl ResourceHandler for UrlHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::Url"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["AuthType", "Cors", "InvokeMode", "Qualifier", "TargetFunctionArn"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["Qualifier", "TargetFunctionArn"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let _ = origin;
            let asked = input(&self.0, "CreateFunctionUrlConfig", asked_of_url(properties)?)?;
            let made = self.0.create_function_url_config(ctx, asked).await?;
            Ok(described_url(&made.function_arn, made.function_url))
        })
    }

    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let _ = origin;
            let Some(function) = text(properties, "TargetFunctionArn") else { return Ok(None) };
            let input = GetFunctionUrlConfigRequest {
                function_name: function,
                qualifier: text(properties, "Qualifier"),
            };
            let found = self.0.get_function_url_config(ctx, input).await;
            match found.map(|found| described_url(&found.function_arn, found.function_url)) {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(Some),
            }
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
            let _ = id;
            let mut asked = asked_of_url(after)?;
            if before.get("Cors").is_some() {
                asked.entry("Cors").or_insert_with(|| json!({}));
            }
            asked.entry("InvokeMode").or_insert_with(|| "BUFFERED".into());
            let asked = input(&self.0, "UpdateFunctionUrlConfig", asked)?;
            let changed = self.0.update_function_url_config(ctx, asked).await?;
            Ok(described_url(&changed.function_arn, changed.function_url))
        })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let (function, qualifier) = split(id);
            let qualifier = qualifier.map(str::to_owned).or_else(|| text(properties, "Qualifier"));
            let input = DeleteFunctionUrlConfigRequest { function_name: function.to_owned(), qualifier };
            gone_is_fine(self.0.delete_function_url_config(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let (function, qualifier) = split(id);
            let input = GetFunctionUrlConfigRequest {
                function_name: function.to_owned(),
                qualifier: qualifier.map(str::to_owned),
            };
            let found = self.0.get_function_url_config(ctx, input).await;
            match found.map(|found| described_url(&found.function_arn, found.function_url)) {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(Some),
            }
        })
    }
}

impl ResourceHandler for EventInvokeConfigHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::EventInvokeConfig"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "DestinationConfig",
            "FunctionName",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
            "Qualifier",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["FunctionName", "Qualifier"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let _ = origin;
            let asked = input(&self.0, "PutFunctionEventInvokeConfig", members(properties))?;
            let made = self.0.put_function_event_invoke_config(ctx, asked).await?;
            Ok(described_config(made.function_arn))
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
            // Put sets anew what is given and takes away what is not.
            let _ = (id, before);
            let asked = input(&self.0, "PutFunctionEventInvokeConfig", members(after))?;
            let changed = self.0.put_function_event_invoke_config(ctx, asked).await?;
            Ok(described_config(changed.function_arn))
        })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let _ = id;
            let input = DeleteFunctionEventInvokeConfigRequest {
                function_name: required(properties, "FunctionName")?,
                qualifier: text(properties, "Qualifier"),
            };
            gone_is_fine(self.0.delete_function_event_invoke_config(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let (function, qualifier) = split(id);
            let input = GetFunctionEventInvokeConfigRequest {
                function_name: function.to_owned(),
                qualifier: qualifier.map(str::to_owned),
            };
            let found = self.0.get_function_event_invoke_config(ctx, input).await;
            match found.map(|found| described_config(found.function_arn)) {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(Some),
            }
        })
    }
}
