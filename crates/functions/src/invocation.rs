//! One invocation: what goes in and what comes out.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use moln_kernel::{Lineage, RequestId};
use tokio::sync::{mpsc, oneshot};

/// One invocation of a revision.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The request id the function sees; the same for every retry of an asynchronous event.
    pub request_id: RequestId,
    /// The event, valid JSON of at most 6 MiB (the caller has checked it).
    pub payload: Bytes,
    /// Client context, JSON (already decoded from base64).
    pub client_context: Option<String>,
    /// Cognito identity, JSON.
    pub cognito_identity: Option<String>,
    /// The function's ARN with the qualifier that was used.
    pub function_arn: String,
    /// `X-Amzn-Trace-Id` as received; one is made up when there is none.
    pub trace: Option<Arc<str>>,
    /// What has led here, this function included.
    pub lineage: Lineage,
    /// Whether the last 4 KiB of the log are wanted.
    pub tail: bool,
}

/// What an invocation came to.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What the function returned, or the error document. Empty after a streamed answer, which went out piece by piece.
    pub payload: Bytes,
    /// The function failed.
    pub error: Option<FunctionError>,
    /// The last 4 KiB of its log, when they were asked for.
    pub log_tail: Option<Bytes>,
    /// How long the handler ran.
    pub duration: Duration,
    /// What would be billed: whole milliseconds, a cold start's initialisation included.
    pub billed: Duration,
    /// How long the initialisation took, in an environment's first invocation.
    pub init_duration: Option<Duration>,
    /// Most memory used, bytes.
    pub memory_used: u64,
}

/// How a function failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionError {
    /// The runtime reported an error; the environment lives on.
    Handled,
    /// It ran into its time limit.
    Timeout,
    /// Its process ended.
    Exit,
    /// It used more memory than it has.
    OutOfMemory,
    /// It could not be initialised.
    Init,
    /// It answered more than fits.
    ResponseTooLarge,
}

impl FunctionError {
    /// What `X-Amz-Function-Error` says.
    pub fn header(self) -> &'static str {
        "Unhandled"
    }
}

/// Why an invocation was not even started. None of them is the function's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// No sandbox can be built: why, and what would help.
    Sandbox(String),
    /// The runtime is not installed: what to do.
    Runtime(String),
    /// The code cannot be read or unpacked: why.
    Code(String),
    /// The execution role cannot be taken on: why.
    Role(String),
    /// No environment came free in time.
    Exhausted,
    /// Moln is shutting down.
    Stopping,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox(why) | Self::Runtime(why) | Self::Code(why) | Self::Role(why) => f.write_str(why),
            Self::Exhausted => f.write_str("No execution environment came free in time."),
            Self::Stopping => f.write_str("The server is shutting down."),
        }
    }
}
impl std::error::Error for Unavailable {}

/// An answer that comes piece by piece. One that the runtime did not stream comes as one piece.
#[derive(Debug)]
pub struct Streamed {
    /// What the runtime said before the first piece.
    pub head: StreamHead,
    /// The pieces; at most a few wait here, then the function waits.
    pub body: StreamBody,
    /// How it ended. Resolves after the body's last piece.
    pub end: StreamEnd,
}

/// What a runtime says of an answer before its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHead {
    /// `Content-Type` as the runtime sent it (`application/vnd.awslambda.http-integration-response` has a prelude).
    pub content_type: Option<String>,
    /// The runtime streamed (`Lambda-Runtime-Function-Response-Mode: streaming`).
    pub streaming: bool,
    /// Other headers of the runtime's answer.
    pub headers: Vec<(String, String)>,
}

/// The pieces of a streamed answer.
#[derive(Debug)]
pub struct StreamBody(pub(crate) mpsc::Receiver<Bytes>);

impl StreamBody {
    /// The next piece; `None` at the end, also at an early one: [`StreamEnd`] tells.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.0.recv().await
    }

    /// The same, as a poll.
    pub fn poll_next(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> {
        self.0.poll_recv(cx)
    }
}

/// How a streamed answer ended.
#[derive(Debug)]
pub struct StreamEnd(pub(crate) oneshot::Receiver<Finished>);

impl StreamEnd {
    /// Waits for the end. `None`: the environment's task ended without a word (Moln is shutting down).
    pub async fn finished(self) -> Option<Finished> {
        self.0.await.ok()
    }
}
