//! Finding what a name means, and running it.

use std::sync::Arc;

use moln_functions::{Finished, Invocation, Revision, Streamed, Unavailable};
use moln_kernel::{AccountId, ApiError, Context, RecursiveLoop, Region, ids};

use crate::{
    Lambda, errors, limits, names,
    names::LATEST,
    running,
    state::{Facts, Function, Slot, Throttled, Version},
    tables::{AliasRow, InvokeConfigRow, State},
};

/// A function, and which of its versions a name means at this moment.
#[derive(Clone)]
pub(crate) struct Resolved {
    pub(crate) function: Arc<Function>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) version: Arc<Version>,
    /// As it was asked for: `$LATEST`, a number, an alias; `None`: none was given.
    pub(crate) qualifier: Option<String>,
    /// The function's ARN with the qualifier that was asked for.
    pub(crate) invoked_arn: String,
}

impl Resolved {
    /// The function's ARN without a qualifier: what counts as one resource in a chain of events.
    pub(crate) fn function_arn(&self) -> &Arc<str> {
        &self.function.arn
    }
    /// `$LATEST` or a number.
    pub(crate) fn version_name(&self) -> String {
        self.version.row.name()
    }
    /// Where events go that failed.
    pub(crate) fn dead_letter(&self) -> Option<&str> {
        self.version.row.dead_letter.as_deref()
    }
    /// How asynchronous invokes of this qualifier are treated.
    pub(crate) fn invoke_config(&self) -> Option<&Arc<InvokeConfigRow>> {
        self.facts.invoke_configs.get(self.qualifier.as_deref().unwrap_or(LATEST))
    }
    /// Whether chains of events may run through the function again and again.
    pub(crate) fn recursion(&self) -> RecursiveLoop {
        self.facts.function.recursion
    }
}

