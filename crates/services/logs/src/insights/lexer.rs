//! A query's text as tokens.

use super::Malformed;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A field, a function, a keyword.
    Name(String),
    /// A field in backticks.
    Quoted(String),
    Number(f64),
    /// `5m`: a number and a unit.
    Period(f64, String),
    Text(String),
    Regex(String),
    /// Punctuation and operators.
    Sign(&'static str),
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) from: usize,
    pub(super) to: usize,
}

const SIGNS: &[&str] = &[
    "!=", "<=", ">=", "=~", "==", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")", "[", "]", ",", "|",
];

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '.' | '$' | ':')
}

/// Cuts a query into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Malformed> {
    let mut tokens: Vec<Placed> = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        if c == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (token, len) = match c {
            '"' | '\'' => {
                let (inner, len) = until(rest, c).ok_or_else(|| Malformed::at("unterminated string", at))?;
                (Token::Text(inner), len)
            }
            '`' => {
                let (inner, len) =
                    until(rest, c).ok_or_else(|| Malformed::at("unterminated backtick", at))?;
                (Token::Quoted(inner), len)
            }
            '/' if regex_may_follow(&tokens) => {
                regex(rest).ok_or_else(|| Malformed::at("unterminated regular expression", at))?
            }
            _ if c.is_ascii_digit() || (c == '.' && rest.get(1..).is_some_and(starts_with_digit)) => {
                number(rest)
            }
            _ if is_name(c) => {
                let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                (Token::Name(rest.get(..len).unwrap_or_default().to_owned()), len)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| Malformed::at(&format!("unexpected symbol found {c}"), at))?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push(Placed { token, from: at, to: at + len });
        at += len;
    }
    Ok(tokens)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// A slash begins a regular expression where a value cannot be divided.
fn regex_may_follow(before: &[Placed]) -> bool {
    let mut last = before.iter().rev().map(|placed| &placed.token);
    let is_parse =
        |token: Option<&Token>| matches!(token, Some(Token::Name(n)) if n.eq_ignore_ascii_case("parse"));
    match last.next() {
        None => true,
        Some(Token::Name(name)) => {
            let words = ["like", "parse", "filter", "and", "or", "not", "in"];
            words.iter().any(|word| name.eq_ignore_ascii_case(word)) || is_parse(last.next())
        }
        Some(Token::Quoted(_)) => is_parse(last.next()),
        Some(Token::Sign(sign)) => !matches!(*sign, ")" | "]"),
        Some(_) => false,
    }
}

/// What stands up to the closing mark; backslashes escape the mark and themselves, others stay.
fn until(rest: &str, mark: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == mark => return Some((inner, at + c.len_utf8())),
            '\\' => match chars.next()?.1 {
                escaped if escaped == mark || escaped == '\\' => inner.push(escaped),
                'n' => inner.push('\n'),
                't' => inner.push('\t'),
                other => inner.extend(['\\', other]),
            },
            _ => inner.push(c),
        }
    }
    None
}

/// `/…/`, with an `i` behind it when case does not matter.
fn regex(rest: &str) -> Option<(Token, usize)> {
    let mut inner = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '/' => {
                let insensitive = rest.get(at + 1..)?.starts_with('i');
                let inner = if insensitive { format!("(?i){inner}") } else { inner };
                return Some((Token::Regex(inner), at + 1 + usize::from(insensitive)));
            }
            '\\' => match chars.next()?.1 {
                '/' => inner.push('/'),
                other => inner.extend(['\\', other]),
            },
            _ => inner.push(c),
        }
    }
    None
}

fn number(rest: &str) -> (Token, usize) {
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (head, tail) = rest.split_at(digits);
    let value = head.parse().unwrap_or(f64::NAN);
    let exponent = tail.strip_prefix(['e', 'E']).map(|tail| tail.trim_start_matches(['+', '-']));
    if let Some(exponent) = exponent.filter(|tail| starts_with_digit(tail)) {
        let skipped = tail.len() - exponent.len();
        let len = digits + skipped + exponent.find(|c: char| !c.is_ascii_digit()).unwrap_or(exponent.len());
        let value = rest.get(..len).and_then(|text| text.parse().ok());
        return (Token::Number(value.unwrap_or(f64::NAN)), len);
    }
    let unit = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
    if unit == 0 {
        return (Token::Number(value), digits);
    }
    (Token::Period(value, tail.get(..unit).unwrap_or_default().to_owned()), digits + unit)
}
