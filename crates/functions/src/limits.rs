//! Every limit as a number, with the AWS quota or the reason it comes from.

use std::time::Duration;

/// Largest event and largest buffered answer, bytes (AWS: 6 MB, counted as 6 MiB; an answer's limit is a little above).
pub const PAYLOAD: usize = 6 * 1024 * 1024;
/// Largest buffered answer, bytes: AWS names this figure in `Function.ResponseSizeTooLarge`.
pub const RESPONSE: usize = 6 * 1024 * 1024 + 100;
/// Largest streamed answer, bytes (AWS: 200 MB).
pub const STREAMED: u64 = 200 * 1024 * 1024;
/// Pieces of a streamed answer that wait for a slow reader; then the function waits.
pub const STREAM_PIECES: usize = 16;
/// Largest head (request line and headers) on the Runtime API, bytes.
pub const HEAD: usize = 128 * 1024;
/// Largest trailers of a streamed answer, bytes: an error's document comes in them, in base64.
pub const TRAILERS: usize = 512 * 1024;
/// Largest body that only configures something, bytes.
pub const SMALL_BODY: usize = 256 * 1024;
/// Processes and threads in one environment (AWS: 1,024).
pub const PROCESSES: u32 = 1_024;
/// Open files of a process (AWS: 1,024).
pub const OPEN_FILES: u64 = 1_024;
/// How long an environment's credentials last (the longest there is); one whose credentials end is replaced.
pub const SESSION: Duration = Duration::from_hours(12);
/// How long credentials must last beyond an invocation's time limit for it to begin.
pub const SESSION_LEFT: Duration = Duration::from_mins(5);
/// Files of a directory of code that are looked at to see whether it has changed.
pub const FINGERPRINT_FILES: usize = 20_000;
/// How long an answer is held back for the runtime to ask for the next invocation: whoever calls again at once finds the
/// environment ready.
pub const ANSWER_HELD: Duration = Duration::from_millis(100);
/// After how long the line that an invocation has begun is handed on, when nothing else was logged: most end sooner, and
/// their lines go together.
pub const START_SHOWN: Duration = Duration::from_millis(100);
/// Longest pause between attempts to start a provisioned environment.
pub const PROVISION_PAUSE: Duration = Duration::from_mins(1);
/// Connections to one environment's Runtime API at a time.
pub const CONNECTIONS: usize = 64;
/// Time for initialisation (AWS: 10 s); then it begins again within the first invocation.
pub const INIT: Duration = Duration::from_secs(10);
/// Time for initialisation of a provisioned environment (AWS: the larger of 130 s and the function's timeout).
pub const INIT_PROVISIONED: Duration = Duration::from_secs(130);
/// Extensions registered in one environment (AWS: 10).
pub const EXTENSIONS: usize = 10;
/// Time for shutdown with an external extension (AWS: 2 s).
pub const SHUTDOWN_EXTERNAL: Duration = Duration::from_secs(2);
/// Time for shutdown with internal extensions only (AWS: 300 ms); of the external ones' time the runtime gets this much
/// before the extensions are told (AWS: 300 ms).
pub const SHUTDOWN_INTERNAL: Duration = Duration::from_millis(300);
/// The tail of the log that an invocation answers, bytes (AWS: 4 KB).
pub const TAIL: usize = 4 * 1024;
/// Longest log line, bytes (`CloudWatch` Logs: 256 KB and the event's 26 bytes); a longer one is split.
pub const LINE: usize = 256 * 1024 - 26;
/// Lines that one environment hands on in one go.
pub const LINES: usize = 256;
/// Bytes of log lines that one environment may hold before it hands them on.
pub const LOG_BUFFER: usize = 1024 * 1024;
/// Log bytes that one environment may write a second; what is above is dropped and counted, so that a function that
/// prints without end neither slows others nor grows memory (AWS took 5 MB a second of a log stream for years).
pub const LOG_BYTES_PER_SECOND: u64 = 5 * 1024 * 1024;
/// Log bytes that one environment may write at once after it was quiet.
pub const LOG_BURST: u64 = 16 * 1024 * 1024;
/// Events of initialisation kept for extensions that subscribe to telemetry during it.
pub const EARLY_EVENTS: usize = 256;
/// How long a telemetry listener may take for a delivery.
pub const TELEMETRY_DELIVERY: Duration = Duration::from_secs(5);
/// Telemetry events waiting for one subscriber.
pub const TELEMETRY_EVENTS: usize = 10_000;
/// Telemetry subscribers in one environment.
pub const TELEMETRY_SUBSCRIBERS: usize = EXTENSIONS;

/// What whoever runs Moln may set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Environments at a time, all functions together, pre-warmed ones included.
    pub environments: usize,
    /// Memory of all environments together, MB as configured of them; `None`: not limited.
    pub memory_mb: Option<u64>,
    /// Environments that start at the same time (twice the processors: more would only make each of them slower).
    pub starting: usize,
    /// How long an invocation waits for an environment when all are busy.
    pub waiting: Duration,
    /// How long an environment stays idle before it ends.
    pub idle: Duration,
    /// How long an environment is idle before it is frozen: long enough that quick calls in a row do not pay for it.
    pub freeze_after: Duration,
    /// Pre-warmed processes of a kind (runtime, memory and size of `/tmp`); of the kind used last.
    pub warm: usize,
    /// Pre-warmed processes in all.
    pub warm_total: usize,
    /// Functions get processor time by their memory, as on AWS (1,769 MB are one processor).
    pub cpu_by_memory: bool,
    /// Time for initialisation; see [`INIT`].
    pub init: Duration,
    /// Grace at shutdown with external extensions; see [`SHUTDOWN_EXTERNAL`].
    pub shutdown_external: Duration,
    /// Grace at shutdown with internal extensions only; see [`SHUTDOWN_INTERNAL`].
    pub shutdown_internal: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            environments: 1_000,
            memory_mb: None,
            starting: std::thread::available_parallelism().map_or(4, usize::from) * 2,
            waiting: Duration::from_secs(30),
            idle: Duration::from_mins(7),
            freeze_after: Duration::from_millis(10),
            warm: 1,
            warm_total: 8,
            cpu_by_memory: false,
            init: INIT,
            shutdown_external: SHUTDOWN_EXTERNAL,
            shutdown_internal: SHUTDOWN_INTERNAL,
        }
    }
}
