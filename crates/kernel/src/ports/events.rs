//! Topics and event buses, as others send to them.

use std::collections::BTreeMap;

use crate::{ApiError, Context, clock::BoxFuture, ports::QueueMessageAttribute};

/// Publishes to a topic by ARN.
pub trait PublishToTopic: Send + Sync {
    /// Durable once it resolves with the message id. Errors are SNS's own.
    fn publish<'a>(
        &'a self,
        ctx: &'a Context,
        topic_arn: &'a str,
        subject: Option<&'a str>,
        message: String,
        attributes: BTreeMap<String, QueueMessageAttribute>,
    ) -> BoxFuture<'a, Result<String, ApiError>>;
}

/// An event for a bus.
#[derive(Clone, Debug)]
pub struct BusEvent {
    /// `aws.s3`, `lambda`
    pub source: String,
    /// `Object Created`
    pub detail_type: String,
    /// A JSON object as text.
    pub detail: String,
    /// ARNs of what it is about.
    pub resources: Vec<String>,
}

/// Puts events onto a bus by ARN.
pub trait PutEvent: Send + Sync {
    /// Durable once it resolves with the event id. Errors are `EventBridge`'s own.
    fn put<'a>(
        &'a self,
        ctx: &'a Context,
        bus_arn: &'a str,
        event: BusEvent,
    ) -> BoxFuture<'a, Result<String, ApiError>>;
}
