//! Every limit as a number, with the AWS quota it comes from.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>,
//! <https://docs.aws.amazon.com/general/latest/gr/s3.html>

/// Buckets in an account.
pub const BUCKETS: usize = 10_000;
/// Characters of a bucket's name.
pub const BUCKET_NAME: std::ops::RangeInclusive<usize> = 3..=63;
/// Buckets of a page that asks for no number.
pub const LIST_BUCKETS: usize = 10_000;
/// Bytes of a bucket policy.
pub const POLICY: usize = 20 << 10;
/// Rules of a lifecycle configuration.
pub const LIFECYCLE_RULES: usize = 1_000;
/// Rules of a CORS configuration.
pub const CORS_RULES: usize = 100;
/// Rules of a replication configuration.
pub const REPLICATION_RULES: usize = 1_000;
/// Routing rules of a website.
pub const ROUTING_RULES: usize = 50;
/// Tags of a bucket.
pub const BUCKET_TAGS: usize = 50;
/// Notifications of a bucket.
pub const NOTIFICATIONS: usize = 100;
/// Inventory, metrics, analytics or tiering configurations of a bucket.
pub const NAMED_CONFIGURATIONS: usize = 1_000;
/// Such configurations of a page.
pub const NAMED_CONFIGURATIONS_PAGE: usize = 100;
/// Grants of an access control list.
pub const GRANTS: usize = 100;
/// Buckets whose settings are kept in memory.
pub const BUCKETS_IN_MEMORY: usize = 10_000;
/// Bytes of a body that is read as a whole (settings, lists of deletions): XML of a thousand keys of a kilobyte fits.
pub const BODY: usize = 5 << 20;
/// How often a change is tried that others get ahead of.
pub const ATTEMPTS: usize = 16;
/// Bytes of an object or part that stands in a row; a larger one is a blob.
pub const SMALL: usize = (64 << 10) - 64;
/// Bytes of one upload. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub const UPLOAD: u64 = 5 << 30;
/// Bytes of an object.
pub const OBJECT: u64 = 48_800 << 30;
/// Bytes of every part but the last.
pub const SMALLEST_PART: u64 = 5 << 20;
/// Number of the last part.
pub const PARTS: i32 = 10_000;
/// Bytes of a key, UTF-8.
pub const KEY: usize = 1024;
/// Bytes of all of an object's own metadata, names and values.
pub const METADATA: usize = 2048;
/// Tags of an object.
pub const OBJECT_TAGS: usize = 10;
/// Keys of a page of a list, and of one `DeleteObjects`.
pub const PAGE: usize = 1000;
/// Readers of a key that `moln s3 why` tells of: the last ones, each function and version once.
pub const READERS: usize = 16;
/// Keys whose reads wait to be written.
pub const READS_IN_MEMORY: usize = 10_000;
/// Events of a key that `moln s3 why` tells of, at most.
pub const EVENT_SLOTS: u64 = 32;
/// Days after which events and reads are forgotten.
pub const WHY_DAYS: u64 = 14;
/// Versions that `moln s3 why` tells of.
pub const WHY_VERSIONS: usize = 100;
/// How long records of server access logs wait for others to share an object with.
pub const LOG_DELIVERY: std::time::Duration = std::time::Duration::from_mins(5);
/// Bytes of the prefix of log objects' keys, which leave room for date, place and a name of their own.
pub const LOG_PREFIX: usize = 512;
