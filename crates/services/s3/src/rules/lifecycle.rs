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
/// Days before a version may move to a class for infrequent access.
const INFREQUENT: i32 = 30;
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
        check_class(transition.storage_class.as_deref(), transition.days, ("Days", "Transition"))?;
        midnight(transition.date)?;
        let expiration = rule.expiration.as_ref().and_then(|expiration| expiration.days);
        if let (Some(days), Some(end)) = (transition.days, expiration)
            && end <= days
        {
            let filter =
                rule.filter.as_ref().and_then(|filter| filter.prefix.as_ref()).or(rule.prefix.as_ref());
            let prefix = filter.map(String::as_str).unwrap_or_default();
            let words = format!(
                "'Days' in the Expiration action for filter '(prefix={prefix})' must be greater than 'Days' in the Transition \
                 action"
            );
            return Err(errors::refused_argument(words, "Days"));
        }
    }
    for transition in rule.noncurrent_version_transitions.iter().flatten() {
        if transition.noncurrent_days.is_none() || transition.storage_class.is_none() {
            return Err(errors::malformed_xml());
        }
        let (class, days) = (transition.storage_class.as_deref(), transition.noncurrent_days);
        check_class(class, days, ("NoncurrentDays", "NoncurrentVersionTransition"))?;
        positive(transition.newer_noncurrent_versions, "NoncurrentVersionTransition")?;
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

/// A class something can move to, and not before it lay in its own for long enough.
fn check_class(
    class: Option<&str>,
    days: Option<i32>,
    (member, action): (&str, &str),
) -> Result<(), ApiError> {
    let class = class.unwrap_or_default();
    if rank(class) == 0 {
        return Err(errors::malformed_xml());
    }
    if matches!(class, "STANDARD_IA" | "ONEZONE_IA") && days.is_some_and(|days| days < INFREQUENT) {
        let words = format!(
            "'{member}' in {action} action must be greater than or equal to {INFREQUENT} for storageClass '{class}'"
        );
        return Err(errors::refused_argument(words, "Days"));
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

/// Classes in the order versions can move through them.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>
const WATERFALL: [&str; 7] =
    ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];
/// Bytes from which on versions change their class, unless a rule has a size of its own.
const SMALLEST: u64 = 128 << 10;

/// How high a class stands; those that nothing moves to stand at the top.
fn rank(class: &str) -> usize {
    WATERFALL.iter().position(|known| *known == class).unwrap_or(0)
}

/// Whether a rule may move a version from one class to another.
fn moves(rule: &LifecycleRule, seen: Seen<'_>, (from, to): (&str, &str), smallest: &str) -> bool {
    let sized = rule.filter.as_ref().is_some_and(|filter| {
        let and = filter.and.as_ref();
        filter.object_size_greater_than.is_some()
            || filter.object_size_less_than.is_some()
            || and.is_some_and(|and| {
                and.object_size_greater_than.is_some() || and.object_size_less_than.is_some()
            })
    });
    let any_size = sized || smallest != DEFAULT_MINIMUM_SIZE && matches!(to, "GLACIER" | "DEEP_ARCHIVE");
    rank(to) > rank(from) && (any_size || seen.size >= SMALLEST)
}

/// The class that a version should move to by now: that of the transition that came due last. `class`: the one it has;
/// `smallest`: the bucket's `x-amz-transition-default-minimum-object-size`.
pub(crate) fn class_due<'a>(
    rules: &'a [LifecycleRule],
    seen: Seen<'_>,
    now: Timestamp,
    class: &str,
    smallest: &str,
) -> Option<&'a str> {
    let due = rules.iter().filter(|rule| concerns(rule, seen)).flat_map(|rule| {
        rule.transitions.iter().flatten().filter_map(move |transition| {
            let when = match (transition.days, transition.date) {
                // No days at all: at the next midnight.
                (Some(days), _) => after(seen.modified, days),
                (None, date) => date?,
            };
            let to = transition.storage_class.as_deref()?;
            (when <= now && moves(rule, seen, (class, to), smallest)).then_some((when, rank(to), to))
        })
    });
    due.max_by_key(|(when, rank, _)| (*when, *rank)).map(|(.., class)| class)
}

/// The same for a version that is noncurrent since a moment, with so many newer ones that are noncurrent, too.
pub(crate) fn noncurrent_class_due<'a>(
    rules: &'a [LifecycleRule],
    seen: Seen<'_>,
    (since, newer): (Timestamp, usize),
    now: Timestamp,
    class: &str,
    smallest: &str,
) -> Option<&'a str> {
    let due = rules.iter().filter(|rule| concerns(rule, seen)).flat_map(|rule| {
        rule.noncurrent_version_transitions.iter().flatten().filter_map(move |transition| {
            let when = after(since, transition.noncurrent_days?);
            let kept = transition.newer_noncurrent_versions.unwrap_or(0);
            let to = transition.storage_class.as_deref()?;
            let due = when <= now && newer >= usize::try_from(kept).unwrap_or(0);
            (due && moves(rule, seen, (class, to), smallest)).then_some((when, rank(to), to))
        })
    });
    due.max_by_key(|(when, rank, _)| (*when, *rank)).map(|(.., class)| class)
}

