//! Life cycles: what a set of rules may say, and what it does to a version of an object at a moment.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>

use std::collections::BTreeSet;

use moln_kernel::{ApiError, Timestamp, ids};

use crate::{
    errors, limits,
    model::{LifecycleRule, Tag},
};

/// `x-amz-transition-default-minimum-object-size` when nobody says another.
pub(crate) const DEFAULT_MINIMUM_SIZE: &str = "all_storage_classes_128K";
/// A day in milliseconds.
pub(crate) const DAY: u64 = 24 * 60 * 60 * 1000;
/// UTF-16 units of a rule's name.
const ID: usize = 255;

/// Refuses what is no set of rules; rules without a name get one.
pub(crate) fn check(rules: &mut [LifecycleRule]) -> Result<(), ApiError> {
    if rules.is_empty() || rules.len() > limits::LIFECYCLE_RULES {
        return Err(errors::malformed_xml());
    }
    let mut names = BTreeSet::new();
    for rule in rules {
        check_rule(rule)?;
        let id = rule.id.get_or_insert_with(|| ids::Uuid::random().to_string());
        if id.encode_utf16().count() > ID {
            return Err(errors::refused_argument("ID length should not exceed allowed limit of 255", "ID"));
        }
        if !names.insert(id.clone()) {
            return Err(errors::invalid_argument(
                "Rule ID must be unique. Found same ID for more than one rule",
                "ID",
                id.as_str(),
            ));
        }
    }
    Ok(())
}

fn check_rule(rule: &LifecycleRule) -> Result<(), ApiError> {
    let malformed = || Err(errors::malformed_xml());
    if !matches!(rule.status.as_str(), "Enabled" | "Disabled") {
        return malformed();
    }
    // One of the old form and the new one.
    if rule.prefix.is_some() == rule.filter.is_some() {
        return malformed();
    }
    if let Some(filter) = &rule.filter {
        let alone = [
            filter.prefix.is_some(),
            filter.tag.is_some(),
            filter.object_size_greater_than.is_some(),
            filter.object_size_less_than.is_some(),
            filter.and.is_some(),
        ];
        if alone.iter().filter(|is| **is).count() > 1 {
            return malformed();
        }
        if let Some(and) = &filter.and {
            let tags = and.tags.as_deref().unwrap_or_default();
            let keys: BTreeSet<&str> = tags.iter().map(|tag| tag.key.as_str()).collect();
            if keys.len() != tags.len() {
                return Err(errors::invalid_request("Duplicate Tag Keys are not allowed."));
            }
            let members = usize::from(and.prefix.is_some())
                + tags.len()
                + usize::from(and.object_size_greater_than.is_some())
                + usize::from(and.object_size_less_than.is_some());
            if members < 2 {
                return malformed();
            }
        }
    }
    let acts = rule.expiration.is_some()
        || rule.transitions.as_ref().is_some_and(|t| !t.is_empty())
        || rule.noncurrent_version_transitions.as_ref().is_some_and(|t| !t.is_empty())
        || rule.noncurrent_version_expiration.is_some()
        || rule.abort_incomplete_multipart_upload.is_some();
    if !acts {
        return Err(errors::invalid_request("At least one action needs to be specified in a rule"));
    }
    check_actions(rule)
}

