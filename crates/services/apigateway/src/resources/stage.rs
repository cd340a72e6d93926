//! `AWS::ApiGatewayV2::Stage`, whose `Ref` is its name, and `AWS::ApiGatewayV2::Deployment`, whose `Ref` is its id.

use super::{Own, Put, Type, parted, properties::input, resource};
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
    within: &["ApiId"],
    own: Own::Name("StageName"),
    put: |put: Put<'_>| {
        Box::pin(async move {
            let input: CreateStageRequest = input(put.apis, put.properties)?;
            let api = input.api_id.clone();
            let made: Stage = put.apis.add_stage(put.ctx, input, put.there).await?;
            Ok(resource(&[&api, &made.stage_name], "StageName", &[]))
        })
    },
    live: None,
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
    within: &["ApiId"],
    own: Own::Id(6),
    put: |put: Put<'_>| {
        Box::pin(async move {
            let Put { apis, ctx, properties, at, there } = put;
            let input: CreateDeploymentRequest = input(apis, properties)?;
            let api = input.api_id.clone();
            let [_, id] = parted(at)?;
            if there {
                apis.redescribe(ctx, &api, id, &input).await?;
            } else {
                let _: Deployment = apis.add_deployment(ctx, input, Some(id)).await?;
            }
            Ok(resource(&[&api, id], "DeploymentId", &[]))
        })
    },
    live: None,
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
