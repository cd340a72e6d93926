//! What records are read from. A poller knows sources only through [`Source`]; queues are the one there is.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moln_kernel::{
    AccountId, ApiError, Context, Endpoint, Lineage, Principal, Region, SharedClock, Timestamp,
    clock::BoxFuture,
    ports::{ReceiveFromQueue, ReceivedMessage},
};

use super::record;
use crate::destinations::is_fifo;

/// A record in a poller's hands.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// By which a function tells that it failed.
    pub(crate) id: String,
    /// What has to stay in order.
    pub(crate) group: Option<String>,
    /// By which the source knows it.
    pub(crate) handle: String,
    /// As the function gets it.
    pub(crate) json: Bytes,
    /// What has led here.
    pub(crate) lineage: Lineage,
    /// The trace header.
    pub(crate) trace: Option<Arc<str>>,
    /// From this moment on others may read it, too.
    pub(crate) until: Timestamp,
}

/// What is asked of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// At most this many records.
    pub(crate) max: usize,
    /// How long to wait for the first one, by the clock.
    pub(crate) wait: Duration,
    /// How long records may lie in a batch that is not full.
    pub(crate) window: Duration,
}

/// Something that records are read from.
pub(crate) trait Source: Send + Sync + 'static {
    /// The member of a record that holds the data, for filters.
    fn data(&self) -> &'static str;

    /// Whether records that are read together may only run together: then one poll is one batch.
    fn ordered(&self) -> bool;

    /// Reads records. They are this poller's until [`Item::until`]. Dropped while it waits, nothing is read.
    fn poll(&self, ask: Ask) -> BoxFuture<'static, Result<Vec<Item>, ApiError>>;

    /// These are through: they never come again. Durable once it resolves.
    fn processed(&self, handles: Vec<String>) -> BoxFuture<'static, Result<(), ApiError>>;

    /// These were not looked at: others may read them at once.
    fn give_back(&self, handles: Vec<String>) -> BoxFuture<'static, Result<(), ApiError>>;

    /// What is wrong with how source and function are set up, if anything.
    fn concern(&self, timeout: Duration) -> BoxFuture<'static, Option<String>>;
}

/// A queue.
#[derive(Clone)]
pub(crate) struct QueueSource {
    queues: Arc<dyn ReceiveFromQueue>,
    clock: SharedClock,
    endpoint: Arc<Endpoint>,
    account: AccountId,
    region: Region,
    arn: Arc<str>,
}

impl QueueSource {
    /// The queue of this ARN, read on behalf of this account.
    pub(crate) fn new(
        queues: Arc<dyn ReceiveFromQueue>,
        clock: SharedClock,
        endpoint: Arc<Endpoint>,
        (account, region): (AccountId, Region),
        arn: &str,
    ) -> Self {
        Self { queues, clock, endpoint, account, region, arn: arn.into() }
    }

    fn context(&self) -> Context {
        let principal = Principal::Account(self.account.clone());
        let (account, region) = (self.account.clone(), self.region.clone());
        Context::internal(account, region, principal, Arc::clone(&self.endpoint), self.clock.now())
    }

    fn item(&self, message: &ReceivedMessage, until: Timestamp) -> Item {
        let fifo = self.ordered();
        Item {
            id: message.id.clone(),
            group: message.system.get("MessageGroupId").filter(|_| fifo).cloned(),
            handle: message.receipt_handle.clone(),
            json: record::sqs(message, &self.arn, self.region.as_str()),
            lineage: message.lineage.clone(),
            trace: message.system.get("AWSTraceHeader").map(|text| text.as_str().into()),
            until,
        }
    }
}

impl Source for QueueSource {
    fn data(&self) -> &'static str {
        "body"
    }

    fn ordered(&self) -> bool {
        is_fifo(&self.arn)
    }

    fn poll(&self, ask: Ask) -> BoxFuture<'static, Result<Vec<Item>, ApiError>> {
        let source = self.clone();
        Box::pin(async move {
            let ctx = source.context();
            // What lies in a batch that is not full must not come back before it is tried.
            let received = source.queues.receive(&ctx, &source.arn, ask.max, ask.window, ask.wait).await?;
            // The queue may have been changed while this waited.
            let facts = source.queues.facts(&ctx, &source.arn).await?;
            let until = source.clock.now().after(facts.visibility_timeout + ask.window);
            Ok(received.iter().map(|message| source.item(message, until)).collect())
        })
    }

    fn processed(&self, handles: Vec<String>) -> BoxFuture<'static, Result<(), ApiError>> {
        let source = self.clone();
        Box::pin(async move { source.queues.delete(&source.context(), &source.arn, handles).await })
    }

    fn give_back(&self, handles: Vec<String>) -> BoxFuture<'static, Result<(), ApiError>> {
        let source = self.clone();
        Box::pin(async move {
            source.queues.change_visibility(&source.context(), &source.arn, handles, Duration::ZERO).await
        })
    }

    fn concern(&self, timeout: Duration) -> BoxFuture<'static, Option<String>> {
        let source = self.clone();
        Box::pin(async move {
            let facts = source.queues.facts(&source.context(), &source.arn).await.ok()?;
            visibility_concern(facts.visibility_timeout, timeout)
        })
    }
}

/// AWS's words for a queue whose messages come back before the function has had its time.
pub(crate) fn visibility_concern(visibility: Duration, timeout: Duration) -> Option<String> {
    (visibility < timeout).then(|| {
        format!(
            "Queue visibility timeout: {} seconds is less than Function timeout: {} seconds",
            visibility.as_secs(),
            timeout.as_secs()
        )
    })
}
