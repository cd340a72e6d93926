//! What can go wrong.

use std::{fmt, io};

/// Why a sandbox, or something in one, could not be had.
#[derive(Debug)]
pub enum Error {
    /// This machine (or the tier that holds on it) cannot do that; the text says what and what to do.
    Unsupported(String),
    /// Another server uses the same run directory.
    InUse(String),
    /// The request makes no sense: a bind of something that does not exist, an empty command line, a bad path.
    Invalid(String),
    /// The system refused a step.
    System {
        /// Which step.
        step: String,
        /// What it said.
        source: io::Error,
    },
    /// The sandbox, or the launcher, has ended.
    Gone,
}

impl Error {
    /// A step the system refused.
    pub(crate) fn system(step: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::System { step: step.into(), source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(text) | Self::InUse(text) | Self::Invalid(text) => f.write_str(text),
            Self::System { step, source } => write!(f, "{step}: {source}"),
            Self::Gone => f.write_str("the sandbox has ended"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
