//! Versions of managed policies.

use moln_kernel::{ApiError, Context, Timestamp, encoding::percent_encode};

use super::{Found, manage::check, put, version_id};
use crate::{
    Iam, errors,
    limits::VERSIONS,
    model::{
        CreatePolicyVersionRequest, ListPolicyVersionsRequest, ListPolicyVersionsResponse, PolicyVersion,
    },
    tables::{PolicyRow, VersionRow},
};

fn shape(row: &PolicyRow, version: &VersionRow, document: bool) -> PolicyVersion {
    PolicyVersion {
        document: document.then(|| percent_encode(&version.document)),
        version_id: Some(version_id(version.number)),
        is_default_version: Some(version.number == row.default),
        create_date: Some(Timestamp(version.created)),
    }
}

fn no_such_version(arn: &str, id: &str) -> ApiError {
    errors::no_such(format!("Policy {arn} version {id} does not exist or is not attachable."))
}

/// The version of an id (`v3`).
fn find<'r>(row: &'r PolicyRow, id: &str) -> Result<&'r VersionRow, ApiError> {
    row.versions
        .iter()
        .find(|version| version_id(version.number) == id)
        .ok_or_else(|| no_such_version(&row.arn, id))
}

impl Iam {
    pub(crate) async fn make_version(
        &self,
        ctx: &Context,
        input: CreatePolicyVersionRequest,
    ) -> Result<PolicyVersion, ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.own_policy(&input.policy_arn)?;
            check(&input.policy_document)?;
            if row.versions.len() >= VERSIONS {
                return Err(errors::limit_exceeded(format!(
                    "A managed policy can have up to {VERSIONS} versions. Before you create a new version, you must \
                     delete an existing version."
                )));
            }
            let created = view.now.seconds() * 1_000;
            let version = VersionRow { number: row.next, document: input.policy_document, created };
            row.next += 1;
            row.updated = created;
            if input.set_as_default == Some(true) {
                row.default = version.number;
            }
            row.versions.push(version.clone());
            put(view, batch, &row)?;
            Ok(shape(&row, &version, false))
        })
        .await
    }

    pub(crate) fn describe_version(
        &self,
        ctx: &Context,
        arn: &str,
        id: &str,
    ) -> Result<PolicyVersion, ApiError> {
        self.look(ctx, |view| match view.find_policy(arn)? {
            Some(Found::Own(row)) => Ok(shape(&row, find(&row, id)?, true)),
            Some(Found::Aws(policy)) if version_id(policy.version) == id => Ok(PolicyVersion {
                document: Some(percent_encode(&policy.document)),
                version_id: Some(id.to_owned()),
                is_default_version: Some(true),
                create_date: Some(Timestamp(policy.created)),
            }),
            Some(Found::Aws(_)) => Err(no_such_version(arn, id)),
            None => Err(errors::no_such_policy(arn)),
        })
    }

    /// Newest first.
    pub(crate) fn list_versions(
        &self,
        ctx: &Context,
        input: &ListPolicyVersionsRequest,
    ) -> Result<ListPolicyVersionsResponse, ApiError> {
        let arn = &input.policy_arn;
        let versions = self.look(ctx, |view| match view.find_policy(arn)? {
            Some(Found::Own(row)) => {
                Ok(row.versions.iter().rev().map(|version| shape(&row, version, false)).collect())
            }
            Some(Found::Aws(policy)) => Ok(vec![PolicyVersion {
                document: None,
                version_id: Some(version_id(policy.version)),
                is_default_version: Some(true),
                create_date: Some(Timestamp(policy.created)),
            }]),
            None => Err(errors::no_such_policy(arn)),
        })?;
        let scope = ["ListPolicyVersions", ctx.account.as_str(), arn];
        let page = self.page_in_order(versions, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListPolicyVersionsResponse {
            versions: Some(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }

    pub(crate) async fn choose_version(&self, ctx: &Context, arn: &str, id: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.own_policy(arn)?;
            row.default = find(&row, id)?.number;
            row.updated = view.now.seconds() * 1_000;
            put(view, batch, &row)
        })
        .await
    }

    pub(crate) async fn drop_version(&self, ctx: &Context, arn: &str, id: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.own_policy(arn)?;
            let number = find(&row, id)?.number;
            if number == row.default {
                return Err(errors::conflict("Cannot delete the default version of a policy."));
            }
            row.versions.retain(|version| version.number != number);
            row.updated = view.now.seconds() * 1_000;
            put(view, batch, &row)
        })
        .await
    }
}