impl Lambda {
    /// What a name (in any of its forms) and a qualifier mean. An alias with weights is decided here, by chance. Errors:
    /// `ResourceNotFoundException`, and `InvalidParameterValueException` when name and qualifier disagree.
    pub(crate) fn resolve(
        &self,
        account: &AccountId,
        region: &Region,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<Resolved, ApiError> {
        let named = names::read(account, region, name, qualifier)?;
        let qualifier = named.qualifier;
        let missing = || errors::function_not_found(&named.address.arn(), qualifier.as_deref());
        let function = self.registry.find(&named.address).ok_or_else(missing)?;
        let facts = function.facts();
        let asked = qualifier.as_deref().unwrap_or(LATEST);
        let version = match facts.aliases.get(asked) {
            Some(alias) => facts.version(route(alias, chance())),
            None => facts.version(asked),
        };
        let version = version.cloned().ok_or_else(missing)?;
        let invoked_arn = match &qualifier {
            Some(qualifier) => format!("{}:{qualifier}", function.arn),
            None => function.arn.to_string(),
        };
        Ok(Resolved { function, facts, version, qualifier, invoked_arn })
    }

    /// Runs one invocation. The function's own failure is an answer. Errors: `TooManyRequestsException` with its reason,
    /// `ResourceConflictException` when the function cannot run (yet), `RecursiveInvocationException`, and
    /// `ServiceException` when no environment can be had. The context's lineage is what led here; the function is added.
    pub(crate) async fn run(
        &self,
        ctx: &Context,
        target: &Resolved,
        mut invocation: Invocation,
    ) -> Result<Finished, ApiError> {
        let (_slot, revision) = self.admit(ctx, target, &mut invocation)?;
        self.execute.invoke(&revision, invocation).await.map_err(|why| unavailable(&why))
    }

    /// The same with the answer as it comes. The slot is held by whoever reads the answer.
    pub(crate) async fn run_streaming(
        &self,
        ctx: &Context,
        target: &Resolved,
        mut invocation: Invocation,
    ) -> Result<(Streamed, Slot), ApiError> {
        let (slot, revision) = self.admit(ctx, target, &mut invocation)?;
        let streamed = self.execute.invoke_streaming(&revision, invocation).await;
        Ok((streamed.map_err(|why| unavailable(&why))?, slot))
    }

    /// Whether the function may run now: a place is taken.
    fn admit(
        &self,
        ctx: &Context,
        target: &Resolved,
        invocation: &mut Invocation,
    ) -> Result<(Slot, Arc<Revision>), ApiError> {
        usable(target)?;
        invocation.lineage = ctx.lineage.clone();
        let arn = target.function_arn();
        if let Err(stopped) = invocation.lineage.push(Arc::clone(arn), target.recursion()) {
            let way = running::chain(&invocation.lineage);
            tracing::warn!(function = %arn, request = %ctx.request_id, chain = %way, "{stopped}");
            self.events.metric(&target.function.address, "RecursiveInvocationsDropped", 1.0);
            return Err(errors::recursion());
        }
        let provisioned = target.facts.provisioned_for(&target.version_name());
        let reserved = target.facts.function.reserved;
        let taken = Slot::take(&target.function, &target.version, reserved, provisioned, limits::CONCURRENCY);
        let slot = taken.map_err(|throttled| match throttled {
            Throttled::Reserved => {
                errors::too_many_requests("ReservedFunctionConcurrentInvocationLimitExceeded")
            }
            Throttled::Account => errors::too_many_requests("ConcurrentInvocationLimitExceeded"),
        })?;
        let on_demand = provisioned == 0 || !slot.is_provisioned();
        let revision = target.version.revision(&target.function.address, !on_demand);
        let revision = revision.ok_or_else(|| {
            errors::service_failure(format!("The runtime {} is not known.", target.version.row.runtime))
        })?;
        Ok((slot, revision))
    }
}

/// Refuses a function that cannot run yet, or not at all.
pub(crate) fn usable(target: &Resolved) -> Result<(), ApiError> {
    let row = &target.version.row;
    let why = row.state_reason.as_ref().map(|(_, words)| words.as_str()).unwrap_or_default();
    match row.state {
        State::Active => Ok(()),
        State::Pending => Err(errors::conflict(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending. \
             {why}"
        ))),
        State::Failed => Err(errors::conflict(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: Failed. \
             {why}"
        ))),
    }
}

/// From 0 to 1, 1 excluded.
fn chance() -> f64 {
    // A million steps are fine enough for weights; the remainder fits.
    f64::from(u32::try_from(ids::unique() % 1_000_000).unwrap_or_default()) / 1e6
}

/// Which version an alias means: `chance` is from 0 to 1.
fn route(alias: &AliasRow, chance: f64) -> &str {
    let mut left = chance;
    for (version, weight) in &alias.weights {
        if left < *weight {
            return version;
        }
        left -= weight;
    }
    &alias.version
}

/// Why an invocation was not started, as Lambda would say it.
pub(crate) fn unavailable(why: &Unavailable) -> ApiError {
    match why {
        Unavailable::Exhausted => errors::too_many_requests("ConcurrentInvocationLimitExceeded"),
        Unavailable::Runtime(why) => {
            let mut error = crate::model::errors::invalid_runtime_exception(why.clone());
            error.members.push(("Type", "Service".to_owned()));
            error
        }
        Unavailable::Stopping => ApiError { status: 503, ..errors::service_failure(why.to_string()) },
        Unavailable::Sandbox(_) | Unavailable::Code(_) | Unavailable::Role(_) => {
            errors::service_failure(why.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_route_their_part() {
        let alias =
            AliasRow { version: "1".into(), weights: [("2".to_owned(), 0.25)].into(), ..AliasRow::default() };
        assert_eq!(route(&alias, 0.0), "2");
        assert_eq!(route(&alias, 0.2499), "2");
        assert_eq!(route(&alias, 0.25), "1");
        assert_eq!(route(&alias, 0.99), "1");
        assert_eq!(route(&AliasRow { version: "$LATEST".into(), ..AliasRow::default() }, 0.0), "$LATEST");
    }
}
