//! Finding groups and streams by what a request says, and pages.

use std::sync::Arc;

use moln_kernel::{ApiError, Arn, Context};

use crate::{
    LogGroups, errors,
    live::{Core, Group},
    tables::{StreamRow, kept::Kept},
};

/// The name of a group within its ARN, with or without `:*` at its end.
pub(crate) fn group_of_arn(arn: &Arn) -> Option<&str> {
    let name = arn.resource().strip_prefix("log-group:").filter(|_| arn.service() == "logs")?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    (!name.is_empty() && !name.contains(':')).then_some(name)
}

impl LogGroups {
    /// The caller's group of a name.
    pub(crate) fn group(&self, ctx: &Context, name: &str) -> Result<Arc<Group>, ApiError> {
        self.core.find(ctx.account.as_str(), ctx.region.as_str(), name).ok_or_else(errors::no_group)
    }

    /// The group of a name or ARN.
    pub(crate) fn group_of(&self, ctx: &Context, identifier: &str) -> Result<Arc<Group>, ApiError> {
        if !identifier.starts_with("arn:") {
            return self.group(ctx, identifier);
        }
        let arn: Arn = identifier.parse().map_err(|_| bad_identifier())?;
        let name = group_of_arn(&arn).ok_or_else(bad_identifier)?;
        if arn.account() != ctx.account.as_str() || arn.region() != ctx.region.as_str() {
            return Err(errors::no_group());
        }
        self.group(ctx, name)
    }

    /// The group of a request that says it in one of two ways.
    pub(crate) fn one_group(
        &self,
        ctx: &Context,
        name: Option<&str>,
        identifier: Option<&str>,
    ) -> Result<Arc<Group>, ApiError> {
        match (name, identifier) {
            (Some(name), None) => self.group(ctx, name),
            (None, Some(identifier)) => self.group_of(ctx, identifier),
            (Some(_), Some(_)) => Err(errors::invalid(
                "LogGroup name and LogGroup identifier are mutually exclusive parameters.",
            )),
            (None, None) => {
                Err(errors::invalid("Exactly one of LogGroup name and LogGroup identifier must be provided."))
            }
        }
    }

    /// A stream's row.
    pub(crate) fn stream(&self, group: &Group, name: &str) -> Result<StreamRow, ApiError> {
        let found = Core::stream(&*self.core.store.snapshot(), group.id, name);
        Ok(found.map_err(|why| errors::unread(&why))?.ok_or_else(errors::no_stream)?.0)
    }

    /// What a token says where to go on; `None` without a token.
    pub(crate) fn cursor(&self, scope: &[&str], token: Option<&str>) -> Result<Option<Vec<u8>>, ApiError> {
        let open = |token| self.core.pagination.open(scope, token).map_err(|_| errors::bad_token());
        token.map(open).transpose()
    }

    /// The same for a cursor that is a text.
    pub(crate) fn text_cursor(
        &self,
        scope: &[&str],
        token: Option<&str>,
    ) -> Result<Option<String>, ApiError> {
        let text = |bytes| String::from_utf8(bytes).map_err(|_| errors::bad_token());
        self.cursor(scope, token)?.map(text).transpose()
    }
}

fn bad_identifier() -> ApiError {
    errors::invalid("The specified log group identifier is not a name or an ARN of a log group.")
}

/// A page of rows that are found by name, and the name it ended at.
pub(crate) fn page(rows: Vec<(String, Kept)>, most: usize) -> (Vec<(String, Kept)>, Option<String>) {
    let mut rows = rows;
    let more = rows.len() > most;
    rows.truncate(most);
    let last = rows.last().map(|(name, _)| name.clone()).filter(|_| more);
    (rows, last)
}

/// How many rows a request wants.
pub(crate) fn limit(wanted: Option<i32>, default: usize) -> usize {
    wanted.and_then(|wanted| usize::try_from(wanted).ok()).filter(|wanted| *wanted > 0).unwrap_or(default)
}

/// A moment as the model has it.
pub(crate) fn millis(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// A moment of the model as ours; one before 1970 is 1970.
pub(crate) fn moment(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}
