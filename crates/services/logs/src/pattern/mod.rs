//! The filter pattern language of metric filters, subscription filters, `FilterLogEvents` and live tails.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
//!
//! - terms: `ERROR -DEBUG "two words"`, `?ERROR ?WARN`, `%regex%`
//! - JSON: `{ $.status = 4* && ($.user.id IS NULL || $.ms > 100) }`
//! - space-delimited: `[ip, user, ..., status = 4*, bytes > 1000]`

mod json;
mod lexer;
mod space;
mod terms;
mod value;

use std::{cell::OnceCell, collections::BTreeMap};

use serde_json::Value;

/// The pattern cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPattern;

/// A pattern that was read.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The empty pattern.
    All,
    /// A stored pattern that this program cannot read.
    Never,
    Terms(terms::Terms),
    Json(json::Expression),
    Space(space::Fields),
}

/// A message that patterns are applied to. What it is beyond text is found out once, when a pattern first asks.
pub(crate) struct Subject<'a> {
    text: &'a str,
    json: OnceCell<Option<Value>>,
    words: OnceCell<Vec<&'a str>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, json: OnceCell::new(), words: OnceCell::new() }
    }
    /// The message as a JSON object.
    fn json(&self) -> Option<&Value> {
        let read = || {
            let text = self.text.trim_start();
            text.starts_with(['{', '[']).then(|| serde_json::from_str(text).ok()).flatten()
        };
        self.json.get_or_init(read).as_ref()
    }
    fn words(&self) -> &[&'a str] {
        self.words.get_or_init(|| space::split(self.text))
    }
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, BadPattern> {
        let text = text.trim();
        let kind = match text.as_bytes() {
            [] => Kind::All,
            [b'{', .., b'}'] => Kind::Json(json::parse(text.get(1..text.len() - 1).unwrap_or_default())?),
            [b'[', .., b']'] => {
                let inner = text.get(1..text.len() - 1).unwrap_or_default();
                if inner.trim().is_empty() { Kind::All } else { Kind::Space(space::parse(inner)?) }
            }
            [b'{' | b'[', ..] => return Err(BadPattern),
            _ => Kind::Terms(terms::parse(text)?),
        };
        Ok(Self(kind))
    }

    /// Reads a pattern that was checked when it was stored; what cannot be read any more matches nothing.
    pub(crate) fn lenient(text: &str) -> Self {
        Self::parse(text).unwrap_or(Self(Kind::Never))
    }

    /// Whether every message matches.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self.0, Kind::All)
    }

    /// Whether a message matches.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        match &self.0 {
            Kind::All => true,
            Kind::Never => false,
            Kind::Terms(terms) => terms.matches(subject.text),
            Kind::Json(expression) => subject.json().is_some_and(|json| expression.matches(json)),
            Kind::Space(fields) => fields.matches(subject.words()),
        }
    }

    /// What a selector (`$.latency`, `$size`) gives for a message that matches.
    pub(crate) fn value(&self, subject: &Subject<'_>, selector: &str) -> Option<String> {
        match &self.0 {
            Kind::Json(_) => {
                let selector = json::selector(selector)?;
                selector.values(subject.json()?).first().map(|found| value::text(found))
            }
            Kind::Space(fields) => fields.value(subject.words(), selector.strip_prefix('$')?),
            _ => None,
        }
    }

    /// What `TestMetricFilter` tells of a message that matches.
    pub(crate) fn extract(&self, subject: &Subject<'_>) -> BTreeMap<String, String> {
        match &self.0 {
            Kind::Json(expression) => {
                let Some(json) = subject.json() else { return BTreeMap::new() };
                let found = |selector: &json::Selector| {
                    let value = selector.values(json).first().map(|found| value::text(found))?;
                    Some((selector.source.clone(), value))
                };
                expression.selectors().into_iter().filter_map(found).collect()
            }
            Kind::Space(fields) => fields.extract(subject.words()),
            _ => BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests;
