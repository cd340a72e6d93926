//! The operations of the API.

mod apis;
mod authorizers;
mod domains;
mod integrations;
mod models;
mod page;
mod parts;
mod routes;
mod stages;
mod tags;

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Context};
use moln_wire::{Hooks, Operation, ValidationFailure};

use crate::{
    Apis, errors,
    model::{self, Apigatewayv2},
    recast::recast,
};
use page::Asked;

pub(crate) use apis::{check_api, complete};
pub(crate) use authorizers::check as check_authorizer;
pub(crate) use integrations::{check as check_integration, complete as complete_integration};
pub(crate) use routes::check as check_route;

impl Hooks for Apis {
    fn translate(&self, _: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        Some(errors::bad_request(moln_wire::validate::validation_exception(failures).message))
    }
}

impl Apigatewayv2 for Apis {
    async fn create_api(
        &self,
        ctx: &Context,
        input: model::CreateApiRequest,
    ) -> Result<model::CreateApiResponse, ApiError> {
        self.create_an_api(ctx, input, None).await
    }

    async fn create_api_mapping(
        &self,
        ctx: &Context,
        input: model::CreateApiMappingRequest,
    ) -> Result<model::CreateApiMappingResponse, ApiError> {
        self.add_mapping(ctx, input, None).await
    }

    async fn create_authorizer(
        &self,
        ctx: &Context,
        input: model::CreateAuthorizerRequest,
    ) -> Result<model::CreateAuthorizerResponse, ApiError> {
        self.add_authorizer(ctx, input, None).await
    }

    async fn create_deployment(
        &self,
        ctx: &Context,
        input: model::CreateDeploymentRequest,
    ) -> Result<model::CreateDeploymentResponse, ApiError> {
        self.add_deployment(ctx, input, None).await
    }

    async fn create_domain_name(
        &self,
        ctx: &Context,
        input: model::CreateDomainNameRequest,
    ) -> Result<model::CreateDomainNameResponse, ApiError> {
        self.put_domain(ctx, input, false).await
    }

    async fn create_integration(
        &self,
        ctx: &Context,
        input: model::CreateIntegrationRequest,
    ) -> Result<model::CreateIntegrationResult, ApiError> {
        self.add_integration(ctx, input, None).await
    }

    async fn create_integration_response(
        &self,
        ctx: &Context,
        input: model::CreateIntegrationResponseRequest,
    ) -> Result<model::CreateIntegrationResponseResponse, ApiError> {
        self.add_integration_response(ctx, input, None).await
    }

    async fn create_model(
        &self,
        ctx: &Context,
        input: model::CreateModelRequest,
    ) -> Result<model::CreateModelResponse, ApiError> {
        self.add_model(ctx, input, None).await
    }

    async fn create_route(
        &self,
        ctx: &Context,
        input: model::CreateRouteRequest,
    ) -> Result<model::CreateRouteResult, ApiError> {
        self.add_route(ctx, input, None).await
    }

    async fn create_route_response(
        &self,
        ctx: &Context,
        input: model::CreateRouteResponseRequest,
    ) -> Result<model::CreateRouteResponseResponse, ApiError> {
        self.add_route_response(ctx, input, None).await
    }

    async fn create_stage(
        &self,
        ctx: &Context,
        input: model::CreateStageRequest,
    ) -> Result<model::CreateStageResponse, ApiError> {
        self.add_stage(ctx, input, false).await
    }

    async fn create_vpc_link(
        &self,
        ctx: &Context,
        input: model::CreateVpcLinkRequest,
    ) -> Result<model::CreateVpcLinkResponse, ApiError> {
        self.add_link(ctx, input, None).await
    }

    async fn delete_access_log_settings(
        &self,
        ctx: &Context,
        input: model::DeleteAccessLogSettingsRequest,
    ) -> Result<(), ApiError> {
        let forget = |stage: &mut model::Stage| {
            stage.access_log_settings = None;
            Ok(())
        };
        self.with_stage(ctx, (&input.api_id, &input.stage_name), forget).await
    }

