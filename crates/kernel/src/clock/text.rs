//! Moments as text.

use super::Timestamp;

impl Timestamp {
    /// `2022-10-12T00:00:15.064Z`
    pub fn iso(self) -> String {
        let (year, month, day) = self.date();
        let millis = self.millis() % 86_400_000;
        let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
        format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", millis % 1_000)
    }

    /// Year, month, day (UTC).
    pub fn date(self) -> (u64, u64, u64) {
        // Counted in eras of 400 years that begin on the first of March.
        let days = self.millis() / 86_400_000 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (era * 400 + year_of_era + u64::from(month <= 2), month, day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_aws_does() {
        assert_eq!(Timestamp(0).iso(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(1_709_210_096_789).iso(), "2024-02-29T12:34:56.789Z");
        assert_eq!(Timestamp(951_868_799_999).iso(), "2000-02-29T23:59:59.999Z");
        assert_eq!(Timestamp(4_107_542_400_000).date(), (2100, 3, 1));
    }
}
