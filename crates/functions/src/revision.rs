//! What runs: everything about a function's version that its environments are made from.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use moln_kernel::{AccountId, Region};

use crate::Runtime;

/// Everything that runs; immutable. Two revisions with different `id` never share an environment.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Function ARN, version and revision id: unique for everything below.
    pub id: Arc<str>,
    /// Whose function.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// The function's name.
    pub function: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// The execution role's ARN.
    pub role: String,
    /// What runs the code.
    pub runtime: Runtime,
    /// The ARN of the runtime's version, for the log.
    pub runtime_version: String,
    /// `index.handler`
    pub handler: String,
    /// The code.
    pub code: Code,
    /// Layers, in order: later ones win.
    pub layers: Vec<Code>,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// Memory, MB (128–10 240).
    pub memory_mb: u32,
    /// Time limit of an invocation (1 s – 15 min).
    pub timeout: Duration,
    /// Size of `/tmp`, MB (512–10 240).
    pub tmp_mb: u32,
    /// Where and how it logs.
    pub logging: Logging,
    /// Tracing mode `Active`: every invocation is sampled.
    pub tracing: bool,
    /// Its environments are provisioned ones (`AWS_LAMBDA_INITIALIZATION_TYPE`).
    pub provisioned: bool,
}

/// Where code comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A zip in the blob store, by its SHA-256 in hex.
    Zip {
        /// Lower-case hex.
        sha256: String,
    },
    /// A directory of the user's; a changed file is served at the next invocation.
    Directory(PathBuf),
}

/// Where and how a function logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// Plain text or JSON.
    pub format: LogFormat,
    /// Only application lines of this level and above (JSON format). `None`: `INFO`.
    pub application_level: Option<LogLevel>,
    /// Only platform records of this level and above (JSON format). `None`: `INFO`.
    pub system_level: Option<LogLevel>,
    /// The log group's name.
    pub group: Arc<str>,
}

/// A function's `LogFormat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `Text`
    #[default]
    Text,
    /// `JSON`
    Json,
}

/// A level of a log line, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `TRACE`
    Trace,
    /// `DEBUG`
    Debug,
    /// `INFO`
    Info,
    /// `WARN`
    Warn,
    /// `ERROR`
    Error,
    /// `FATAL`
    Fatal,
}

impl LogFormat {
    /// `Text` or `JSON`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Json => "JSON",
        }
    }
}

impl LogLevel {
    /// AWS's word (`WARN`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    /// A level as a runtime or a program writes it, whatever the case; `WARNING` and `CRITICAL` are Python's words.
    pub fn parse(word: &str) -> Option<Self> {
        let is = |w: &str| word.eq_ignore_ascii_case(w);
        if is("INFO") {
            Some(Self::Info)
        } else if is("ERROR") {
            Some(Self::Error)
        } else if is("WARN") || is("WARNING") {
            Some(Self::Warn)
        } else if is("DEBUG") {
            Some(Self::Debug)
        } else if is("TRACE") {
            Some(Self::Trace)
        } else if is("FATAL") || is("CRITICAL") {
            Some(Self::Fatal)
        } else {
            None
        }
    }
}
