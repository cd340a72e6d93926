//! Replication to other buckets: what a set of rules may say, and which rules a version goes by.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html>

use std::collections::BTreeSet;

use moln_kernel::{ApiError, ids};

use crate::{
    errors, limits,
    model::{Destination, ReplicationConfiguration, ReplicationRule, Tag},
};

/// UTF-16 units of a rule's name.
const ID: usize = 255;

/// The bucket an ARN names.
pub(crate) fn bucket_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:aws:s3:::").filter(|name| !name.is_empty())
}

/// Refuses what is no set of rules; rules without a name get one. `source`: the bucket they are for.
pub(crate) fn check(set: &mut ReplicationConfiguration, source: &str) -> Result<(), ApiError> {
    if set.rules.is_empty() || set.rules.len() > limits::REPLICATION_RULES {
        return Err(errors::malformed_xml());
    }
    let mut priorities = BTreeSet::new();
    for rule in &mut set.rules {
        if !matches!(rule.status.as_str(), "Enabled" | "Disabled") {
            return Err(errors::malformed_xml());
        }
        if rule.filter.is_some() && rule.prefix.is_some() {
            return Err(errors::malformed_xml());
        }
        if bucket_of(&rule.destination.bucket) == Some(source) {
            return Err(errors::invalid_request(
                "Destination bucket must be different from the source bucket.",
            ));
        }
        let existing = rule.existing_object_replication.as_ref();
        if existing.is_some_and(|existing| existing.status == "Enabled") {
            return Err(ApiError::not_implemented("S3", "replication of existing objects"));
        }
        if rule.id.as_ref().is_some_and(|id| id.encode_utf16().count() > ID) {
            return Err(errors::refused_argument("ID length should not exceed allowed limit of 255", "ID"));
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
        if tags_of(rule).next().is_some() && replicates_markers(rule) {
            return Err(errors::invalid_request(
                "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more information.",
            ));
        }
        rule.id.get_or_insert_with(|| ids::Uuid::random().to_string());
    }
    Ok(())
}

fn tags_of(rule: &ReplicationRule) -> impl Iterator<Item = &Tag> {
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and.as_ref()).and_then(|and| and.tags.as_ref());
    filter.and_then(|filter| filter.tag.as_ref()).into_iter().chain(and.into_iter().flatten())
}

/// Whether failures are told to those who listen: metrics or time control are on.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-metrics.html>
pub(crate) fn is_watched(destination: &Destination) -> bool {
    let metrics = destination.metrics.as_ref().map(|metrics| metrics.status.as_str());
    let time = destination.replication_time.as_ref().map(|time| time.status.as_str());
    [metrics, time].contains(&Some("Enabled"))
}

/// In the older form of a rule, without a filter, markers that requests make are replicated.
fn replicates_markers(rule: &ReplicationRule) -> bool {
    match (&rule.delete_marker_replication, &rule.filter) {
        (Some(markers), _) => markers.status.as_deref() == Some("Enabled"),
        (None, filter) => filter.is_none(),
    }
}

/// A version, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) key: &'a str,
    pub(crate) tags: &'a [Tag],
    /// It is a delete marker.
    pub(crate) marker: bool,
    /// It is a replica itself, something of which was changed.
    pub(crate) replica: bool,
    /// It is encrypted by a key of KMS.
    pub(crate) kms: bool,
}

fn concerns(rule: &ReplicationRule, seen: Seen<'_>) -> bool {
    let filter = rule.filter.as_ref();
    let prefixes = [
        rule.prefix.as_ref(),
        filter.and_then(|filter| filter.prefix.as_ref()),
        filter.and_then(|filter| filter.and.as_ref()).and_then(|and| and.prefix.as_ref()),
    ];
    let selected = rule.source_selection_criteria.as_ref();
    let enabled = |status: Option<&str>| status == Some("Enabled");
    let kms = selected.and_then(|selected| selected.sse_kms_encrypted_objects.as_ref());
    let replicas = selected.and_then(|selected| selected.replica_modifications.as_ref());
    rule.status == "Enabled"
        && prefixes.into_iter().flatten().all(|prefix| seen.key.starts_with(prefix.as_str()))
        && tags_of(rule).all(|tag| seen.tags.contains(tag))
        && (!seen.marker || replicates_markers(rule))
        && (!seen.kms || enabled(kms.map(|kms| kms.status.as_str())))
        && (!seen.replica || enabled(replicas.map(|replicas| replicas.status.as_str())))
}

