//! Patterns with `*` and `?`, and policy variables in them.

use crate::Keys;

/// Whether a text is what a pattern with `*` and `?` says. At worst as many steps as the product of their lengths.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<Letter> = pattern.chars().map(Letter::of).collect();
    fits(&pattern, text)
}

/// Whether a text is what a pattern says, with the variables `${key}` and the literals `${*}`, `${?}`, `${$}` in it.
/// A variable without a value matches nothing.
pub(crate) fn matches_with(pattern: &str, text: &str, keys: &Keys) -> bool {
    if !pattern.contains("${") {
        return matches(pattern, text);
    }
    read(pattern, keys).is_some_and(|pattern| fits(&pattern, text))
}

/// A text with its variables filled in, compared as it is; `None`: one has no value.
pub(crate) fn filled(text: &str, keys: &Keys) -> Option<String> {
    if !text.contains("${") {
        return Some(text.to_owned());
    }
    let letters = read(text, keys)?;
    Some(letters.into_iter().map(|letter| letter.0).collect())
}

/// A character, and whether it stands for others.
#[derive(Clone, Copy)]
struct Letter(char, bool);

impl Letter {
    fn of(letter: char) -> Self {
        Self(letter, matches!(letter, '*' | '?'))
    }
}

fn read(pattern: &str, keys: &Keys) -> Option<Vec<Letter>> {
    let mut letters = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once("${") {
        letters.extend(before.chars().map(Letter::of));
        let Some((variable, after)) = behind.split_once('}') else {
            letters.extend("${".chars().chain(behind.chars()).map(Letter::of));
            return Some(letters);
        };
        match variable {
            "*" | "?" | "$" => letters.extend(variable.chars().map(|letter| Letter(letter, false))),
            _ => {
                let (name, default) = match variable.split_once(',') {
                    Some((name, default)) => (name, Some(default.trim().trim_matches('\''))),
                    None => (variable, None),
                };
                let value = keys.one(name.trim()).or(default)?;
                letters.extend(value.chars().map(|letter| Letter(letter, false)));
            }
        }
        rest = after;
    }
    letters.extend(rest.chars().map(Letter::of));
    Some(letters)
}

fn fits(pattern: &[Letter], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t, mut star) = (0, 0, None);
    while let Some(letter) = text.get(t) {
        match pattern.get(p) {
            Some(Letter('*', true)) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Letter(wanted, wild)) if (*wild && *wanted == '?') || wanted == letter => {
                p += 1;
                t += 1;
            }
            _ => {
                // The last star stands for one more letter.
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|letter| matches!(letter, Letter('*', true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, yes) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*b*c", "aXbXbYc", true),
            ("a?c", "a\u{e4}c", true),
            ("a?c", "ac", false),
            ("a", "ab", false),
            ("", "a", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern, text), yes, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_are_filled_in_and_never_wild() {
        let mut keys = Keys::default();
        keys.set("aws:username", "o*a");
        assert!(matches_with("home/${aws:UserName}/*", "home/o*a/x", &keys));
        assert!(!matches_with("home/${aws:username}/*", "home/olga/x", &keys));
        assert!(!matches_with("home/${aws:userid}/*", "home//x", &keys));
        assert!(matches_with("home/${aws:userid, 'guest'}", "home/guest", &keys));
        assert!(matches_with("a${*}b${$}", "a*b$", &keys));
        assert!(!matches_with("a${*}b", "axb", &keys));
    }
}
