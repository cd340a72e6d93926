//! Errors in API Gateway's words.

use moln_kernel::{ApiError, Context};
use moln_store::{CommitError, StoreError};

pub(crate) use crate::model::errors::{
    bad_request_exception as bad_request, conflict_exception as conflict, not_found_exception as not_found,
    too_many_requests_exception as too_many_requests,
};

/// There is no such API in this account and region.
pub(crate) fn no_api(ctx: &Context, id: &str) -> ApiError {
    not_found(format!("Invalid API identifier specified {}:{id}", ctx.account))
}

/// An API has no such part.
pub(crate) fn no_such(kind: &str) -> ApiError {
    not_found(format!("Invalid {kind} identifier specified"))
}

/// A quota is reached.
pub(crate) fn limit(what: &str, most: usize) -> ApiError {
    too_many_requests(format!(
        "Unable to create {what} at this time. The maximum number of {what}s ({most}) was reached."
    ))
}

/// Something that is modelled and not built.
pub(crate) fn not_built(what: &str) -> ApiError {
    let mut error = ApiError::not_implemented("ApiGatewayV2", "");
    error.message = format!("Moln does not implement {what} yet.");
    error
}

/// The store did not take a change.
pub(crate) fn refused(why: &CommitError) -> ApiError {
    if *why == CommitError::TooLarge {
        return bad_request("The change is too large to be stored at once.");
    }
    tracing::error!(%why, "a change of an API was not stored");
    ApiError::internal("The change could not be stored.")
}

/// A row cannot be read.
pub(crate) fn unread(why: &StoreError) -> ApiError {
    tracing::error!(%why, "a row of an API could not be read");
    ApiError::internal("What is stored could not be read.")
}
