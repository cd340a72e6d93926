//! Conditions.
//! Operators: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::net::IpAddr;

use crate::{
    Keys,
    pattern::{filled, matches_with},
};

/// One operator on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `StringEquals`, `ForAnyValue:StringLike`, `ArnLikeIfExists` …
    pub operator: String,
    /// `aws:SourceArn`
    pub key: String,
    /// One of them is enough (for a negated operator: none may be).
    pub values: Vec<String>,
}

impl Condition {
    /// Whether it holds; `None`: the operator or a value is not understood.
    pub fn holds(&self, keys: &Keys) -> Option<bool> {
        let (every, any, operator) = match self.operator.split_once(':') {
            Some(("ForAllValues", operator)) => (true, false, operator),
            Some(("ForAnyValue", operator)) => (false, true, operator),
            Some(_) => return None,
            None => (false, false, self.operator.as_str()),
        };
        let actual = keys.get(&self.key);
        if operator == "Null" {
            let absent = actual.is_empty();
            return self
                .values
                .iter()
                .map(|value| parse_bool(value).map(|wanted| wanted == absent))
                .try_fold(false, |held, one| one.map(|one| held || one));
        }
        let (operator, if_exists) =
            operator.strip_suffix("IfExists").map_or((operator, false), |operator| (operator, true));
        let (compare, negated) = comparison(operator)?;
        if actual.is_empty() {
            // Nothing to compare: every value of none fits; a negated operator finds no value that is refused.
            return Some(if_exists || every || (negated && !any));
        }
        // Each actual value against all wanted ones: a positive operator wants one that fits, a negated one none.
        let fits = |actual: &String| -> Option<bool> {
            let mut found = false;
            for wanted in &self.values {
                found |= compare(wanted, actual, keys)?;
            }
            Some(found != negated)
        };
        let mut results = actual.iter().map(fits);
        if every || (negated && !any) {
            results.try_fold(true, |held, one| one.map(|one| held && one))
        } else {
            results.try_fold(false, |held, one| one.map(|one| held || one))
        }
    }
}

type Compare = fn(&str, &str, &Keys) -> Option<bool>;

/// How an operator compares a wanted value with an actual one, and whether it is negated.
fn comparison(operator: &str) -> Option<(Compare, bool)> {
    let (base, negated) = match operator {
        "NotIpAddress" => ("IpAddress", true),
        _ => match operator.split_once("Not") {
            Some((kind @ ("String" | "Numeric" | "Date" | "Arn"), rest)) => {
                return Some((positive(&format!("{kind}{rest}"))?, true));
            }
            _ => (operator, false),
        },
    };
    Some((positive(base)?, negated))
}

fn positive(operator: &str) -> Option<Compare> {
    Some(match operator {
        "StringEquals" => {
            |wanted, actual, keys| Some(filled(wanted, keys).is_some_and(|wanted| wanted == actual))
        }
        "StringEqualsIgnoreCase" => |wanted, actual, keys| {
            Some(filled(wanted, keys).is_some_and(|wanted| wanted.to_lowercase() == actual.to_lowercase()))
        },
        "StringLike" => |wanted, actual, keys| Some(matches_with(wanted, actual, keys)),
        "ArnEquals" | "ArnLike" => |wanted, actual, keys| Some(arn_matches(wanted, actual, keys)),
        "NumericEquals" => |wanted, actual, _| numbers(wanted, actual).map(|(w, a)| a.total_cmp(&w).is_eq()),
        "NumericLessThan" => |wanted, actual, _| numbers(wanted, actual).map(|(w, a)| a < w),
        "NumericLessThanEquals" => |wanted, actual, _| numbers(wanted, actual).map(|(w, a)| a <= w),
        "NumericGreaterThan" => |wanted, actual, _| numbers(wanted, actual).map(|(w, a)| a > w),
        "NumericGreaterThanEquals" => |wanted, actual, _| numbers(wanted, actual).map(|(w, a)| a >= w),
        "DateEquals" => |wanted, actual, _| dates(wanted, actual).map(|(w, a)| a == w),
        "DateLessThan" => |wanted, actual, _| dates(wanted, actual).map(|(w, a)| a < w),
        "DateLessThanEquals" => |wanted, actual, _| dates(wanted, actual).map(|(w, a)| a <= w),
        "DateGreaterThan" => |wanted, actual, _| dates(wanted, actual).map(|(w, a)| a > w),
        "DateGreaterThanEquals" => |wanted, actual, _| dates(wanted, actual).map(|(w, a)| a >= w),
        "Bool" => |wanted, actual, _| Some(parse_bool(wanted)? == parse_bool(actual)?),
        "BinaryEquals" => |wanted, actual, _| Some(wanted == actual),
        "IpAddress" => |wanted, actual, _| within(wanted, actual),
        _ => return None,
    })
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn numbers(wanted: &str, actual: &str) -> Option<(f64, f64)> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    // Adding zero makes a negative zero a positive one.
    Some((number(wanted)? + 0.0, number(actual)? + 0.0))
}

