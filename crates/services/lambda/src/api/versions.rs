//! Published versions.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_store::Batch;

use super::{
    describe::{self, Detail, base64_of},
    finding::{check_revision, revision_id},
};
use crate::{
    Lambda, errors, limits, model as m,
    state::{Facts, Version},
    tables::{FunctionRow, LastUpdate, State, VersionRow},
};

/// What a version runs and how; two that are the same here are the same version.
fn same(one: &VersionRow, other: &VersionRow) -> bool {
    let plain = |row: &VersionRow| VersionRow {
        number: 0,
        revision_id: String::new(),
        generation: String::new(),
        modified: 0,
        description: String::new(),
        state: State::Active,
        state_reason: None,
        last_update: LastUpdate::Successful,
        last_update_reason: None,
        ..row.clone()
    };
    plain(one) == plain(other)
}

/// Publishes `latest`, unless the last version is the same: then it is that one.
pub(super) fn publish(after: &mut Facts, latest: &VersionRow, description: Option<String>) -> VersionRow {
    if let Some((_, last)) = after.versions.iter().next_back().filter(|(number, _)| **number > 0)
        && same(&last.row, latest)
    {
        return last.row.clone();
    }
    let number = after.function.next_version.max(1);
    let row = VersionRow {
        number,
        revision_id: revision_id(),
        description: description.unwrap_or_else(|| latest.description.clone()),
        state: State::Active,
        state_reason: None,
        last_update: LastUpdate::Successful,
        last_update_reason: None,
        ..latest.clone()
    };
    after.function = Arc::new(FunctionRow { next_version: number + 1, ..(*after.function).clone() });
    after.versions.insert(number, Arc::new(Version::from(row.clone())));
    row
}

impl Lambda {
    pub(super) async fn publish_version(
        &self,
        ctx: &Context,
        input: m::PublishVersionRequest,
    ) -> Result<m::FunctionConfiguration, ApiError> {
        let named = Self::named(ctx, &input.function_name, None)?;
        let address = named.address;
        let change = self.registry.change(&address).await;
        let missing = || errors::function_not_found(&address.arn(), None);
        let before = change.before.clone().ok_or_else(missing)?;
        let latest = before.latest().cloned().ok_or_else(missing)?;
        check_revision(input.revision_id.as_deref(), &latest.row.revision_id)?;
        let sha256 = base64_of(&latest.row.code.sha256);
        if let Some(given) =
            input.code_sha256.as_deref().filter(|given| !given.is_empty() && *given != sha256)
        {
            return Err(errors::invalid_parameter(format!(
                "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({sha256}). Please try again with the \
                 CodeSHA256 in $LATEST."
            )));
        }
        super::aliases::not_while_changing(&latest.row, &address)?;
        let mut after = (*before).clone();
        let row = publish(&mut after, &latest.row, input.description);
        if after.versions.len() > before.versions.len() {
            change.commit(Batch::default(), Some(after)).await?;
        }
        Ok(describe::version(&address, &row, Some(&row.name()), Detail::Full))
    }

    pub(super) fn list_versions(
        &self,
        ctx: &Context,
        input: &m::ListVersionsByFunctionRequest,
    ) -> Result<m::ListVersionsByFunctionResponse, ApiError> {
        let found = self.look_up(ctx, &input.function_name, None)?;
        let scope = ["ListVersionsByFunction", &*found.function.arn];
        let after: Option<u64> = self.after(&scope, input.marker.as_deref())?.parse().ok();
        let rows: Vec<_> = found
            .facts
            .versions
            .values()
            .filter(|version| after.is_none_or(|after| version.row.number > after))
            .cloned()
            .collect();
        let (rows, next_marker) =
            self.page(&scope, rows, input.max_items, limits::PAGE, |version| version.row.number.to_string());
        let address = &found.function.address;
        let told = rows.iter().map(|version| {
            describe::version(address, &version.row, Some(&version.row.name()), Detail::Listed)
        });
        Ok(m::ListVersionsByFunctionResponse { versions: Some(told.collect()), next_marker })
    }
}
