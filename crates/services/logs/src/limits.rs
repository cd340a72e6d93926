//! Every number of `CloudWatch` Logs in one place: AWS's quotas as of 2026, and our own bounds with the reason for each.

/// Events of one `PutLogEvents`.
pub const BATCH_EVENTS: usize = 10_000;
/// Bytes of one `PutLogEvents`: messages in UTF-8 and [`EVENT_OVERHEAD`] for each.
pub const BATCH_BYTES: usize = 1_048_576;
/// Bytes counted for an event beside its message.
pub const EVENT_OVERHEAD: usize = 26;
/// Bytes of one event's message: 1 MiB less its overhead. (It was 256 KiB until 2025.)
pub const EVENT_BYTES: usize = BATCH_BYTES - EVENT_OVERHEAD;
/// An event may be this far in the future, in milliseconds (2 hours).
pub const FUTURE_MS: u64 = 2 * 3_600_000;
/// An event may be this old, in milliseconds (14 days).
pub const PAST_MS: u64 = 14 * DAY_MS;
/// The events of one batch lie within this, in milliseconds (24 hours).
pub const BATCH_SPAN_MS: u64 = DAY_MS;
/// A day in milliseconds.
pub const DAY_MS: u64 = 86_400_000;
/// Bytes of events in one page of `GetLogEvents` and `FilterLogEvents`.
pub const PAGE_BYTES: usize = 1_048_576;
/// Events in one page.
pub const PAGE_EVENTS: usize = 10_000;
/// Rows of one page of a describe operation, when the request does not say.
pub const DESCRIBE_ROWS: usize = 50;
/// Log groups of an account in a region.
pub const GROUPS: usize = 1_000_000;
/// Characters of a group's or stream's name.
pub const NAME_CHARS: i64 = 512;
/// Days a group may keep events.
pub const RETENTION_DAYS: &[i32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
/// Metric filters of a group.
pub const METRIC_FILTERS: usize = 100;
/// Subscription filters of a group.
pub const SUBSCRIPTIONS: usize = 2;
/// Regular expressions in one filter pattern.
pub const PATTERN_REGEXES: usize = 2;
/// Dimensions of a metric filter.
pub const DIMENSIONS: usize = 3;
/// Tags of a group.
pub const TAGS: usize = 50;
/// Resource policies of an account in a region.
pub const RESOURCE_POLICIES: usize = 10;
/// Bytes of a resource policy or of a destination's access policy.
pub const POLICY_BYTES: usize = 5_120;
/// Query definitions of an account in a region.
pub const QUERY_DEFINITIONS: usize = 1_000;
/// Account policies of one type.
pub const ACCOUNT_POLICIES: usize = 1;
/// Groups of one query.
pub const QUERY_GROUPS: usize = 50;
/// Queries running at once in an account.
pub const RUNNING_QUERIES: usize = 100;
/// Rows a query gives when it has no `limit`.
pub const QUERY_ROWS: usize = 10_000;
/// Rows a query's `limit` may ask for.
pub const QUERY_MOST_ROWS: usize = 100_000;
/// How long a query may run, real milliseconds (60 minutes).
pub const QUERY_MS: u64 = 3_600_000;
/// How long a query's results are kept, in milliseconds (7 days).
pub const QUERY_KEPT_MS: u64 = 7 * DAY_MS;
/// Longest live tail, in milliseconds (3 hours).
pub const TAIL_MS: u64 = 3 * 3_600_000;
/// Events of one update of a live tail; what is beyond is sampled.
pub const TAIL_EVENTS: usize = 500;
/// Live tails at once in an account.
pub const TAILS: usize = 15;
/// Groups of one live tail.
pub const TAIL_GROUPS: usize = 10;

/// Bytes of one row of a chunk: what the store takes as a value.
pub const ROW_BYTES: usize = moln_store::Limits::DEFAULT.value_bytes;
/// Bytes of events after which a chunk is closed: with its head it fits into one row, unless one event alone is larger.
pub const CHUNK_BYTES: usize = 60 << 10;
/// Milliseconds between a chunk's first and last event: how far before a moment a reader has to begin.
pub const CHUNK_SPAN_MS: u64 = 60_000;
/// Bytes a reader fetches of a stream when it begins; streams of a group are read side by side.
pub const FIRST_FETCH: usize = 64 << 10;
/// Bytes a reader fetches further on.
pub const FETCH: usize = 512 << 10;
/// Bytes of events one `FilterLogEvents` looks at before it answers what it has, with a token to go on: bounds the time
/// of a call.
pub const SCAN_BYTES: usize = 64 << 20;
/// Lines that wait for the disk, all groups together, bytes. A function that prints faster than the disk takes is told
/// so, line by line; memory stays bounded.
pub const BUFFER_BYTES: usize = 32 << 20;
/// Of these, lines of one stream: a loud one leaves room for the others.
pub const STREAM_BUFFER_BYTES: usize = 8 << 20;
/// Bytes counted for a line in the buffer beside its message.
pub const LINE_OVERHEAD: usize = 64;
/// Bytes of events in one commit of buffered lines: the store takes 2 MiB, with keys and counters.
pub const COMMIT_BYTES: usize = 1 << 20;
/// Streams in one commit of buffered lines: each costs a dozen operations of the 2,000 a batch may have.
pub const COMMIT_STREAMS: usize = 100;
/// Real milliseconds in which lines gather before they are written: a commit for every line would cost a sync each.
pub const GATHER_MS: u64 = 25;
/// Bytes of results of one query in memory.
pub const RESULT_BYTES: usize = 64 << 20;
/// Bytes of results of all queries in memory; the oldest are forgotten first.
pub const ALL_RESULT_BYTES: usize = 256 << 20;
/// Groups of a query's `stats`: what is beyond is an error, not memory.
pub const STATS_GROUPS: usize = 200_000;
/// Rows looked at by a query before it gives others a turn.
pub const QUERY_SLICE: usize = 4_096;
