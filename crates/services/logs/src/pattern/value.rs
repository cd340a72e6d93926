//! Comparing values: shared by JSON and space-delimited patterns.

use regex::Regex;
use serde_json::Value;

use super::{BadPattern, lexer::Lexer};

/// Largest compiled regular expression, bytes: what a pattern of 1,024 characters may cost.
const REGEX_BYTES: usize = 1 << 20;

/// Reads a regular expression.
pub(super) fn regex(text: &str) -> Result<Regex, BadPattern> {
    regex::RegexBuilder::new(text).size_limit(REGEX_BYTES).build().map_err(|_| BadPattern)
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What a value is compared with.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Number(f64, String),
    /// Text; `*` stands for any characters.
    Text(String),
    Regex(Regex),
}

/// A comparison with its right side.
#[derive(Clone, Debug)]
pub(super) struct Test {
    operator: Operator,
    operand: Operand,
}

/// Reads an operator that stands here.
pub(super) fn operator(lexer: &mut Lexer<'_>) -> Option<Operator> {
    let known = [
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessEqual),
        (">=", Operator::GreaterEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    known.into_iter().find(|(text, _)| lexer.take(text)).map(|(_, operator)| operator)
}

/// Reads the right side of a comparison; an unquoted text ends where `ends` says.
pub(super) fn test(
    lexer: &mut Lexer<'_>,
    operator: Operator,
    ends: impl Fn(char) -> bool,
) -> Result<Test, BadPattern> {
    lexer.skip_space();
    let operand = match lexer.peek() {
        Some('"') => Operand::Text(lexer.delimited('"')?),
        Some('%') => Operand::Regex(regex(&lexer.delimited('%')?)?),
        _ => {
            let text = lexer.take_while(|c| !c.is_whitespace() && !ends(c));
            match text.parse::<f64>() {
                _ if text.is_empty() => return Err(BadPattern),
                Ok(number) if number.is_finite() => Operand::Number(number, text.to_owned()),
                _ => Operand::Text(text.to_owned()),
            }
        }
    };
    let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
    if ordered && !matches!(operand, Operand::Number(..)) {
        return Err(BadPattern);
    }
    Ok(Test { operator, operand })
}

impl Test {
    /// Whether this is a regular expression.
    pub(super) fn is_regex(&self) -> bool {
        matches!(self.operand, Operand::Regex(_))
    }

    /// Of a value of a JSON document. Objects and lists are equal to nothing but `*`.
    pub(super) fn json(&self, value: &Value) -> bool {
        match (&self.operand, value) {
            (Operand::Number(wanted, _), Value::Number(number)) => {
                number.as_f64().is_some_and(|number| self.ordered(number, *wanted))
            }
            (Operand::Text(any), _) if any == "*" => self.operator == Operator::Equal,
            (_, Value::Object(_) | Value::Array(_)) => self.operator == Operator::NotEqual,
            (Operand::Number(_, source), other) => self.same(&text(other), source),
            (Operand::Text(wanted), other) => self.same(&text(other), wanted),
            (Operand::Regex(regex), other) => {
                regex.is_match(&text(other)) == (self.operator == Operator::Equal)
            }
        }
    }

    /// Of a word.
    pub(super) fn word(&self, word: &str) -> bool {
        match &self.operand {
            Operand::Number(wanted, source) => match word.parse::<f64>() {
                Ok(number) => self.ordered(number, *wanted),
                Err(_) => self.same(word, source),
            },
            Operand::Text(wanted) => self.same(word, wanted),
            Operand::Regex(regex) => regex.is_match(word) == (self.operator == Operator::Equal),
        }
    }

    #[allow(clippy::float_cmp, reason = "the language compares numbers as they are written")]
    fn ordered(&self, number: f64, wanted: f64) -> bool {
        match self.operator {
            Operator::Equal => number == wanted,
            Operator::NotEqual => number != wanted,
            Operator::Less => number < wanted,
            Operator::LessEqual => number <= wanted,
            Operator::Greater => number > wanted,
            Operator::GreaterEqual => number >= wanted,
        }
    }

    fn same(&self, text: &str, wanted: &str) -> bool {
        match self.operator {
            Operator::Equal => wildcard(wanted, text),
            Operator::NotEqual => !wildcard(wanted, text),
            _ => false,
        }
    }
}

/// A JSON value as text: strings without their quotes.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a text is what a pattern with `*` says.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(tail)
}
