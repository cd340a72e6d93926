//! What a set of notifications may say.

use std::collections::BTreeSet;

use moln_kernel::{ApiError, Arn, ids};

use super::event;
use crate::{
    errors, limits,
    model::{NotificationConfiguration, NotificationConfigurationFilter},
};

/// One configuration, whatever its target.
struct One<'a> {
    id: &'a mut Option<String>,
    events: &'a [String],
    filter: &'a mut Option<NotificationConfigurationFilter>,
    arn: &'a str,
    /// `Queue`, `Topic`, `CloudFunction`
    argument: &'static str,
    /// The service of its ARN.
    service: &'static str,
}

fn each(set: &mut NotificationConfiguration) -> Vec<One<'_>> {
    let mut all = Vec::new();
    for one in set.queue_configurations.iter_mut().flatten() {
        let (id, filter) = (&mut one.id, &mut one.filter);
        let (argument, service) = ("Queue", "sqs");
        all.push(One { id, events: &one.events, filter, arn: &one.queue_arn, argument, service });
    }
    for one in set.topic_configurations.iter_mut().flatten() {
        let (id, filter) = (&mut one.id, &mut one.filter);
        let (argument, service) = ("Topic", "sns");
        all.push(One { id, events: &one.events, filter, arn: &one.topic_arn, argument, service });
    }
    for one in set.lambda_function_configurations.iter_mut().flatten() {
        let (id, filter) = (&mut one.id, &mut one.filter);
        let (argument, service) = ("CloudFunction", "lambda");
        all.push(One { id, events: &one.events, filter, arn: &one.lambda_function_arn, argument, service });
    }
    all
}

/// Refuses what is no set of notifications; configurations without a name get one, rules get AWS's spelling.
pub(crate) fn check(set: &mut NotificationConfiguration) -> Result<(), ApiError> {
    let mut all = each(set);
    if all.len() > limits::NOTIFICATIONS {
        return Err(errors::invalid_request(
            "The number of notification configurations exceeds the limit of 100",
        ));
    }
    let mut names = BTreeSet::new();
    for one in &mut all {
        let arn = one.arn.parse::<Arn>().ok().filter(|arn| arn.service() == one.service);
        if arn.is_none() {
            return Err(errors::invalid_argument("The ARN could not be parsed", one.argument, one.arn));
        }
        if one.events.is_empty() {
            return Err(errors::malformed_xml());
        }
        if let Some(unknown) = one.events.iter().find(|name| !event::is_known(name)) {
            let words = format!("The event '{unknown}' is not supported for notifications");
            return Err(errors::invalid_argument(words, "Event", unknown.as_str()));
        }
        check_filter(one.filter)?;
        let id = one.id.get_or_insert_with(|| ids::Uuid::random().to_string());
        if !names.insert(id.clone()) {
            return Err(errors::invalid_argument(
                "Same ID used for multiple configurations. IDs must be unique",
                "Id",
                id.as_str(),
            ));
        }
    }
    check_overlaps(&all)
}

fn check_filter(filter: &mut Option<NotificationConfigurationFilter>) -> Result<(), ApiError> {
    let rules =
        filter.as_mut().and_then(|filter| filter.key.as_mut()).and_then(|key| key.filter_rules.as_mut());
    let mut seen = BTreeSet::new();
    for rule in rules.into_iter().flatten() {
        let spelled = match rule.name.as_deref() {
            Some(name) if name.eq_ignore_ascii_case("prefix") => "Prefix",
            Some(name) if name.eq_ignore_ascii_case("suffix") => "Suffix",
            other => {
                let words = "filter rule name must be either prefix or suffix";
                return Err(errors::invalid_argument(words, "FilterRule.Name", other.unwrap_or_default()));
            }
        };
        let value = rule.value.get_or_insert_default();
        if value.len() > 1024 {
            let words = "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation";
            return Err(errors::invalid_argument(words, "FilterRule.Value", value.as_str()));
        }
        if !seen.insert(spelled) {
            let words =
                format!("Cannot specify more than one {} rule in a filter.", spelled.to_ascii_lowercase());
            return Err(errors::invalid_argument(words, "FilterRule.Name", spelled));
        }
        rule.name = Some(spelled.to_owned());
    }
    Ok(())
}

/// Prefix and suffix of a filter.
fn bounds<'a>(one: &'a One<'_>) -> (&'a str, &'a str) {
    let rules =
        one.filter.as_ref().and_then(|filter| filter.key.as_ref()).and_then(|key| key.filter_rules.as_ref());
    let find = |name: &str| {
        let rule = rules.into_iter().flatten().find(|rule| rule.name.as_deref() == Some(name));
        rule.and_then(|rule| rule.value.as_deref()).unwrap_or_default()
    };
    (find("Prefix"), find("Suffix"))
}

