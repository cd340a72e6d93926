//! `AWS::Lambda::Alias`. `Ref` and `GetAtt` `AliasArn` are the alias' ARN.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::{Map, Value, json};

use super::{
    properties::{gone_is_fine, input, resource, some, text},
    version::{provision, split},
};
use crate::{
    Lambda,
    model::{AliasConfiguration, DeleteAliasRequest, GetAliasRequest, Lambda as _},
};

/// The handler.
pub struct AliasHandler(pub Arc<Lambda>);

fn describe(alias: AliasConfiguration) -> Resource {
    let arn = alias.alias_arn.unwrap_or_default();
    resource(&arn, &[("AliasArn", Some(arn.clone()))])
}

/// The properties as the operations take them: weights by version. Those that are not there take away what was.
fn asked(properties: &Value) -> Map<String, Value> {
    let mut asked = some(properties, &["Description", "FunctionName", "FunctionVersion", "Name"]);
    let weights = properties.pointer("/RoutingConfig/AdditionalVersionWeights").and_then(Value::as_array);
    let weight =
        |weight: &Value| Some((text(weight, "FunctionVersion")?, weight.get("FunctionWeight")?.clone()));
    let weights: Map<String, Value> = weights.into_iter().flatten().filter_map(weight).collect();
    asked.insert("RoutingConfig".into(), json!({"AdditionalVersionWeights": weights}));
    asked.entry("Description").or_insert_with(|| "".into());
    asked
}

impl ResourceHandler for AliasHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::Alias"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "Description",
            "FunctionName",
            "FunctionVersion",
            "Name",
            "ProvisionedConcurrencyConfig",
            "RoutingConfig",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["FunctionName", "Name"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let _ = origin;
            let made =
                describe(self.0.create_alias(ctx, input(&self.0, "CreateAlias", asked(properties))?).await?);
            provision(&self.0, ctx, &made.id, &Value::Null, properties).await?;
            Ok(made)
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
            let (Some(function), Some(name)) = (text(properties, "FunctionName"), text(properties, "Name"))
            else {
                return Ok(None);
            };
            self.read(ctx, &format!("{function}:{name}")).await
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
            let alias = self.0.update_alias(ctx, input(&self.0, "UpdateAlias", asked(after))?).await?;
            provision(&self.0, ctx, id, before, after).await?;
            Ok(describe(alias))
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
            let (function, name) = split(id)?;
            let input = DeleteAliasRequest { function_name: function.to_owned(), name: name.to_owned() };
            gone_is_fine(self.0.delete_alias(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let (function, name) = split(id)?;
            let input = GetAliasRequest { function_name: function.to_owned(), name: name.to_owned() };
            match self.0.get_alias(ctx, input).await.map(describe) {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(Some),
            }
        })
    }
}
