//! Functions, as others call them.

use bytes::Bytes;

use crate::{ApiError, Context, clock::BoxFuture};

/// How a function is invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationType {
    /// Wait for its answer.
    RequestResponse,
    /// Queue the event durably; retries, dead letter and destinations follow.
    Event,
}

/// What a function answered.
#[derive(Clone, Debug)]
pub struct FunctionAnswer {
    /// What the function returned, or the error document; empty for an event.
    pub payload: Bytes,
    /// `Unhandled` when the function failed.
    pub error: Option<String>,
    /// Which version ran (`$LATEST`, `3`).
    pub version: String,
}

/// Invokes a function by ARN (with an optional qualifier).
pub trait InvokeFunction: Send + Sync {
    /// Errors are Lambda's own (`ResourceNotFoundException`, `TooManyRequestsException` …); a function that failed is an
    /// answer. The lineage of `ctx` travels along.
    fn invoke<'a>(
        &'a self,
        ctx: &'a Context,
        function_arn: &'a str,
        payload: Bytes,
        kind: InvocationType,
    ) -> BoxFuture<'a, Result<FunctionAnswer, ApiError>>;

    /// Whether the function (and qualifier) exists and its policy lets `principal` (`s3.amazonaws.com`) invoke it for
    /// `source` (an ARN). Errors are Lambda's own.
    fn may_invoke<'a>(
        &'a self,
        ctx: &'a Context,
        function_arn: &'a str,
        principal: &'a str,
        source: &'a str,
    ) -> BoxFuture<'a, Result<bool, ApiError>>;
}
