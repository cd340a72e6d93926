//! Reserved and provisioned concurrency.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_store::Batch;

use super::{
    describe::moment,
    finding::{is_version, unknown_qualifier},
};
use crate::{
    Lambda, errors, limits, model as m,
    names::LATEST,
    state::{Address, Facts, Function},
    tables::{FunctionRow, ProvisionedRow},
};

/// What a qualifier's provisioned concurrency has come to.
struct Standing {
    ready: u32,
    failure: Option<String>,
}

impl Lambda {
    pub(super) async fn reserve(
        &self,
        ctx: &Context,
        input: &m::PutFunctionConcurrencyRequest,
    ) -> Result<m::Concurrency, ApiError> {
        let wanted = u32::try_from(input.reserved_concurrent_executions).unwrap_or(0);
        self.set_reserved(ctx, &input.function_name, Some(wanted)).await?;
        Ok(m::Concurrency { reserved_concurrent_executions: Some(input.reserved_concurrent_executions) })
    }

    pub(super) async fn unreserve(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        self.set_reserved(ctx, name, None).await
    }

    async fn set_reserved(&self, ctx: &Context, name: &str, wanted: Option<u32>) -> Result<(), ApiError> {
        let named = Self::named(ctx, name, None)?;
        if named.qualifier.is_some() {
            return Err(errors::invalid_parameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.",
            ));
        }
        let account = self.registry.account(&named.address.account, &named.address.region);
        let _one_at_a_time = account.reserving.lock().await;
        let change = self.registry.change(&named.address).await;
        let before =
            change.before.clone().ok_or_else(|| errors::function_not_found(&named.address.arn(), None))?;
        let mut after = (*before).clone();
        after.function = Arc::new(FunctionRow { reserved: wanted, ..(*before.function).clone() });
        if let Some(wanted) = wanted {
            let provisioned = crate::state::provisioned(&before);
            if wanted < provisioned {
                return Err(errors::invalid_parameter(format!(
                    "ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned \
                     concurrency [{provisioned}]."
                )));
            }
            floor(account.set_aside(), before.function.reserved.unwrap_or(provisioned), wanted)?;
        }
        change.commit(Batch::default(), Some(after)).await?;
        Ok(())
    }

    pub(super) fn reserved(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<m::GetFunctionConcurrencyResponse, ApiError> {
        let found = self.look_up(ctx, name, None)?;
        let reserved = found.facts.function.reserved.and_then(|reserved| i32::try_from(reserved).ok());
        Ok(m::GetFunctionConcurrencyResponse { reserved_concurrent_executions: reserved })
    }

    /// The function and qualifier that provisioned concurrency is set for.
    fn provisionable(
        &self,
        ctx: &Context,
        name: &str,
        qualifier: &str,
    ) -> Result<(Address, String), ApiError> {
        let named = Self::named(ctx, name, Some(qualifier))?;
        let arn = named.address.arn();
        let function = self.registry.find(&named.address);
        let there = function.is_some_and(|function| {
            let facts = function.facts();
            facts.aliases.contains_key(qualifier) || facts.version(qualifier).is_some()
        });
        if there {
            Ok((named.address, qualifier.to_owned()))
        } else {
            Err(unknown_qualifier(&arn, qualifier))
        }
    }

    pub(super) async fn provision(
        &self,
        ctx: &Context,
        input: &m::PutProvisionedConcurrencyConfigRequest,
    ) -> Result<m::PutProvisionedConcurrencyConfigResponse, ApiError> {
        if input.qualifier == LATEST {
            return Err(errors::invalid_parameter(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
            ));
        }
        let (address, qualifier) = self.provisionable(ctx, &input.function_name, &input.qualifier)?;
        let requested = u32::try_from(input.provisioned_concurrent_executions).unwrap_or(1);
        let account = self.registry.account(&address.account, &address.region);
        let _one_at_a_time = account.reserving.lock().await;
        let change = self.registry.change(&address).await;
        let before = change.before.clone().ok_or_else(|| errors::function_not_found(&address.arn(), None))?;
        overlaps(&before, &qualifier)?;
        let modified = self.clock.now().millis();
        let mut after = (*before).clone();
        after.provisioned.insert(qualifier.clone(), Arc::new(ProvisionedRow { requested, modified }));
        let total = crate::state::provisioned(&after);
        match before.function.reserved {
            Some(reserved) if total > reserved => {
                return Err(errors::invalid_parameter(format!(
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for \
                     function [{reserved}]."
                )));
            }
            Some(_) => {}
            None => {
                let own = crate::state::provisioned(&before);
                floor(account.set_aside(), own, total).map_err(|_| {
                    errors::invalid_parameter(format!(
                        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{}].",
                        limits::CONCURRENCY.saturating_sub(account.set_aside())
                    ))
                })?;
            }
        }
        let function = change.commit(Batch::default(), Some(after)).await?;
        if let Some(function) = &function {
            self.keep_ready(function);
        }
        Ok(m::PutProvisionedConcurrencyConfigResponse {
            requested_provisioned_concurrent_executions: Some(input.provisioned_concurrent_executions),
            available_provisioned_concurrent_executions: Some(0),
            allocated_provisioned_concurrent_executions: Some(0),
            status: Some("IN_PROGRESS".to_owned()),
            status_reason: None,
            last_modified: Some(moment(modified)),
        })
    }

    pub(super) fn provisioned(
        &self,
        ctx: &Context,
        input: &m::GetProvisionedConcurrencyConfigRequest,
    ) -> Result<m::GetProvisionedConcurrencyConfigResponse, ApiError> {
        if input.qualifier == LATEST {
            return Err(unpublished());
        }
        let (address, qualifier) = self.provisionable(ctx, &input.function_name, &input.qualifier)?;
        let function = self.registry.find(&address).ok_or_else(errors::not_provisioned)?;
        let facts = function.facts();
        let row = facts.provisioned.get(&qualifier).ok_or_else(errors::not_provisioned)?;
        let standing = self.standing(&function, &facts, &qualifier);
        let (count, status) = status(row, &standing);
        Ok(m::GetProvisionedConcurrencyConfigResponse {
            requested_provisioned_concurrent_executions: i32::try_from(row.requested).ok(),
            available_provisioned_concurrent_executions: Some(count),
            allocated_provisioned_concurrent_executions: Some(count),
            status: Some(status.to_owned()),
            status_reason: standing.failure,
            last_modified: Some(moment(row.modified)),
        })
    }

    pub(super) fn list_provisioned(
        &self,
        ctx: &Context,
        input: &m::ListProvisionedConcurrencyConfigsRequest,
    ) -> Result<m::ListProvisionedConcurrencyConfigsResponse, ApiError> {
        let found = self.look_up(ctx, &input.function_name, None)?;
        let scope = ["ListProvisionedConcurrencyConfigs", &*found.function.arn];
        let after = self.after(&scope, input.marker.as_deref())?;
        let rows: Vec<_> = found.facts.provisioned.iter().filter(|(name, _)| **name > after).collect();
        let (rows, next_marker) =
            self.page(&scope, rows, input.max_items, limits::PAGE, |(name, _)| (*name).clone());
        let told = rows.into_iter().map(|(qualifier, row)| {
            let standing = self.standing(&found.function, &found.facts, qualifier);
            let (count, status) = status(row, &standing);
            m::ProvisionedConcurrencyConfigListItem {
                function_arn: Some(format!("{}:{qualifier}", found.function.arn)),
                requested_provisioned_concurrent_executions: i32::try_from(row.requested).ok(),
                available_provisioned_concurrent_executions: Some(count),
                allocated_provisioned_concurrent_executions: Some(count),
                status: Some(status.to_owned()),
                status_reason: standing.failure,
                last_modified: Some(moment(row.modified)),
            }
        });
        Ok(m::ListProvisionedConcurrencyConfigsResponse {
            provisioned_concurrency_configs: Some(told.collect()),
            next_marker,
        })
    }

    pub(super) async fn unprovision(
        &self,
        ctx: &Context,
        input: &m::DeleteProvisionedConcurrencyConfigRequest,
    ) -> Result<(), ApiError> {
        if input.qualifier == LATEST {
            return Err(unpublished());
        }
        let (address, qualifier) = self.provisionable(ctx, &input.function_name, &input.qualifier)?;
        let change = self.registry.change(&address).await;
        let before = change.before.clone().ok_or_else(errors::not_provisioned)?;
        let mut after = (*before).clone();
        after.provisioned.remove(&qualifier);
        let function = change.commit(Batch::default(), Some(after)).await?;
        if let Some(function) = &function {
            self.keep_ready(function);
        }
        Ok(())
    }

    fn standing(&self, function: &Arc<Function>, facts: &Facts, qualifier: &str) -> Standing {
        let version = facts.aliases.get(qualifier).map_or(qualifier, |alias| alias.version.as_str());
        let revision =
            facts.version(version).map(|version| crate::revision::id(&function.address, &version.row, true));
        let kept = revision.map(|id| self.execute.provisioned(&id)).unwrap_or_default();
        Standing { ready: kept.ready, failure: kept.failure }
    }

    /// Tells the pool how many environments of each version are to be kept ready.
    pub(crate) fn keep_ready(&self, function: &Arc<Function>) {
        let facts = function.facts();
        for version in facts.versions.values() {
            let wanted = facts.provisioned_for(&version.row.name());
            let kept = self.execute.provisioned(&crate::revision::id(&function.address, &version.row, true));
            if wanted == 0 && kept.wanted == 0 {
                continue;
            }
            if let Some(revision) = version.revision(&function.address, true) {
                self.execute.provision(&revision, wanted);
            }
        }
    }
}

