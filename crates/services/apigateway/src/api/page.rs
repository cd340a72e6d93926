//! Pages of lists.

use moln_kernel::{ApiError, Context};

use crate::{Apis, errors, limits};

/// What a list is asked for.
pub(super) struct Asked<'a> {
    pub(super) max: Option<&'a str>,
    pub(super) token: Option<&'a str>,
}

impl Apis {
    /// A page of rows that are sorted by their keys. `scope`: the operation, and what chooses the rows.
    pub(super) fn page<T>(
        &self,
        ctx: &Context,
        scope: &[&str],
        asked: &Asked<'_>,
        rows: impl Iterator<Item = (String, T)>,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let mut whole = vec![ctx.account.as_str(), ctx.region.as_str()];
        whole.extend(scope);
        let after = match asked.token {
            Some(token) => {
                let cursor = self.pagination.open(&whole, token).ok();
                let cursor = cursor.and_then(|cursor| String::from_utf8(cursor).ok());
                Some(cursor.ok_or_else(|| errors::bad_request("Invalid NextToken specified"))?)
            }
            None => None,
        };
        let max = match asked.max {
            Some(text) => text
                .parse::<usize>()
                .ok()
                .filter(|max| (1..=limits::PAGE).contains(max))
                .ok_or_else(|| errors::bad_request("Invalid MaxResults specified"))?,
            None => limits::PAGE,
        };
        let mut rows = rows.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
        let page: Vec<_> = rows.by_ref().take(max).collect();
        let more = rows.next().is_some();
        let token = page.last().filter(|_| more).map(|(key, _)| self.pagination.seal(&whole, key.as_bytes()));
        Ok((page.into_iter().map(|(_, row)| row).collect(), token))
    }
}