/// An event on a key must not be told to two targets: which one it was would be left to chance.
fn check_overlaps(all: &[One<'_>]) -> Result<(), ApiError> {
    for (index, first) in all.iter().enumerate() {
        for second in all.iter().skip(index + 1) {
            let common = first.events.iter().any(|a| second.events.iter().any(|b| share(a, b)));
            let ((prefix_a, suffix_a), (prefix_b, suffix_b)) = (bounds(first), bounds(second));
            let prefixes = prefix_a.starts_with(prefix_b) || prefix_b.starts_with(prefix_a);
            let suffixes = suffix_a.ends_with(suffix_b) || suffix_b.ends_with(suffix_a);
            if !(common && prefixes && suffixes) {
                continue;
            }
            let filtered = [prefix_a, suffix_a, prefix_b, suffix_b].iter().any(|bound| !bound.is_empty());
            let words = if filtered {
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are \
                 overlapping for the same event type."
            } else {
                "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            };
            return Err(errors::other(400, "InvalidArgument", words));
        }
    }
    Ok(())
}

/// Whether two names mean a common event.
fn share(a: &str, b: &str) -> bool {
    let covers =
        |wide: &str, narrow: &str| wide.strip_suffix('*').is_some_and(|group| narrow.starts_with(group));
    a == b || covers(a, b) || covers(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FilterRule, QueueConfiguration, S3KeyFilter};

    fn queue(event: &str, prefix: &str, suffix: &str) -> QueueConfiguration {
        let rule = |name: &str, value: &str| {
            (!value.is_empty()).then(|| FilterRule { name: Some(name.into()), value: Some(value.into()) })
        };
        let rules: Vec<_> = [rule("prefix", prefix), rule("SUFFIX", suffix)].into_iter().flatten().collect();
        let key = Some(S3KeyFilter { filter_rules: Some(rules) });
        QueueConfiguration {
            id: None,
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:q".into(),
            events: vec![event.into()],
            filter: Some(NotificationConfigurationFilter { key }),
        }
    }

    fn set(queues: Vec<QueueConfiguration>) -> NotificationConfiguration {
        NotificationConfiguration {
            queue_configurations: Some(queues),
            ..NotificationConfiguration::default()
        }
    }

    #[test]
    fn overlaps_are_refused() {
        let all = "s3:ObjectCreated:*";
        for (a, b, good) in [
            (queue(all, "", ""), queue("s3:ObjectCreated:Put", "", ""), false),
            (queue(all, "a/", ""), queue(all, "a/b", ""), false),
            (queue(all, "a/", ".png"), queue(all, "a/b", ".jpg"), true),
            (queue(all, "a/", ""), queue(all, "b/", ""), true),
            (queue(all, "", ""), queue("s3:ObjectRemoved:*", "", ""), true),
        ] {
            let label = format!("{a:?} {b:?}");
            assert_eq!(check(&mut set(vec![a, b])).is_ok(), good, "{label}");
        }
    }

    #[test]
    fn rules_are_spelled_as_aws_does() {
        let mut one = set(vec![queue("s3:ObjectCreated:*", "a", "b")]);
        check(&mut one).unwrap();
        let one = &one.queue_configurations.unwrap()[0];
        let rules = one.filter.as_ref().unwrap().key.as_ref().unwrap().filter_rules.as_ref().unwrap();
        assert_eq!((rules[0].name.as_deref(), rules[1].name.as_deref()), (Some("Prefix"), Some("Suffix")));
        assert!(one.id.is_some());
    }

    #[test]
    fn bad_ones_are_refused() {
        let code = |queue| check(&mut set(vec![queue])).unwrap_err();
        let arn = QueueConfiguration { queue_arn: "invalid".into(), ..queue("s3:ObjectCreated:*", "", "") };
        assert_eq!(code(arn).message, "The ARN could not be parsed");
        assert_eq!(code(queue("s3:Nothing", "", "")).code, "InvalidArgument");
        assert_eq!(code(queue("s3:ObjectCreated:*", &"x".repeat(1025), "")).code, "InvalidArgument");
        let event = || queue("s3:ObjectCreated:*", "", "");
        let topic =
            QueueConfiguration { queue_arn: "arn:aws:sns:us-east-1:000000000000:t".into(), ..event() };
        assert_eq!(code(topic).message, "The ARN could not be parsed");
    }
}
