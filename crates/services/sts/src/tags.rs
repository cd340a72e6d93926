//! Session tags: what is asked for, and what a chained session inherits.
//! Rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Session};

use crate::{errors, model::Tag};

/// A session's tags, and the keys of those that sessions chained to it inherit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SessionTags {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive: Vec<String>,
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Puts together what is asked for with what the calling session hands on. Keys know no case.
pub(crate) fn compose(
    asked: &[Tag],
    transitive: &[String],
    calling: Option<&Session>,
) -> Result<SessionTags, ApiError> {
    for (n, tag) in asked.iter().enumerate() {
        if asked.iter().take(n).any(|other| same(&other.key, &tag.key)) {
            return Err(errors::invalid_parameter(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if tag.key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(errors::invalid_parameter(
                "Tag keys beginning with 'aws:' are reserved for system use.",
            ));
        }
    }
    if !transitive.iter().all(|key| asked.iter().any(|tag| same(&tag.key, key))) {
        return Err(errors::invalid_parameter(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    let inherited: Vec<(&String, &String)> = calling
        .map(|session| session.transitive.iter().filter_map(|key| session.tags.get_key_value(key)).collect())
        .unwrap_or_default();
    if asked.iter().any(|tag| inherited.iter().any(|(key, _)| same(key, &tag.key))) {
        return Err(errors::invalid_parameter(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from \
             the calling session.",
        ));
    }
    let mut all = SessionTags { tags: BTreeMap::new(), transitive: Vec::new() };
    for (key, value) in inherited {
        all.transitive.push(key.clone());
        all.tags.insert(key.clone(), value.clone());
    }
    for tag in asked {
        if transitive.iter().any(|key| same(key, &tag.key)) {
            all.transitive.push(tag.key.clone());
        }
        all.tags.insert(tag.key.clone(), tag.value.clone());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Vec<Tag> {
        pairs.iter().map(|(key, value)| Tag { key: (*key).into(), value: (*value).into() }).collect()
    }

    #[test]
    fn transitive_tags_are_inherited_and_cannot_be_changed() {
        let first = compose(&tags(&[("Team", "a"), ("Cost", "b")]), &["team".into()], None).unwrap();
        assert_eq!(first.transitive, ["Team"]);
        let session = Session { tags: first.tags, transitive: first.transitive, ..Session::default() };
        let second = compose(&tags(&[("Cost", "c")]), &[], Some(&session)).unwrap();
        assert_eq!(second.tags, [("Cost".into(), "c".into()), ("Team".into(), "a".into())].into());
        assert_eq!(second.transitive, ["Team"]);
        for key in ["Team", "tEAM"] {
            let error = compose(&tags(&[(key, "x")]), &[], Some(&session)).unwrap_err();
            assert!(error.message.contains("conflicts with a transitive tag key"), "{error}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (asked, transitive, words) in [
            (tags(&[("a", "1"), ("A", "2")]), vec![], "Duplicate tag keys"),
            (tags(&[("a", "1")]), vec!["b".to_owned()], "must be included"),
            (tags(&[("AWS:a", "1")]), vec![], "reserved"),
        ] {
            let error = compose(&asked, &transitive, None).unwrap_err();
            assert!(error.code == "InvalidParameterValue" && error.message.contains(words), "{error}");
        }
    }
}
