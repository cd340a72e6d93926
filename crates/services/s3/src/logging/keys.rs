//! Keys of log objects.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PartitionedPrefix.html>

use moln_kernel::{Timestamp, ids};
use moln_wire::{schema::TimestampFormat, time};

use crate::{bucket::Bucket, model::LoggingEnabled};

/// How the keys of the log objects for a record begin, after a letter that tells how they go on: `s` the moment of delivery,
/// `d` its folders, too, `e` the day of the record is in there.
pub(super) fn beginning(logging: &LoggingEnabled, bucket: &Bucket, when: Timestamp) -> String {
    let prefix = &logging.target_prefix;
    let Some(partitioned) =
        logging.target_object_key_format.as_ref().and_then(|format| format.partitioned_prefix.as_ref())
    else {
        return format!("s{prefix}");
    };
    let (account, region, name) = (&bucket.row.account, &bucket.row.region, &bucket.name);
    if partitioned.partition_date_source.as_deref() == Some("DeliveryTime") {
        return format!("d{prefix}{account}/{region}/{name}/");
    }
    let (year, month, day) = date(when);
    format!("e{prefix}{account}/{region}/{name}/{year}/{month}/{day}/{year}-{month}-{day}-00-00-00-")
}

/// A key for an object that is delivered now.
pub(super) fn key(beginning: &str, now: Timestamp) -> String {
    let unique = format!("{:032X}", ids::unique());
    let unique = unique.get(16..).unwrap_or_default();
    let (kind, prefix) = beginning.split_at_checked(1).unwrap_or(("s", beginning));
    let (year, month, day) = date(now);
    let clock: String = iso(now).get(11..19).unwrap_or_default().replace(':', "-");
    match kind {
        "e" => format!("{prefix}{unique}"),
        "d" => format!("{prefix}{year}/{month}/{day}/{year}-{month}-{day}-{clock}-{unique}"),
        _ => format!("{prefix}{year}-{month}-{day}-{clock}-{unique}"),
    }
}

/// `2026-11-21T08:30:37Z`
fn iso(moment: Timestamp) -> String {
    time::format(Timestamp(moment.seconds() * 1000), TimestampFormat::DateTime)
}

/// Year, month and day, as they are written.
fn date(moment: Timestamp) -> (String, String, String) {
    let text = iso(moment);
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    (part(0..4), part(5..7), part(8..10))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T08:30:37Z
    const NOW: Timestamp = Timestamp(1_795_249_837_000);

    #[test]
    fn keys_are_dated() {
        let plain = key("sin/", NOW);
        assert!(plain.starts_with("in/2026-11-21-08-30-37-") && plain.len() == 39, "{plain}");
        assert!(key("dp1/r/b/", NOW).starts_with("p1/r/b/2026/11/21/2026-11-21-08-30-37-"));
        assert!(key("ep1/2025-01-01-00-00-00-", NOW).starts_with("p1/2025-01-01-00-00-00-"));
        assert_ne!(key("s", NOW), key("s", NOW));
    }
}
