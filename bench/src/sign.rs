//! AWS Signature Version 4, header form: what client and limit servers share.
//! Source: AWS "Signature Version 4 signing process".

use ring::hmac;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The signing key of a day, region and service: four chained HMACs from the secret key.
pub fn signing_key(secret: &str, date: &[u8], region: &[u8], service: &[u8]) -> hmac::Key {
    let first = [b"AWS4", secret.as_bytes()].concat();
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, &first);
    for part in [date, region, service, b"aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part).as_ref());
    }
    key
}

/// Appends bytes as lower-case hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// `YYYYMMDDTHHMMSSZ` of a moment in seconds since 1970-01-01 UTC.
pub fn amz_date(unix: u64) -> String {
    let (year, month, day) = civil(unix / DAY);
    let second = unix % DAY;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Seconds since 1970-01-01 UTC of a `YYYYMMDDTHHMMSSZ`, or `None` when it is not one.
pub fn unix_time(date: &[u8]) -> Option<u64> {
    let number = |from: usize, to: usize| {
        date.get(from..to)?
            .iter()
            .try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
    };
    if date.len() != 16 || date.get(8) != Some(&b'T') || date.get(15) != Some(&b'Z') {
        return None;
    }
    let days = days(number(0, 4)?, number(4, 6)?, number(6, 8)?)?;
    Some(days * DAY + number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?)
}

/// Gregorian date of a day number since 1970-01-01. The year is counted from March so that leap days come last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Day number since 1970-01-01 of a Gregorian date; `None` before it or with an impossible month.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || year < 1970 {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_there_and_back() {
        assert_eq!(amz_date(0), "19700101T000000Z");
        assert_eq!(amz_date(951_782_400), "20000229T000000Z");
        assert_eq!(amz_date(1_440_938_160), "20150830T123600Z");
        for unix in (0..4_000_000_000).step_by(86_399 * 31) {
            assert_eq!(unix_time(amz_date(unix).as_bytes()), Some(unix));
        }
        for bad in ["", "20150830T12360Z", "20151330T123600Z", "2015083xT123600Z", "20150830 123600Z"] {
            assert_eq!(unix_time(bad.as_bytes()), None, "{bad}");
        }
    }

    /// The example of AWS's documentation of how to derive a signing key.
    #[test]
    fn the_signing_key_is_that_of_the_documentation() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let key = signing_key(secret, b"20150830", b"us-east-1", b"iam");
        let to_sign = b"AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
            f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let mut hex = Vec::new();
        push_hex(&mut hex, hmac::sign(&key, to_sign).as_ref());
        assert_eq!(hex, b"5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }
}
