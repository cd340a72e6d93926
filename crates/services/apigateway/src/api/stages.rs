//! Stages and deployments.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use super::{page::Asked, tags};
use crate::{
    Apis, errors, limits,
    model::{
        CreateDeploymentRequest, CreateStageRequest, Deployment, GetDeploymentsRequest,
        GetDeploymentsResponse, GetStagesRequest, GetStagesResponse, RouteSettings, Stage,
        UpdateDeploymentRequest, UpdateStageRequest,
    },
    recast::{amended, recast},
    serve::log,
    state::Draft,
};

/// What a stage has that nobody asked for.
pub(super) fn fresh() -> Stage {
    Stage {
        default_route_settings: Some(RouteSettings {
            detailed_metrics_enabled: Some(false),
            ..RouteSettings::default()
        }),
        route_settings: Some(BTreeMap::new()),
        stage_variables: Some(BTreeMap::new()),
        tags: Some(BTreeMap::new()),
        ..Stage::default()
    }
}

impl Apis {
    pub(crate) async fn add_stage<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateStageRequest,
        anew: bool,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let before = draft.entry.stages.get(&input.stage_name).cloned();
            if before.is_some() && !anew {
                return Err(errors::conflict("Stage already exists"));
            }
            if before.is_none() && draft.entry.stages.len() >= limits::STAGES {
                return Err(errors::limit("Stage", limits::STAGES));
            }
            let mut stage: Stage = amended(&fresh(), &input)?;
            stage.created_date = before.as_ref().map_or(Some(draft.now), |before| before.created_date);
            stage.last_updated_date = Some(draft.now);
            stage.auto_deploy.get_or_insert(false);
            check(draft, &stage)?;
            if stage.auto_deploy == Some(true) && stage.deployment_id.is_some() {
                return Err(errors::bad_request(
                    "Invalid stage configuration. DeploymentId cannot be specified when AutoDeploy is true.",
                ));
            }
            if stage.deployment_id.is_none() {
                stage.deployment_id = before.and_then(|before| before.deployment_id.clone());
            }
            draft.put_stage(stage.clone())?;
            recast(&stage)
        })
        .await
    }

    pub(crate) async fn amend_stage<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateStageRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let before = draft.stage(&input.stage_name)?;
            let mut stage: Stage = amended(&*before, &input)?;
            if let (Some(before), Some(settings)) = (&before.route_settings, &mut stage.route_settings) {
                let mut merged = before.clone();
                merged.append(settings);
                *settings = merged;
            }
            if let Some(settings) = &input.default_route_settings {
                let base = before.default_route_settings.clone().unwrap_or_default();
                stage.default_route_settings = Some(amended(&base, settings)?);
            }
            // A variable with an empty value goes.
            if let Some(variables) = &mut stage.stage_variables {
                let mut merged = before.stage_variables.clone().unwrap_or_default();
                merged.append(variables);
                merged.retain(|_, value| !value.is_empty());
                *variables = merged;
            }
            check(draft, &stage)?;
            if stage.auto_deploy == Some(true) && input.deployment_id.is_some() {
                return Err(errors::bad_request(
                    "Invalid stage configuration. DeploymentId cannot be specified when AutoDeploy is true.",
                ));
            }
            stage.last_updated_date = Some(draft.now);
            draft.put_stage(stage.clone())?;
            recast(&stage)
        })
        .await
    }

    pub(super) fn list_stages(
        &self,
        ctx: &Context,
        input: &GetStagesRequest,
    ) -> Result<GetStagesResponse, ApiError> {
        let entry = self.entry(ctx, &input.api_id)?;
        let rows = entry.stages.iter().map(|(name, stage)| (name.clone(), (**stage).clone()));
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.page(ctx, &["GetStages", &input.api_id], &asked, rows)?;
        Ok(GetStagesResponse { items: Some(items), next_token })
    }

    /// Changes a stage by what `change` does to it.
    pub(crate) async fn with_stage(
        &self,
        ctx: &Context,
        (api, name): (&str, &str),
        change: impl FnOnce(&mut Stage) -> Result<(), ApiError> + Send,
    ) -> Result<(), ApiError> {
        self.change(ctx, api, |draft| {
            let mut stage = (*draft.stage(name)?).clone();
            change(&mut stage)?;
            draft.put_stage(stage)
        })
        .await
    }

    pub(crate) async fn add_deployment<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateDeploymentRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            if draft.definition.routes.is_empty() {
                return Err(errors::bad_request("At least one route is required before deploying the Api."));
            }
            let stage = input.stage_name.as_deref().map(|name| draft.stage(name)).transpose()?;
            let deployment = draft.deploy(input.description.clone(), at)?;
            if let Some(stage) = stage {
                if stage.auto_deploy == Some(true) {
                    return Err(errors::bad_request(
                        "Deployment cannot be created for a stage that has AutoDeploy enabled.",
                    ));
                }
                let stage = Stage { deployment_id: deployment.deployment_id.clone(), ..(*stage).clone() };
                draft.put_stage(stage)?;
            }
            recast(&*deployment)
        })
        .await
    }

    pub(crate) async fn amend_deployment<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateDeploymentRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let before: Arc<Deployment> = draft.deployment(&input.deployment_id)?;
            let deployment: Deployment = amended(&*before, &input)?;
            draft.put_deployment(&input.deployment_id, deployment.clone())?;
            recast(&deployment)
        })
        .await
    }

    /// Gives a deployment another description, and a stage to serve it.
    pub(crate) async fn redescribe(
        &self,
        ctx: &Context,
        api: &str,
        id: &str,
        input: &CreateDeploymentRequest,
    ) -> Result<(), ApiError> {
        self.change(ctx, api, |draft| {
            let before = draft.deployment(id)?;
            draft.put_deployment(
                id,
                Deployment { description: input.description.clone(), ..(*before).clone() },
            )?;
            let Some(name) = &input.stage_name else { return Ok(()) };
            let stage = (*draft.stage(name)?).clone();
            draft.put_stage(Stage { deployment_id: Some(id.to_owned()), ..stage })
        })
        .await
    }

    pub(super) fn list_deployments(
        &self,
        ctx: &Context,
        input: &GetDeploymentsRequest,
    ) -> Result<GetDeploymentsResponse, ApiError> {
        let entry = self.entry(ctx, &input.api_id)?;
        let rows = entry.deployments.iter().map(|(id, one)| (id.clone(), (*one.deployment).clone()));
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.page(ctx, &["GetDeployments", &input.api_id], &asked, rows)?;
        Ok(GetDeploymentsResponse { items: Some(items), next_token })
    }
}

