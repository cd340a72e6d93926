//! Log groups, as others write to them.

use std::sync::Arc;

use bytes::Bytes;

use crate::{AccountId, Lineage, Region, Timestamp};

/// A line for a log stream.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// The message as readers get it; not necessarily UTF-8 (what is not is replaced).
    pub message: Bytes,
    /// The events that led to it, if any: what it sets off goes on with them.
    pub chain: Option<Arc<Lineage>>,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogTarget {
    /// Whose group.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// The group's name; it is made when it is not there.
    pub group: Arc<str>,
    /// The stream's name; it is made when it is not there.
    pub stream: Arc<str>,
}

/// Takes log lines.
pub trait WriteLogs: Send + Sync {
    /// Takes lines in order and returns at once: they are written in batches soon after (within a second of the clock's
    /// time or sooner), and visible to readers then. `false`: the buffer is full and nothing was taken; the caller drops the
    /// lines and counts them.
    fn write(&self, target: &LogTarget, lines: Vec<LogLine>) -> bool;
}
