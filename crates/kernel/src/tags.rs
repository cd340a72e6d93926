//! Tags: what a key and a value may be, in most of AWS's services.
//! Rules: <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>

use crate::ApiError;

/// Most tags a resource may have, unless its service says otherwise.
pub const MAX_TAGS: usize = 50;
/// Longest key, characters.
pub const MAX_KEY: usize = 128;
/// Longest value, characters.
pub const MAX_VALUE: usize = 256;

/// What is wrong with a set of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagFault {
    /// More than the limit, counting those the resource has already.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// A key is empty or longer than [`MAX_KEY`].
    KeyLength(String),
    /// A key holds a character that is not allowed.
    KeyCharacters(String),
    /// A key begins with `aws:` in whatever case.
    Reserved(String),
    /// The value of this key is longer than [`MAX_VALUE`].
    ValueLength(String),
    /// The value of this key holds a character that is not allowed.
    ValueCharacters(String),
    /// The key is given twice.
    Duplicate(String),
}

impl TagFault {
    /// The error in the most common words, under the code the service uses for it. A service with words of its own
    /// matches on the fault instead.
    pub fn to_error(&self, code: &'static str) -> ApiError {
        ApiError::sender(code, self.to_string())
    }
}

impl std::fmt::Display for TagFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooMany { limit } => write!(f, "Too many tags. A resource can have up to {limit} tags."),
            Self::KeyLength(key) => {
                write!(f, "Tag key {key} must be between 1 and {MAX_KEY} characters long.")
            }
            Self::KeyCharacters(key) => write!(f, "Tag key {key} contains characters that are not allowed."),
            Self::Reserved(key) => {
                write!(f, "Tag key {key} uses the prefix aws:, which is reserved for AWS use.")
            }
            Self::ValueLength(key) => {
                write!(f, "The value of tag {key} must be at most {MAX_VALUE} characters long.")
            }
            Self::ValueCharacters(key) => {
                write!(f, "The value of tag {key} contains characters that are not allowed.")
            }
            Self::Duplicate(key) => write!(f, "Tag key {key} is given more than once."),
        }
    }
}

/// Checks tags that are about to be added. The number of tags in all is the caller's to check, see [`check_count`].
pub fn check<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), TagFault> {
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in tags {
        check_key(key)?;
        if value.chars().count() > MAX_VALUE {
            return Err(TagFault::ValueLength(key.into()));
        }
        if !value.chars().all(allowed) {
            return Err(TagFault::ValueCharacters(key.into()));
        }
        if !seen.insert(key) {
            return Err(TagFault::Duplicate(key.into()));
        }
    }
    Ok(())
}

/// Checks one key.
pub fn check_key(key: &str) -> Result<(), TagFault> {
    if key.is_empty() || key.chars().count() > MAX_KEY {
        return Err(TagFault::KeyLength(key.into()));
    }
    if !key.chars().all(allowed) {
        return Err(TagFault::KeyCharacters(key.into()));
    }
    if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
        return Err(TagFault::Reserved(key.into()));
    }
    Ok(())
}

/// Checks how many tags a resource is going to have.
pub fn check_count(count: usize, limit: usize) -> Result<(), TagFault> {
    if count > limit { Err(TagFault::TooMany { limit }) } else { Ok(()) }
}

/// Letters, digits and spaces of any script, and `_ . : / = + - @`.
fn allowed(c: char) -> bool {
    c.is_alphanumeric()
        || (c.is_whitespace() && !c.is_control())
        || matches!(c, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_takes_is_taken() {
        let long_key = "\u{e4}".repeat(MAX_KEY);
        let long_value = "v".repeat(MAX_VALUE);
        let tags =
            [("Cost Center", "a/b=c+d-e@f.g:h_i"), ("k", ""), (&long_key, &long_value), ("awsome", "1")];
        assert_eq!(check(tags), Ok(()));
        assert_eq!(check_count(50, MAX_TAGS), Ok(()));
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        let long = "k".repeat(257);
        let cases = [
            ("", "v", TagFault::KeyLength(String::new())),
            (&long, "v", TagFault::KeyLength(long.clone())),
            ("k", &long, TagFault::ValueLength("k".into())),
            ("AWS:x", "v", TagFault::Reserved("AWS:x".into())),
            ("a#b", "v", TagFault::KeyCharacters("a#b".into())),
            ("k", "a\nb", TagFault::ValueCharacters("k".into())),
        ];
        for (key, value, fault) in cases {
            assert_eq!(check([(key, value)]), Err(fault));
        }
        assert_eq!(check([("k", "1"), ("k", "2")]), Err(TagFault::Duplicate("k".into())));
        assert_eq!(check_count(51, 50), Err(TagFault::TooMany { limit: 50 }));
        assert_eq!(
            TagFault::TooMany { limit: 50 }.to_error("InvalidParameterValue").code,
            "InvalidParameterValue"
        );
    }
}
