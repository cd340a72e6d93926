//! What other services see: [`WriteLogs`].

use bytes::Bytes;
use moln_kernel::ports::{LogLine, LogTarget, WriteLogs};

use crate::{LogGroups, limits::EVENT_BYTES};

impl WriteLogs for LogGroups {
    fn write(&self, target: &LogTarget, lines: Vec<LogLine>) -> bool {
        let plain =
            |line: &LogLine| line.message.len() <= EVENT_BYTES && str::from_utf8(&line.message).is_ok();
        let lines =
            if lines.iter().all(plain) { lines } else { lines.into_iter().flat_map(events).collect() };
        lines.is_empty() || self.core.buffer.push(target, lines)
    }
}

/// A line as events: text, and none longer than an event may be. It is cut between characters.
fn events(line: LogLine) -> Vec<LogLine> {
    let LogLine { time, message, chain } = line;
    let mut rest = match str::from_utf8(&message) {
        Ok(_) => message,
        Err(_) => Bytes::from(String::from_utf8_lossy(&message).into_owned()),
    };
    let mut events = Vec::new();
    while rest.len() > EVENT_BYTES {
        let mut end = EVENT_BYTES;
        while rest.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
            end -= 1;
        }
        events.push(LogLine { time, message: rest.split_to(end), chain: chain.clone() });
    }
    events.push(LogLine { time, message: rest, chain });
    events
}
