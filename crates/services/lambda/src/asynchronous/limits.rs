//! Numbers of asynchronous invokes.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::time::Duration;

/// Longest record for a queue, a function or a bucket, bytes (what a message or an asynchronous event may have).
pub(crate) const RECORD_BYTES: usize = 1_048_576;
/// Longest record for a topic or an event bus, bytes (256 KB).
pub(crate) const SHORT_RECORD_BYTES: usize = 262_144;
/// Bytes of a payload in one row: a row has at most 64 KiB.
pub(crate) const PIECE_BYTES: usize = 60 << 10;
/// Characters of `ErrorMessage` in a dead letter (AWS: the first 1 KB).
pub(crate) const ERROR_MESSAGE_BYTES: usize = 1_024;
/// How much longer it takes after every failure until the event is tried again.
pub(crate) const RETRY_STEP: Duration = Duration::from_mins(1);
/// How long until what was refused is tried again, at first …
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// … and at most.
pub(crate) const BACKOFF_MOST: Duration = Duration::from_mins(5);
/// How long a delivery to a destination is tried (as long as a queue would keep it).
pub(crate) const DELIVERY_AGE: Duration = Duration::from_hours(14 * 24);
/// Events of one function under way at once: more environments than this would only contend for the processors.
pub(crate) const LANE_WIDTH: usize = 64;
/// Events of all functions under way at once: bounds memory (a payload and an answer each).
pub(crate) const WIDTH: usize = 256;
/// Events taken of one function before others have their turn.
pub(crate) const TURN: usize = 8;
/// How long a function that has no room is left alone.
pub(crate) const THROTTLED: Duration = Duration::from_millis(500);
/// How long a lane waits after the store refused a change of it.
pub(crate) const REFUSED: Duration = Duration::from_secs(5);
/// A clock that is moved waits this long (real time) for functions under way; then time goes on for those that wait for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