fn check_actions(rule: &LifecycleRule) -> Result<(), ApiError> {
    if let Some(expiration) = &rule.expiration {
        let said = [
            expiration.date.is_some(),
            expiration.days.is_some(),
            expiration.expired_object_delete_marker.is_some(),
        ];
        if said.iter().filter(|is| **is).count() != 1 {
            return Err(errors::malformed_xml());
        }
        positive(expiration.days, "Expiration")?;
        midnight(expiration.date)?;
    }
    for transition in rule.transitions.iter().flatten() {
        if transition.date.is_some() == transition.days.is_some() || transition.storage_class.is_none() {
            return Err(errors::malformed_xml());
        }
        if transition.days.is_some_and(|days| days < 0) {
            return Err(errors::refused_argument("'Days' in Transition action must be nonnegative", "Days"));
        }
        midnight(transition.date)?;
    }
    for transition in rule.noncurrent_version_transitions.iter().flatten() {
        if transition.noncurrent_days.is_none() || transition.storage_class.is_none() {
            return Err(errors::malformed_xml());
        }
    }
    if let Some(expiration) = &rule.noncurrent_version_expiration {
        if expiration.noncurrent_days.is_none() {
            return Err(errors::malformed_xml());
        }
        positive(expiration.noncurrent_days, "NoncurrentVersionExpiration")?;
        positive(expiration.newer_noncurrent_versions, "NoncurrentVersionExpiration")?;
    }
    if let Some(abort) = &rule.abort_incomplete_multipart_upload {
        if abort.days_after_initiation.is_none() {
            return Err(errors::malformed_xml());
        }
        positive(abort.days_after_initiation, "AbortIncompleteMultipartUpload")?;
    }
    Ok(())
}

fn positive(days: Option<i32>, action: &str) -> Result<(), ApiError> {
    if days.is_some_and(|days| days <= 0) {
        let words = format!("'Days' for {action} action must be a positive integer");
        return Err(errors::refused_argument(words, "Days"));
    }
    Ok(())
}

fn midnight(date: Option<Timestamp>) -> Result<(), ApiError> {
    match date {
        Some(date) if date.millis() % DAY != 0 => Err(errors::invalid_argument(
            "'Date' must be at midnight GMT",
            "Date",
            moln_wire::time::format(date, moln_wire::schema::TimestampFormat::DateTime),
        )),
        _ => Ok(()),
    }
}

/// An object's version, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) key: &'a str,
    pub(crate) size: u64,
    pub(crate) tags: &'a [Tag],
    /// Since when it is there.
    pub(crate) modified: Timestamp,
}

/// Whether a rule that is on is about this object.
pub(crate) fn concerns(rule: &LifecycleRule, seen: Seen<'_>) -> bool {
    if rule.status != "Enabled" {
        return false;
    }
    let prefixed =
        |prefix: &Option<String>| prefix.as_ref().is_none_or(|prefix| seen.key.starts_with(prefix.as_str()));
    let larger =
        |than: Option<i64>| than.is_none_or(|than| i64::try_from(seen.size).is_ok_and(|size| size > than));
    let smaller =
        |than: Option<i64>| than.is_none_or(|than| i64::try_from(seen.size).is_ok_and(|size| size < than));
    let tagged = |tag: &Tag| seen.tags.contains(tag);
    let Some(filter) = &rule.filter else { return prefixed(&rule.prefix) };
    prefixed(&filter.prefix)
        && filter.tag.as_ref().is_none_or(tagged)
        && larger(filter.object_size_greater_than)
        && smaller(filter.object_size_less_than)
        && filter.and.as_ref().is_none_or(|and| {
            prefixed(&and.prefix)
                && and.tags.iter().flatten().all(tagged)
                && larger(and.object_size_greater_than)
                && smaller(and.object_size_less_than)
        })
}

/// `days` after a moment, at the midnight that follows, as S3 counts.
pub(crate) fn after(moment: Timestamp, days: i32) -> Timestamp {
    let days = u64::try_from(days).unwrap_or(0);
    Timestamp((moment.millis() / DAY + days + 1) * DAY)
}

/// When the current version expires and by which rule: the earliest of the rules that concern it.
pub(crate) fn expires<'a>(rules: &'a [LifecycleRule], seen: Seen<'_>) -> Option<(Timestamp, &'a str)> {
    let due = |rule: &'a LifecycleRule| {
        let expiration = rule.expiration.as_ref()?;
        let when = match (expiration.days, expiration.date) {
            (Some(days), _) => after(seen.modified, days),
            (None, Some(date)) => date,
            (None, None) => return None,
        };
        Some((when, rule.id.as_deref().unwrap_or_default()))
    };
    rules.iter().filter(|rule| concerns(rule, seen)).filter_map(due).min_by_key(|(when, _)| *when)
}

