//! Moments as signatures write them (`20150830T123600Z`), and as HTTP's `Date` does.

use moln_kernel::Timestamp;

/// Writes a moment as `20150830T123600Z`. The first eight characters are the scope's date.
pub fn amz_date(at: Timestamp) -> String {
    let seconds = at.seconds();
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    // By hand: every signature needs one, and formatting machinery takes ten times as long.
    let mut text = String::with_capacity(16);
    two(&mut text, year / 100);
    for number in [year, month, day] {
        two(&mut text, number);
    }
    text.push('T');
    for number in [of_day / 3_600, of_day / 60 % 60, of_day % 60] {
        two(&mut text, number);
    }
    text.push('Z');
    text
}

/// The last two digits.
fn two(text: &mut String, number: u64) {
    for digit in [number / 10 % 10, number % 10] {
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Reads `20150830T123600Z`; `None` when it is anything else.
pub fn parse_amz_date(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    let [y0, y1, y2, y3, m0, m1, d0, d1, b'T', h0, h1, n0, n1, s0, s1, b'Z'] = *bytes else {
        return None;
    };
    let year = number(&[y0, y1, y2, y3])?;
    let date = [number(&[m0, m1])?, number(&[d0, d1])?];
    moment(year, date, [number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?])
}

/// Reads a `Date` header: the signatures' own form or `Sun, 30 Aug 2015 12:36:00 GMT`.
pub(crate) fn parse_date_header(text: &str) -> Option<Timestamp> {
    if let Some(at) = parse_amz_date(text) {
        return Some(at);
    }
    let mut words = text.split_ascii_whitespace().skip(1);
    let day = number(words.next()?.as_bytes())?;
    let name = words.next()?;
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = names.iter().position(|known| *known == name)? as u64 + 1;
    let year = number(words.next()?.as_bytes())?;
    let mut time = words.next()?.split(':').map(|part| number(part.as_bytes()));
    moment(year, [month, day], [time.next()??, time.next()??, time.next()??])
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

fn moment(year: u64, [month, day]: [u64; 2], [hour, minute, second]: [u64; 3]) -> Option<Timestamp> {
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    // Days since the epoch, counting years from March so that the leap day is the last of its year.
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let year = if month > 2 { year } else { year - 1 };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (shifted * 153 + 2) / 5 + day - 1 - 719_468;
    Some(Timestamp((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000))
}

fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip() {
        for seconds in
            [0, 68_169_600, 951_782_400, 1_440_938_160, 1_709_164_800, 1_795_000_000, 4_102_444_799]
        {
            let at = Timestamp(seconds * 1_000);
            assert_eq!(parse_amz_date(&amz_date(at)), Some(at), "{}", amz_date(at));
        }
        assert_eq!(amz_date(Timestamp(1_440_938_160_000)), "20150830T123600Z");
        let header = parse_date_header("Sun, 30 Aug 2015 12:36:00 GMT");
        assert_eq!(header, Some(Timestamp(1_440_938_160_000)));
        assert_eq!(amz_date(Timestamp(951_782_400_000)), "20000229T000000Z");
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in
            ["", "20150830", "20151330T000000Z", "20150830T240000Z", "2015083xT000000Z", "20150830T123600+"]
        {
            assert_eq!(parse_amz_date(bad), None, "{bad}");
            assert_eq!(parse_date_header(bad), None, "{bad}");
        }
    }
}
