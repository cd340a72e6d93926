//! Patterns of the models. They are written for Java; a light engine without look-around and tables of Unicode matches
//! them here.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use regex_lite::Regex;

/// A regular expression the whole text must match; compiled when first used.
#[derive(Debug)]
pub struct Pattern {
    /// As the model has it.
    pub source: &'static str,
    /// `None` inside: not expressible here (look-around), so not enforced; the service has to.
    compiled: OnceLock<Option<Regex>>,
    /// Hashes of texts that matched: most requests name what others named before, and matching takes longer than hashing.
    /// Their keys are this process's secret, so that nobody finds a text with the hash of another.
    matched: [AtomicU64; KNOWN],
}

/// Texts that a pattern remembers.
const KNOWN: usize = 4;

fn hash(text: &str) -> u64 {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    // Zero is an empty place.
    KEYS.get_or_init(RandomState::new).hash_one(text) | 1
}

impl Pattern {
    /// Remembers a pattern.
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new(), matched: [const { AtomicU64::new(0) }; KNOWN] }
    }

    /// Whether the whole text matches. A pattern that can not be expressed lets everything through.
    pub fn matches(&self, text: &str) -> bool {
        let hash = hash(text);
        let [_, choice, ..] = hash.to_le_bytes();
        let place = self.matched.get(usize::from(choice) % KNOWN);
        if place.is_some_and(|place| place.load(Relaxed) == hash) {
            return true;
        }
        let compiled = self.compiled.get_or_init(|| Regex::new(&express(self.source)).ok());
        let matches = compiled.as_ref().is_none_or(|regex| regex.is_match(text));
        if matches && let Some(place) = place {
            place.store(hash, Relaxed);
        }
        matches
    }
}

/// What stands for what Java has and this engine has not. Classes of Unicode become their ASCII part and, for letters,
/// everything beyond ASCII: some marks and signs pass that Java would refuse.
const STANDS_FOR: [(&str, &str); 14] = [
    (r"\p{L}", r"A-Za-z\u{80}-\u{10FFFF}"),
    (r"\p{N}", "0-9"),
    (r"\p{Zs}", " "),
    (r"\p{Z}", " "),
    (r"\p{M}", r"\u{300}-\u{36F}"),
    (r"\p{P}", r"!-#%-*,-/:;?@\[-\]_{}\u{80}-\u{10FFFF}"),
    (r"\p{S}", r"$+<->\^`|~\u{80}-\u{10FFFF}"),
    (r"\p{Print}", r"[ -~]"),
    (r"\p{ASCII}", r"[\x00-\x7F]"),
    // Pairs of UTF-16.
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\u{10000}-\u{10FFFF}"),
    // A hyphen after a class is itself.
    (r"\w-", r"\w\-"),
    (r"\d-", r"\d\-"),
    // Not blank.
    (r"^(?!\s*$).+", r".*\S.*"),
    (r"\x2e", r"\."),
];

fn express(source: &str) -> String {
    let ours = STANDS_FOR.iter().fold(source.to_owned(), |text, (java, ours)| text.replace(java, ours));
    format!("^(?:{ours})$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_texts() {
        for (source, text, fits) in [
            ("[a-z]+", "abc", true),
            ("[a-z]+", "abc1", false),
            ("a|b", "ab", false),
            ("[a-z]+", "abc\n", false),
            (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Größe 2: a/b", true),
            (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "a#b", false),
            (r"^([\p{L}\p{Z}\p{N}\p{P}\p{M}]*)$", "a, b!", true),
            (r"^([\p{L}\p{Z}\p{N}\p{P}\p{M}]*)$", "a\tb", false),
            (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "😀\n", true),
            (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "\u{1}", false),
            (r"[\w-_]*", "a-_", true),
            (r"^(?!\s*$).+", "  ", false),
            (r"^(?!\s*$).+", " a", true),
            (r"\p{ASCII}*", "é", false),
            (r"a(?!b)", "anything", true),
        ] {
            let pattern = Pattern::new(source);
            for _ in 0..2 {
                assert_eq!(pattern.matches(text), fits, "{source} and {text:?}");
            }
        }
    }
}
