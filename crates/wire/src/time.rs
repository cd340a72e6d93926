//! Moments as text: ISO 8601, the HTTP date of RFC 9110, and seconds since the epoch.

use std::fmt::Write as _;

use moln_kernel::Timestamp;

use crate::{
    schema::TimestampFormat,
    shape::{Read, ReadError},
};

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Writes a moment. Milliseconds are written where there are any (HTTP dates have none).
pub fn format(moment: Timestamp, format: TimestampFormat) -> String {
    let (seconds, millis) = (i64::try_from(moment.seconds()).unwrap_or(i64::MAX), moment.millis() % 1000);
    let mut out = String::with_capacity(32);
    if format == TimestampFormat::EpochSeconds {
        let _ = write!(out, "{seconds}");
        if millis > 0 {
            let _ = write!(out, ".{millis:03}");
            out.truncate(out.trim_end_matches('0').len());
        }
        return out;
    }
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    if format == TimestampFormat::HttpDate {
        let name = |names: &[&'static str], n: i64| {
            usize::try_from(n).ok().and_then(|n| names.get(n)).copied().unwrap_or_default()
        };
        let (weekday, month) = (name(&WEEKDAYS, days.rem_euclid(7)), name(&MONTHS, month - 1));
        out.extend([weekday, ", "]);
        digits(&mut out, day, 2);
        out.extend([" ", month, " "]);
        digits(&mut out, year, 4);
        out.push(' ');
        clock(&mut out, (hour, minute, second));
        out.push_str(" GMT");
    } else {
        digits(&mut out, year, 4);
        out.push('-');
        digits(&mut out, month, 2);
        out.push('-');
        digits(&mut out, day, 2);
        out.push('T');
        clock(&mut out, (hour, minute, second));
        if millis > 0 {
            let _ = write!(out, ".{millis:03}");
        }
        out.push('Z');
    }
    out
}

/// Lists have a moment in every row: the formatting machinery would be a tenth of their work.
fn digits(out: &mut String, number: i64, width: u32) {
    if number >= 10_i64.pow(width) {
        let _ = write!(out, "{number}");
        return;
    }
    for place in (0..width).rev() {
        let digit = u8::try_from(number / 10_i64.pow(place) % 10).unwrap_or_default();
        out.push(char::from(b'0' + digit));
    }
}

fn clock(out: &mut String, (hour, minute, second): (i64, i64, i64)) {
    digits(out, hour, 2);
    out.push(':');
    digits(out, minute, 2);
    out.push(':');
    digits(out, second, 2);
}

/// Reads a moment written in any of the formats; `format` decides nothing but the error's words.
///
/// Errors: text that is no moment. Before 1970 reads as 1970.
pub fn parse(text: &str, format: TimestampFormat) -> Read<Timestamp> {
    let text = text.trim();
    let millis = match text.parse::<f64>() {
        Ok(seconds) => return from_seconds(seconds),
        Err(_) => iso(text).or_else(|| http_date(text)),
    };
    let expected = match format {
        TimestampFormat::EpochSeconds => "seconds since the epoch",
        TimestampFormat::DateTime => "ISO 8601",
        TimestampFormat::HttpDate => "an HTTP date",
    };
    let millis =
        millis.ok_or_else(|| ReadError::new(format!("Timestamp must be formatted as {expected}")))?;
    Ok(Timestamp(u64::try_from(millis).unwrap_or_default()))
}

/// Seconds since the epoch, rounded to milliseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded just before
pub fn from_seconds(seconds: f64) -> Read<Timestamp> {
    if !seconds.is_finite() || seconds.abs() > 1e14 {
        return Err(ReadError::new("Timestamp is out of range"));
    }
    Ok(Timestamp((seconds * 1000.0).round().max(0.0) as u64))
}

/// Days since the epoch → year, month, day, in the proleptic Gregorian calendar. Works on years that begin in March,
/// so that the leap day is the last of the year.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Year, month, day → days since the epoch.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

fn moment(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let real = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    let date = days(year, month, day);
    (real && civil(date) == (year, month, day))
        .then(|| (date * DAY + hour * 3600 + minute * 60 + second) * 1000)
}

fn number(text: Option<&str>) -> Option<i64> {
    text.filter(|text| !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()))?
        .parse()
        .ok()
}

/// `2015-01-25T08:00:00Z`, with a fraction, with an offset; milliseconds.
fn iso(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00:00Z"));
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (number(date.next())?, number(date.next())?, number(date.next())?);
    let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => (time.get(..at)?, time.get(at..)?),
        None => (time, "Z"),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (number(time.next())?, number(time.next())?);
    let second = time.next().map_or(Some(0), |second| number(Some(second)))?;
    let mut millis = moment(year, month, day, hour, minute, second)?;
    if !fraction.is_empty() {
        let digits = fraction.get(..fraction.len().min(3))?;
        millis += number(Some(digits))? * 10_i64.pow(3 - u32::try_from(digits.len()).ok()?);
    }
    let signed = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return (offset.len() == 1).then_some(millis),
    };
    let (hours, minutes) =
        offset.get(1..)?.split_once(':').or_else(|| offset.get(1..)?.split_at_checked(2))?;
    Some(millis - signed * (number(Some(hours))? * 3600 + number(Some(minutes))? * 60) * 1000)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, with a fraction of the second; milliseconds.
fn http_date(text: &str) -> Option<i64> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = number(words.next())?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let year = number(words.next())?;
    let mut clock = words.next()?.splitn(3, ':');
    let (hour, minute, second) = (number(clock.next())?, number(clock.next())?, clock.next()?);
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    let digits = fraction.get(..fraction.len().min(3))?;
    let millis = match digits.len() {
        0 => 0,
        n => number(Some(digits))? * 10_i64.pow(3 - u32::try_from(n).ok()?),
    };
    (words.next()? == "GMT" && words.next().is_none()).then_some(())?;
    Some(moment(year, i64::try_from(month).ok()? + 1, day, hour, minute, number(Some(second))?)? + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_again() {
        let moment = Timestamp(1_422_172_800_123);
        for (form, text) in [
            (TimestampFormat::EpochSeconds, "1422172800.123"),
            (TimestampFormat::DateTime, "2015-01-25T08:00:00.123Z"),
        ] {
            assert_eq!(format(moment, form), text);
            assert_eq!(parse(text, form), Ok(moment));
        }
        let date = "Sun, 25 Jan 2015 08:00:00 GMT";
        assert_eq!(format(moment, TimestampFormat::HttpDate), date);
        assert_eq!(parse(date, TimestampFormat::HttpDate), Ok(Timestamp(1_422_172_800_000)));
        assert_eq!(format(Timestamp(951_782_400_500), TimestampFormat::DateTime), "2000-02-29T00:00:00.500Z");
        assert_eq!(format(Timestamp(1_500), TimestampFormat::EpochSeconds), "1.5");
    }

    #[test]
    fn offsets_and_leap_days() {
        let read = |text| parse(text, TimestampFormat::DateTime).map(|t| t.0);
        assert_eq!(read("2015-01-25T09:30:00+01:30"), Ok(1_422_172_800_000));
        assert_eq!(read("1969-12-31T23:59:59Z"), Ok(0));
        for bad in [
            "2015-02-29T00:00:00Z",
            "2015-13-01T00:00:00Z",
            "now",
            "",
            "2015-01-25T25:00:00Z",
            "NaN",
            "1e300",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
