//! Tests of texts.

use crate::Affix;

impl Affix {
    pub(crate) fn begins(&self, text: &str) -> bool {
        if !self.ignore_case {
            return text.starts_with(&self.text);
        }
        let mut have = text.chars().flat_map(char::to_lowercase);
        self.text.chars().flat_map(char::to_lowercase).all(|wanted| have.next() == Some(wanted))
    }

    pub(crate) fn ends(&self, text: &str) -> bool {
        if !self.ignore_case {
            return text.ends_with(&self.text);
        }
        let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
        lower(text).ends_with(&lower(&self.text))
    }
}

/// Whether two texts are the same but for their case.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    one.eq_ignore_ascii_case(other) || (!(one.is_ascii() && other.is_ascii()) && lower(one) == lower(other))
}

/// A text with `*` for any characters, also none; `\*` and `\\` stand for the characters themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wildcard {
    /// What stands between the stars, at least one piece.
    pieces: Vec<String>,
}

impl Wildcard {
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let mut pieces = vec![String::new()];
        let mut letters = pattern.chars().enumerate();
        let mut star = false;
        while let Some((at, letter)) = letters.next() {
            if letter == '*' {
                if star {
                    return Err(format!("Consecutive wildcard characters at pos {}", at - 1));
                }
                star = true;
                pieces.push(String::new());
                continue;
            }
            star = false;
            let letter = match letter {
                '\\' => match letters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => escaped,
                    _ => return Err(format!("Invalid escape character at pos {at}")),
                },
                letter => letter,
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(letter);
            }
        }
        Ok(Self { pieces })
    }

    /// Linear in the text's length times the number of pieces: no pattern makes it slow.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let Some((first, more)) = self.pieces.split_first() else { return false };
        let Some((last, middle)) = more.split_last() else { return text == first };
        let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        for piece in middle {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = rest.get(at + piece.len()..).unwrap_or_default();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*", "a", true),
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "a", false),
            ("ab*ba", "aba", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("dir/*.png", "dir/a/b.png", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\\*", r"a\x", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Wildcard::parse(pattern).unwrap().fits(text), fits, "{pattern} {text}");
        }
        assert_eq!(Wildcard::parse("a**b").unwrap_err(), "Consecutive wildcard characters at pos 1");
        assert_eq!(Wildcard::parse(r"ab\c").unwrap_err(), "Invalid escape character at pos 2");
        assert!(Wildcard::parse("\\").is_err());
    }

    #[test]
    fn many_stars_are_not_slow() {
        let pattern = Wildcard::parse(&"*a".repeat(500)).unwrap();
        assert!(!pattern.fits(&"ab".repeat(50_000)));
    }

    #[test]
    fn case_is_folded_in_every_script() {
        assert!(same("STRASSE", "strasse") && same("ÄÖ", "äö") && !same("a", "ab"));
        let affix = Affix { text: "ÄB".into(), ignore_case: true };
        assert!(affix.begins("äbc") && affix.ends("xxäb") && !affix.begins("a") && !affix.ends("b"));
    }
}
