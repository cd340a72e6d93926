//! Where services meet. A port is a trait declared here, implemented by one service, used by others, wired in the
//! binary. A service never names another service.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{ApiError, Context, clock::BoxFuture};

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

/// Finds the secret of an access key.
pub trait Credentials: Send + Sync {
    /// `None`: the key is not known.
    fn find(&self, access_key_id: &str) -> Option<Credential>;
}

/// What an access key stands for.
#[derive(Clone)]
pub struct Credential {
    /// The secret access key.
    pub secret: std::sync::Arc<str>,
    /// The session token that must come along, for temporary credentials.
    pub session_token: Option<std::sync::Arc<str>>,
    /// The account.
    pub account: crate::AccountId,
    /// Who it is.
    pub principal: crate::Principal,
}
