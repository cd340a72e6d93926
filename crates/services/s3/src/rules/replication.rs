//! Replication to another bucket.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html>

use std::collections::BTreeSet;

use moln_kernel::{ApiError, ids};

use crate::{errors, limits, model::ReplicationConfiguration};

/// The bucket an ARN names.
pub(crate) fn bucket_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:aws:s3:::").filter(|name| !name.is_empty())
}

/// Refuses what is no set of rules; rules without a name get one.
pub(crate) fn check(set: &mut ReplicationConfiguration) -> Result<(), ApiError> {
    if set.rules.is_empty() || set.rules.len() > limits::REPLICATION_RULES {
        return Err(errors::malformed_xml());
    }
    let mut priorities = BTreeSet::new();
    for rule in &mut set.rules {
        if !matches!(rule.status.as_str(), "Enabled" | "Disabled") {
            return Err(errors::malformed_xml());
        }
        if rule.filter.is_some() == rule.prefix.is_some() && rule.filter.is_some() {
            return Err(errors::malformed_xml());
        }
        if rule.filter.is_some() {
            let priority = rule.priority.ok_or_else(|| {
                errors::invalid_request("Priority must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.")
            })?;
            if !priorities.insert(priority) {
                return Err(errors::invalid_request(
                    "Found duplicate priority in ReplicationConfiguration rules.",
                ));
            }
            if rule.delete_marker_replication.is_none() {
                return Err(errors::invalid_request(
                    "DeleteMarkerReplication must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.",
                ));
            }
        }
        rule.id.get_or_insert_with(|| ids::Uuid::random().to_string());
    }
    Ok(())
}
