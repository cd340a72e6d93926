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
    model::{self as m, Apigatewayv2},
    recast::recast,
};
use page::Asked;

pub(crate) use apis::{check_api, complete};
pub(crate) use authorizers::check as check_authorizer;
pub(crate) use integrations::{check as check_integration, complete as complete_integration};
pub(crate) use routes::check as check_route;

type Answer<T> = Result<T, ApiError>;

impl Hooks for Apis {
    fn translate(&self, _: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        Some(errors::bad_request(moln_wire::validate::validation_exception(failures).message))
    }
}

impl Apigatewayv2 for Apis {
    async fn create_api(&self, ctx: &Context, input: m::CreateApiRequest) -> Answer<m::CreateApiResponse> {
        self.create_an_api(ctx, input, None).await
    }

    async fn create_api_mapping(
        &self,
        ctx: &Context,
        input: m::CreateApiMappingRequest,
    ) -> Answer<m::CreateApiMappingResponse> {
        self.add_mapping(ctx, input, None).await
    }

    async fn create_authorizer(
        &self,
        ctx: &Context,
        input: m::CreateAuthorizerRequest,
    ) -> Answer<m::CreateAuthorizerResponse> {
        self.add_authorizer(ctx, input, None).await
    }

    async fn create_deployment(
        &self,
        ctx: &Context,
        input: m::CreateDeploymentRequest,
    ) -> Answer<m::CreateDeploymentResponse> {
        self.add_deployment(ctx, input, None).await
    }

    async fn create_domain_name(
        &self,
        ctx: &Context,
        input: m::CreateDomainNameRequest,
    ) -> Answer<m::CreateDomainNameResponse> {
        self.put_domain(ctx, input, false).await
    }

    async fn create_integration(
        &self,
        ctx: &Context,
        input: m::CreateIntegrationRequest,
    ) -> Answer<m::CreateIntegrationResult> {
        self.add_integration(ctx, input, None).await
    }

    async fn create_integration_response(
        &self,
        ctx: &Context,
        input: m::CreateIntegrationResponseRequest,
    ) -> Answer<m::CreateIntegrationResponseResponse> {
        self.add_integration_response(ctx, input, None).await
    }

    async fn create_model(
        &self,
        ctx: &Context,
        input: m::CreateModelRequest,
    ) -> Answer<m::CreateModelResponse> {
        self.add_model(ctx, input, None).await
    }

    async fn create_route(
        &self,
        ctx: &Context,
        input: m::CreateRouteRequest,
    ) -> Answer<m::CreateRouteResult> {
        self.add_route(ctx, input, None).await
    }

    async fn create_route_response(
        &self,
        ctx: &Context,
        input: m::CreateRouteResponseRequest,
    ) -> Answer<m::CreateRouteResponseResponse> {
        self.add_route_response(ctx, input, None).await
    }

    async fn create_stage(
        &self,
        ctx: &Context,
        input: m::CreateStageRequest,
    ) -> Answer<m::CreateStageResponse> {
        self.add_stage(ctx, input, false).await
    }

    async fn create_vpc_link(
        &self,
        ctx: &Context,
        input: m::CreateVpcLinkRequest,
    ) -> Answer<m::CreateVpcLinkResponse> {
        self.add_link(ctx, input, None).await
    }

    async fn delete_access_log_settings(
        &self,
        ctx: &Context,
        input: m::DeleteAccessLogSettingsRequest,
    ) -> Answer<()> {
        let forget = |stage: &mut m::Stage| {
            stage.access_log_settings = None;
            Ok(())
        };
        self.with_stage(ctx, (&input.api_id, &input.stage_name), forget).await
    }

    async fn delete_api(&self, ctx: &Context, input: m::DeleteApiRequest) -> Answer<()> {
        self.change(ctx, &input.api_id, |draft| {
            self.unmapped(ctx, &input.api_id, None)?;
            draft.remove_api();
            Ok(())
        })
        .await
    }

    async fn delete_api_mapping(&self, ctx: &Context, input: m::DeleteApiMappingRequest) -> Answer<()> {
        self.remove_mapping(ctx, &input.domain_name, &input.api_mapping_id).await
    }

    async fn delete_authorizer(&self, ctx: &Context, input: m::DeleteAuthorizerRequest) -> Answer<()> {
        self.remove_authorizer(ctx, &input.api_id, &input.authorizer_id).await
    }

    async fn delete_cors_configuration(
        &self,
        ctx: &Context,
        input: m::DeleteCorsConfigurationRequest,
    ) -> Answer<()> {
        self.change(ctx, &input.api_id, |draft| {
            let api = (*draft.definition.api).clone();
            draft.put_api(m::Api_ { cors_configuration: None, ..api })
        })
        .await
    }