fn check(draft: &Draft, stage: &Stage) -> Result<(), ApiError> {
    let name = stage.stage_name.as_str();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let http = draft.definition.api.protocol_type == "HTTP";
    let default = http && name == "$default";
    if name.is_empty() || !(default || name.bytes().all(plain)) {
        return Err(errors::bad_request("Stage name only allows a-zA-Z0-9_- or $default for HTTP APIs"));
    }
    if let Some(tags) = &stage.tags {
        tags::check(tags)?;
    }
    if stage.client_certificate_id.is_some() {
        return Err(errors::not_built("client certificates of stages"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(c);
    for (name, value) in stage.stage_variables.iter().flatten() {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || name.len() > 64
        {
            return Err(errors::bad_request(format!("Stage variable name {name} is not valid")));
        }
        if value.len() > 512 || !value.chars().all(allowed) {
            return Err(errors::bad_request(format!(
                "Stage variable value {value} for {name} is invalid. Please use values with alphanumeric characters \
                 and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            )));
        }
    }
    if let Some(settings) = &stage.access_log_settings {
        log::check(settings)?;
    }
    let settings = stage.route_settings.iter().flat_map(|all| all.values());
    for settings in settings.chain(&stage.default_route_settings) {
        if settings.throttling_rate_limit.is_some_and(|rate| !(0.0..=1e9).contains(&rate))
            || settings.throttling_burst_limit.is_some_and(|burst| burst < 0)
        {
            return Err(errors::bad_request("Throttling limits must not be negative"));
        }
        if http
            && (settings.data_trace_enabled == Some(true)
                || settings.logging_level.as_deref().is_some_and(|level| level != "OFF"))
        {
            return Err(errors::bad_request("Execution logs are not supported on protocolType HTTP"));
        }
    }
    for key in stage.route_settings.iter().flat_map(|all| all.keys()) {
        if !draft.definition.routes.values().any(|route| route.route_key == *key) {
            return Err(errors::not_found(format!(
                "Unable to find Route by key {key} within the provided RouteSettings"
            )));
        }
    }
    Ok(())
}
