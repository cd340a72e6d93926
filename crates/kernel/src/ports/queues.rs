//! Queues, as others use them.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use crate::{ApiError, Context, Lineage, Timestamp, clock::BoxFuture};

/// A message for a queue, from inside Moln (a topic, a rule, a dead letter …).
#[derive(Clone, Debug, Default)]
pub struct QueueMessage {
    /// The body, at most 1 MiB of valid SQS text.
    pub body: String,
    /// Message attributes.
    pub attributes: BTreeMap<String, QueueMessageAttribute>,
    /// FIFO group, or the fair-queue tenant on a standard queue.
    pub group_id: Option<String>,
    /// FIFO deduplication id.
    pub deduplication_id: Option<String>,
}

/// One message attribute.
#[derive(Clone, Debug)]
pub struct QueueMessageAttribute {
    /// `String`, `Number`, `Binary`, each with an optional `.custom` suffix.
    pub data_type: String,
    /// Its value.
    pub value: QueueAttributeValue,
}

/// A message attribute's value.
#[derive(Clone, Debug)]
pub enum QueueAttributeValue {
    /// `String*` and `Number*`.
    Text(String),
    /// `Binary*`.
    Binary(Bytes),
}

/// Sends to a queue by ARN.
pub trait SendToQueue: Send + Sync {
    /// Durable once it resolves with the message id. Errors are SQS's own.
    fn send<'a>(
        &'a self,
        ctx: &'a Context,
        queue_arn: &'a str,
        message: QueueMessage,
    ) -> BoxFuture<'a, Result<String, ApiError>>;
}

/// A message as a poller gets it.
#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    /// Message id (UUID form).
    pub id: String,
    /// By which it is deleted or hidden; valid for this receive.
    pub receipt_handle: String,
    /// The body.
    pub body: String,
    /// MD5 of the body, hex.
    pub body_md5: String,
    /// MD5 of the message attributes, hex; `None` without attributes.
    pub attributes_md5: Option<String>,
    /// Message attributes.
    pub attributes: BTreeMap<String, QueueMessageAttribute>,
    /// System attributes as SQS names them: `ApproximateReceiveCount`, `SentTimestamp`, `SenderId`,
    /// `ApproximateFirstReceiveTimestamp`, `MessageGroupId`, `MessageDeduplicationId`, `SequenceNumber`,
    /// `AWSTraceHeader`, `DeadLetterQueueSourceArn`.
    pub system: BTreeMap<String, String>,
    /// What has led here.
    pub lineage: Lineage,
}

/// What a poller has to know of a queue.
#[derive(Clone, Debug)]
pub struct QueueFacts {
    /// First in, first out.
    pub fifo: bool,
    /// Default visibility timeout.
    pub visibility_timeout: Duration,
    /// When it was made: another queue of the same name has another moment.
    pub created: Timestamp,
}

/// Receives from a queue by ARN, on behalf of an event source mapping or a pipe.
pub trait ReceiveFromQueue: Send + Sync {
    /// What the queue is. Errors are SQS's own (`QueueDoesNotExist`).
    fn facts<'a>(
        &'a self,
        ctx: &'a Context,
        queue_arn: &'a str,
    ) -> BoxFuture<'a, Result<QueueFacts, ApiError>>;

    /// At most `max` messages (1–10 000; more than ten are several receives in one), hidden for the queue's visibility timeout
    /// as it is when they are handed out, and `longer`. Waits up to `wait` (by the clock) for the first one; returns at once
    /// with what there is when there is some. Cancel-safe.
    fn receive<'a>(
        &'a self,
        ctx: &'a Context,
        queue_arn: &'a str,
        max: usize,
        longer: Duration,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Vec<ReceivedMessage>, ApiError>>;

    /// Deletes by receipt handle. Durable once it resolves; handles that mean nothing any more are ignored.
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        queue_arn: &'a str,
        handles: Vec<String>,
    ) -> BoxFuture<'a, Result<(), ApiError>>;

    /// Makes messages visible after `timeout` (zero: now).
    fn change_visibility<'a>(
        &'a self,
        ctx: &'a Context,
        queue_arn: &'a str,
        handles: Vec<String>,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(), ApiError>>;
}
