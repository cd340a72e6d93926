//! What a plain scalar means: YAML 1.1's types as AWS reads them, and those of js-yaml 4.
//!
//! Source of the first: <https://yaml.org/type/> (bool, float, int, null); of the second: the core schema of YAML 1.2, with
//! decimal numbers that may begin with zeros and underscores between digits, as js-yaml has it.

use serde_json::Number;

use super::{Dialect, Value};

/// The value of a plain scalar without a tag.
pub(super) fn resolve(text: &str, dialect: Dialect) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" if dialect == Dialect::Aws => return Value::Bool(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" if dialect == Dialect::Aws => return Value::Bool(false),
        _ => {}
    }
    match number(text, dialect) {
        Some(number) => Value::Number(number),
        None => Value::String(text.to_owned()),
    }
}

/// A number, if the text is one. What JSON has no number for (infinity) stays a string.
pub(super) fn number(text: &str, dialect: Dialect) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') || unsigned.ends_with('_') {
        return None;
    }
    let negative = text.starts_with('-');
    integer(unsigned, negative, dialect).or_else(|| float(unsigned, negative, dialect))
}

fn integer(unsigned: &str, negative: bool, dialect: Dialect) -> Option<Number> {
    let (digits, radix) = match dialect {
        _ if unsigned.starts_with("0x") => (unsigned.get(2..)?, 16),
        _ if unsigned.starts_with("0b") => (unsigned.get(2..)?, 2),
        Dialect::Js if unsigned.starts_with("0o") => (unsigned.get(2..)?, 8),
        // An octal digit string is a number; `0123456789` is not, and so is a string.
        Dialect::Aws if unsigned.len() > 1 && unsigned.starts_with('0') => (unsigned.get(1..)?, 8),
        _ => (unsigned, 10),
    };
    let digits: String = digits.chars().filter(|&c| c != '_').collect();
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits, radix).ok()?;
    let value = if negative { -magnitude } else { magnitude };
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => Some(value.into()),
        (_, Ok(value)) => Some(value.into()),
        // Larger ones are what a double makes of them.
        _ if radix == 10 => Number::from_f64(digits.parse::<f64>().ok()?),
        _ => None,
    }
}

/// YAML 1.1 demands a dot in a float; YAML 1.2 does not.
fn float(unsigned: &str, negative: bool, dialect: Dialect) -> Option<Number> {
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_' || c == '.');
    if !plain(mantissa) || mantissa.matches('.').count() > 1 || mantissa == "." {
        return None;
    }
    if dialect == Dialect::Aws && !mantissa.contains('.') {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    } else if !mantissa.contains('.') {
        return None;
    }
    let text: String = unsigned.chars().filter(|&c| c != '_').collect();
    let value: f64 = text.parse().ok()?;
    Number::from_f64(if negative { -value } else { value })
}
