//! What the platform says of an environment: as lines of text, as records of JSON and of the Telemetry API, and at which
//! level. (AWS: "Lambda Telemetry API Event schema reference", "Log-level filtering": system log level event mapping.)

use std::{fmt::Write as _, time::Duration};

use serde_json::{Map, Value, json};

use crate::LogLevel;

/// When initialisation happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before the first invocation.
    Init,
    /// Within an invocation, after it had failed before.
    Invoke,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Well.
    Success,
    /// Its time ran out.
    Timeout,
    /// With an error of this type (`Runtime.ExitError`).
    Error(String),
}

/// A trace that an invocation belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tracing {
    /// `X-Amzn-Trace-Id`
    pub(crate) header: String,
    /// `1-5759e988-bd862e3fe1be46a994272793`
    pub(crate) trace: String,
    /// The function's own segment.
    pub(crate) segment: String,
}

/// Something to be said.
#[derive(Clone, Debug)]
pub(crate) enum Platform<'a> {
    /// Initialisation begins.
    /// Of a runtime that the platform knows, version and ARN.
    InitStart { phase: Phase, runtime: Option<(&'a str, &'a str)>, function: &'a str, version: &'a str },
    /// The runtime has initialised, or failed to.
    InitRuntimeDone { phase: Phase, status: &'a Status },
    /// Initialisation as a whole.
    InitReport { phase: Phase, status: &'a Status, duration: Duration },
    /// An invocation begins.
    Start { request: &'a str, version: &'a str, tracing: Option<&'a Tracing> },
    /// The runtime has answered, or failed to.
    RuntimeDone {
        request: &'a str,
        status: &'a Status,
        duration: Duration,
        produced: Option<usize>,
        tracing: Option<&'a Tracing>,
    },
    /// An invocation has ended (plain text only).
    End { request: &'a str },
    /// What an invocation took.
    Report {
        request: &'a str,
        status: &'a Status,
        duration: Duration,
        billed: Duration,
        memory_mb: u32,
        used_mb: u64,
        init: Option<Duration>,
        tracing: Option<&'a Tracing>,
    },
    /// A plain sentence about a failed invocation (plain text only).
    Failure { text: &'a str },
    /// An extension has registered, or failed to.
    Extension { name: &'a str, state: &'a str, events: &'a [&'static str], error: Option<&'a str> },
    /// An extension listens.
    Subscription { kind: &'static str, name: &'a str, types: &'a [&'static str] },
    /// Lines were lost.
    LogsDropped { records: u64, bytes: u64, reason: &'a str },
}

/// Milliseconds with two decimals, as AWS prints them.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

/// The same as text, without the detour over a fraction.
struct Millis(Duration);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (self.0.as_nanos() + 5_000) / 10_000;
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

fn initialization(provisioned: bool) -> &'static str {
    if provisioned { "provisioned-concurrency" } else { "on-demand" }
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

impl Status {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Timeout => "timeout",
            Self::Error(_) => "error",
        }
    }

    fn put(&self, record: &mut Map<String, Value>) {
        record.insert("status".into(), self.as_str().into());
        if let Self::Error(kind) = self {
            record.insert("errorType".into(), kind.as_str().into());
        }
    }

    fn append(&self, text: &mut String) {
        match self {
            Self::Success => {}
            Self::Timeout => text.push_str("\tStatus: timeout"),
            Self::Error(kind) => {
                let _ = write!(text, "\tStatus: error\tError Type: {kind}");
            }
        }
    }
}

impl Tracing {
    fn record(&self) -> Value {
        json!({ "spanId": self.segment, "type": "X-Amzn-Trace-Id", "value": self.header })
    }
}

impl Platform<'_> {
    /// At which level it is.
    pub(crate) fn level(&self, provisioned: bool) -> LogLevel {
        match self {
            Self::InitStart { runtime, .. } if runtime.is_none() => LogLevel::Debug,
            Self::InitRuntimeDone { status, .. } | Self::RuntimeDone { status, .. } => match status {
                Status::Success => LogLevel::Debug,
                _ => LogLevel::Warn,
            },
            Self::InitReport { status: Status::Success, .. } if !provisioned => LogLevel::Debug,
            Self::InitReport { status, .. } | Self::Report { status, .. } if **status != Status::Success => {
                LogLevel::Warn
            }
            Self::Extension { error: Some(_), .. } | Self::LogsDropped { .. } | Self::Failure { .. } => {
                LogLevel::Warn
            }
            _ => LogLevel::Info,
        }
    }

    /// The line of plain text; not everything has one.
    pub(crate) fn text(&self) -> Option<String> {
        Some(match self {
            Self::InitStart { runtime, .. } => {
                let (version, arn) = (*runtime)?;
                format!("INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}")
            }
            Self::InitReport { phase, status, duration } => {
                let mut text =
                    format!("INIT_REPORT Init Duration: {} ms\tPhase: {}", Millis(*duration), phase.as_str());
                match status {
                    Status::Success => text.push_str("\tStatus: success"),
                    other => other.append(&mut text),
                }
                text
            }
            Self::Start { request, version, .. } => format!("START RequestId: {request} Version: {version}"),
            Self::End { request } => format!("END RequestId: {request}"),
            Self::Failure { text } => (*text).to_owned(),
            Self::Report { request, status, duration, billed, memory_mb, used_mb, init, tracing } => {
                let mut text = format!(
                    "REPORT RequestId: {request}\tDuration: {} ms\tBilled Duration: {} ms\t\
                     Memory Size: {memory_mb} MB\tMax Memory Used: {used_mb} MB\t",
                    Millis(*duration),
                    billed.as_millis()
                );
                if let Some(init) = init {
                    let _ = write!(text, "Init Duration: {} ms\t", Millis(*init));
                }
                if **status != Status::Success {
                    text.pop();
                    status.append(&mut text);
                }
                if let Some(tracing) = tracing {
                    let _ = write!(
                        text,
                        "\nXRAY TraceId: {}\tSegmentId: {}\tSampled: true\t",
                        tracing.trace, tracing.segment
                    );
                }
                text
            }
            Self::Extension { name, state, events, error } => {
                let mut text =
                    format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]", events.join(", "));
                if let Some(error) = error {
                    let _ = write!(text, "\tError Type: {error}");
                }
                text
            }
            Self::Subscription { kind, name, types } => {
                let word = if *kind == "platform.logsSubscription" { "LOGS" } else { "TELEMETRY" };
                format!("{word}\tName: {name}\tState: Subscribed\tTypes: [{}]", types.join(", "))
            }
            Self::LogsDropped { records, bytes, reason } => {
                format!("LOGS_DROPPED Records: {records}\tBytes: {bytes}\tReason: {reason}")
            }
            Self::InitRuntimeDone { .. } | Self::RuntimeDone { .. } => return None,
        })
    }

    /// Type and record of the event; what is plain text only has none.
    pub(crate) fn record(&self, provisioned: bool) -> Option<(&'static str, Value)> {
        let mut record = Map::new();
        let kind = match self {
            Self::End { .. } | Self::Failure { .. } => return None,
            Self::InitStart { phase, runtime, function, version } => {
                record.insert("initializationType".into(), initialization(provisioned).into());
                record.insert("phase".into(), phase.as_str().into());
                if let Some((version, arn)) = runtime {
                    record.insert("runtimeVersion".into(), (*version).into());
                    record.insert("runtimeVersionArn".into(), (*arn).into());
                }
                record.insert("functionName".into(), (*function).into());
                record.insert("functionVersion".into(), (*version).into());
                "platform.initStart"
            }
            Self::InitRuntimeDone { phase, status } => {
                record.insert("initializationType".into(), initialization(provisioned).into());
                record.insert("phase".into(), phase.as_str().into());
                status.put(&mut record);
                "platform.initRuntimeDone"
            }
            Self::InitReport { phase, status, duration } => {
                record.insert("initializationType".into(), initialization(provisioned).into());
                record.insert("phase".into(), phase.as_str().into());
                status.put(&mut record);
                record.insert("metrics".into(), json!({ "durationMs": millis(*duration) }));
                "platform.initReport"
            }
            Self::Start { request, version, tracing } => {
                record.insert("requestId".into(), (*request).into());
                record.insert("version".into(), (*version).into());
                if let Some(tracing) = tracing {
                    record.insert("tracing".into(), tracing.record());
                }
                "platform.start"
            }
            Self::RuntimeDone { request, status, duration, produced, tracing } => {
                record.insert("requestId".into(), (*request).into());
                status.put(&mut record);
                let mut metrics = json!({ "durationMs": millis(*duration) });
                if let (Some(produced), Some(metrics)) = (produced, metrics.as_object_mut()) {
                    metrics.insert("producedBytes".into(), (*produced).into());
                }
                record.insert("metrics".into(), metrics);
                if let Some(tracing) = tracing {
                    record.insert("tracing".into(), tracing.record());
                }
                "platform.runtimeDone"
            }
            Self::Report { request, status, duration, billed, memory_mb, used_mb, init, tracing } => {
                record.insert("requestId".into(), (*request).into());
                let mut metrics = Map::new();
                metrics.insert("durationMs".into(), millis(*duration).into());
                metrics.insert(
                    "billedDurationMs".into(),
                    u64::try_from(billed.as_millis()).unwrap_or(u64::MAX).into(),
                );
                metrics.insert("memorySizeMB".into(), (*memory_mb).into());
                metrics.insert("maxMemoryUsedMB".into(), (*used_mb).into());
                if let Some(init) = init {
                    metrics.insert("initDurationMs".into(), millis(*init).into());
                }
                record.insert("metrics".into(), metrics.into());
                status.put(&mut record);
                if let Some(tracing) = tracing {
                    record.insert("tracing".into(), tracing.record());
                }
                "platform.report"
            }
            Self::Extension { name, state, events, error } => {
                record.insert("name".into(), (*name).into());
                record.insert("state".into(), (*state).into());
                record.insert("events".into(), json!(events));
                if let Some(error) = error {
                    record.insert("errorType".into(), (*error).into());
                }
                "platform.extension"
            }
            Self::Subscription { kind, name, types } => {
                record.insert("name".into(), (*name).into());
                record.insert("state".into(), "Subscribed".into());
                record.insert("types".into(), json!(types));
                kind
            }
            Self::LogsDropped { records, bytes, reason } => {
                record.insert("droppedRecords".into(), (*records).into());
                record.insert("droppedBytes".into(), (*bytes).into());
                record.insert("reason".into(), (*reason).into());
                "platform.logsDropped"
            }
        };
        Some((kind, Value::Object(record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_read_as_on_aws() {
        let report = Platform::Report {
            request: "id",
            status: &Status::Success,
            duration: Duration::from_micros(1_234),
            billed: Duration::from_millis(92),
            memory_mb: 128,
            used_mb: 40,
            init: Some(Duration::from_micros(90_123)),
            tracing: None,
        };
        assert_eq!(
            report.text().unwrap(),
            "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 92 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\tInit Duration: 90.12 ms\t"
        );
        let (kind, record) = report.record(false).unwrap();
        assert_eq!(kind, "platform.report");
        assert_eq!(record["metrics"]["initDurationMs"], 90.12);
        assert_eq!(record["metrics"]["billedDurationMs"], 92);
        let failed = Status::Error("Runtime.ExitError".into());
        let init = Platform::InitReport {
            phase: Phase::Invoke,
            status: &failed,
            duration: Duration::from_millis(5),
        };
        assert_eq!(
            init.text().unwrap(),
            "INIT_REPORT Init Duration: 5.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError"
        );
        assert_eq!(init.level(false), LogLevel::Warn);
    }
}
