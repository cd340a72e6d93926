//! Logs go to the standard error, one event a line.

use std::io::IsTerminal;

use tracing_subscriber::{filter::LevelFilter, fmt};

use crate::cli::{LogFormat, LogLevel};

/// Starts logging for the whole process.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder =
        fmt().with_max_level(level).with_writer(std::io::stderr).with_target(level >= LevelFilter::DEBUG);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    // Where a panic happened; whoever caught it says what it hurt.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
}
