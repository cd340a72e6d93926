//! Locks by default.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>

use moln_kernel::{ApiError, Timestamp};

use crate::{errors, model::ObjectLockConfiguration};

/// Longest retention.
const DAYS: i32 = 36_500;
const YEARS: i32 = 100;

/// Refuses what is no rule.
pub(crate) fn check(set: &ObjectLockConfiguration) -> Result<(), ApiError> {
    if set.object_lock_enabled.as_deref() != Some("Enabled") {
        return Err(errors::malformed_xml());
    }
    let Some(rule) = &set.rule else { return Ok(()) };
    let default = rule.default_retention.as_ref().ok_or_else(errors::malformed_xml)?;
    if default.default_event_hold.is_some() {
        return Err(ApiError::not_implemented("S3", "event holds"));
    }
    if !matches!(default.mode.as_deref(), Some("GOVERNANCE" | "COMPLIANCE")) {
        return Err(errors::malformed_xml());
    }
    let positive = |what: &str, value: i32, max: i32| {
        if value <= 0 {
            let words = "Default retention period must be a positive integer value.".to_owned();
            return Err(errors::refused_argument(words, "RetentionPeriod"));
        }
        if value > max {
            let words = format!("Default retention period in {what} is too large.");
            return Err(errors::refused_argument(words, "RetentionPeriod"));
        }
        Ok(())
    };
    match (default.days, default.years) {
        (Some(days), None) => positive("days", days, DAYS),
        (None, Some(years)) => positive("years", years, YEARS),
        _ => Err(errors::malformed_xml()),
    }
}

/// Mode and end of the retention that a new object gets.
pub(crate) fn of_new_object(set: &ObjectLockConfiguration, now: Timestamp) -> Option<(String, Timestamp)> {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let default = set.rule.as_ref()?.default_retention.as_ref()?;
    let days = match (default.days, default.years) {
        (Some(days), _) => u64::try_from(days).ok()?,
        (None, Some(years)) => u64::try_from(years).ok()?.checked_mul(365)?,
        (None, None) => return None,
    };
    Some((default.mode.clone()?, Timestamp(now.millis().saturating_add(days * DAY))))
}