/// The six parts are matched one by one; a wildcard does not reach over a colon, except in the resource.
fn arn_matches(wanted: &str, actual: &str, keys: &Keys) -> bool {
    let (mut wanted, mut actual) = (wanted.splitn(6, ':'), actual.splitn(6, ':'));
    for _ in 0..6 {
        match (wanted.next(), actual.next()) {
            (Some(wanted), Some(actual)) if matches_with(wanted, actual, keys) => {}
            _ => return false,
        }
    }
    true
}

/// Seconds since 1970: an ISO 8601 moment (`2026-01-02T03:04:05Z`, `2026-01-02`) or a number.
fn seconds(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, offset) = match time.rfind(['Z', '+', '-']) {
        Some(at) => (time.get(..at)?, time.get(at..)?),
        None => (time, "Z"),
    };
    let offset = match offset.strip_prefix('Z') {
        Some("") => 0,
        Some(_) => return None,
        None => {
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let ahead = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
            if offset.starts_with('-') { -ahead } else { ahead }
        }
    };
    let mut clock = clock.splitn(3, ':');
    let (hour, minute): (i64, i64) = (clock.next()?.parse().ok()?, clock.next()?.parse().ok()?);
    let second: i64 = clock.next().unwrap_or("0").split('.').next()?.parse().ok()?;
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && (0..=9_999).contains(&year);
    // Days from civil, counted in years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
        - 1
        - 719_468;
    fits.then(|| days * 86_400 + hour * 3_600 + minute * 60 + second - offset)
}

fn dates(wanted: &str, actual: &str) -> Option<(i64, i64)> {
    Some((seconds(wanted)?, seconds(actual)?))
}

/// Whether an address lies in a CIDR range (or is the address).
fn within(range: &str, address: &str) -> Option<bool> {
    let address: IpAddr = address.parse().ok()?;
    let (base, bits) = match range.split_once('/') {
        Some((base, bits)) => (base.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?)),
        None => (range.parse::<IpAddr>().ok()?, None),
    };
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (u128::from(base.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return Some(false),
    };
    let free = u32::checked_sub(width, bits.unwrap_or(width))?;
    Some((base ^ address).checked_shr(free).unwrap_or(0) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, values: &[&str], actual: &[&str]) -> Option<bool> {
        let mut keys = Keys::default();
        for value in actual {
            keys.add("k", *value);
        }
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition { operator: operator.into(), key: "K".into(), values }.holds(&keys)
    }

    #[test]
    fn operators_compare() {
        type Case = (&'static str, &'static [&'static str], &'static [&'static str], Option<bool>);
        let cases: &[Case] = &[
            ("StringEquals", &["a", "b"], &["b"], Some(true)),
            ("StringEquals", &["a"], &["A"], Some(false)),
            ("StringEquals", &["a"], &[], Some(false)),
            ("StringEqualsIfExists", &["a"], &[], Some(true)),
            ("StringEqualsIgnoreCase", &["a"], &["A"], Some(true)),
            ("StringNotEquals", &["a", "b"], &["c"], Some(true)),
            ("StringNotEquals", &["a", "b"], &["b"], Some(false)),
            ("StringNotEquals", &["a"], &[], Some(true)),
            ("StringLike", &["a*"], &["abc"], Some(true)),
            ("StringNotLike", &["a*"], &["abc"], Some(false)),
            ("ForAllValues:StringEquals", &["a", "b"], &["a", "c"], Some(false)),
            ("ForAllValues:StringEquals", &["a", "b"], &[], Some(true)),
            ("ForAnyValue:StringEquals", &["a", "b"], &["c", "b"], Some(true)),
            ("ForAnyValue:StringNotEquals", &["a"], &[], Some(false)),
            ("NumericLessThanEquals", &["3600"], &["3600"], Some(true)),
            ("NumericEquals", &["x"], &["1"], None),
            ("DateLessThan", &["2026-01-01T00:00:00Z"], &["2025-12-31T23:59:59Z"], Some(true)),
            ("DateGreaterThan", &["2026-01-01T01:00:00+01:00"], &["1767225600"], Some(false)),
            ("DateEquals", &["2026-01-01"], &["1767225600"], Some(true)),
            ("Bool", &["true"], &["True"], Some(true)),
            ("Null", &["true"], &[], Some(true)),
            ("Null", &["false"], &[], Some(false)),
            ("IpAddress", &["10.0.0.0/8"], &["10.1.2.3"], Some(true)),
            ("IpAddress", &["0.0.0.0/0"], &["10.1.2.3"], Some(true)),
            ("NotIpAddress", &["10.0.0.0/8"], &["11.1.2.3"], Some(true)),
            ("IpAddress", &["2001:db8::/32"], &["2001:db8::1"], Some(true)),
            ("IpAddress", &["10.0.0.0/33"], &["10.1.2.3"], None),
            ("ArnLike", &["arn:aws:s3:::b*"], &["arn:aws:s3:::bucket/a:b"], Some(true)),
            ("ArnLike", &["arn:aws:*:b"], &["arn:aws:s3:::b"], Some(false)),
            ("ArnNotEquals", &["arn:aws:s3:::b"], &["arn:aws:s3:::c"], Some(true)),
            ("Nonsense", &["a"], &["a"], None),
            ("Some:StringEquals", &["a"], &["a"], None),
        ];
        for (operator, values, actual, result) in cases {
            assert_eq!(holds(operator, values, actual), *result, "{operator} {values:?} {actual:?}");
        }
    }
}
