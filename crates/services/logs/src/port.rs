//! What other services see: [`WriteLogs`].

use moln_kernel::ports::{LogLine, LogTarget, WriteLogs};

use crate::LogGroups;

impl WriteLogs for LogGroups {
    fn write(&self, target: &LogTarget, lines: Vec<LogLine>) -> bool {
        lines.is_empty() || self.core.buffer.push(target, lines)
    }
}