fn unpublished() -> ApiError {
    errors::invalid_parameter("The function resource provided must be an alias or a published version.")
}

/// A version has its own or an alias's, not both.
fn overlaps(facts: &Facts, qualifier: &str) -> Result<(), ApiError> {
    if is_version(qualifier) {
        let taken = facts
            .aliases
            .iter()
            .any(|(name, alias)| alias.version == qualifier && facts.provisioned.contains_key(name));
        if taken {
            return Err(errors::conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
            ));
        }
    } else if let Some(alias) = facts.aliases.get(qualifier) {
        if !alias.weights.is_empty() {
            return Err(errors::invalid_parameter(
                "Alias with weights can not be used with Provisioned Concurrency",
            ));
        }
        if facts.provisioned.contains_key(&alias.version) {
            return Err(errors::conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
            ));
        }
    }
    Ok(())
}

/// Refuses what leaves less than the floor to everyone else.
fn floor(set_aside: u32, own: u32, wanted: u32) -> Result<(), ApiError> {
    let others = set_aside.saturating_sub(own);
    if others.saturating_add(wanted) > limits::CONCURRENCY - limits::UNRESERVED_FLOOR {
        return Err(errors::invalid_parameter(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
             minimum value of [{}].",
            limits::UNRESERVED_FLOOR
        )));
    }
    Ok(())
}

fn status(row: &ProvisionedRow, standing: &Standing) -> (i32, &'static str) {
    let ready = standing.ready.min(row.requested);
    let status = if ready >= row.requested {
        "READY"
    } else if standing.failure.is_some() {
        "FAILED"
    } else {
        "IN_PROGRESS"
    };
    (i32::try_from(ready).unwrap_or(i32::MAX), status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_stay_unreserved() {
        assert!(floor(0, 0, 900).is_ok());
        assert!(floor(0, 0, 901).is_err());
        assert!(floor(900, 900, 900).is_ok(), "its own does not count twice");
        assert!(floor(900, 100, 101).is_err());
    }
}
