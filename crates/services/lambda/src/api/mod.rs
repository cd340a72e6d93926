//! The operations, one file per group of verbs. This file is the trait's implementation and nothing else: each line
//! hands on to its group.

pub(crate) mod access;
mod account;
mod aliases;
pub(crate) mod archive;
mod concurrency;
mod configuration;
mod describe;
mod finding;
mod functions;
mod hooks;
mod invoke_configs;
mod invoking;
mod layers;
mod permissions;
mod tags;
mod updates;
mod urls;
mod versions;

use moln_kernel::{ApiError, Context};

use self::invoke_configs::Wanted;
use crate::{Lambda, model as m};

impl m::Lambda for Lambda {
    async fn add_layer_version_permission(
        &self,
        ctx: &Context,
        input: m::AddLayerVersionPermissionRequest,
    ) -> Result<m::AddLayerVersionPermissionResponse, ApiError> {
        self.permit_layer(ctx, input).await
    }
    async fn add_permission(
        &self,
        ctx: &Context,
        input: m::AddPermissionRequest,
    ) -> Result<m::AddPermissionResponse, ApiError> {
        self.permit(ctx, input).await
    }
    async fn create_alias(
        &self,
        ctx: &Context,
        input: m::CreateAliasRequest,
    ) -> Result<m::AliasConfiguration, ApiError> {
        self.new_alias(ctx, input).await
    }
    async fn create_event_source_mapping(
        &self,
        ctx: &Context,
        input: m::CreateEventSourceMappingRequest,
    ) -> Result<m::EventSourceMappingConfiguration, ApiError> {
        self.create_mapping(ctx, input).await
    }
    async fn create_function(
        &self,
        ctx: &Context,
        input: m::CreateFunctionRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        self.create(ctx, input).await
    }
    async fn create_function_url_config(
        &self,
        ctx: &Context,
        input: m::CreateFunctionUrlConfigRequest,
    ) -> Result<m::CreateFunctionUrlConfigResponse, ApiError> {
        self.new_url(ctx, input).await
    }
    async fn delete_alias(&self, ctx: &Context, input: m::DeleteAliasRequest) -> Result<(), ApiError> {
        self.drop_alias(ctx, &input).await
    }
    async fn delete_event_source_mapping(
        &self,
        ctx: &Context,
        input: m::DeleteEventSourceMappingRequest,
    ) -> Result<m::EventSourceMappingConfiguration, ApiError> {
        self.delete_mapping(ctx, &input).await
    }
    async fn delete_function(
        &self,
        ctx: &Context,
        input: m::DeleteFunctionRequest,
    ) -> Result<m::DeleteFunctionResponse, ApiError> {
        self.delete(ctx, &input).await.map(|()| m::DeleteFunctionResponse { status_code: Some(204) })
    }
    async fn delete_function_concurrency(
        &self,
        ctx: &Context,
        input: m::DeleteFunctionConcurrencyRequest,
    ) -> Result<(), ApiError> {
        self.unreserve(ctx, &input.function_name).await
    }
    async fn delete_function_event_invoke_config(
        &self,
        ctx: &Context,
        input: m::DeleteFunctionEventInvokeConfigRequest,
    ) -> Result<(), ApiError> {
        self.drop_invoke_config(ctx, &input.function_name, input.qualifier.as_deref()).await
    }
    async fn delete_function_url_config(
        &self,
        ctx: &Context,
        input: m::DeleteFunctionUrlConfigRequest,
    ) -> Result<(), ApiError> {
        self.drop_url(ctx, &input).await
    }
    async fn delete_layer_version(
        &self,
        ctx: &Context,
        input: m::DeleteLayerVersionRequest,
    ) -> Result<(), ApiError> {
        self.drop_layer(ctx, &input).await
    }
    async fn delete_provisioned_concurrency_config(
        &self,
        ctx: &Context,
        input: m::DeleteProvisionedConcurrencyConfigRequest,
    ) -> Result<(), ApiError> {
        self.unprovision(ctx, &input).await
    }
    async fn get_account_settings(
        &self,
        ctx: &Context,
        _: m::GetAccountSettingsRequest,
    ) -> Result<m::GetAccountSettingsResponse, ApiError> {
        self.account_settings(ctx)
    }
    async fn get_alias(
        &self,
        ctx: &Context,
        input: m::GetAliasRequest,
    ) -> Result<m::AliasConfiguration, ApiError> {
        self.alias(ctx, &input)
    }
    async fn get_event_source_mapping(
        &self,
        ctx: &Context,
        input: m::GetEventSourceMappingRequest,
    ) -> Result<m::EventSourceMappingConfiguration, ApiError> {
        self.get_mapping(ctx, &input)
    }
    async fn get_function(
        &self,
        ctx: &Context,
        input: m::GetFunctionRequest,
    ) -> Result<m::GetFunctionResponse, ApiError> {
        self.get(ctx, &input)
    }
    async fn get_function_code_signing_config(
        &self,
        ctx: &Context,
        input: m::GetFunctionCodeSigningConfigRequest,
    ) -> Result<m::GetFunctionCodeSigningConfigResponse, ApiError> {
        self.signing(ctx, &input.function_name)
    }
    async fn get_function_concurrency(
        &self,
        ctx: &Context,
        input: m::GetFunctionConcurrencyRequest,
    ) -> Result<m::GetFunctionConcurrencyResponse, ApiError> {
        self.reserved(ctx, &input.function_name)
    }
    async fn get_function_configuration(
        &self,
        ctx: &Context,
        input: m::GetFunctionConfigurationRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        self.configuration(ctx, &input)
    }
    async fn get_function_event_invoke_config(
        &self,
        ctx: &Context,
        input: m::GetFunctionEventInvokeConfigRequest,
    ) -> Result<m::FunctionEventInvokeConfig, ApiError> {
        self.invoke_config(ctx, &input.function_name, input.qualifier.as_deref())
    }
    async fn get_function_recursion_config(
        &self,
        ctx: &Context,
        input: m::GetFunctionRecursionConfigRequest,
    ) -> Result<m::GetFunctionRecursionConfigResponse, ApiError> {
        self.recursion(ctx, &input.function_name)
    }
    async fn get_function_url_config(
        &self,
        ctx: &Context,
        input: m::GetFunctionUrlConfigRequest,
    ) -> Result<m::GetFunctionUrlConfigResponse, ApiError> {
        self.url_config(ctx, &input)
    }
    async fn get_layer_version(
        &self,
        ctx: &Context,
        input: m::GetLayerVersionRequest,
    ) -> Result<m::GetLayerVersionResponse, ApiError> {
        self.layer(ctx, &input.layer_name, input.version_number)
    }
    async fn get_layer_version_by_arn(
        &self,
        ctx: &Context,
        input: m::GetLayerVersionByArnRequest,
    ) -> Result<m::GetLayerVersionResponse, ApiError> {
        self.layer_by_arn(ctx, &input.arn)
    }
    async fn get_layer_version_policy(
        &self,
        ctx: &Context,
        input: m::GetLayerVersionPolicyRequest,
    ) -> Result<m::GetLayerVersionPolicyResponse, ApiError> {
        self.layer_policy(ctx, &input)
    }
    async fn get_policy(
        &self,
        ctx: &Context,
        input: m::GetPolicyRequest,
    ) -> Result<m::GetPolicyResponse, ApiError> {
        self.policy(ctx, &input)
    }
    async fn get_provisioned_concurrency_config(
        &self,
        ctx: &Context,
        input: m::GetProvisionedConcurrencyConfigRequest,
    ) -> Result<m::GetProvisionedConcurrencyConfigResponse, ApiError> {
        self.provisioned(ctx, &input)
    }
    async fn get_runtime_management_config(
        &self,
        ctx: &Context,
        input: m::GetRuntimeManagementConfigRequest,
    ) -> Result<m::GetRuntimeManagementConfigResponse, ApiError> {
        self.runtime_management(ctx, &input)
    }
    async fn invoke(
        &self,
        ctx: &Context,
        input: m::InvocationRequest,
    ) -> Result<m::InvocationResponse, ApiError> {
        self.call(ctx, input).await
    }
    async fn invoke_async(
        &self,
        ctx: &Context,
        input: m::InvokeAsyncRequest,
    ) -> Result<m::InvokeAsyncResponse, ApiError> {
        self.call_async(ctx, &input.function_name, input.invoke_args).await
    }
    async fn invoke_with_response_stream(
        &self,
        ctx: &Context,
        input: m::InvokeWithResponseStreamRequest,
    ) -> Result<m::InvokeWithResponseStreamResponse, ApiError> {
        self.call_streaming(ctx, input).await
    }
    async fn list_aliases(
        &self,
        ctx: &Context,
        input: m::ListAliasesRequest,
    ) -> Result<m::ListAliasesResponse, ApiError> {
        self.aliases(ctx, &input)
    }
    async fn list_event_source_mappings(
        &self,
        ctx: &Context,
        input: m::ListEventSourceMappingsRequest,
    ) -> Result<m::ListEventSourceMappingsResponse, ApiError> {
        self.list_mappings(ctx, &input)
    }
    async fn list_function_event_invoke_configs(
        &self,
        ctx: &Context,
        input: m::ListFunctionEventInvokeConfigsRequest,
    ) -> Result<m::ListFunctionEventInvokeConfigsResponse, ApiError> {
        self.list_invoke_configs(ctx, &input)
    }
    async fn list_function_url_configs(
        &self,
        ctx: &Context,
        input: m::ListFunctionUrlConfigsRequest,
    ) -> Result<m::ListFunctionUrlConfigsResponse, ApiError> {
        self.list_urls(ctx, &input)
    }
    async fn list_functions(
        &self,
        ctx: &Context,
        input: m::ListFunctionsRequest,
    ) -> Result<m::ListFunctionsResponse, ApiError> {
        self.list(ctx, &input)
    }
    async fn list_layer_versions(
        &self,
        ctx: &Context,
        input: m::ListLayerVersionsRequest,
    ) -> Result<m::ListLayerVersionsResponse, ApiError> {
        self.list_layer_versions(ctx, &input)
    }
    async fn list_layers(
        &self,
        ctx: &Context,
        input: m::ListLayersRequest,
    ) -> Result<m::ListLayersResponse, ApiError> {
        self.list_layers(ctx, &input)
    }
    async fn list_provisioned_concurrency_configs(
        &self,
        ctx: &Context,
        input: m::ListProvisionedConcurrencyConfigsRequest,
    ) -> Result<m::ListProvisionedConcurrencyConfigsResponse, ApiError> {
        self.list_provisioned(ctx, &input)
    }
    async fn list_tags(
        &self,
        ctx: &Context,
        input: m::ListTagsRequest,
    ) -> Result<m::ListTagsResponse, ApiError> {
        self.tags(ctx, &input.resource).map(account::tag_answer)
    }
    async fn list_versions_by_function(
        &self,
        ctx: &Context,
        input: m::ListVersionsByFunctionRequest,
    ) -> Result<m::ListVersionsByFunctionResponse, ApiError> {
        self.list_versions(ctx, &input)
    }
    async fn publish_layer_version(
        &self,
        ctx: &Context,
        input: m::PublishLayerVersionRequest,
    ) -> Result<m::PublishLayerVersionResponse, ApiError> {
        self.new_layer(ctx, input, None).await
    }
    async fn publish_version(
        &self,
        ctx: &Context,
        input: m::PublishVersionRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        self.publish_version(ctx, input).await
    }
    async fn put_function_concurrency(
        &self,
        ctx: &Context,
        input: m::PutFunctionConcurrencyRequest,
    ) -> Result<m::Concurrency, ApiError> {
        self.reserve(ctx, &input).await
    }
    async fn put_function_event_invoke_config(
        &self,
        ctx: &Context,
        input: m::PutFunctionEventInvokeConfigRequest,
    ) -> Result<m::FunctionEventInvokeConfig, ApiError> {
        let wanted = Wanted {
            retries: input.maximum_retry_attempts,
            age: input.maximum_event_age_in_seconds,
            destinations: input.destination_config,
        };
        self.set_invoke_config(ctx, &input.function_name, input.qualifier.as_deref(), wanted, false).await
    }
    async fn put_function_recursion_config(
        &self,
        ctx: &Context,
        input: m::PutFunctionRecursionConfigRequest,
    ) -> Result<m::PutFunctionRecursionConfigResponse, ApiError> {
        self.set_recursion(ctx, &input).await
    }
    async fn put_provisioned_concurrency_config(
        &self,
        ctx: &Context,
        input: m::PutProvisionedConcurrencyConfigRequest,
    ) -> Result<m::PutProvisionedConcurrencyConfigResponse, ApiError> {
        self.provision(ctx, &input).await
    }
    async fn put_runtime_management_config(
        &self,
        ctx: &Context,
        input: m::PutRuntimeManagementConfigRequest,
    ) -> Result<m::PutRuntimeManagementConfigResponse, ApiError> {
        self.manage_runtime(ctx, &input).await
    }
    async fn remove_layer_version_permission(
        &self,
        ctx: &Context,
        input: m::RemoveLayerVersionPermissionRequest,
    ) -> Result<(), ApiError> {
        self.forbid_layer(ctx, &input).await
    }
    async fn remove_permission(
        &self,
        ctx: &Context,
        input: m::RemovePermissionRequest,
    ) -> Result<(), ApiError> {
        self.forbid(ctx, input).await
    }
    async fn tag_resource(&self, ctx: &Context, input: m::TagResourceRequest) -> Result<(), ApiError> {
        self.tag(ctx, &input.resource, input.tags).await
    }
    async fn untag_resource(&self, ctx: &Context, input: m::UntagResourceRequest) -> Result<(), ApiError> {
        self.untag(ctx, &input.resource, input.tag_keys).await
    }
    async fn update_alias(
        &self,
        ctx: &Context,
        input: m::UpdateAliasRequest,
    ) -> Result<m::AliasConfiguration, ApiError> {
        self.change_alias(ctx, input).await
    }
    async fn update_event_source_mapping(
        &self,
        ctx: &Context,
        input: m::UpdateEventSourceMappingRequest,
    ) -> Result<m::EventSourceMappingConfiguration, ApiError> {
        self.update_mapping(ctx, input).await
    }
    async fn update_function_code(
        &self,
        ctx: &Context,
        input: m::UpdateFunctionCodeRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        self.update_code(ctx, input).await
    }
    async fn update_function_configuration(
        &self,
        ctx: &Context,
        input: m::UpdateFunctionConfigurationRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        self.update_configuration(ctx, input).await
    }
    async fn update_function_event_invoke_config(
        &self,
        ctx: &Context,
        input: m::UpdateFunctionEventInvokeConfigRequest,
    ) -> Result<m::FunctionEventInvokeConfig, ApiError> {
        let wanted = Wanted {
            retries: input.maximum_retry_attempts,
            age: input.maximum_event_age_in_seconds,
            destinations: input.destination_config,
        };
        self.set_invoke_config(ctx, &input.function_name, input.qualifier.as_deref(), wanted, true).await
    }
    async fn update_function_url_config(
        &self,
        ctx: &Context,
        input: m::UpdateFunctionUrlConfigRequest,
    ) -> Result<m::UpdateFunctionUrlConfigResponse, ApiError> {
        self.change_url(ctx, input).await
    }
}
