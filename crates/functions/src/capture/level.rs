//! At which level a line was written.

use serde::Deserialize;

use crate::LogLevel;

/// The member that says it; everything else of the line is skipped unread.
#[derive(Deserialize)]
struct Levelled<'a> {
    #[serde(borrow, default)]
    level: Option<std::borrow::Cow<'a, str>>,
}

/// The level of an application's line in JSON format: its `level` member. What has none, or is no JSON object, counts as
/// `INFO`.
pub(super) fn of_line(line: &[u8]) -> LogLevel {
    if line.first() != Some(&b'{') {
        return LogLevel::Info;
    }
    serde_json::from_slice::<Levelled<'_>>(line)
        .ok()
        .and_then(|line| LogLevel::parse(&line.level?))
        .unwrap_or(LogLevel::Info)
}

/// The level in a telemetry frame's type: bits 2 to 4, from 1 (`TRACE`) to 6 (`FATAL`).
pub(super) fn of_frame(kind: u32) -> Option<LogLevel> {
    match kind >> 2 & 7 {
        1 => Some(LogLevel::Trace),
        2 => Some(LogLevel::Debug),
        3 => Some(LogLevel::Info),
        4 => Some(LogLevel::Warn),
        5 => Some(LogLevel::Error),
        6 => Some(LogLevel::Fatal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_level() {
        assert_eq!(of_line(br#"{"level":"warn","x":[1,{}]}"#), LogLevel::Warn);
        assert_eq!(of_line(br#"{"x":1,"level":"CRITICAL"}"#), LogLevel::Fatal);
        for plain in [&b"{\"level\":7}"[..], b"{\"level\":\"loud\"}", b"{", b"", b"text", b"[1]", b"\xff\xfe"]
        {
            assert_eq!(of_line(plain), LogLevel::Info);
        }
        assert_eq!(of_frame(0xA55A_0003), None);
        assert_eq!(of_frame(0xA55A_0003 | 0b01000), Some(LogLevel::Debug));
        assert_eq!(of_frame(0xA55A_0002 | 0b11000), Some(LogLevel::Fatal));
    }
}