    async fn delete_api(&self, ctx: &Context, input: model::DeleteApiRequest) -> Result<(), ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            self.unmapped(ctx, &input.api_id, None)?;
            draft.remove_api();
            Ok(())
        })
        .await
    }

    async fn delete_api_mapping(
        &self,
        ctx: &Context,
        input: model::DeleteApiMappingRequest,
    ) -> Result<(), ApiError> {
        self.remove_mapping(ctx, &input.domain_name, &input.api_mapping_id).await
    }

    async fn delete_authorizer(
        &self,
        ctx: &Context,
        input: model::DeleteAuthorizerRequest,
    ) -> Result<(), ApiError> {
        self.remove_authorizer(ctx, &input.api_id, &input.authorizer_id).await
    }

    async fn delete_cors_configuration(
        &self,
        ctx: &Context,
        input: model::DeleteCorsConfigurationRequest,
    ) -> Result<(), ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let api = (*draft.definition.api).clone();
            draft.put_api(model::Api_ { cors_configuration: None, ..api })
        })
        .await
    }

    async fn delete_deployment(
        &self,
        ctx: &Context,
        input: model::DeleteDeploymentRequest,
    ) -> Result<(), ApiError> {
        self.change(ctx, &input.api_id, |draft| draft.remove_deployment(&input.deployment_id)).await
    }

    async fn delete_domain_name(
        &self,
        ctx: &Context,
        input: model::DeleteDomainNameRequest,
    ) -> Result<(), ApiError> {
        self.remove_domain(ctx, &input.domain_name).await
    }

    async fn delete_integration(
        &self,
        ctx: &Context,
        input: model::DeleteIntegrationRequest,
    ) -> Result<(), ApiError> {
        self.remove_integration(ctx, &input.api_id, &input.integration_id).await
    }

    async fn delete_integration_response(
        &self,
        ctx: &Context,
        input: model::DeleteIntegrationResponseRequest,
    ) -> Result<(), ApiError> {
        let key = format!("{}/{}", input.integration_id, input.integration_response_id);
        self.remove_part::<model::IntegrationResponse>(ctx, &input.api_id, &key).await
    }

    async fn delete_model(&self, ctx: &Context, input: model::DeleteModelRequest) -> Result<(), ApiError> {
        self.remove_model(ctx, &input.api_id, &input.model_id).await
    }

    async fn delete_route(&self, ctx: &Context, input: model::DeleteRouteRequest) -> Result<(), ApiError> {
        self.remove_route(ctx, &input.api_id, &input.route_id).await
    }

    async fn delete_route_request_parameter(
        &self,
        ctx: &Context,
        input: model::DeleteRouteRequestParameterRequest,
    ) -> Result<(), ApiError> {
        self.remove_request_parameter(ctx, (&input.api_id, &input.route_id), &input.request_parameter_key)
            .await
    }

    async fn delete_route_response(
        &self,
        ctx: &Context,
        input: model::DeleteRouteResponseRequest,
    ) -> Result<(), ApiError> {
        let key = format!("{}/{}", input.route_id, input.route_response_id);
        self.remove_part::<model::RouteResponse>(ctx, &input.api_id, &key).await
    }

    async fn delete_route_settings(
        &self,
        ctx: &Context,
        input: model::DeleteRouteSettingsRequest,
    ) -> Result<(), ApiError> {
        let forget = |stage: &mut model::Stage| {
            let found = stage.route_settings.as_mut().and_then(|all| all.remove(&input.route_key));
            found.map(drop).ok_or_else(|| errors::no_such("RouteSettings"))
        };
        self.with_stage(ctx, (&input.api_id, &input.stage_name), forget).await
    }

    async fn delete_stage(&self, ctx: &Context, input: model::DeleteStageRequest) -> Result<(), ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            self.unmapped(ctx, &input.api_id, Some(&input.stage_name))?;
            draft.remove_stage(&input.stage_name)
        })
        .await
    }

    async fn delete_vpc_link(
        &self,
        ctx: &Context,
        input: model::DeleteVpcLinkRequest,
    ) -> Result<model::DeleteVpcLinkResponse, ApiError> {
        self.remove_link(ctx, &input.vpc_link_id).await?;
        Ok(model::DeleteVpcLinkResponse::default())
    }

    async fn export_api(
        &self,
        ctx: &Context,
        input: model::ExportApiRequest,
    ) -> Result<model::ExportApiResponse, ApiError> {
        self.export_document(ctx, &input)
    }

    async fn import_api(
        &self,
        ctx: &Context,
        input: model::ImportApiRequest,
    ) -> Result<model::ImportApiResponse, ApiError> {
        self.import_document(ctx, (None, false), input).await
    }

    async fn reimport_api(
        &self,
        ctx: &Context,
        input: model::ReimportApiRequest,
    ) -> Result<model::ReimportApiResponse, ApiError> {
        let id = input.api_id.clone();
        let input = recast(&input)?;
        self.import_document(ctx, (Some(&id), true), input).await
    }

    async fn get_api(
        &self,
        ctx: &Context,
        input: model::GetApiRequest,
    ) -> Result<model::GetApiResponse, ApiError> {
        recast(&*self.entry(ctx, &input.api_id)?.definition.api)
    }

    async fn get_api_mapping(
        &self,
        ctx: &Context,
        input: model::GetApiMappingRequest,
    ) -> Result<model::GetApiMappingResponse, ApiError> {
        self.mapping(ctx, &input.domain_name, &input.api_mapping_id)
    }

    async fn get_api_mappings(
        &self,
        ctx: &Context,
        input: model::GetApiMappingsRequest,
    ) -> Result<model::GetApiMappingsResponse, ApiError> {
        self.list_mappings(ctx, &input)
    }

    async fn get_apis(
        &self,
        ctx: &Context,
        input: model::GetApisRequest,
    ) -> Result<model::GetApisResponse, ApiError> {
        self.list_apis(ctx, &input)
    }

    async fn get_authorizer(
        &self,
        ctx: &Context,
        input: model::GetAuthorizerRequest,
    ) -> Result<model::GetAuthorizerResponse, ApiError> {
        self.part::<model::Authorizer, _>(ctx, &input.api_id, &input.authorizer_id)
    }

    async fn get_authorizers(
        &self,
        ctx: &Context,
        input: model::GetAuthorizersRequest,
    ) -> Result<model::GetAuthorizersResponse, ApiError> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<model::Authorizer>(ctx, (&input.api_id, ""), &asked)?;
        Ok(model::GetAuthorizersResponse { items, next_token })
    }

    async fn get_deployment(
        &self,
        ctx: &Context,
        input: model::GetDeploymentRequest,
    ) -> Result<model::GetDeploymentResponse, ApiError> {
        let entry = self.entry(ctx, &input.api_id)?;
        let found =
            entry.deployments.get(&input.deployment_id).ok_or_else(|| errors::no_such("deployment"))?;
        recast(&*found.deployment)
    }

    async fn get_deployments(
        &self,
        ctx: &Context,
        input: model::GetDeploymentsRequest,
    ) -> Result<model::GetDeploymentsResponse, ApiError> {
        self.list_deployments(ctx, &input)
    }

    async fn get_domain_name(
        &self,
        ctx: &Context,
        input: model::GetDomainNameRequest,
    ) -> Result<model::GetDomainNameResponse, ApiError> {
        recast(&*self.domain(ctx, &input.domain_name)?.name)
    }

    async fn get_domain_names(
        &self,
        ctx: &Context,
        input: model::GetDomainNamesRequest,
    ) -> Result<model::GetDomainNamesResponse, ApiError> {
        self.list_domains(ctx, &input)
    }

    async fn get_integration(
        &self,
        ctx: &Context,
        input: model::GetIntegrationRequest,
    ) -> Result<model::GetIntegrationResult, ApiError> {
        self.part::<model::Integration, _>(ctx, &input.api_id, &input.integration_id)
    }

    async fn get_integration_response(
        &self,
        ctx: &Context,
        input: model::GetIntegrationResponseRequest,
    ) -> Result<model::GetIntegrationResponseResponse, ApiError> {
        let key = format!("{}/{}", input.integration_id, input.integration_response_id);
        self.part::<model::IntegrationResponse, _>(ctx, &input.api_id, &key)
    }

    async fn get_integration_responses(
        &self,
        ctx: &Context,
        input: model::GetIntegrationResponsesRequest,
    ) -> Result<model::GetIntegrationResponsesResponse, ApiError> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<model::IntegrationResponse>(
            ctx,
            (&input.api_id, &format!("{}/", input.integration_id)),
            &asked,
        )?;
        Ok(model::GetIntegrationResponsesResponse { items, next_token })
    }

    async fn get_integrations(
        &self,
        ctx: &Context,
        input: model::GetIntegrationsRequest,
    ) -> Result<model::GetIntegrationsResponse, ApiError> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<model::Integration>(ctx, (&input.api_id, ""), &asked)?;
        Ok(model::GetIntegrationsResponse { items, next_token })
    }

    async fn get_model(
        &self,
        ctx: &Context,
        input: model::GetModelRequest,
    ) -> Result<model::GetModelResponse, ApiError> {
        self.part::<model::Model, _>(ctx, &input.api_id, &input.model_id)
    }

    async fn get_models(
        &self,
        ctx: &Context,
        input: model::GetModelsRequest,
    ) -> Result<model::GetModelsResponse, ApiError> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<model::Model>(ctx, (&input.api_id, ""), &asked)?;
        Ok(model::GetModelsResponse { items, next_token })
    }

    async fn get_route(
        &self,
        ctx: &Context,
        input: model::GetRouteRequest,
    ) -> Result<model::GetRouteResult, ApiError> {
        self.part::<model::Route, _>(ctx, &input.api_id, &input.route_id)
    }

    async fn get_route_response(
        &self,
        ctx: &Context,
        input: model::GetRouteResponseRequest,
    ) -> Result<model::GetRouteResponseResponse, ApiError> {
        let key = format!("{}/{}", input.route_id, input.route_response_id);
        self.part::<model::RouteResponse, _>(ctx, &input.api_id, &key)
    }

    async fn get_route_responses(
        &self,
        ctx: &Context,
        input: model::GetRouteResponsesRequest,
    ) -> Result<model::GetRouteResponsesResponse, ApiError> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<model::RouteResponse>(
            ctx,
            (&input.api_id, &format!("{}/", input.route_id)),
            &asked,
        )?;
        Ok(model::GetRouteResponsesResponse { items, next_token })
    }

    async fn get_routes(
        &self,
        ctx: &Context,
        input: model::GetRoutesRequest,
    ) -> Result<model::GetRoutesResponse, ApiError> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<model::Route>(ctx, (&input.api_id, ""), &asked)?;
        Ok(model::GetRoutesResponse { items, next_token })
    }

    async fn get_stage(
        &self,
        ctx: &Context,
        input: model::GetStageRequest,
    ) -> Result<model::GetStageResponse, ApiError> {
        let entry = self.entry(ctx, &input.api_id)?;
        recast(&**entry.stages.get(&input.stage_name).ok_or_else(|| errors::no_such("stage"))?)
    }

    async fn get_stages(
        &self,
        ctx: &Context,
        input: model::GetStagesRequest,
    ) -> Result<model::GetStagesResponse, ApiError> {
        self.list_stages(ctx, &input)
    }

    async fn get_tags(
        &self,
        ctx: &Context,
        input: model::GetTagsRequest,
    ) -> Result<model::GetTagsResponse, ApiError> {
        Ok(model::GetTagsResponse { tags: Some(self.tags_of(ctx, &input.resource_arn)?) })
    }

    async fn get_vpc_link(
        &self,
        ctx: &Context,
        input: model::GetVpcLinkRequest,
    ) -> Result<model::GetVpcLinkResponse, ApiError> {
        recast(&*self.link(ctx, &input.vpc_link_id)?)
    }

    async fn get_vpc_links(
        &self,
        ctx: &Context,
        input: model::GetVpcLinksRequest,
    ) -> Result<model::GetVpcLinksResponse, ApiError> {
        self.list_links(ctx, &input)
    }

    async fn reset_authorizers_cache(
        &self,
        ctx: &Context,
        input: model::ResetAuthorizersCacheRequest,
    ) -> Result<(), ApiError> {
        let entry = self.entry(ctx, &input.api_id)?;
        entry.stages.get(&input.stage_name).ok_or_else(|| errors::no_such("stage"))?;
        if let Some(plan) = entry.plans.get(&input.stage_name) {
            plan.results.clear();
        }
        Ok(())
    }

    async fn tag_resource(
        &self,
        ctx: &Context,
        input: model::TagResourceRequest,
    ) -> Result<model::TagResourceResponse, ApiError> {
        let add = |tags: &mut BTreeMap<String, String>| {
            tags.extend(input.tags.unwrap_or_default());
            Ok(())
        };
        self.retag(ctx, &input.resource_arn, add).await?;
        Ok(model::TagResourceResponse::default())
    }

    async fn untag_resource(
        &self,
        ctx: &Context,
        input: model::UntagResourceRequest,
    ) -> Result<(), ApiError> {
        let forget = |tags: &mut BTreeMap<String, String>| {
            tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        self.retag(ctx, &input.resource_arn, forget).await
    }

    async fn update_api(
        &self,
        ctx: &Context,
        input: model::UpdateApiRequest,
    ) -> Result<model::UpdateApiResponse, ApiError> {
        self.update_an_api(ctx, input).await
    }

    async fn update_api_mapping(
        &self,
        ctx: &Context,
        input: model::UpdateApiMappingRequest,
    ) -> Result<model::UpdateApiMappingResponse, ApiError> {
        self.amend_mapping(ctx, input).await
    }

    async fn update_authorizer(
        &self,
        ctx: &Context,
        input: model::UpdateAuthorizerRequest,
    ) -> Result<model::UpdateAuthorizerResponse, ApiError> {
        self.amend_authorizer(ctx, input).await
    }

    async fn update_deployment(
        &self,
        ctx: &Context,
        input: model::UpdateDeploymentRequest,
    ) -> Result<model::UpdateDeploymentResponse, ApiError> {
        self.amend_deployment(ctx, input).await
    }

    async fn update_domain_name(
        &self,
        ctx: &Context,
        input: model::UpdateDomainNameRequest,
    ) -> Result<model::UpdateDomainNameResponse, ApiError> {
        self.amend_domain(ctx, input).await
    }

    async fn update_integration(
        &self,
        ctx: &Context,
        input: model::UpdateIntegrationRequest,
    ) -> Result<model::UpdateIntegrationResult, ApiError> {
        self.amend_integration(ctx, input).await
    }

    async fn update_integration_response(
        &self,
        ctx: &Context,
        input: model::UpdateIntegrationResponseRequest,
    ) -> Result<model::UpdateIntegrationResponseResponse, ApiError> {
        self.amend_integration_response(ctx, input).await
    }

    async fn update_model(
        &self,
        ctx: &Context,
        input: model::UpdateModelRequest,
    ) -> Result<model::UpdateModelResponse, ApiError> {
        self.amend_model(ctx, input).await
    }

    async fn update_route(
        &self,
        ctx: &Context,
        input: model::UpdateRouteRequest,
    ) -> Result<model::UpdateRouteResult, ApiError> {
        self.amend_route(ctx, input).await
    }

    async fn update_route_response(
        &self,
        ctx: &Context,
        input: model::UpdateRouteResponseRequest,
    ) -> Result<model::UpdateRouteResponseResponse, ApiError> {
        self.amend_route_response(ctx, input).await
    }

    async fn update_stage(
        &self,
        ctx: &Context,
        input: model::UpdateStageRequest,
    ) -> Result<model::UpdateStageResponse, ApiError> {
        self.amend_stage(ctx, input).await
    }

    async fn update_vpc_link(
        &self,
        ctx: &Context,
        input: model::UpdateVpcLinkRequest,
    ) -> Result<model::UpdateVpcLinkResponse, ApiError> {
        self.amend_link(ctx, input).await
    }
}
