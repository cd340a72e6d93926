//! Aliases.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context};
use moln_store::Batch;

use super::finding::{check_revision, revision_id};
use crate::{
    Lambda, errors, limits, model as m,
    names::LATEST,
    state::{Address, Facts},
    tables::{AliasRow, LastUpdate, State, VersionRow},
};

/// Refuses while a change is under way.
pub(super) fn not_while_changing(latest: &VersionRow, address: &Address) -> Result<(), ApiError> {
    if latest.state == State::Pending {
        return Err(errors::conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        ));
    }
    if latest.last_update == LastUpdate::InProgress {
        return Err(errors::conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            address.arn()
        )));
    }
    Ok(())
}

fn told(address: &Address, name: &str, row: &AliasRow) -> m::AliasConfiguration {
    m::AliasConfiguration {
        alias_arn: Some(format!("{}:{name}", address.arn())),
        name: Some(name.to_owned()),
        function_version: Some(row.version.clone()),
        description: Some(row.description.clone().unwrap_or_default()),
        routing_config: (!row.weights.is_empty())
            .then(|| m::AliasRoutingConfiguration { additional_version_weights: Some(row.weights.clone()) }),
        revision_id: Some(row.revision_id.clone()),
    }
}

/// A number is a version. The model's pattern says so in a way that it cannot be matched by.
fn check_name(name: &str) -> Result<(), ApiError> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(errors::validation(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
        )));
    }
    Ok(())
}

/// Checks where an alias leads.
fn check(facts: &Facts, address: &Address, row: &AliasRow) -> Result<(), ApiError> {
    if facts.version(&row.version).is_none() {
        return Err(errors::function_not_found(&address.arn(), Some(&row.version)));
    }
    if row.weights.is_empty() {
        return Ok(());
    }
    if row.weights.len() > 1 {
        return Err(errors::invalid_parameter(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    for (version, weight) in &row.weights {
        if *version == row.version {
            return Err(errors::invalid_parameter(format!(
                "Invalid function version {version}. Function version {version} is already included in routing configuration."
            )));
        }
        if row.version == LATEST {
            return Err(errors::invalid_parameter(
                "$LATEST is not supported for an alias pointing to more than 1 version",
            ));
        }
        if version == LATEST || facts.version(version).is_none() {
            return Err(errors::function_not_found(&address.arn(), Some(version)));
        }
        if !(0.0..=1.0).contains(weight) {
            return Err(errors::validation(format!(
                "1 validation error detected: Value '{{{version}={weight}}}' at \
                 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: \
                 [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, \
                 Member must not be null]"
            )));
        }
    }
    Ok(())
}

fn weights(config: Option<m::AliasRoutingConfiguration>) -> BTreeMap<String, f64> {
    config.and_then(|config| config.additional_version_weights).unwrap_or_default()
}

impl Lambda {
    pub(super) async fn new_alias(
        &self,
        ctx: &Context,
        input: m::CreateAliasRequest,
    ) -> Result<m::AliasConfiguration, ApiError> {
        check_name(&input.name)?;
        let address = Self::named(ctx, &input.function_name, None)?.address;
        let change = self.registry.change(&address).await;
        let before = change.before.clone().ok_or_else(|| errors::function_not_found(&address.arn(), None))?;
        let row = AliasRow {
            version: input.function_version,
            description: input.description,
            weights: weights(input.routing_config),
            revision_id: revision_id(),
        };
        check(&before, &address, &row)?;
        if before.aliases.contains_key(&input.name) {
            return Err(errors::conflict(format!("Alias already exists: {}:{}", address.arn(), input.name)));
        }
        let told = told(&address, &input.name, &row);
        let mut after = (*before).clone();
        after.aliases.insert(input.name, Arc::new(row));
        change.commit(Batch::default(), Some(after)).await?;
        Ok(told)
    }

    pub(super) fn alias(
        &self,
        ctx: &Context,
        input: &m::GetAliasRequest,
    ) -> Result<m::AliasConfiguration, ApiError> {
        let found = self.look_up(ctx, &input.function_name, None)?;
        let row = found.facts.aliases.get(&input.name);
        let row = row.ok_or_else(|| no_alias(&found.function.address, &input.name))?;
        Ok(told(&found.function.address, &input.name, row))
    }

    pub(super) fn aliases(
        &self,
        ctx: &Context,
        input: &m::ListAliasesRequest,
    ) -> Result<m::ListAliasesResponse, ApiError> {
        let found = self.look_up(ctx, &input.function_name, None)?;
        let version = input.function_version.as_deref();
        let scope = ["ListAliases", &*found.function.arn, version.unwrap_or_default()];
        let after = self.after(&scope, input.marker.as_deref())?;
        let rows: Vec<_> = found
            .facts
            .aliases
            .iter()
            .filter(|(name, row)| {
                **name > after && version.is_none_or(|v| row.version == v || row.weights.contains_key(v))
            })
            .collect();
        let (rows, next_marker) =
            self.page(&scope, rows, input.max_items, limits::PAGE, |(name, _)| (*name).clone());
        let address = &found.function.address;
        let aliases = rows.into_iter().map(|(name, row)| told(address, name, row)).collect();
        Ok(m::ListAliasesResponse { aliases: Some(aliases), next_marker })
    }

    pub(super) async fn change_alias(
        &self,
        ctx: &Context,
        input: m::UpdateAliasRequest,
    ) -> Result<m::AliasConfiguration, ApiError> {
        let address = Self::named(ctx, &input.function_name, None)?.address;
        let change = self.registry.change(&address).await;
        let before = change.before.clone().ok_or_else(|| errors::function_not_found(&address.arn(), None))?;
        let old = before.aliases.get(&input.name).ok_or_else(|| no_alias(&address, &input.name))?;
        check_revision(input.revision_id.as_deref(), &old.revision_id)?;
        let mut row = (**old).clone();
        if let Some(version) = input.function_version {
            row.version = version;
        }
        if input.description.is_some() {
            row.description = input.description;
        }
        if input.routing_config.is_some() {
            row.weights = weights(input.routing_config);
        }
        row.revision_id = revision_id();
        check(&before, &address, &row)?;
        let told = told(&address, &input.name, &row);
        let mut after = (*before).clone();
        after.aliases.insert(input.name, Arc::new(row));
        let function = change.commit(Batch::default(), Some(after)).await?;
        if let Some(function) = function {
            self.keep_ready(&function);
        }
        Ok(told)
    }

    pub(super) async fn drop_alias(
        &self,
        ctx: &Context,
        input: &m::DeleteAliasRequest,
    ) -> Result<(), ApiError> {
        let address = Self::named(ctx, &input.function_name, None)?.address;
        let change = self.registry.change(&address).await;
        let Some(before) = change.before.clone() else {
            return Err(errors::function_not_found(&address.arn(), None));
        };
        if !before.aliases.contains_key(&input.name) {
            return Ok(());
        }
        let mut after = (*before).clone();
        after.aliases.remove(&input.name);
        after.policies.remove(&input.name);
        after.invoke_configs.remove(&input.name);
        after.urls.remove(&input.name);
        after.provisioned.remove(&input.name);
        let function = change.commit(Batch::default(), Some(after)).await?;
        if let Some(function) = function {
            self.keep_ready(&function);
        }
        Ok(())
    }
}

fn no_alias(address: &Address, name: &str) -> ApiError {
    errors::not_found(format!("Cannot find alias arn: {}:{name}", address.arn()))
}