/// The class that the current version should have by now: that of the transition that came due last.
pub(crate) fn class_due<'a>(rules: &'a [LifecycleRule], seen: Seen<'_>, now: Timestamp) -> Option<&'a str> {
    let transitions =
        rules.iter().filter(|rule| concerns(rule, seen)).flat_map(|rule| rule.transitions.iter().flatten());
    let due = transitions.filter_map(|transition| {
        let when = match (transition.days, transition.date) {
            (Some(days), _) => after(seen.modified, days),
            (None, date) => date?,
        };
        Some((when, transition.storage_class.as_deref()?)).filter(|_| when <= now)
    });
    due.max_by_key(|(when, _)| *when).map(|(_, class)| class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LifecycleExpiration, LifecycleRuleAndOperator, LifecycleRuleFilter};

    fn rule(prefix: &str, days: i32) -> LifecycleRule {
        LifecycleRule {
            id: Some(format!("{prefix}-{days}")),
            status: "Enabled".into(),
            filter: Some(LifecycleRuleFilter {
                prefix: Some(prefix.into()),
                ..LifecycleRuleFilter::default()
            }),
            expiration: Some(LifecycleExpiration { days: Some(days), ..LifecycleExpiration::default() }),
            ..LifecycleRule::default()
        }
    }

    #[test]
    fn the_earliest_rule_wins() {
        let rules = [rule("a", 10), rule("", 3), rule("b", 1)];
        let seen = Seen { key: "a/1", size: 5, tags: &[], modified: Timestamp(10 * DAY + 5) };
        assert_eq!(expires(&rules, seen), Some((Timestamp(14 * DAY), "-3")));
        assert_eq!(expires(&rules[..1], Seen { key: "c", ..seen }), None);
    }

    #[test]
    fn filters_are_heeded() {
        let tag = Tag { key: "k".into(), value: "v".into() };
        let and = LifecycleRuleAndOperator {
            tags: Some(vec![tag.clone()]),
            object_size_greater_than: Some(5),
            ..LifecycleRuleAndOperator::default()
        };
        let mut both = rule("", 1);
        both.filter = Some(LifecycleRuleFilter { and: Some(and), ..LifecycleRuleFilter::default() });
        let tags = [tag];
        let seen = Seen { key: "x", size: 6, tags: &tags, modified: Timestamp(0) };
        assert!(concerns(&both, seen));
        assert!(!concerns(&both, Seen { size: 5, ..seen }) && !concerns(&both, Seen { tags: &[], ..seen }));
        both.status = "Disabled".into();
        assert!(!concerns(&both, seen));
    }

    #[test]
    fn bad_rules_are_refused() {
        let code = |rule: LifecycleRule| check(&mut [rule]).unwrap_err().code;
        assert_eq!(code(LifecycleRule { filter: None, ..rule("", 1) }), "MalformedXML");
        assert_eq!(code(LifecycleRule { prefix: Some("a".into()), ..rule("", 1) }), "MalformedXML");
        assert_eq!(code(LifecycleRule { expiration: None, ..rule("", 1) }), "InvalidRequest");
        assert_eq!(code(rule("", 0)), "InvalidArgument");
        let mut noon = rule("", 1);
        noon.expiration =
            Some(LifecycleExpiration { date: Some(Timestamp(DAY / 2)), ..LifecycleExpiration::default() });
        assert_eq!(code(noon), "InvalidArgument");
        assert_eq!(check(&mut [rule("", 1), rule("", 1)]).unwrap_err().code, "InvalidArgument");
        let mut unnamed = [LifecycleRule { id: None, ..rule("", 1) }];
        check(&mut unnamed).unwrap();
        assert!(unnamed[0].id.is_some());
    }
}
