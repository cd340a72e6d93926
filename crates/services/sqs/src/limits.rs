//! Every number of SQS in one place: AWS's quotas as of 2026, and our own bounds with the reason for each.

/// Longest body plus attributes, and longest sum of a batch, in bytes (1 MiB).
pub const MESSAGE_BYTES: usize = 1_048_576;
/// `MaximumMessageSize` lies within these, in bytes.
pub const MESSAGE_BYTES_RANGE: (u64, u64) = (1_024, 1_048_576);
/// Entries of a batch request.
pub const BATCH_ENTRIES: usize = 10;
/// Characters of a batch entry's id.
pub const BATCH_ID_CHARS: usize = 80;
/// Characters of a queue's name, `.fifo` included.
pub const QUEUE_NAME_CHARS: usize = 80;
/// Message attributes of one message.
pub const MESSAGE_ATTRIBUTES: usize = 10;
/// Characters of a message attribute's name and of its data type.
pub const ATTRIBUTE_NAME_CHARS: usize = 256;
/// Characters of a group id, deduplication id or receive request attempt id.
pub const ID_CHARS: usize = 128;
/// Bytes of a trace header; it does not count against the message's size, so it needs a bound of its own.
pub const TRACE_BYTES: usize = 4_096;
/// Messages one `ReceiveMessage` returns.
pub const RECEIVE_MESSAGES: i32 = 10;
/// Bytes after which a poller's receive stops (a poller's batch has at most 6 MB).
pub const POLLED_BYTES: usize = 6 << 20;
/// Messages a poller's receive takes in one commit, at most: bounds what long ones take of memory.
pub const POLLED_AT_ONCE: usize = 100;
/// Messages deleted or changed in one commit: seventeen rows each, within what a commit takes.
pub const SETTLED_AT_ONCE: usize = 100;
/// Longest long poll, seconds.
pub const WAIT_SECONDS: i32 = 20;
/// Longest visibility timeout, seconds (12 hours), also summed over changes since the receive.
pub const VISIBILITY_SECONDS: i32 = 43_200;
/// Longest delay, seconds (15 minutes).
pub const DELAY_SECONDS: i32 = 900;
/// `MessageRetentionPeriod` lies within these, seconds (1 minute to 14 days).
pub const RETENTION_SECONDS: (u64, u64) = (60, 1_209_600);
/// `KmsDataKeyReusePeriodSeconds` lies within these.
pub const KMS_REUSE_SECONDS: (u64, u64) = (60, 86_400);
/// `maxReceiveCount` lies within these.
pub const MAX_RECEIVE_COUNT: (u64, u64) = (1, 1_000);
/// Messages received and neither deleted nor visible again, per queue.
pub const IN_FLIGHT: usize = 120_000;
/// How far a FIFO queue looks for a group that can be served, in messages.
pub const FIFO_LOOK_AHEAD: usize = 120_000;
/// How long a deduplication id, and a receive request attempt id, is remembered, in milliseconds (5 minutes).
pub const DEDUPLICATION_MS: u64 = 300_000;
/// How long after `DeleteQueue` its name stays taken, and between two `PurgeQueue`, in milliseconds.
pub const QUIET_MS: u64 = 60_000;
/// How long a changed `DeduplicationScope` takes to come into effect, in milliseconds ("up to 60 seconds").
pub const PROPAGATION_MS: u64 = 60_000;
/// Tags of a queue.
pub const TAGS: usize = 50;
/// Characters of a tag's key and of its value.
pub const TAG_CHARS: (usize, usize) = (128, 256);
/// Characters of a permission's label.
pub const LABEL_CHARS: usize = 80;
/// Actions of one permission.
pub const PERMISSION_ACTIONS: usize = 7;
/// Statements of a queue's policy that `AddPermission` may write.
pub const POLICY_STATEMENTS: usize = 20;
/// Results of one page of `ListQueues` and `ListDeadLetterSourceQueues`.
pub const LIST_RESULTS: i32 = 1_000;
/// Results of `ListMessageMoveTasks`.
pub const LIST_TASKS: i32 = 10;
/// Source queues that a `RedriveAllowPolicy` names.
pub const ALLOWED_SOURCES: usize = 10;
/// Fastest move of messages, per second.
pub const MOVES_PER_SECOND: i32 = 500;
/// Message move tasks running at once in an account.
pub const MOVE_TASKS: usize = 100;
/// Longest run of a message move task, in milliseconds (36 hours).
pub const MOVE_TASK_MS: u64 = 36 * 3_600_000;

/// Largest body row kept in the ordered store; a larger one goes to a blob file. The store's own advice: larger values
/// make its merges expensive.
pub const INLINE_BYTES: usize = 65_536;
/// A tenant of a fair queue is noisy with at least this many messages in flight …
pub const NOISY_IN_FLIGHT: usize = 10;
/// … that are more than this share of all in flight, percent.
pub const NOISY_SHARE: usize = 50;
/// How far a fair queue looks for a message of a quieter tenant, in messages.
pub const FAIR_LOOK_AHEAD: usize = 512;
/// A standard queue's cursor is written once for so many first receives: as many rows are looked at in vain after a
/// restart, at most.
pub const CURSOR_EVERY: u32 = 256;
/// Messages of a standard queue's window: those next to be handed out, with their bodies.
pub const WINDOW_MESSAGES: usize = 4_096;
/// Bytes of the bodies in a window (of either kind of queue): what a queue may cost in memory, at most.
pub const WINDOW_BYTES: usize = 2 << 20;
/// Bytes of bodies in the windows of all queues together; what is beyond is read from the store when its turn comes.
pub const ALL_WINDOW_BYTES: usize = 256 << 20;
/// Bytes that a window may always have, even when the others use all there is.
pub const WINDOW_FLOOR_BYTES: usize = 16 << 10;
/// The window is filled again in the background when it falls below this many messages.
pub const WINDOW_LOW: usize = 2_048;
/// Rows read in one go when a window is filled.
pub const REFILL_ROWS: usize = 2_048;
/// Bytes read in one go when a window is filled.
pub const REFILL_BYTES: usize = 1 << 20;
/// Deduplication ids remembered in memory per queue; older ones are looked up in the store.
pub const DEDUPLICATION_IDS: usize = 100_000;
/// Receive request attempts remembered per queue.
pub const ATTEMPTS: usize = 10_000;
/// Rows removed in one commit by the background (retention, redrive, moves): bounds its pauses.
pub const SWEEP_ROWS: usize = 200;

/// Writes of one receive after which it stops clearing away messages past their retention: the batch must stay far below
/// what the store takes at once (`moln_store::Limits::batch_ops`). What is left goes with the next one.
pub const EXPIRED_OPS: usize = 400;
