//! What an account has and may have, and the settings of functions that stand alone.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context, RecursiveLoop};
use moln_store::Batch;

use crate::{
    Lambda, errors, limits, model as m,
    names::LATEST,
    revision::runtime_version_arn,
    state::Version,
    tables::{FunctionRow, UpdateRuntimeOn, VersionRow},
};

impl Lambda {
    pub(super) fn account_settings(&self, ctx: &Context) -> Result<m::GetAccountSettingsResponse, ApiError> {
        let functions = self.registry.list(&ctx.account, &ctx.region, "");
        let code: u64 = functions
            .iter()
            .flat_map(|function| {
                let facts = function.facts();
                facts.versions.values().map(|version| version.row.code.size).collect::<Vec<_>>()
            })
            .sum();
        let code = code.saturating_add(self.layers_size(ctx)?);
        let set_aside = self.registry.account(&ctx.account, &ctx.region).set_aside();
        let long = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Ok(m::GetAccountSettingsResponse {
            account_limit: Some(m::AccountLimit {
                total_code_size: Some(long(limits::CODE_STORAGE_BYTES)),
                code_size_unzipped: Some(long(limits::UNZIPPED_BYTES)),
                code_size_zipped: Some(long(limits::ZIP_BYTES as u64)),
                concurrent_executions: i32::try_from(limits::CONCURRENCY).ok(),
                unreserved_concurrent_executions: i32::try_from(
                    limits::CONCURRENCY.saturating_sub(set_aside),
                )
                .ok(),
            }),
            account_usage: Some(m::AccountUsage {
                total_code_size: Some(long(code)),
                function_count: i64::try_from(functions.len()).ok(),
            }),
        })
    }

    /// Nothing is signed here: no function has a signing configuration.
    pub(super) fn signing(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<m::GetFunctionCodeSigningConfigResponse, ApiError> {
        let found = self.look_up(ctx, name, None)?;
        // No function has one, since none can be made. AWS says so without an error; tools ask for every function.
        Ok(m::GetFunctionCodeSigningConfigResponse {
            code_signing_config_arn: String::new(),
            function_name: found.named.address.name.to_string(),
        })
    }

    pub(super) async fn set_recursion(
        &self,
        ctx: &Context,
        input: &m::PutFunctionRecursionConfigRequest,
    ) -> Result<m::PutFunctionRecursionConfigResponse, ApiError> {
        let address = Self::named(ctx, &input.function_name, None)?.address;
        let recursion =
            if input.recursive_loop == "Allow" { RecursiveLoop::Allow } else { RecursiveLoop::Terminate };
        let change = self.registry.change(&address).await;
        let before = change.before.clone().ok_or_else(|| errors::function_not_found(&address.arn(), None))?;
        let mut after = (*before).clone();
        after.function = Arc::new(FunctionRow { recursion, ..(*before.function).clone() });
        change.commit(Batch::default(), Some(after)).await?;
        Ok(m::PutFunctionRecursionConfigResponse { recursive_loop: Some(input.recursive_loop.clone()) })
    }

    pub(super) fn recursion(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<m::GetFunctionRecursionConfigResponse, ApiError> {
        let found = self.look_up(ctx, name, None)?;
        let word = match found.facts.function.recursion {
            RecursiveLoop::Terminate => "Terminate",
            RecursiveLoop::Allow => "Allow",
        };
        Ok(m::GetFunctionRecursionConfigResponse { recursive_loop: Some(word.to_owned()) })
    }

    pub(super) async fn manage_runtime(
        &self,
        ctx: &Context,
        input: &m::PutRuntimeManagementConfigRequest,
    ) -> Result<m::PutRuntimeManagementConfigResponse, ApiError> {
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let change = self.registry.change(&named.address).await;
        let arn = named.address.arn();
        let before = change.before.clone().ok_or_else(|| errors::function_not_found(&arn, None))?;
        let qualifier = named.qualifier.as_deref().unwrap_or(LATEST);
        let version = before.version(qualifier);
        let version = version.ok_or_else(|| errors::function_not_found(&arn, Some(qualifier)))?;
        let (mode, pinned) = match (input.update_runtime_on.as_str(), &input.runtime_version_arn) {
            ("Manual", Some(pinned)) => (UpdateRuntimeOn::Manual, Some(pinned.clone())),
            ("Manual", None) => {
                return Err(errors::invalid_parameter(
                    "RuntimeVersionArn must be provided when updateRuntimeOn is set to Manual.",
                ));
            }
            (_, Some(_)) => {
                return Err(errors::invalid_parameter(
                    "RuntimeVersionArn must only be provided when updateRuntimeOn is set to Manual.",
                ));
            }
            ("FunctionUpdate", None) => (UpdateRuntimeOn::FunctionUpdate, None),
            _ => (UpdateRuntimeOn::Auto, None),
        };
        let row =
            VersionRow { update_runtime_on: mode, runtime_version: pinned.clone(), ..version.row.clone() };
        let number = row.number;
        let told = m::PutRuntimeManagementConfigResponse {
            update_runtime_on: input.update_runtime_on.clone(),
            function_arn: format!("{arn}:{}", row.name()),
            runtime_version_arn: pinned,
        };
        let mut after = (*before).clone();
        after.versions.insert(number, Arc::new(Version::from(row)));
        change.commit(Batch::default(), Some(after)).await?;
        Ok(told)
    }

    pub(super) fn runtime_management(
        &self,
        ctx: &Context,
        input: &m::GetRuntimeManagementConfigRequest,
    ) -> Result<m::GetRuntimeManagementConfigResponse, ApiError> {
        let found = self.look_up(ctx, &input.function_name, input.qualifier.as_deref())?;
        let qualifier = found.named.qualifier.as_deref().unwrap_or(LATEST);
        let version = found.facts.version(qualifier).ok_or_else(|| found.missing())?;
        let mode = match version.row.update_runtime_on {
            UpdateRuntimeOn::Auto => "Auto",
            UpdateRuntimeOn::FunctionUpdate => "FunctionUpdate",
            UpdateRuntimeOn::Manual => "Manual",
        };
        let address = &found.function.address;
        let arn = found.function.arn.to_string();
        Ok(m::GetRuntimeManagementConfigResponse {
            update_runtime_on: Some(mode.to_owned()),
            runtime_version_arn: (version.row.update_runtime_on == UpdateRuntimeOn::Manual)
                .then(|| runtime_version_arn(address, &version.row)),
            function_arn: Some(format!("{arn}:{}", version.row.name())),
        })
    }
}

/// Tags as an answer.
pub(super) fn tag_answer(tags: BTreeMap<String, String>) -> m::ListTagsResponse {
    m::ListTagsResponse { tags: Some(tags) }
}
