//! How initialisations and invocations fail, in AWS's words.

use std::time::Duration;

use bytes::Bytes;
use moln_sandbox::Exit;

use crate::{
    FunctionError,
    capture::Status,
    limits::RESPONSE,
    runtime_api::{Reported, error_document},
};

/// A failure of an initialisation or an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its time ran out.
    Timeout,
    /// The runtime's process ended.
    Exit(Exit),
    /// The runtime reported it.
    Reported(Reported),
    /// The runtime cannot be started.
    Launch {
        /// `Runtime.InvalidEntrypoint`
        kind: &'static str,
        /// Why.
        message: String,
    },
    /// An extension failed.
    Extension {
        /// Its name.
        name: String,
        /// `Extension.Crash`, or what it reported.
        kind: String,
    },
    /// Its answer was too long.
    TooLarge,
    /// Its answer broke off.
    Truncated,
}

/// The text of how a process ended, as AWS puts it.
fn exit_text(exit: Exit) -> String {
    match exit {
        Exit::Code(0) => "Runtime exited without providing a reason".into(),
        Exit::Code(code) => format!("Runtime exited with error: exit status {code}"),
        Exit::Signal(signal) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        Exit::OutOfMemory => "Runtime exited with error: signal: killed".into(),
    }
}

/// Signals by the words Go's standard library has for them, which AWS shows.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.into()
}

impl Failure {
    /// `Runtime.ExitError` and so on.
    pub(crate) fn error_type(&self) -> String {
        match self {
            Self::Timeout => "Sandbox.Timedout".into(),
            Self::Exit(Exit::OutOfMemory) => "Runtime.OutOfMemory".into(),
            Self::Exit(_) => "Runtime.ExitError".into(),
            Self::Reported(reported) => known_type(&reported.kind),
            Self::Launch { kind, .. } => (*kind).into(),
            Self::Extension { kind, .. } => kind.clone(),
            Self::TooLarge => "Function.ResponseSizeTooLarge".into(),
            Self::Truncated => "Runtime.TruncatedResponse".into(),
        }
    }

    /// As reports say it.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Timeout => Status::Timeout,
            other => Status::Error(other.error_type()),
        }
    }

    /// For metrics, asynchronous invocations and the like.
    pub(crate) fn function_error(&self, in_init: bool) -> FunctionError {
        match self {
            Self::Timeout => FunctionError::Timeout,
            Self::Exit(Exit::OutOfMemory) => FunctionError::OutOfMemory,
            Self::Exit(_) => FunctionError::Exit,
            Self::TooLarge => FunctionError::ResponseTooLarge,
            Self::Launch { .. } | Self::Extension { .. } => FunctionError::Init,
            Self::Reported(_) | Self::Truncated if in_init => FunctionError::Init,
            Self::Reported(_) | Self::Truncated => FunctionError::Handled,
        }
    }

    /// What the caller gets.
    pub(crate) fn payload(&self, request: &str, timeout: Duration) -> Bytes {
        let message = match self {
            Self::Reported(reported) => return reported.body.clone(),
            Self::Timeout => format!(
                "RequestId: {request} Error: Task timed out after {:.2} seconds",
                timeout.as_secs_f64()
            ),
            Self::Exit(exit) => format!("RequestId: {request} Error: {}", exit_text(*exit)),
            Self::Launch { message, .. } => format!("RequestId: {request} Error: {message}"),
            Self::Extension { name, .. } => format!("RequestId: {request} Error: extension {name} failed"),
            Self::TooLarge => {
                format!("Response payload size exceeded maximum allowed payload size ({RESPONSE} bytes).")
            }
            Self::Truncated => format!("RequestId: {request} Error: the response broke off"),
        };
        error_document(&self.error_type(), &message)
    }

    /// The line the log has of it, beside the reports.
    pub(crate) fn log_line(&self, request: &str, now: &str, timeout: Duration) -> Option<String> {
        Some(match self {
            Self::Reported(_) | Self::TooLarge | Self::Truncated => return None,
            Self::Timeout => {
                format!("{now} {request} Task timed out after {:.2} seconds", timeout.as_secs_f64())
            }
            Self::Exit(exit) => {
                format!("RequestId: {request} Error: {}\n{}", exit_text(*exit), self.error_type())
            }
            Self::Launch { message, .. } => {
                format!("RequestId: {request} Error: {message}\n{}", self.error_type())
            }
            Self::Extension { name, .. } => {
                format!("RequestId: {request} Error: extension {name} failed\n{}", self.error_type())
            }
        })
    }
}

/// The type as the platform's records show it: those of `Runtime`, `Function` and `Extension` as they are, and no others
/// (an exception's name is the function's business).
fn known_type(kind: &str) -> String {
    let named = |prefix: &str| {
        kind.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() < 100 && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    };
    if named("Runtime.") || named("Function.") || named("Extension.") {
        kind.to_owned()
    } else if kind.starts_with("Runtime.") {
        "Runtime.Unknown".into()
    } else {
        "Function.Unknown".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_aws_words() {
        let text = |failure: &Failure| {
            String::from_utf8(failure.payload("id", Duration::from_secs(3)).to_vec()).unwrap()
        };
        let document =
            |kind: &str, message: &str| String::from_utf8(error_document(kind, message).to_vec()).unwrap();
        assert_eq!(
            text(&Failure::Timeout),
            document("Sandbox.Timedout", "RequestId: id Error: Task timed out after 3.00 seconds")
        );
        assert_eq!(
            text(&Failure::Exit(Exit::Code(1))),
            document("Runtime.ExitError", "RequestId: id Error: Runtime exited with error: exit status 1")
        );
        assert_eq!(
            text(&Failure::Exit(Exit::Code(0))),
            document("Runtime.ExitError", "RequestId: id Error: Runtime exited without providing a reason")
        );
        assert_eq!(
            text(&Failure::Exit(Exit::OutOfMemory)),
            document("Runtime.OutOfMemory", "RequestId: id Error: Runtime exited with error: signal: killed")
        );
        assert_eq!(
            text(&Failure::Exit(Exit::Signal(11))),
            document(
                "Runtime.ExitError",
                "RequestId: id Error: Runtime exited with error: signal: segmentation fault"
            )
        );
        assert_eq!(known_type("ValueError"), "Function.Unknown");
        assert_eq!(known_type("Runtime.ImportModuleError"), "Runtime.ImportModuleError");
        assert_eq!(known_type("Runtime.x y"), "Runtime.Unknown");
    }
}
