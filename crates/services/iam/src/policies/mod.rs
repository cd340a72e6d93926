//! Managed policies: the account's own, and AWS's.

mod manage;
mod usage;
mod versions;

use moln_kernel::{ApiError, Arn, Timestamp};
use moln_store::Batch;

use crate::{core::View, entity::tags, errors, managed, managed::Managed, model::Policy, tables::PolicyRow};
pub(crate) use manage::check;
pub(crate) use usage::Usage;

/// A managed policy of whichever kind.
pub(crate) enum Found {
    Own(PolicyRow),
    Aws(&'static Managed),
}

impl View<'_> {
    /// Refuses what is not the ARN of a policy.
    #[expect(clippy::unused_self, reason = "reads as a part of the view")]
    pub(crate) fn is_policy_arn(&self, arn: &str) -> Result<(), ApiError> {
        let parsed: Arn =
            arn.parse().map_err(|_| errors::validation("Invalid ARN:  Could not be parsed!"))?;
        if parsed.service() == "iam" && parsed.resource().starts_with("policy/") {
            Ok(())
        } else {
            Err(errors::invalid_input(format!("ARN {arn} is not valid.")))
        }
    }

    /// The policy of an ARN, in this account or AWS's.
    pub(crate) fn find_policy(&self, arn: &str) -> Result<Option<Found>, ApiError> {
        self.is_policy_arn(arn)?;
        if let Some(policy) = managed::find(arn) {
            return Ok(Some(Found::Aws(policy)));
        }
        let name = arn.rsplit('/').next().unwrap_or_default();
        Ok(self.policy(name)?.filter(|row| row.arn == arn).map(Found::Own))
    }

    /// The account's own policy of an ARN; AWS's cannot be changed.
    pub(crate) fn own_policy(&self, arn: &str) -> Result<PolicyRow, ApiError> {
        match self.find_policy(arn)? {
            Some(Found::Own(row)) => Ok(row),
            Some(Found::Aws(_)) => Err(ApiError::sender(
                "AccessDenied",
                format!("Policy {arn} belongs to AWS and cannot be changed."),
            )
            .with_status(403)),
            None => Err(errors::no_such_policy(arn)),
        }
    }

    /// Refuses an ARN that cannot be attached.
    pub(crate) fn attachable(&self, arn: &str) -> Result<(), ApiError> {
        self.find_policy(arn)?.map(drop).ok_or_else(|| errors::not_attachable(arn))
    }

    /// Refuses an ARN that cannot be a permissions boundary.
    pub(crate) fn boundary(&self, arn: &str) -> Result<(), ApiError> {
        self.find_policy(arn)?
            .map(drop)
            .ok_or_else(|| errors::no_such(format!("Scope ARN: {arn} does not exist or is not attachable.")))
    }
}

/// `v3`
pub(crate) fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// A policy of the account's own, as lists tell it.
pub(crate) fn listed(row: &PolicyRow, usage: &Usage) -> Policy {
    Policy {
        policy_name: Some(row.name.clone()),
        policy_id: Some(row.id.clone()),
        path: Some(row.path.clone()),
        default_version_id: Some(version_id(row.default)),
        is_attachable: Some(true),
        create_date: Some(Timestamp(row.created)),
        update_date: Some(Timestamp(row.updated)),
        attachment_count: Some(usage.attached(&row.arn)),
        permissions_boundary_usage_count: Some(usage.bounding(&row.arn)),
        arn: Some(row.arn.clone()),
        ..Policy::default()
    }
}

/// A policy of AWS, as lists tell it.
pub(crate) fn listed_aws(policy: &Managed, partition: &str, usage: &Usage) -> Policy {
    let arn = policy.arn(partition);
    Policy {
        policy_name: Some(policy.name.clone()),
        policy_id: Some(policy.id.clone()),
        path: Some(policy.path.clone()),
        default_version_id: Some(version_id(policy.version)),
        is_attachable: Some(true),
        create_date: Some(Timestamp(policy.created)),
        update_date: Some(Timestamp(policy.created)),
        attachment_count: Some(usage.attached(&arn)),
        permissions_boundary_usage_count: Some(usage.bounding(&arn)),
        arn: Some(arn),
        ..Policy::default()
    }
}

/// A policy of the account's own with all there is to tell.
pub(crate) fn whole(row: &PolicyRow, usage: &Usage) -> Policy {
    Policy { description: row.description.clone(), tags: Some(tags::shapes(&row.tags)), ..listed(row, usage) }
}

/// Writes a changed policy.
fn put(view: &View<'_>, batch: &mut Batch, row: &PolicyRow) -> Result<(), ApiError> {
    view.put_policy(batch, row)
}
