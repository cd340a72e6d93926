//! What a command ends with when it cannot do its work: a sentence, and what to do next.

use std::{fmt, process::ExitCode};

/// Why a command failed. Exit codes: 1 it did not work, 2 wrong use or configuration, 3 no server answers.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    what: String,
    next: Option<String>,
}

impl Failure {
    /// Something did not work.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { code: 1, what: what.into(), next: None }
    }
    /// The command line or the configuration is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(what) }
    }
    /// No server answers.
    pub(crate) fn unreachable(what: impl Into<String>) -> Self {
        Self { code: 3, ..Self::new(what) }
    }
    /// What to do about it.
    pub(crate) fn next(mut self, hint: impl Into<String>) -> Self {
        self.next = Some(hint.into());
        self
    }
    /// Whether no server answers.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.code == 3
    }
    /// For the shell.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.next {
            Some(next) => write!(f, "\n      {next}"),
            None => Ok(()),
        }
    }
}
