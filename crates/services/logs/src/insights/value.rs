//! Values of queries. They are loosely typed: a text that reads as a number is one where a number is wanted.

use std::{cmp::Ordering, fmt};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// The field is not there.
    Missing,
    Bool(bool),
    Number(f64),
    /// A moment, milliseconds since 1970: a number that is shown as a date.
    Time(f64),
    Text(String),
}

impl Value {
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) | Self::Time(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Bool(is) => *is,
            Self::Number(number) | Self::Time(number) => *number != 0.0,
            Self::Text(text) => text == "true",
            Self::Missing => false,
        }
    }
    /// How two values lie to each other; `None` when one is missing.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.is_missing() || other.is_missing() {
            return None;
        }
        match (self.number(), other.number()) {
            (Some(one), Some(two)) => one.partial_cmp(&two),
            _ => Some(self.to_string().cmp(&other.to_string())),
        }
    }
    /// The order of `sort`: what is missing comes first, then numbers, then texts.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self.is_missing(), other.is_missing()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            _ => {}
        }
        match (self.number(), other.number()) {
            (Some(one), Some(two)) => one.total_cmp(&two),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
    pub(super) fn of_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Missing,
            serde_json::Value::Bool(is) => Self::Bool(*is),
            serde_json::Value::Number(number) => match number.as_f64() {
                // Long integers (ids) would lose digits.
                Some(float) if float.abs() < 9e15 => Self::Number(float),
                _ => Self::Text(number.to_string()),
            },
            serde_json::Value::String(text) => Self::Text(text.clone()),
            other => Self::Text(other.to_string()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Bool(is) => write!(f, "{}", i32::from(*is)),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write_number(f, *number),
            Self::Time(number) => write_time(f, *number),
        }
    }
}

/// At most four digits behind the point.
fn write_number(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    f.write_str(if text == "-0" { "0" } else { text })
}

#[allow(clippy::cast_possible_truncation, reason = "bounded before")]
fn write_time(f: &mut fmt::Formatter<'_>, millis: f64) -> fmt::Result {
    let millis = millis.clamp(-6e13, 2.5e14) as i64;
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1_000 % 60, rest % 1_000);
    write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
}

/// Year, month and day of a number of days since 1970 (Howard Hinnant's `civil_from_days`, public domain).
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970 of a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// A period of `bin`, `datefloor`, `dateceil`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Period {
    Millis(i64),
    Weeks(i64),
    Months(i64),
}

impl Period {
    /// Reads `5` and `m`. `None`: no such unit, or not a whole number from 1.
    #[allow(clippy::cast_possible_truncation, reason = "checked before")]
    pub(super) fn read(count: f64, unit: &str) -> Option<Self> {
        ((1.0..=1e9).contains(&count) && count.fract() == 0.0).then_some(())?;
        let count = count as i64;
        Some(match unit {
            "ms" | "msec" | "msecs" => Self::Millis(count),
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Millis(count * 1_000),
            "m" | "min" | "mins" | "minute" | "minutes" => Self::Millis(count * 60_000),
            "h" | "hr" | "hrs" | "hour" | "hours" => Self::Millis(count * 3_600_000),
            "d" | "day" | "days" => Self::Millis(count * 86_400_000),
            "w" | "wk" | "wks" | "week" | "weeks" => Self::Weeks(count),
            "mo" | "mon" | "mons" | "month" | "months" => Self::Months(count),
            "q" | "qtr" | "qtrs" | "quarter" | "quarters" => Self::Months(count * 3),
            "y" | "yr" | "yrs" | "year" | "years" => Self::Months(count * 12),
            _ => return None,
        })
    }

    /// The last boundary not behind a moment, or the first not before it. Weeks begin on Mondays.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "moments are far below 2^53"
    )]
    pub(super) fn round(self, millis: f64, up: bool) -> f64 {
        let at = millis.floor().clamp(-6e13, 2.5e14) as i64;
        let (low, high) = match self {
            Self::Millis(step) => {
                let low = at.div_euclid(step) * step;
                (low, low + step)
            }
            Self::Weeks(count) => {
                // 1970-01-05 was a Monday.
                let (step, monday) = (count * 7 * 86_400_000, 4 * 86_400_000);
                let low = (at - monday).div_euclid(step) * step + monday;
                (low, low + step)
            }
            Self::Months(count) => {
                let (year, month, _) = civil(at.div_euclid(86_400_000));
                let first = (year * 12 + month - 1).div_euclid(count) * count;
                let begin =
                    |months: i64| days(months.div_euclid(12), months.rem_euclid(12) + 1, 1) * 86_400_000;
                (begin(first), begin(first + count))
            }
        };
        if up && low != at { high as f64 } else { low as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_aws_does() {
        for (value, text) in [
            (Value::Number(5.0), "5"),
            (Value::Number(0.333_333), "0.3333"),
            (Value::Number(-0.000_01), "0"),
            (Value::Number(12.5), "12.5"),
            (Value::Time(1_700_000_000_123.0), "2023-11-14 22:13:20.123"),
            (Value::Time(951_782_400_000.0), "2000-02-29 00:00:00.000"),
            (Value::Missing, ""),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }

    #[test]
    fn periods_round() {
        let at = 1_700_000_000_123.0;
        for (count, unit, up, text) in [
            (5.0, "m", false, "2023-11-14 22:10:00.000"),
            (5.0, "m", true, "2023-11-14 22:15:00.000"),
            (1.0, "d", false, "2023-11-14 00:00:00.000"),
            (1.0, "w", false, "2023-11-13 00:00:00.000"),
            (1.0, "mo", false, "2023-11-01 00:00:00.000"),
            (1.0, "mo", true, "2023-12-01 00:00:00.000"),
            (1.0, "q", false, "2023-10-01 00:00:00.000"),
            (1.0, "y", true, "2024-01-01 00:00:00.000"),
            (250.0, "ms", false, "2023-11-14 22:13:20.000"),
        ] {
            let period = Period::read(count, unit).unwrap();
            assert_eq!(Value::Time(period.round(at, up)).to_string(), text, "{count}{unit}");
        }
        assert_eq!(Period::read(0.0, "m"), None);
        assert_eq!(Period::read(1.5, "m"), None);
        assert_eq!(Period::read(1.0, "x"), None);
    }
}
