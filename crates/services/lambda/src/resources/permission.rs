//! `AWS::Lambda::Permission` and `AWS::Lambda::LayerVersionPermission`: statements of resource policies. `Ref` is the
//! statement's id, for layers behind the version's ARN and a `#`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

use super::{
    layer_version::split,
    properties::{generated_name, gone_is_fine, input, members, required, resource},
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
    resource(id, &[("Id", Some(id.to_owned()))])
}

impl ResourceHandler for PermissionHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::Permission"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let id = generated_name(origin, 100);
            let mut asked = members(properties);
            asked.insert("StatementId".into(), id.clone().into());
            self.0.add_permission(ctx, input(&self.0, "AddPermission", asked)?).await?;
            Ok(describe(&id))
        })
    }

    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let id = generated_name(origin, 100);
            let input =
                GetPolicyRequest { function_name: required(properties, "FunctionName")?, qualifier: None };
            match self.0.get_policy(ctx, input).await {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                Err(error) => Err(error),
                Ok(found) => {
                    let named = |policy: String| policy.contains(&format!("\"Sid\":\"{id}\""));
                    Ok(found.policy.is_some_and(named).then(|| describe(&id)))
                }
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
            // Every property makes another statement.
            let _ = (ctx, before, after);
            Ok(describe(id))
        })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let input = RemovePermissionRequest {
                function_name: required(properties, "FunctionName")?,
                statement_id: id.to_owned(),
                ..RemovePermissionRequest::default()
            };
            gone_is_fine(self.0.remove_permission(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            // Which function it is of its id does not tell.
            let _ = ctx;
            Ok(Some(describe(id)))
        })
    }
}

impl ResourceHandler for LayerVersionPermissionHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::LayerVersionPermission"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["Action", "LayerVersionArn", "OrganizationId", "Principal"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["Action", "LayerVersionArn", "OrganizationId", "Principal"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let arn = required(properties, "LayerVersionArn")?;
            let (layer, number) = split(&arn)?;
            let statement = generated_name(origin, 100);
            let mut asked = members(properties);
            asked.remove("LayerVersionArn");
            asked.insert("LayerName".into(), layer.into());
            asked.insert("VersionNumber".into(), number.into());
            asked.insert("StatementId".into(), statement.clone().into());
            let asked = input(&self.0, "AddLayerVersionPermission", asked)?;
            self.0.add_layer_version_permission(ctx, asked).await?;
            Ok(describe(&format!("{arn}#{statement}")))
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
            // Every property makes another statement.
            let _ = (ctx, before, after);
            Ok(describe(id))
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
            gone_is_fine(self.0.remove_layer_version_permission(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            // Gone with the layer's version; what the statement says nobody asks.
            let arn = id.split_once('#').map_or(id, |(arn, _)| arn);
            let found = self
                .0
                .get_layer_version_by_arn(ctx, GetLayerVersionByArnRequest { arn: arn.to_owned() })
                .await;
            match found {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(|_| Some(describe(id))),
            }
        })
    }
}