/// The rules a version goes by: for each destination the one of the highest priority.
pub(crate) fn chosen<'a>(set: &'a ReplicationConfiguration, seen: Seen<'_>) -> Vec<&'a ReplicationRule> {
    let mut chosen: Vec<&ReplicationRule> = Vec::new();
    for rule in set.rules.iter().filter(|rule| concerns(rule, seen)) {
        match chosen.iter_mut().find(|known| known.destination.bucket == rule.destination.bucket) {
            Some(known) if known.priority < rule.priority => *known = rule,
            Some(_) => {}
            None => chosen.push(rule),
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeleteMarkerReplication, ReplicationRuleFilter};

    fn rule(to: &str, priority: i32, prefix: &str) -> ReplicationRule {
        ReplicationRule {
            id: Some(format!("{to}-{priority}")),
            priority: Some(priority),
            filter: Some(ReplicationRuleFilter {
                prefix: Some(prefix.into()),
                ..ReplicationRuleFilter::default()
            }),
            status: "Enabled".into(),
            destination: Destination { bucket: format!("arn:aws:s3:::{to}"), ..Destination::default() },
            delete_marker_replication: Some(DeleteMarkerReplication { status: Some("Disabled".into()) }),
            ..ReplicationRule::default()
        }
    }

    fn set(rules: Vec<ReplicationRule>) -> ReplicationConfiguration {
        ReplicationConfiguration { role: "arn:aws:iam::000000000000:role/r".into(), rules }
    }

    const SEEN: Seen<'static> = Seen { key: "a/b", tags: &[], marker: false, replica: false, kms: false };

    fn names(set: &ReplicationConfiguration, seen: Seen<'_>) -> Vec<String> {
        chosen(set, seen).into_iter().filter_map(|rule| rule.id.clone()).collect()
    }

    #[test]
    fn the_highest_priority_wins_for_each_destination() {
        let all = set(vec![rule("x", 1, ""), rule("x", 3, "a/"), rule("y", 2, ""), rule("z", 9, "b/")]);
        assert_eq!(names(&all, SEEN), ["x-3", "y-2"]);
        assert_eq!(names(&all, Seen { key: "b/", ..SEEN }), ["x-1", "y-2", "z-9"]);
    }

    #[test]
    fn markers_replicas_and_encrypted_ones_go_only_where_a_rule_says_so() {
        let newer = set(vec![rule("x", 1, "")]);
        let older = set(vec![ReplicationRule {
            filter: None,
            prefix: Some("a".into()),
            delete_marker_replication: None,
            ..rule("x", 1, "")
        }]);
        let marker = Seen { marker: true, ..SEEN };
        assert_eq!((names(&newer, marker).len(), names(&older, marker).len()), (0, 1));
        for special in [Seen { replica: true, ..SEEN }, Seen { kms: true, ..SEEN }] {
            assert!(names(&newer, special).is_empty());
        }
        let disabled = set(vec![ReplicationRule { status: "Disabled".into(), ..rule("x", 1, "") }]);
        assert!(names(&disabled, SEEN).is_empty());
    }

    #[test]
    fn bad_sets_are_refused() {
        let code = |rules| check(&mut set(rules), "here").unwrap_err().code;
        assert_eq!(code(vec![]), "MalformedXML");
        assert_eq!(code(vec![rule("here", 1, "")]), "InvalidRequest");
        assert_eq!(code(vec![rule("x", 1, ""), rule("y", 1, "")]), "InvalidRequest");
        let mut tagged = rule("x", 1, "");
        tagged.filter = Some(ReplicationRuleFilter {
            tag: Some(Tag { key: "k".into(), value: "v".into() }),
            ..ReplicationRuleFilter::default()
        });
        tagged.delete_marker_replication = Some(DeleteMarkerReplication { status: Some("Enabled".into()) });
        assert_eq!(code(vec![tagged.clone()]), "InvalidRequest");
        tagged.delete_marker_replication = Some(DeleteMarkerReplication { status: Some("Disabled".into()) });
        check(&mut set(vec![tagged]), "here").unwrap();
    }
}
