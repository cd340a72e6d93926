//! Tags of buckets and objects.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>

use std::collections::BTreeSet;

use moln_kernel::ApiError;

use crate::{errors, model::Tag};

/// UTF-16 units of a key and a value.
const KEY: usize = 128;
const VALUE: usize = 256;

fn invalid(message: &str, key: Option<&str>) -> ApiError {
    let error = errors::other(400, "InvalidTag", message);
    match key {
        Some(key) => errors::with(error, "TagKey", key),
        None => error,
    }
}

/// Refuses tags of a bucket, or of an object as a header gives them; `max` of them are allowed.
pub(crate) fn check(tags: &[Tag], max: usize) -> Result<(), ApiError> {
    check_each(tags, "System tags cannot be added/updated by requester")?;
    if tags.len() > max {
        return Err(if max == 10 {
            errors::other(400, "BadRequest", "Object tags cannot be greater than 10")
        } else {
            errors::other(400, "BadRequest", format!("Bucket tag count cannot be greater than {max}"))
        });
    }
    Ok(())
}

/// Refuses tags of an object that a document gives.
pub(crate) fn check_object(tags: &[Tag]) -> Result<(), ApiError> {
    check_each(tags, "Your TagKey cannot be prefixed with aws:")
}

fn check_each(tags: &[Tag], reserved: &str) -> Result<(), ApiError> {
    let mut keys = BTreeSet::new();
    for tag in tags {
        let (key, value) = (tag.key.as_str(), tag.value.as_str());
        if !keys.insert(key) {
            return Err(invalid("Cannot provide multiple Tags with the same key", Some(key)));
        }
        if key.starts_with("aws:") {
            return Err(invalid(reserved, Some(key)));
        }
        if key.is_empty() || key.encode_utf16().count() > KEY || !key.chars().all(is_allowed) {
            return Err(invalid("The TagKey you have provided is invalid", Some(key)));
        }
        if value.encode_utf16().count() > VALUE || !value.chars().all(is_allowed) {
            let error = invalid("The TagValue you have provided is invalid", Some(key));
            return Err(errors::with(error, "TagValue", value));
        }
    }
    Ok(())
}

/// Letters, spaces and digits of all scripts, and `+ - = . _ : / @`.
fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c) || (!c.is_ascii() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_checked() {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        let long = "x".repeat(129);
        for (tags, code) in [
            (vec![tag("a", "1"), tag("a", "2")], "InvalidTag"),
            (vec![tag("aws:x", "1")], "InvalidTag"),
            (vec![tag("", "1")], "InvalidTag"),
            (vec![tag(&long, "1")], "InvalidTag"),
            (vec![tag("a", "semi;colon")], "InvalidTag"),
            ((0..11).map(|n| tag(&n.to_string(), "")).collect(), "BadRequest"),
        ] {
            assert_eq!(check(&tags, 10).unwrap_err().code, code, "{tags:?}");
        }
        check(&[tag("Größe 1+2=3", "a/b@c:d_e")], 10).unwrap();
    }
}
