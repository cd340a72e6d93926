//! What events ask of functions. Asynchronous invokes and event source mappings know functions only through this, so that
//! both are tested without a sandbox.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moln_kernel::{
    AccountId, ApiError, Endpoint, Lineage, LoopStopped, RecursiveLoop, Region, RequestId, clock::BoxFuture,
};

use crate::state::Address;

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