    async fn delete_deployment(&self, ctx: &Context, input: m::DeleteDeploymentRequest) -> Answer<()> {
        self.change(ctx, &input.api_id, |draft| draft.remove_deployment(&input.deployment_id)).await
    }

    async fn delete_domain_name(&self, ctx: &Context, input: m::DeleteDomainNameRequest) -> Answer<()> {
        self.remove_domain(ctx, &input.domain_name).await
    }

    async fn delete_integration(&self, ctx: &Context, input: m::DeleteIntegrationRequest) -> Answer<()> {
        self.remove_integration(ctx, &input.api_id, &input.integration_id).await
    }

    async fn delete_integration_response(
        &self,
        ctx: &Context,
        input: m::DeleteIntegrationResponseRequest,
    ) -> Answer<()> {
        let key = format!("{}/{}", input.integration_id, input.integration_response_id);
        self.remove_part::<m::IntegrationResponse>(ctx, &input.api_id, &key).await
    }

    async fn delete_model(&self, ctx: &Context, input: m::DeleteModelRequest) -> Answer<()> {
        self.remove_model(ctx, &input.api_id, &input.model_id).await
    }

    async fn delete_route(&self, ctx: &Context, input: m::DeleteRouteRequest) -> Answer<()> {
        self.remove_route(ctx, &input.api_id, &input.route_id).await
    }

    async fn delete_route_request_parameter(
        &self,
        ctx: &Context,
        input: m::DeleteRouteRequestParameterRequest,
    ) -> Answer<()> {
        self.remove_request_parameter(ctx, (&input.api_id, &input.route_id), &input.request_parameter_key)
            .await
    }

    async fn delete_route_response(&self, ctx: &Context, input: m::DeleteRouteResponseRequest) -> Answer<()> {
        let key = format!("{}/{}", input.route_id, input.route_response_id);
        self.remove_part::<m::RouteResponse>(ctx, &input.api_id, &key).await
    }

    async fn delete_route_settings(&self, ctx: &Context, input: m::DeleteRouteSettingsRequest) -> Answer<()> {
        let forget = |stage: &mut m::Stage| {
            let found = stage.route_settings.as_mut().and_then(|all| all.remove(&input.route_key));
            found.map(drop).ok_or_else(|| errors::no_such("RouteSettings"))
        };
        self.with_stage(ctx, (&input.api_id, &input.stage_name), forget).await
    }

    async fn delete_stage(&self, ctx: &Context, input: m::DeleteStageRequest) -> Answer<()> {
        self.change(ctx, &input.api_id, |draft| {
            self.unmapped(ctx, &input.api_id, Some(&input.stage_name))?;
            draft.remove_stage(&input.stage_name)
        })
        .await
    }

    async fn delete_vpc_link(
        &self,
        ctx: &Context,
        input: m::DeleteVpcLinkRequest,
    ) -> Answer<m::DeleteVpcLinkResponse> {
        self.remove_link(ctx, &input.vpc_link_id).await?;
        Ok(m::DeleteVpcLinkResponse::default())
    }

    async fn export_api(&self, ctx: &Context, input: m::ExportApiRequest) -> Answer<m::ExportApiResponse> {
        self.export_document(ctx, &input)
    }

    async fn import_api(&self, ctx: &Context, input: m::ImportApiRequest) -> Answer<m::ImportApiResponse> {
        self.import_document(ctx, (None, false), input).await
    }

    async fn reimport_api(
        &self,
        ctx: &Context,
        input: m::ReimportApiRequest,
    ) -> Answer<m::ReimportApiResponse> {
        let id = input.api_id.clone();
        let input = recast(&input)?;
        self.import_document(ctx, (Some(&id), true), input).await
    }

    async fn get_api(&self, ctx: &Context, input: m::GetApiRequest) -> Answer<m::GetApiResponse> {
        recast(&*self.entry(ctx, &input.api_id)?.definition.api)
    }

    async fn get_api_mapping(
        &self,
        ctx: &Context,
        input: m::GetApiMappingRequest,
    ) -> Answer<m::GetApiMappingResponse> {
        self.mapping(ctx, &input.domain_name, &input.api_mapping_id)
    }

    async fn get_api_mappings(
        &self,
        ctx: &Context,
        input: m::GetApiMappingsRequest,
    ) -> Answer<m::GetApiMappingsResponse> {
        self.list_mappings(ctx, &input)
    }

    async fn get_apis(&self, ctx: &Context, input: m::GetApisRequest) -> Answer<m::GetApisResponse> {
        self.list_apis(ctx, &input)
    }

