//! What the operations have in common: finding a function, its qualifiers, pages.

use std::sync::Arc;

use moln_kernel::{ApiError, Context, ids};

use crate::{
    Lambda, errors,
    names::{self, LATEST, Named},
    state::{Facts, Function},
};

/// A function that is named in a call.
pub(super) struct Found {
    pub(super) function: Arc<Function>,
    pub(super) facts: Arc<Facts>,
    pub(super) named: Named,
}

/// A new revision id.
pub(super) fn revision_id() -> String {
    ids::Uuid::random().to_string()
}

/// Refuses when a revision id was given and is not the latest.
pub(super) fn check_revision(given: Option<&str>, latest: &str) -> Result<(), ApiError> {
    match given {
        Some(given) if given != latest => Err(errors::precondition()),
        _ => Ok(()),
    }
}

/// Whether a qualifier is a version's: `$LATEST` or a number.
pub(super) fn is_version(qualifier: &str) -> bool {
    qualifier == LATEST || qualifier.bytes().all(|byte| byte.is_ascii_digit())
}

impl Lambda {
    /// Reads a name.
    pub(super) fn named(ctx: &Context, name: &str, qualifier: Option<&str>) -> Result<Named, ApiError> {
        names::read(&ctx.account, &ctx.region, name, qualifier)
    }

    /// The function that is named; its qualifier may not be there.
    pub(super) fn look_up(
        &self,
        ctx: &Context,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<Found, ApiError> {
        let named = Self::named(ctx, name, qualifier)?;
        let function = self
            .registry
            .find(&named.address)
            .ok_or_else(|| errors::function_not_found(&named.address.arn(), None))?;
        let facts = function.facts();
        Ok(Found { function, facts, named })
    }

    /// Where a page begins: behind the text that a marker holds.
    pub(super) fn after(&self, scope: &[&str], marker: Option<&str>) -> Result<String, ApiError> {
        let Some(marker) = marker.filter(|marker| !marker.is_empty()) else { return Ok(String::new()) };
        self.pages
            .open(scope, marker)
            .ok()
            .and_then(|cursor| String::from_utf8(cursor).ok())
            .ok_or_else(|| errors::invalid_parameter("Invalid pagination token"))
    }

    /// Cuts a page off what is behind `after`, and the marker of the next one. `key` must sort as the rows do.
    pub(super) fn page<T>(
        &self,
        scope: &[&str],
        rows: Vec<T>,
        max: Option<i32>,
        most: usize,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let limit = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(most).clamp(1, most);
        let more = rows.len() > limit;
        let mut rows = rows;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| self.pages.seal(scope, key(last).as_bytes()));
        (rows, next)
    }
}

impl Found {
    /// The error for a qualifier that names nothing.
    pub(super) fn missing(&self) -> ApiError {
        errors::function_not_found(&self.function.arn, self.named.qualifier.as_deref())
    }
}

/// The error for an alias or version that is not there, in the words of settings.
pub(super) fn unknown_qualifier(arn: &str, qualifier: &str) -> ApiError {
    if is_version(qualifier) || qualifier.contains('$') {
        errors::function_not_found(arn, Some(qualifier))
    } else {
        errors::not_found(format!("Cannot find alias arn: {arn}:{qualifier}"))
    }
}
