//! How asynchronous invokes are treated.

use std::sync::Arc;

use moln_kernel::{ApiError, Arn, Context, Timestamp};
use moln_store::Batch;

use crate::{
    Lambda, errors, limits, model as m,
    names::{self, LATEST, Named},
    state::Facts,
    tables::InvokeConfigRow,
};

/// What a call says, whether it puts or updates.
pub(super) struct Wanted {
    pub(super) retries: Option<i32>,
    pub(super) age: Option<i32>,
    pub(super) destinations: Option<m::DestinationConfig>,
}

fn no_function() -> ApiError {
    errors::not_found("The function doesn't exist.")
}

fn none(named: &Named) -> ApiError {
    errors::not_found(format!(
        "The function {}:{} doesn't have an EventInvokeConfig",
        named.address.arn(),
        named.qualifier.as_deref().unwrap_or(LATEST)
    ))
}

fn key(named: &Named) -> String {
    named.qualifier.clone().unwrap_or_else(|| LATEST.to_owned())
}

fn told(named: &Named, key: &str, row: &InvokeConfigRow) -> m::FunctionEventInvokeConfig {
    m::FunctionEventInvokeConfig {
        last_modified: Some(Timestamp(row.modified)),
        function_arn: Some(format!("{}:{key}", named.address.arn())),
        maximum_retry_attempts: row.retries.and_then(|retries| i32::try_from(retries).ok()),
        maximum_event_age_in_seconds: row.max_age_s.and_then(|age| i32::try_from(age).ok()),
        destination_config: Some(m::DestinationConfig {
            on_success: Some(m::OnSuccess { destination: row.on_success.clone() }),
            on_failure: Some(m::OnFailure { destination: row.on_failure.clone() }),
        }),
    }
}

impl Lambda {
    /// Where records of what became of events may go.
    fn check_destination(
        &self,
        named: &Named,
        destinations: &m::DestinationConfig,
        target: Option<&str>,
    ) -> Result<Option<String>, ApiError> {
        let Some(target) = target.filter(|target| !target.is_empty()) else { return Ok(None) };
        let service = target.parse::<Arn>().map(|arn| arn.service().to_owned()).unwrap_or_default();
        if !matches!(service.as_str(), "lambda" | "sns" | "sqs" | "events" | "s3") {
            let show = |arn: Option<&str>, kind: &str| {
                arn.map_or_else(|| "null".to_owned(), |arn| format!("{kind}(destination={arn})"))
            };
            let success = destinations.on_success.as_ref().and_then(|to| to.destination.as_deref());
            let failure = destinations.on_failure.as_ref().and_then(|to| to.destination.as_deref());
            return Err(errors::invalid_parameter(format!(
                "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
                show(success, "OnSuccess"),
                show(failure, "OnFailure")
            )));
        }
        if service == "lambda" {
            let parts = names::split(target);
            if *parts.name == *named.address.name && parts.account == Some(named.address.account.as_str()) {
                return Err(errors::invalid_parameter(
                    "You can't specify the function as a destination for itself.",
                ));
            }
            let there = names::read(&named.address.account, &named.address.region, target, None)
                .ok()
                .and_then(|other| self.registry.find(&other.address));
            if there.is_none() {
                return Err(errors::invalid_parameter(format!("The destination ARN {target} is invalid.")));
            }
        }
        Ok(Some(target.to_owned()))
    }

    pub(super) async fn set_invoke_config(
        &self,
        ctx: &Context,
        name: &str,
        qualifier: Option<&str>,
        wanted: Wanted,
        update: bool,
    ) -> Result<m::FunctionEventInvokeConfig, ApiError> {
        if wanted.retries.is_none() && wanted.age.is_none() && wanted.destinations.is_none() {
            return Err(errors::invalid_parameter(
                "You must specify at least one of error handling or destination setting.",
            ));
        }
        let named = Self::named(ctx, name, qualifier)?;
        let change = self.registry.change(&named.address).await;
        let before = change.before.clone().ok_or_else(no_function)?;
        let key = key(&named);
        there(&before, &key)?;
        let old = before.invoke_configs.get(&key);
        if update && old.is_none() {
            return Err(none(&named));
        }
        let base = old.filter(|_| update).map(|row| (**row).clone()).unwrap_or_default();
        let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
        let mut row = InvokeConfigRow {
            modified: self.clock.now().millis(),
            retries: number(wanted.retries).or(base.retries),
            max_age_s: number(wanted.age).or(base.max_age_s),
            on_success: base.on_success,
            on_failure: base.on_failure,
        };
        if let Some(destinations) = &wanted.destinations {
            if let Some(to) = &destinations.on_success {
                row.on_success = self.check_destination(&named, destinations, to.destination.as_deref())?;
            }
            if let Some(to) = &destinations.on_failure {
                row.on_failure = self.check_destination(&named, destinations, to.destination.as_deref())?;
            }
        }
        let told = told(&named, &key, &row);
        let mut after = (*before).clone();
        after.invoke_configs.insert(key, Arc::new(row));
        change.commit(Batch::default(), Some(after)).await?;
        Ok(told)
    }

    pub(super) fn invoke_config(
        &self,
        ctx: &Context,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<m::FunctionEventInvokeConfig, ApiError> {
        let named = Self::named(ctx, name, qualifier)?;
        let function = self.registry.find(&named.address).ok_or_else(|| none(&named))?;
        let (facts, key) = (function.facts(), key(&named));
        let row = facts.invoke_configs.get(&key).ok_or_else(|| none(&named))?;
        Ok(told(&named, &key, row))
    }

    pub(super) async fn drop_invoke_config(
        &self,
        ctx: &Context,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<(), ApiError> {
        let named = Self::named(ctx, name, qualifier)?;
        let change = self.registry.change(&named.address).await;
        let before = change.before.clone().ok_or_else(|| none(&named))?;
        let mut after = (*before).clone();
        if after.invoke_configs.remove(&key(&named)).is_none() {
            return Err(none(&named));
        }
        change.commit(Batch::default(), Some(after)).await?;
        Ok(())
    }

    pub(super) fn list_invoke_configs(
        &self,
        ctx: &Context,
        input: &m::ListFunctionEventInvokeConfigsRequest,
    ) -> Result<m::ListFunctionEventInvokeConfigsResponse, ApiError> {
        let named = Self::named(ctx, &input.function_name, None)?;
        let function = self.registry.find(&named.address).ok_or_else(no_function)?;
        let facts = function.facts();
        let scope = ["ListFunctionEventInvokeConfigs", &*function.arn];
        let after = self.after(&scope, input.marker.as_deref())?;
        let rows: Vec<_> = facts.invoke_configs.iter().filter(|(key, _)| **key > after).collect();
        let (rows, next_marker) =
            self.page(&scope, rows, input.max_items, limits::PAGE, |(key, _)| (*key).clone());
        let configs = rows.into_iter().map(|(key, row)| told(&named, key, row)).collect();
        Ok(m::ListFunctionEventInvokeConfigsResponse {
            function_event_invoke_configs: Some(configs),
            next_marker,
        })
    }
}

fn there(facts: &Facts, qualifier: &str) -> Result<(), ApiError> {
    if facts.version(qualifier).is_some() || facts.aliases.contains_key(qualifier) {
        Ok(())
    } else {
        Err(no_function())
    }
}