    async fn get_authorizer(
        &self,
        ctx: &Context,
        input: m::GetAuthorizerRequest,
    ) -> Answer<m::GetAuthorizerResponse> {
        self.part::<m::Authorizer, _>(ctx, &input.api_id, &input.authorizer_id)
    }

    async fn get_authorizers(
        &self,
        ctx: &Context,
        input: m::GetAuthorizersRequest,
    ) -> Answer<m::GetAuthorizersResponse> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<m::Authorizer>(ctx, (&input.api_id, ""), &asked)?;
        Ok(m::GetAuthorizersResponse { items, next_token })
    }

    async fn get_deployment(
        &self,
        ctx: &Context,
        input: m::GetDeploymentRequest,
    ) -> Answer<m::GetDeploymentResponse> {
        let entry = self.entry(ctx, &input.api_id)?;
        let found =
            entry.deployments.get(&input.deployment_id).ok_or_else(|| errors::no_such("deployment"))?;
        recast(&*found.deployment)
    }

    async fn get_deployments(
        &self,
        ctx: &Context,
        input: m::GetDeploymentsRequest,
    ) -> Answer<m::GetDeploymentsResponse> {
        self.list_deployments(ctx, &input)
    }

    async fn get_domain_name(
        &self,
        ctx: &Context,
        input: m::GetDomainNameRequest,
    ) -> Answer<m::GetDomainNameResponse> {
        recast(&*self.domain(ctx, &input.domain_name)?.name)
    }

    async fn get_domain_names(
        &self,
        ctx: &Context,
        input: m::GetDomainNamesRequest,
    ) -> Answer<m::GetDomainNamesResponse> {
        self.list_domains(ctx, &input)
    }

    async fn get_integration(
        &self,
        ctx: &Context,
        input: m::GetIntegrationRequest,
    ) -> Answer<m::GetIntegrationResult> {
        self.part::<m::Integration, _>(ctx, &input.api_id, &input.integration_id)
    }

    async fn get_integration_response(
        &self,
        ctx: &Context,
        input: m::GetIntegrationResponseRequest,
    ) -> Answer<m::GetIntegrationResponseResponse> {
        let key = format!("{}/{}", input.integration_id, input.integration_response_id);
        self.part::<m::IntegrationResponse, _>(ctx, &input.api_id, &key)
    }

    async fn get_integration_responses(
        &self,
        ctx: &Context,
        input: m::GetIntegrationResponsesRequest,
    ) -> Answer<m::GetIntegrationResponsesResponse> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<m::IntegrationResponse>(
            ctx,
            (&input.api_id, &format!("{}/", input.integration_id)),
            &asked,
        )?;
        Ok(m::GetIntegrationResponsesResponse { items, next_token })
    }

    async fn get_integrations(
        &self,
        ctx: &Context,
        input: m::GetIntegrationsRequest,
    ) -> Answer<m::GetIntegrationsResponse> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<m::Integration>(ctx, (&input.api_id, ""), &asked)?;
        Ok(m::GetIntegrationsResponse { items, next_token })
    }

    async fn get_model(&self, ctx: &Context, input: m::GetModelRequest) -> Answer<m::GetModelResponse> {
        self.part::<m::Model, _>(ctx, &input.api_id, &input.model_id)
    }

    async fn get_models(&self, ctx: &Context, input: m::GetModelsRequest) -> Answer<m::GetModelsResponse> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<m::Model>(ctx, (&input.api_id, ""), &asked)?;
        Ok(m::GetModelsResponse { items, next_token })
    }

    async fn get_route(&self, ctx: &Context, input: m::GetRouteRequest) -> Answer<m::GetRouteResult> {
        self.part::<m::Route, _>(ctx, &input.api_id, &input.route_id)
    }

    async fn get_route_response(
        &self,
        ctx: &Context,
        input: m::GetRouteResponseRequest,
    ) -> Answer<m::GetRouteResponseResponse> {
        let key = format!("{}/{}", input.route_id, input.route_response_id);
        self.part::<m::RouteResponse, _>(ctx, &input.api_id, &key)
    }

    async fn get_route_responses(
        &self,
        ctx: &Context,
        input: m::GetRouteResponsesRequest,
    ) -> Answer<m::GetRouteResponsesResponse> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) =
            self.parts::<m::RouteResponse>(ctx, (&input.api_id, &format!("{}/", input.route_id)), &asked)?;
        Ok(m::GetRouteResponsesResponse { items, next_token })
    }

    async fn get_routes(&self, ctx: &Context, input: m::GetRoutesRequest) -> Answer<m::GetRoutesResponse> {
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.parts::<m::Route>(ctx, (&input.api_id, ""), &asked)?;
        Ok(m::GetRoutesResponse { items, next_token })
    }

    async fn get_stage(&self, ctx: &Context, input: m::GetStageRequest) -> Answer<m::GetStageResponse> {
        let entry = self.entry(ctx, &input.api_id)?;
        recast(&**entry.stages.get(&input.stage_name).ok_or_else(|| errors::no_such("stage"))?)
    }

    async fn get_stages(&self, ctx: &Context, input: m::GetStagesRequest) -> Answer<m::GetStagesResponse> {
        self.list_stages(ctx, &input)
    }

    async fn get_tags(&self, ctx: &Context, input: m::GetTagsRequest) -> Answer<m::GetTagsResponse> {
        Ok(m::GetTagsResponse { tags: Some(self.tags_of(ctx, &input.resource_arn)?) })
    }

    async fn get_vpc_link(
        &self,
        ctx: &Context,
        input: m::GetVpcLinkRequest,
    ) -> Answer<m::GetVpcLinkResponse> {
        recast(&*self.link(ctx, &input.vpc_link_id)?)
    }

    async fn get_vpc_links(
        &self,
        ctx: &Context,
        input: m::GetVpcLinksRequest,
    ) -> Answer<m::GetVpcLinksResponse> {
        self.list_links(ctx, &input)
    }

    async fn reset_authorizers_cache(
        &self,
        ctx: &Context,
        input: m::ResetAuthorizersCacheRequest,
    ) -> Answer<()> {
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
        input: m::TagResourceRequest,
    ) -> Answer<m::TagResourceResponse> {
        let add = |tags: &mut BTreeMap<String, String>| {
            tags.extend(input.tags.unwrap_or_default());
            Ok(())
        };
        self.retag(ctx, &input.resource_arn, add).await?;
        Ok(m::TagResourceResponse::default())
    }

    async fn untag_resource(&self, ctx: &Context, input: m::UntagResourceRequest) -> Answer<()> {
        let forget = |tags: &mut BTreeMap<String, String>| {
            tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        self.retag(ctx, &input.resource_arn, forget).await
    }

    async fn update_api(&self, ctx: &Context, input: m::UpdateApiRequest) -> Answer<m::UpdateApiResponse> {
        self.update_an_api(ctx, input).await
    }

    async fn update_api_mapping(
        &self,
        ctx: &Context,
        input: m::UpdateApiMappingRequest,
    ) -> Answer<m::UpdateApiMappingResponse> {
        self.amend_mapping(ctx, input).await
    }

    async fn update_authorizer(
        &self,
        ctx: &Context,
        input: m::UpdateAuthorizerRequest,
    ) -> Answer<m::UpdateAuthorizerResponse> {
        self.amend_authorizer(ctx, input).await
    }

    async fn update_deployment(
        &self,
        ctx: &Context,
        input: m::UpdateDeploymentRequest,
    ) -> Answer<m::UpdateDeploymentResponse> {
        self.amend_deployment(ctx, input).await
    }

    async fn update_domain_name(
        &self,
        ctx: &Context,
        input: m::UpdateDomainNameRequest,
    ) -> Answer<m::UpdateDomainNameResponse> {
        self.amend_domain(ctx, input).await
    }

    async fn update_integration(
        &self,
        ctx: &Context,
        input: m::UpdateIntegrationRequest,
    ) -> Answer<m::UpdateIntegrationResult> {
        self.amend_integration(ctx, input).await
    }

    async fn update_integration_response(
        &self,
        ctx: &Context,
        input: m::UpdateIntegrationResponseRequest,
    ) -> Answer<m::UpdateIntegrationResponseResponse> {
        self.amend_integration_response(ctx, input).await
    }

    async fn update_model(
        &self,
        ctx: &Context,
        input: m::UpdateModelRequest,
    ) -> Answer<m::UpdateModelResponse> {
        self.amend_model(ctx, input).await
    }

    async fn update_route(
        &self,
        ctx: &Context,
        input: m::UpdateRouteRequest,
    ) -> Answer<m::UpdateRouteResult> {
        self.amend_route(ctx, input).await
    }

    async fn update_route_response(
        &self,
        ctx: &Context,
        input: m::UpdateRouteResponseRequest,
    ) -> Answer<m::UpdateRouteResponseResponse> {
        self.amend_route_response(ctx, input).await
    }

    async fn update_stage(
        &self,
        ctx: &Context,
        input: m::UpdateStageRequest,
    ) -> Answer<m::UpdateStageResponse> {
        self.amend_stage(ctx, input).await
    }

    async fn update_vpc_link(
        &self,
        ctx: &Context,
        input: m::UpdateVpcLinkRequest,
    ) -> Answer<m::UpdateVpcLinkResponse> {
        self.amend_link(ctx, input).await
    }
}