/// Whether a rule ends a version that is noncurrent since a moment. `newer`: how many noncurrent ones are newer.
pub(crate) fn outlived(
    rules: &[LifecycleRule],
    seen: Seen<'_>,
    since: Timestamp,
    newer: usize,
    now: Timestamp,
) -> bool {
    rules.iter().filter(|rule| concerns(rule, seen)).any(|rule| {
        let Some(expiration) = &rule.noncurrent_version_expiration else { return false };
        let kept = expiration.newer_noncurrent_versions.unwrap_or(0);
        expiration.noncurrent_days.is_some_and(|days| after(since, days) <= now)
            && newer >= usize::try_from(kept).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        LifecycleExpiration, LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionTransition,
        Transition,
    };

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

    fn to(class: &str, days: i32) -> LifecycleRule {
        LifecycleRule {
            expiration: None,
            transitions: Some(vec![Transition {
                days: Some(days),
                storage_class: Some(class.into()),
                ..Transition::default()
            }]),
            noncurrent_version_transitions: Some(vec![NoncurrentVersionTransition {
                noncurrent_days: Some(days),
                storage_class: Some(class.into()),
                newer_noncurrent_versions: Some(1),
            }]),
            ..rule("", 1)
        }
    }

    #[test]
    fn versions_move_down_and_never_up() {
        let rules = [to("STANDARD_IA", 30), to("GLACIER", 60)];
        let seen = Seen { key: "k", size: SMALLEST, tags: &[], modified: Timestamp(0) };
        let due = |days: u64, class, size| {
            let seen = Seen { size, ..seen };
            class_due(&rules, seen, Timestamp(days * DAY), class, DEFAULT_MINIMUM_SIZE)
        };
        assert_eq!(due(30, "STANDARD", SMALLEST), None);
        assert_eq!(due(31, "STANDARD", SMALLEST), Some("STANDARD_IA"));
        assert_eq!(due(61, "STANDARD_IA", SMALLEST), Some("GLACIER"));
        assert_eq!(due(99, "DEEP_ARCHIVE", SMALLEST), None);
        assert_eq!(due(99, "STANDARD", SMALLEST - 1), None);
        let small = Seen { size: 1, ..seen };
        let varies = class_due(&rules, small, Timestamp(99 * DAY), "STANDARD", "varies_by_storage_class");
        assert_eq!(varies, Some("GLACIER"));
        let mut sized = to("GLACIER", 1);
        sized.filter =
            Some(LifecycleRuleFilter { object_size_less_than: Some(10), ..LifecycleRuleFilter::default() });
        let sized = [sized];
        assert_eq!(
            class_due(&sized, small, Timestamp(9 * DAY), "STANDARD", DEFAULT_MINIMUM_SIZE),
            Some("GLACIER")
        );
    }

    #[test]
    fn noncurrent_versions_move_when_enough_are_newer() {
        let rules = [to("GLACIER", 3)];
        let seen = Seen { key: "k", size: SMALLEST, tags: &[], modified: Timestamp(0) };
        let due = |since: u64, newer| {
            let place = (Timestamp(since * DAY), newer);
            noncurrent_class_due(&rules, seen, place, Timestamp(9 * DAY), "STANDARD", DEFAULT_MINIMUM_SIZE)
        };
        assert_eq!((due(5, 1), due(6, 1), due(5, 0)), (Some("GLACIER"), None, None));
    }

    #[test]
    fn bad_rules_are_refused() {
        let code = |rule: LifecycleRule| check(&mut [rule]).unwrap_err().code;
        assert_eq!(code(LifecycleRule { filter: None, ..rule("", 1) }), "MalformedXML");
        assert_eq!(code(LifecycleRule { prefix: Some("a".into()), ..rule("", 1) }), "MalformedXML");
        assert_eq!(code(LifecycleRule { expiration: None, ..rule("", 1) }), "InvalidRequest");
        assert_eq!(code(rule("", 0)), "InvalidArgument");
        assert_eq!(code(to("STANDARD_IA", 29)), "InvalidArgument");
        assert_eq!(code(to("STANDARD", 40)), "MalformedXML");
        assert_eq!(code(to("COLD", 40)), "MalformedXML");
        let late = LifecycleRule { expiration: rule("", 40).expiration, ..to("GLACIER", 40) };
        assert_eq!(code(late), "InvalidArgument");
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
