//! `AWS::Lambda::Alias`. `Ref` and `GetAtt` `AliasArn` are the alias' ARN.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::{Map, Value, json};

use super::{
    properties::{input, some, text, unless_gone},
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
    Resource::new(arn.as_str()).with("AliasArn", arn)
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

impl ResourceType for AliasHandler {
    const NAME: &'static str = "AWS::Lambda::Alias";
    const PROPERTIES: &'static [&'static str] = &[
        "Description",
        "FunctionName",
        "FunctionVersion",
        "Name",
        "ProvisionedConcurrencyConfig",
        "RoutingConfig",
    ];
    const REPLACING: &'static [&'static str] = &["FunctionName", "Name"];

    async fn create(&self, ctx: &Context, _: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let made = describe(self.0.create_alias(ctx, input(&self.0, asked(properties))?).await?);
        provision(&self.0, ctx, &made.id, &Value::Null, properties).await?;
        Ok(made)
    }

    async fn find(
        &self,
        ctx: &Context,
        _: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let (Some(function), Some(name)) = (text(properties, "FunctionName"), text(properties, "Name"))
        else {
            return Ok(None);
        };
        self.read(ctx, &format!("{function}:{name}")).await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        let alias = self.0.update_alias(ctx, input(&self.0, asked(after))?).await?;
        provision(&self.0, ctx, id, before, after).await?;
        Ok(describe(alias))
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let (function, name) = split(id)?;
        let input = DeleteAliasRequest { function_name: function.to_owned(), name: name.to_owned() };
        unless_gone(self.0.delete_alias(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let (function, name) = split(id)?;
        let input = GetAliasRequest { function_name: function.to_owned(), name: name.to_owned() };
        unless_gone(self.0.get_alias(ctx, input).await.map(describe))
    }
}
