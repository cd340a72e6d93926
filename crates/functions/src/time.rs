//! Moments as text.

use moln_kernel::Timestamp;

/// `2022-10-12T00:00:15.064Z`
pub(crate) fn iso(at: Timestamp) -> String {
    at.iso()
}

/// `2022/10/12`, as in the names of log streams.
pub(crate) fn day(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}/{month:02}/{day:02}")
}
