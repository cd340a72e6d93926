//! Archived versions: their bytes are there, but are given out only while a restored copy is.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html>

use std::time::Duration;

use moln_kernel::{ApiError, Timestamp};

use crate::{
    errors,
    tables::object::{ObjectRow, RestoreRow},
};

/// Whether versions of a class are archived.
pub(crate) fn is_archive(class: &str) -> bool {
    matches!(class, "GLACIER" | "DEEP_ARCHIVE")
}

/// How long a restore takes, the longest that AWS names; `None`: the class has no such tier.
pub(crate) fn takes(class: &str, tier: &str) -> Option<Duration> {
    match (class, tier) {
        ("GLACIER", "Expedited") => Some(Duration::from_mins(5)),
        ("GLACIER", "Standard") => Some(Duration::from_hours(5)),
        ("GLACIER", "Bulk") | ("DEEP_ARCHIVE", "Standard") => Some(Duration::from_hours(12)),
        ("DEEP_ARCHIVE", "Bulk") => Some(Duration::from_hours(48)),
        _ => None,
    }
}

/// Where a restored copy stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// There is none.
    Absent,
    /// It will be there.
    Coming,
    /// It is there, until then.
    There(Timestamp),
}

/// Where the restored copy of a version stands.
pub(crate) fn copy_of(restore: Option<&RestoreRow>, now: Timestamp) -> Copy {
    match restore {
        Some(restore) if now.millis() < restore.ready => Copy::Coming,
        Some(restore) if now.millis() < restore.expires => Copy::There(Timestamp(restore.expires)),
        _ => Copy::Absent,
    }
}

/// Refuses to give out an archived version without a restored copy. `words`: of the operation.
pub(crate) fn check_readable(row: &ObjectRow, now: Timestamp, words: &str) -> Result<(), ApiError> {
    if !is_archive(&row.storage_class) || matches!(copy_of(row.restore.as_ref(), now), Copy::There(_)) {
        return Ok(());
    }
    let error = errors::other(403, "InvalidObjectState", words);
    Err(errors::with(error, "StorageClass", row.storage_class.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_tiers() {
        let hours = |class, tier| takes(class, tier).map(|time| time.as_secs() / 3600);
        assert_eq!(takes("GLACIER", "Expedited"), Some(Duration::from_mins(5)));
        assert_eq!((hours("GLACIER", "Standard"), hours("GLACIER", "Bulk")), (Some(5), Some(12)));
        assert_eq!((hours("DEEP_ARCHIVE", "Standard"), hours("DEEP_ARCHIVE", "Bulk")), (Some(12), Some(48)));
        for (class, tier) in [("DEEP_ARCHIVE", "Expedited"), ("GLACIER", "Fast"), ("STANDARD", "Bulk")] {
            assert_eq!(takes(class, tier), None, "{class} {tier}");
        }
    }

    #[test]
    fn a_copy_comes_and_goes() {
        let restore = RestoreRow { ready: 10, expires: 20 };
        let at = |now| copy_of(Some(&restore), Timestamp(now));
        assert_eq!(
            (at(9), at(10), at(19), at(20)),
            (Copy::Coming, Copy::There(Timestamp(20)), Copy::There(Timestamp(20)), Copy::Absent)
        );
        assert_eq!(copy_of(None, Timestamp(0)), Copy::Absent);
    }
}
