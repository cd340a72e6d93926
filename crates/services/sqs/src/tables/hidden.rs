//! The row of a message that was received at least once, or is delayed. Sixteen bytes in memory and on disk: a queue
//! may hold a million of them.

use bytes::Bytes;

use super::codec::{Reader, Writer};

const VERSION: u8 = 1;
const COUNT_BITS: u32 = 20;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// Until when a message is hidden, and how often it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    until_and_count: u64,
    first: u64,
}

impl Hidden {
    /// `until` and `first` in milliseconds since the epoch; the count saturates at 1,048,575.
    pub fn new(until: u64, count: u32, first: u64) -> Self {
        Self { until_and_count: (until << COUNT_BITS) | u64::from(count).min(COUNT_MAX), first }
    }
    /// Visible again at this moment.
    pub fn until(self) -> u64 {
        self.until_and_count >> COUNT_BITS
    }
    /// Receives in this queue; 0: delayed and never received.
    pub fn count(self) -> u32 {
        u32::try_from(self.until_and_count & COUNT_MAX).unwrap_or(u32::MAX)
    }
    /// The first receive.
    pub fn first(self) -> u64 {
        self.first
    }
    /// The row.
    pub fn encode(self) -> Bytes {
        let mut row = Writer::with_capacity(17);
        row.u8(VERSION).u64(self.until_and_count).u64(self.first);
        row.0.into()
    }
    /// Reads the row; `None` is damage.
    pub fn decode(row: &[u8]) -> Option<Self> {
        let mut row = Reader(row);
        (row.u8()? == VERSION).then_some(())?;
        Some(Self { until_and_count: row.u64()?, first: row.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_bytes_stay_readable() {
        let row = [1, 0x17, 0x48, 0x76, 0xE8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9];
        let hidden = Hidden::decode(&row).unwrap();
        assert_eq!((hidden.count(), hidden.first()), (3, 9));
        assert_eq!(hidden.until(), 0x1748_76E8_0000_0003 >> 20);
        assert_eq!(&hidden.encode()[..], &row);
        assert_eq!(Hidden::decode(&[1, 2]), None);
    }

    #[test]
    fn the_year_2500_fits() {
        let hidden = Hidden::new(16_725_225_600_000, 2_000_000, 1);
        assert_eq!((hidden.until(), hidden.count()), (16_725_225_600_000, 1_048_575));
    }
}
