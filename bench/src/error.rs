//! What can go wrong in a measurement. Every failure says which call failed and shows the server's answer.

use std::{fmt, io};

/// Result with the crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Longest part of a server's answer that an error repeats, in bytes.
const EXCERPT: usize = 400;

/// Why a measurement failed.
#[derive(Debug)]
pub enum Error {
    /// The system refused something: a connection, a file, a process.
    Io {
        /// What was tried.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The server answered with something else than a 2xx.
    Refused {
        /// The operation asked for.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// The beginning of the answer.
        answer: String,
    },
    /// The server answered 2xx, but the answer is not what was asked for.
    Wrong {
        /// The operation asked for.
        operation: &'static str,
        /// What is missing or different.
        why: String,
        /// The beginning of the answer.
        answer: String,
    },
    /// The command line, a file or the environment is not usable as it is.
    Usage(String),
}

impl Error {
    /// Turns a system error into an [`Error::Io`] that says what was tried: `.map_err(Error::io("connect"))`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: what.into(), source }
    }

    /// A usage error.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// A 2xx answer that is not what was asked for.
    pub fn wrong(operation: &'static str, why: impl Into<String>, answer: &[u8]) -> Self {
        Self::Wrong { operation, why: why.into(), answer: excerpt(answer) }
    }

    /// An answer that is not a 2xx.
    pub fn refused(operation: &'static str, status: u16, answer: &[u8]) -> Self {
        Self::Refused { operation, status, answer: excerpt(answer) }
    }
}

fn excerpt(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer.get(..EXCERPT).unwrap_or(answer)).into_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Refused { operation, status, answer } => {
                write!(f, "{operation} answered {status}: {answer}")
            }
            Self::Wrong { operation, why, answer } => write!(f, "{operation}: {why}: {answer}"),
            Self::Usage(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
