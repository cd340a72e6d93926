//! Functions of queries.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html>

use std::{net::IpAddr, ops::RangeInclusive};

use super::value::Value;

/// Most arguments of those that take any number.
const MANY: usize = 100;

/// How many arguments a function takes; `None`: there is none of this name.
pub(super) fn arity(name: &str) -> Option<RangeInclusive<usize>> {
    Some(match name {
        "now" => 0..=0,
        "abs" | "ceil" | "floor" | "log" | "sqrt" | "ispresent" | "isempty" | "isblank" | "strlen"
        | "toupper" | "tolower" | "frommillis" | "tomillis" | "isvalidip" | "isvalidipv4" | "isvalidipv6" => {
            1..=1
        }
        "trim" | "ltrim" | "rtrim" => 1..=2,
        "strcontains" | "isipinsubnet" | "isipv4insubnet" | "isipv6insubnet" | "pow" => 2..=2,
        "substr" => 2..=3,
        "replace" => 3..=3,
        "greatest" | "least" | "coalesce" | "concat" => 1..=MANY,
        _ => return None,
    })
}

/// Calls a function; `now` is in milliseconds.
pub(super) fn call(name: &str, arguments: &[Value], now: f64) -> Value {
    let first = arguments.first().unwrap_or(&Value::Missing);
    let second = arguments.get(1);
    match name {
        // Seconds, says AWS.
        "now" => Value::Number((now / 1_000.0).floor()),
        "ispresent" => Value::Bool(!first.is_missing()),
        "coalesce" => arguments.iter().find(|value| !value.is_missing()).cloned().unwrap_or(Value::Missing),
        "concat" => Value::Text(arguments.iter().map(ToString::to_string).collect()),
        "isempty" => Value::Bool(first.is_missing() || first.to_string().is_empty()),
        "isblank" => Value::Bool(first.is_missing() || first.to_string().trim().is_empty()),
        "greatest" => extreme(arguments, f64::max),
        "least" => extreme(arguments, f64::min),
        _ if first.is_missing() => Value::Missing,
        "abs" => numeric(first, f64::abs),
        "ceil" => numeric(first, f64::ceil),
        "floor" => numeric(first, f64::floor),
        "log" => numeric(first, f64::ln),
        "sqrt" => numeric(first, f64::sqrt),
        "pow" => match (first.number(), second.and_then(Value::number)) {
            (Some(base), Some(exponent)) => finite(base.powf(exponent)),
            _ => Value::Missing,
        },
        "frommillis" => first.number().map_or(Value::Missing, Value::Time),
        "tomillis" => first.number().map_or(Value::Missing, Value::Number),
        _ => text(name, &first.to_string(), arguments),
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped"
)]
fn text(name: &str, first: &str, arguments: &[Value]) -> Value {
    let argument = |at: usize| arguments.get(at).map(ToString::to_string);
    let set = argument(1);
    let trimmed = |c: char| set.as_ref().map_or(c.is_whitespace(), |set| set.contains(c));
    match name {
        "trim" => Value::Text(first.trim_matches(trimmed).to_owned()),
        "ltrim" => Value::Text(first.trim_start_matches(trimmed).to_owned()),
        "rtrim" => Value::Text(first.trim_end_matches(trimmed).to_owned()),
        "strlen" => Value::Number(first.chars().count() as f64),
        "toupper" => Value::Text(first.to_uppercase()),
        "tolower" => Value::Text(first.to_lowercase()),
        "strcontains" => Value::Number(f64::from(u8::from(first.contains(&argument(1).unwrap_or_default())))),
        "substr" => {
            let count =
                |at: usize| arguments.get(at).and_then(Value::number).map(|n| n.clamp(0.0, 1e9) as usize);
            let (from, len) = (count(1).unwrap_or(0), count(2).unwrap_or(usize::MAX));
            Value::Text(first.chars().skip(from).take(len).collect())
        }
        "replace" => match (argument(1), argument(2)) {
            (Some(from), Some(to)) if !from.is_empty() => Value::Text(first.replace(&from, &to)),
            _ => Value::Text(first.to_owned()),
        },
        "isvalidip" => Value::Bool(first.parse::<IpAddr>().is_ok()),
        "isvalidipv4" => Value::Bool(first.parse::<std::net::Ipv4Addr>().is_ok()),
        "isvalidipv6" => Value::Bool(first.parse::<std::net::Ipv6Addr>().is_ok()),
        "isipinsubnet" | "isipv4insubnet" | "isipv6insubnet" => {
            let inside = in_subnet(first, &argument(1).unwrap_or_default());
            let right_kind = match first.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => name != "isipv6insubnet",
                Ok(IpAddr::V6(_)) => name != "isipv4insubnet",
                Err(_) => false,
            };
            Value::Bool(inside && right_kind)
        }
        _ => Value::Missing,
    }
}

fn in_subnet(address: &str, subnet: &str) -> bool {
    let Some((network, bits)) = subnet.split_once('/') else { return false };
    let (Ok(address), Ok(network), Ok(bits)) =
        (address.parse::<IpAddr>(), network.parse::<IpAddr>(), bits.parse::<u32>())
    else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(n)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        _ => false,
    }
}

fn numeric(value: &Value, function: impl Fn(f64) -> f64) -> Value {
    value.number().map_or(Value::Missing, |number| finite(function(number)))
}

/// What is no number is no value.
pub(super) fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Number(number) } else { Value::Missing }
}

fn extreme(arguments: &[Value], choose: fn(f64, f64) -> f64) -> Value {
    arguments.iter().filter_map(Value::number).reduce(choose).map_or(Value::Missing, Value::Number)
}
