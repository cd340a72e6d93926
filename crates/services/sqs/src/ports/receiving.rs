//! Receiving on behalf of a poller inside Moln.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use moln_kernel::{
    ApiError, Context, Lineage, Timestamp,
    clock::BoxFuture,
    encoding::hex,
    ports::{QueueAttributeValue, QueueFacts, QueueMessageAttribute, ReceiveFromQueue, ReceivedMessage},
};

use crate::{
    Queues, errors,
    ids::uuid_text,
    limits::{POLLED_AT_ONCE, POLLED_BYTES, RECEIVE_MESSAGES, SETTLED_AT_ONCE, VISIBILITY_SECONDS},
    live::{
        Queue,
        receive::{Delivery, Request},
    },
    md5,
    receipt::{Receipt, Receipts},
    tables::{Attribute, AttributeValue, Message, message},
};

impl Queues {
    fn polled(&self, arn: &str) -> Result<Arc<Queue>, ApiError> {
        self.core.find_arn(arn).ok_or_else(errors::queue_does_not_exist)
    }

    async fn poll(
        &self,
        queue: &Arc<Queue>,
        max: usize,
        longer: Duration,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, ApiError> {
        let longer = longer.min(Duration::from_secs(u64::from(VISIBILITY_SECONDS.unsigned_abs())));
        let longer_ms = u64::try_from(longer.as_millis()).unwrap_or(u64::MAX);
        let ten = usize::try_from(RECEIVE_MESSAGES).unwrap_or(1);
        let (mut received, mut bytes, mut wait, mut chunk) = (Vec::new(), 0, wait, ten);
        loop {
            // A FIFO queue hands out what belongs together in one receive; more of it would lock more groups.
            let asked = if queue.fifo { ten } else { chunk };
            let asked = asked.min(max.saturating_sub(received.len()));
            let request = Request { max: asked, wait, visibility_ms: None, longer_ms, attempt: None };
            let deliveries = match queue.receive(&self.core, &request).await {
                Ok(deliveries) => deliveries,
                // What was received already must not be lost to its receiver for a failure behind it.
                Err(_) if !received.is_empty() => return Ok(received),
                Err(error) => return Err(error),
            };
            // Fewer than asked for are not all there are: long messages wait in the store, not in memory.
            let count = deliveries.len();
            bytes += deliveries.iter().map(|delivery| delivery.row.len()).sum::<usize>();
            received.extend(deliveries.iter().filter_map(|each| told(queue, each, &self.core.receipts)));
            if count == 0 || received.len() >= max || bytes >= POLLED_BYTES || queue.fifo {
                return Ok(received);
            }
            wait = Duration::ZERO;
            // More at once while messages are short: a receive is one commit.
            let room = (POLLED_BYTES - bytes) / (bytes / received.len().max(1)).max(1);
            chunk = room.clamp(1, POLLED_AT_ONCE);
        }
    }
}

impl ReceiveFromQueue for Queues {
    fn facts<'a>(
        &'a self,
        _: &'a Context,
        queue_arn: &'a str,
    ) -> BoxFuture<'a, Result<QueueFacts, ApiError>> {
        let facts = self.polled(queue_arn).map(|queue| {
            let meta = queue.meta();
            QueueFacts {
                fifo: queue.fifo,
                visibility_timeout: Duration::from_millis(meta.settings.visibility_ms),
                created: Timestamp(meta.row.created),
            }
        });
        Box::pin(std::future::ready(facts))
    }

    fn receive<'a>(
        &'a self,
        _: &'a Context,
        queue_arn: &'a str,
        max: usize,
        longer: Duration,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Vec<ReceivedMessage>, ApiError>> {
        Box::pin(async move {
            let queue = self.polled(queue_arn)?;
            self.poll(&queue, max.max(1), longer, wait).await
        })
    }

    fn delete<'a>(
        &'a self,
        _: &'a Context,
        queue_arn: &'a str,
        handles: Vec<String>,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let queue = self.polled(queue_arn)?;
            let handles: Vec<_> = handles.iter().map(String::as_str).collect();
            for handles in handles.chunks(SETTLED_AT_ONCE) {
                // Each handle has an outcome of its own: one that means nothing any more is none of the poller's business.
                self.delete_all(&queue, handles).await?;
            }
            Ok(())
        })
    }

    fn change_visibility<'a>(
        &'a self,
        _: &'a Context,
        queue_arn: &'a str,
        handles: Vec<String>,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let queue = self.polled(queue_arn)?;
            let seconds = i32::try_from(timeout.as_secs()).unwrap_or(VISIBILITY_SECONDS);
            let wanted: Vec<_> = handles.iter().map(|handle| (handle.as_str(), Some(seconds))).collect();
            for wanted in wanted.chunks(SETTLED_AT_ONCE) {
                self.change_all(&queue, wanted).await?;
            }
            Ok(())
        })
    }
}

/// A message as a poller gets it; `None`: its row is damaged.
fn told(queue: &Queue, delivery: &Delivery, receipts: &Receipts) -> Option<ReceivedMessage> {
    let Some(stored) = Message::decode(&delivery.row) else {
        tracing::error!(queue = %queue.arn, stamp = delivery.stamp, "a message's row is damaged");
        return None;
    };
    let receipt = Receipt {
        queue: queue.id,
        stamp: delivery.stamp,
        count: delivery.state.count(),
        received: delivery.received,
        rows: message::rows(&delivery.row),
    };
    Some(ReceivedMessage {
        id: uuid_text(&stored.id),
        receipt_handle: receipts.write(&receipt),
        body: stored.body.to_owned(),
        body_md5: hex(&stored.body_md5),
        attributes_md5: md5::of_attributes(&stored.attributes).map(|md5| hex(&md5)),
        attributes: stored.attributes.iter().map(|each| (each.name.to_owned(), value(each))).collect(),
        system: system(queue, delivery, &stored),
        lineage: stored.lineage.and_then(Lineage::decode).unwrap_or_default(),
    })
}

fn system(queue: &Queue, delivery: &Delivery, stored: &Message<'_>) -> BTreeMap<String, String> {
    let told = crate::api::messages::system_attributes(queue, delivery, stored, &["All".to_owned()]);
    told.unwrap_or_default()
}

fn value(attribute: &Attribute<'_>) -> QueueMessageAttribute {
    let value = match attribute.value {
        AttributeValue::Text(text) => QueueAttributeValue::Text(text.to_owned()),
        AttributeValue::Binary(bytes) => QueueAttributeValue::Binary(Bytes::copy_from_slice(bytes)),
    };
    QueueMessageAttribute { data_type: attribute.data_type.to_owned(), value }
}
