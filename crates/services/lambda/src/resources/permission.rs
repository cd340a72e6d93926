//! `AWS::Lambda::Permission` and `AWS::Lambda::LayerVersionPermission`: statements of resource policies. `Ref` is the
//! statement's id, for layers behind the version's ARN and a `#`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use super::{
    layer_version::split,
    properties::{input, members, required, unless_gone},
};
use crate::{
    Lambda, errors,
    model::{
        GetLayerVersionByArnRequest, GetPolicyRequest, Lambda as _, RemoveLayerVersionPermissionRequest,
        RemovePermissionRequest,
    },
};

/// The handler of `AWS::Lambda::Permission`.
pub struct PermissionHandler(pub Arc<Lambda>);
/// The handler of `AWS::Lambda::LayerVersionPermission`.
pub struct LayerVersionPermissionHandler(pub Arc<Lambda>);

fn describe(id: &str) -> Resource {
    Resource::new(id).with("Id", id)
}

impl ResourceType for PermissionHandler {
    const NAME: &'static str = "AWS::Lambda::Permission";
    const PROPERTIES: &'static [&'static str] = &[
        "Action",
        "EventSourceToken",
        "FunctionName",
        "FunctionUrlAuthType",
        "InvokedViaFunctionUrl",
        "Principal",
        "PrincipalOrgID",
        "SourceAccount",
        "SourceArn",
    ];
    const REPLACING: &'static [&'static str] = Self::PROPERTIES;

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let id = origin.name(100);
        let mut asked = members(properties);
        asked.insert("StatementId".into(), id.clone().into());
        self.0.add_permission(ctx, input(&self.0, asked)?).await?;
        Ok(describe(&id))
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let id = origin.name(100);
        let input =
            GetPolicyRequest { function_name: required(properties, "FunctionName")?, qualifier: None };
        let found = unless_gone(self.0.get_policy(ctx, input).await)?;
        let named = |policy: String| policy.contains(&format!("\"Sid\":\"{id}\""));
        Ok(found.and_then(|found| found.policy).is_some_and(named).then(|| describe(&id)))
    }

    async fn update(&self, _: &Context, id: &str, _: &Value, _: &Value) -> Result<Resource, ApiError> {
        // Every property makes another statement.
        Ok(describe(id))
    }

    async fn delete(&self, ctx: &Context, id: &str, properties: &Value) -> Result<(), ApiError> {
        let input = RemovePermissionRequest {
            function_name: required(properties, "FunctionName")?,
            statement_id: id.to_owned(),
            ..RemovePermissionRequest::default()
        };
        unless_gone(self.0.remove_permission(ctx, input).await).map(drop)
    }

    async fn read(&self, _: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        // Which function it is of its id does not tell.
        Ok(Some(describe(id)))
    }
}

impl ResourceType for LayerVersionPermissionHandler {
    const NAME: &'static str = "AWS::Lambda::LayerVersionPermission";
    const PROPERTIES: &'static [&'static str] = &["Action", "LayerVersionArn", "OrganizationId", "Principal"];
    const REPLACING: &'static [&'static str] = Self::PROPERTIES;

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let arn = required(properties, "LayerVersionArn")?;
        let (layer, number) = split(&arn)?;
        let statement = origin.name(100);
        let mut asked = members(properties);
        asked.remove("LayerVersionArn");
        asked.insert("LayerName".into(), layer.into());
        asked.insert("VersionNumber".into(), number.into());
        asked.insert("StatementId".into(), statement.clone().into());
        let asked = input(&self.0, asked)?;
        match self.0.add_layer_version_permission(ctx, asked).await {
            // Its id is of this making alone: a crash came between.
            Err(error) if error.code == "ResourceConflictException" => {}
            other => drop(other?),
        }
        Ok(describe(&format!("{arn}#{statement}")))
    }

    async fn update(&self, _: &Context, id: &str, _: &Value, _: &Value) -> Result<Resource, ApiError> {
        // Every property makes another statement.
        Ok(describe(id))
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let (arn, statement) = id.split_once('#').ok_or_else(|| {
            errors::validation(format!("{id} is not the id of a layer version's permission."))
        })?;
        let (layer, number) = split(arn)?;
        let input = RemoveLayerVersionPermissionRequest {
            layer_name: layer.to_owned(),
            version_number: number,
            statement_id: statement.to_owned(),
            revision_id: None,
        };
        unless_gone(self.0.remove_layer_version_permission(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        // Gone with the layer's version; what the statement says nobody asks.
        let arn = id.split_once('#').map_or(id, |(arn, _)| arn);
        let found =
            self.0.get_layer_version_by_arn(ctx, GetLayerVersionByArnRequest { arn: arn.to_owned() }).await;
        Ok(unless_gone(found)?.map(|_| describe(id)))
    }
}
