//! Durations as people write them.

use std::time::Duration;

/// Reads `15m`, `1h30m`, `2d`, `500ms`, `90` (seconds). At most 100 years; `None` for anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const MOST: u64 = 100 * 366 * 24 * 3_600 * 1_000;
    let mut rest = text.trim();
    let mut millis: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(unit_end)?;
        let factor = match unit.trim() {
            "ms" => 1,
            "s" | "sec" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            // A bare number is seconds, but not behind other parts.
            "" if digits == text.trim().len() => 1_000,
            _ => return None,
        };
        millis = number.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(millis)?;
        rest = next;
    }
    (millis <= MOST).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in
            [("15m", 900), ("1h30m", 5_400), ("2d", 172_800), ("90", 90), (" 1w ", 604_800), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        for bad in ["", "m", "-5m", "5x", "1h30", "99999999999999999999s", "200000w", "1.5h", "5 m x"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
