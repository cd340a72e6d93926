//! `AWS::ApiGatewayV2::Stage`, whose `Ref` is its name, and `AWS::ApiGatewayV2::Deployment`, whose `Ref` is its id.

use super::{Put, Type, parted, properties::input, resource};
use crate::{
    errors,
    model::{CreateDeploymentRequest, CreateStageRequest, Deployment, Stage},
};

pub(super) static STAGE: Type = Type {
    name: "AWS::ApiGatewayV2::Stage",
    properties: &[
        "AccessLogSettings",
        "ApiId",
        "AutoDeploy",
        "ClientCertificateId",
        "DefaultRouteSettings",
        "DeploymentId",
        "Description",
        "RouteSettings",
        "StageName",
        "StageVariables",
        "Tags",
    ],
    replacing: &["ApiId", "StageName"],
    put: |put: Put<'_>| {
        Box::pin(async move {
            let input: CreateStageRequest = input(put.apis, "CreateStage", put.properties)?;
            let api = input.api_id.clone();
            let made: Stage = put.apis.add_stage(put.ctx, input, put.at.is_some()).await?;
            Ok(resource(&[&api, &made.stage_name], "StageName", &[]))
        })
    },
    read: |apis, ctx, id| {
        let [api, name] = parted(id)?;
        apis.entry(ctx, api)?.stages.get(name).ok_or_else(|| errors::no_such("stage"))?;
        Ok(resource(&[api, name], "StageName", &[]))
    },
    delete: |apis, ctx, id| {
        Box::pin(async move {
            let [api, name] = parted(id)?;
            apis.change(ctx, api, |draft| draft.remove_stage(name)).await
        })
    },
};

pub(super) static DEPLOYMENT: Type = Type {
    name: "AWS::ApiGatewayV2::Deployment",
    properties: &["ApiId", "Description", "StageName"],
    replacing: &["ApiId"],
    put: |put: Put<'_>| {
        Box::pin(async move {
            let Put { apis, ctx, properties, at } = put;
            let input: CreateDeploymentRequest = input(apis, "CreateDeployment", properties)?;
            let api = input.api_id.clone();
            let id = if let Some(at) = at {
                let [_, id] = parted(at)?;
                apis.redescribe(ctx, &api, id, &input).await?;
                id.to_owned()
            } else {
                let made: Deployment = apis.add_deployment(ctx, input).await?;
                made.deployment_id.unwrap_or_default()
            };
            Ok(resource(&[&api, &id], "DeploymentId", &[]))
        })
    },
    read: |apis, ctx, id| {
        let [api, own] = parted(id)?;
        apis.entry(ctx, api)?.deployments.get(own).ok_or_else(|| errors::no_such("deployment"))?;
        Ok(resource(&[api, own], "DeploymentId", &[]))
    },
    delete: |apis, ctx, id| {
        Box::pin(async move {
            let [api, own] = parted(id)?;
            apis.change(ctx, api, |draft| draft.remove_deployment(own)).await
        })
    },
};
