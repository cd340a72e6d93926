//! Tags of IAM's things. Keys differ in more than their case.

use moln_kernel::{ApiError, Context};

use crate::{Iam, core::folded, errors, limits::TAGS, model::Tag, tables::Kind};

/// Adds tags, or gives them other values.
pub(crate) fn add(there: &mut Vec<(String, String)>, new: Vec<Tag>) -> Result<(), ApiError> {
    for (n, tag) in new.iter().enumerate() {
        if new.iter().take(n).any(|other| folded(&other.key) == folded(&tag.key)) {
            return Err(errors::invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if tag.key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(errors::invalid_input("Tag keys beginning with aws: are reserved for system use."));
        }
    }
    for tag in new {
        match there.iter_mut().find(|(key, _)| folded(key) == folded(&tag.key)) {
            Some(known) => *known = (tag.key, tag.value),
            None => there.push((tag.key, tag.value)),
        }
    }
    if there.len() > TAGS {
        return Err(errors::limit_exceeded(format!(
            "The number of tags has reached the maximum limit of {TAGS}."
        )));
    }
    Ok(())
}

/// Takes tags away; those that are not there need none of it.
pub(crate) fn remove(there: &mut Vec<(String, String)>, keys: &[String]) {
    there.retain(|(key, _)| !keys.iter().any(|gone| folded(gone) == folded(key)));
}

/// As answers carry them.
pub(crate) fn shapes(tags: &[(String, String)]) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

impl Iam {
    /// Tags an entity.
    pub(crate) async fn tag_entity(
        &self,
        ctx: &Context,
        kind: Kind,
        name: &str,
        new: Vec<Tag>,
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, kind, name, |_, row| add(&mut row.tags, new)).await
    }

    /// Takes tags of an entity away.
    pub(crate) async fn untag_entity(
        &self,
        ctx: &Context,
        kind: Kind,
        name: &str,
        keys: &[String],
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, kind, name, |_, row| {
            remove(&mut row.tags, keys);
            Ok(())
        })
        .await
    }

    /// An entity's tags.
    pub(crate) fn tags_of_entity(&self, ctx: &Context, kind: Kind, name: &str) -> Result<Vec<Tag>, ApiError> {
        self.look(ctx, |view| Ok(shapes(&view.get(kind, name)?.tags)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.into(), value: value.into() }
    }

    #[test]
    fn keys_know_no_case() {
        let mut tags = vec![("Team".to_owned(), "a".to_owned())];
        add(&mut tags, vec![tag("team", "b"), tag("x", "1")]).unwrap();
        assert_eq!(tags, [("team".into(), "b".into()), ("x".into(), "1".into())]);
        assert_eq!(
            add(&mut tags, vec![tag("y", "1"), tag("Y", "2")]).unwrap_err().code,
            "InvalidInputException"
        );
        remove(&mut tags, &["TEAM".into(), "none".into()]);
        assert_eq!(tags.len(), 1);
        let many = (0..51).map(|n| tag(&n.to_string(), "")).collect();
        assert_eq!(add(&mut tags, many).unwrap_err().code, "LimitExceededException");
    }
}
