//! Lines that wait for the disk. Bounded over all streams and for each: who prints faster than the disk takes is told so
//! and neither slows others nor grows memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use moln_kernel::ports::{LogLine, LogTarget};
use tokio::sync::Notify;

use crate::limits::{BUFFER_BYTES, LINE_OVERHEAD, STREAM_BUFFER_BYTES};

#[derive(Default)]
struct Waiting {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

#[derive(Default)]
struct Inner {
    streams: HashMap<LogTarget, Waiting>,
    /// Streams with lines, the one that has waited longest first.
    order: VecDeque<LogTarget>,
    bytes: usize,
}

/// The buffer.
#[derive(Default)]
pub(crate) struct Buffer {
    inner: Mutex<Inner>,
    ready: Notify,
}

/// Lines of one stream, taken to be written.
pub(crate) struct Taken {
    pub(crate) target: LogTarget,
    pub(crate) lines: Vec<LogLine>,
}

fn size(line: &LogLine) -> usize {
    line.message.len() + LINE_OVERHEAD
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes lines in, all or none.
    pub(crate) fn push(&self, target: &LogTarget, lines: Vec<LogLine>) -> bool {
        let more: usize = lines.iter().map(size).sum();
        let mut inner = self.lock();
        let Inner { streams, order, bytes } = &mut *inner;
        let waiting = streams.get_mut(target);
        let there = waiting.as_ref().map_or(0, |waiting| waiting.bytes);
        if *bytes + more > BUFFER_BYTES || there + more > STREAM_BUFFER_BYTES {
            return false;
        }
        *bytes += more;
        if let Some(waiting) = waiting {
            waiting.bytes += more;
            waiting.lines.extend(lines);
        } else {
            order.push_back(target.clone());
            streams.insert(target.clone(), Waiting { lines: lines.into(), bytes: more });
        }
        drop(inner);
        self.ready.notify_one();
        true
    }

    /// Takes out at most `bytes` (or one line) of at most `streams` streams; a stream that has more goes to the end of the line.
    pub(crate) fn take(&self, bytes: usize, streams: usize) -> Vec<Taken> {
        let (mut taken, mut total) = (Vec::new(), 0);
        let mut inner = self.lock();
        while taken.len() < streams && total < bytes {
            let Some(target) = inner.order.pop_front() else { break };
            let Some(mut waiting) = inner.streams.remove(&target) else { continue };
            let (mut lines, mut out) = (Vec::new(), 0);
            while let Some(next) = waiting.lines.front().map(size) {
                // One line is taken whatever its size: it is no larger than an event may be.
                if total + out > 0 && total + out + next > bytes {
                    break;
                }
                out += next;
                lines.extend(waiting.lines.pop_front());
            }
            if lines.is_empty() {
                inner.order.push_front(target.clone());
                inner.streams.insert(target, waiting);
                break;
            }
            total += out;
            waiting.bytes = waiting.bytes.saturating_sub(out);
            inner.bytes = inner.bytes.saturating_sub(out);
            if !waiting.lines.is_empty() {
                inner.order.push_back(target.clone());
                inner.streams.insert(target.clone(), waiting);
            }
            taken.push(Taken { target, lines });
        }
        taken
    }

    /// Whether so much waits, or of so many streams.
    pub(crate) fn fills(&self, bytes: usize, streams: usize) -> bool {
        let inner = self.lock();
        inner.bytes >= bytes || inner.order.len() >= streams
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().order.is_empty()
    }

    /// Resolves when something may wait.
    pub(crate) async fn ready(&self) {
        self.ready.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use moln_kernel::{AccountId, Region, Timestamp};

    use super::*;

    fn target(stream: &str) -> LogTarget {
        LogTarget {
            account: AccountId::new("000000000000"),
            region: Region::new("us-east-1"),
            group: "g".into(),
            stream: stream.into(),
        }
    }

    fn lines(count: usize, len: usize) -> Vec<LogLine> {
        vec![LogLine { time: Timestamp(1), message: "x".repeat(len).into(), chain: None }; count]
    }

    #[test]
    fn a_loud_stream_is_refused_and_leaves_room() {
        let buffer = Buffer::default();
        let mut taken_in = 0;
        while buffer.push(&target("loud"), lines(1, 100_000)) {
            taken_in += 100_000 + LINE_OVERHEAD;
        }
        assert!(taken_in <= STREAM_BUFFER_BYTES && taken_in > STREAM_BUFFER_BYTES - 200_000);
        assert!(buffer.push(&target("quiet"), lines(1, 10)));
    }

    #[test]
    fn everyone_gets_a_turn_and_order_is_kept() {
        let buffer = Buffer::default();
        assert!(buffer.push(&target("a"), lines(100, 1_000)));
        assert!(buffer.push(&target("b"), lines(1, 1)));
        let first = buffer.take(50_000, 10);
        assert_eq!((&*first[0].target.stream, &*first[1].target.stream), ("a", "b"));
        assert!(first[0].lines.len() < 50);
        assert_eq!(&*buffer.take(50_000, 10)[0].target.stream, "a");
        assert_eq!(buffer.take(10, 10)[0].lines.len(), 1, "one line whatever its size");
        while !buffer.is_empty() {
            buffer.take(50_000, 10);
        }
        assert_eq!(buffer.lock().bytes, 0);
    }
}
