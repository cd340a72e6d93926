//! Numbers of event source mappings.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>

use std::time::Duration;

/// Records of a batch where nothing else is set.
pub(crate) const BATCH: i32 = 10;
/// Records of a batch without a window, and of a FIFO queue.
pub(crate) const SMALL_BATCH: i32 = 10;
/// Bytes of a batch's event (6 MB, what an invoke takes).
pub(crate) const BATCH_BYTES: usize = 6_291_456;
/// Filters of a mapping.
pub(crate) const FILTERS: usize = 10;
/// Batches under way at first.
pub(crate) const POLLERS: usize = 5;
/// Batches under way at most.
pub(crate) const MOST_POLLERS: usize = 1_250;
/// By how many that grows a second while there is a backlog (300 a minute).
pub(crate) const POLLERS_PER_SECOND: u64 = 5;
/// Batches that a provisioned poller has under way.
pub(crate) const PER_PROVISIONED_POLLER: usize = 10;
/// Records asked for at once: bounds what one mapping holds in memory beside what runs.
pub(crate) const ASKED_AT_ONCE: usize = 1_000;
/// How long a poll waits for the first record.
pub(crate) const LONG_POLL: Duration = Duration::from_hours(1);
/// How long until a batch whose function had no room is tried again, at first …
pub(crate) const THROTTLED_FIRST: Duration = Duration::from_millis(500);
/// … and at most.
pub(crate) const THROTTLED_MOST: Duration = Duration::from_secs(30);
/// How long until a source that failed is asked again, at first …
pub(crate) const PROBLEM_FIRST: Duration = Duration::from_secs(1);
/// … and at most.
pub(crate) const PROBLEM_MOST: Duration = Duration::from_mins(1);
/// A poll that was just served is waited for so long (real time) before the poller says that it is idle.
pub(crate) const ABOUT_TO_COME: Duration = Duration::from_millis(5);
/// A clock that is moved waits this long (real time) for batches under way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Mappings of one page where the caller does not say.
pub(crate) const PAGE: usize = 100;
/// Tags of a mapping.
pub(crate) const TAGS: usize = 50;
