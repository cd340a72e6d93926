//! What events ask of functions. Asynchronous invokes and event source mappings know functions only through this, so that
//! both are tested without a sandbox.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moln_functions::{FunctionError, Invocation};
use moln_kernel::{
    AccountId, ApiError, Context, Endpoint, Lineage, LoopStopped, Principal, RecursiveLoop, Region,
    RequestId, clock::BoxFuture,
};

use crate::{Lambda, core::Resolved, state::Address};

/// Tries after the first of an event that fails, where nothing else is set.
const ASYNC_RETRIES: u32 = 2;
/// How old an event may get, where nothing else is set, seconds (6 hours).
const ASYNC_AGE_SECONDS: u32 = 21_600;

/// Which function, and which version or alias of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Callee {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) name: Arc<str>,
    /// As it was asked for; `None`: the function itself.
    pub(crate) qualifier: Option<Arc<str>>,
}

impl Callee {
    /// The function's address.
    pub(crate) fn address(&self) -> Address {
        Address { account: self.account.clone(), region: self.region.clone(), name: Arc::clone(&self.name) }
    }

    /// The function's ARN with the qualifier, where one was asked for.
    pub(crate) fn arn(&self) -> String {
        let arn = self.address().arn();
        match &self.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }
}

/// What is set for a function, at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Time limit of the version.
    pub(crate) timeout: Duration,
    /// Whether loops are wanted.
    pub(crate) recursion: RecursiveLoop,
    /// Reserved concurrency of zero: nothing runs until that changes.
    pub(crate) off: bool,
    /// Where events go that failed (`DeadLetterConfig`).
    pub(crate) dead_letter: Option<String>,
    /// How often a failed event is tried again.
    pub(crate) retries: u32,
    /// How old an event may get.
    pub(crate) max_age: Duration,
    /// Where records of success go.
    pub(crate) on_success: Option<String>,
    /// Where records of failure go.
    pub(crate) on_failure: Option<String>,
}

/// One event for a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) callee: Callee,
    /// The same for every try.
    pub(crate) request_id: RequestId,
    /// Valid JSON.
    pub(crate) payload: Bytes,
    pub(crate) client_context: Option<String>,
    pub(crate) trace: Option<Arc<str>>,
    /// What has led here, without this function.
    pub(crate) lineage: Lineage,
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What it returned, or its error document.
    pub(crate) payload: Bytes,
    /// `Unhandled` when it failed.
    pub(crate) error: Option<&'static str>,
    /// Which version ran.
    pub(crate) version: String,
}

/// Runs functions.
pub(crate) trait RunFunction: Send + Sync + 'static {
    /// What is set for the function and qualifier. Errors are Lambda's own; one that is gone is
    /// `ResourceNotFoundException`.
    fn profile(&self, callee: &Callee) -> Result<Profile, ApiError>;

    /// Runs it to its end, within its concurrency: over it is `TooManyRequestsException`. The function is added to the
    /// lineage by this call.
    fn run(&self, call: Call) -> BoxFuture<'_, Result<Answer, ApiError>>;

    /// What URLs made for calls from inside begin with.
    fn endpoint(&self) -> Arc<Endpoint>;
}

/// Judges whether a chain of events may run through the function once more.
pub(crate) fn judge(callee: &Callee, profile: &Profile, lineage: &Lineage) -> Result<(), LoopStopped> {
    lineage.clone().push(callee.address().arn(), profile.recursion)
}

/// The chain, for people: `a → b → a`, its middle left out when it is long.
pub(crate) fn chain(lineage: &Lineage) -> String {
    /// Hops shown at either end.
    const SHOWN: usize = 8;
    let hops: Vec<&str> = lineage.hops.iter().map(|hop| &**hop).collect();
    match (hops.get(..SHOWN), hops.len().checked_sub(SHOWN).and_then(|from| hops.get(from..))) {
        (Some(first), Some(last)) if hops.len() > 2 * SHOWN => {
            let left_out = hops.len() - 2 * SHOWN;
            format!("{} → … {left_out} more … → {}", first.join(" → "), last.join(" → "))
        }
        _ => hops.join(" → "),
    }
}

/// Whether an error says that there is no such function any more.
pub(crate) fn is_gone(error: &ApiError) -> bool {
    error.code == "ResourceNotFoundException"
}

/// Whether an error says that the function has no room now.
pub(crate) fn is_throttled(error: &ApiError) -> bool {
    error.status == 429
}

impl RunFunction for Lambda {
    fn profile(&self, callee: &Callee) -> Result<Profile, ApiError> {
        let found = self.found(callee)?;
        let config = found.invoke_config();
        Ok(Profile {
            timeout: Duration::from_secs(u64::from(found.version.row.timeout)),
            recursion: found.recursion(),
            off: found.facts.function.reserved == Some(0),
            dead_letter: found.dead_letter().map(str::to_owned),
            retries: config.and_then(|config| config.retries).unwrap_or(ASYNC_RETRIES),
            max_age: Duration::from_secs(u64::from(
                config.and_then(|config| config.max_age_s).unwrap_or(ASYNC_AGE_SECONDS),
            )),
            on_success: config.and_then(|config| config.on_success.clone()),
            on_failure: config.and_then(|config| config.on_failure.clone()),
        })
    }

    fn run(&self, call: Call) -> BoxFuture<'_, Result<Answer, ApiError>> {
        Box::pin(async move {
            let found = self.found(&call.callee)?;
            let (account, region) = (call.callee.account.clone(), call.callee.region.clone());
            let principal = Principal::Account(account.clone());
            let mut ctx = Context::internal(account, region, principal, self.endpoint(), self.clock.now());
            ctx.request_id = call.request_id.clone();
            ctx.trace.clone_from(&call.trace);
            ctx.lineage = call.lineage;
            let invocation = Invocation {
                request_id: call.request_id,
                payload: call.payload,
                client_context: call.client_context,
                cognito_identity: None,
                function_arn: found.invoked_arn.clone(),
                trace: call.trace,
                lineage: Lineage::default(),
                tail: false,
            };
            let finished = Lambda::run(self, &ctx, &found, invocation).await?;
            Ok(Answer {
                payload: finished.payload,
                error: finished.error.map(FunctionError::header),
                version: found.version_name(),
            })
        })
    }

    fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.ports.endpoint)
    }
}

impl Lambda {
    fn found(&self, callee: &Callee) -> Result<Resolved, ApiError> {
        self.resolve(&callee.account, &callee.region, &callee.name, callee.qualifier.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_chains_are_shown_by_their_ends() {
        let of = |count: usize| Lineage { hops: (0..count).map(|n| n.to_string().into()).collect() };
        assert_eq!(chain(&of(3)), "0 → 1 → 2");
        assert!(!chain(&of(16)).contains('…'));
        let long = chain(&of(40));
        assert!(
            long.starts_with("0 → 1 →") && long.contains("… 24 more …") && long.ends_with("→ 39"),
            "{long}"
        );
    }
}
