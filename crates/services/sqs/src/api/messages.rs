//! One message: send, receive, delete, change its visibility.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use moln_kernel::{ApiError, Context, encoding::hex};

use super::{
    attribute_values::{asked, told},
    outgoing::{Draft, Words, check_id, ready},
};
use crate::{
    Queues, errors,
    ids::{sequence_number, uuid_text},
    limits::{RECEIVE_MESSAGES, VISIBILITY_SECONDS, WAIT_SECONDS},
    live::{
        Queue,
        receive::{Delivery, Request},
    },
    md5,
    model::{
        ChangeMessageVisibilityRequest, DeleteMessageRequest, Message as Told, ReceiveMessageRequest,
        ReceiveMessageResult, SendMessageRequest, SendMessageResult,
    },
    queue::{Changed, Deleted},
    receipt::Receipt,
    tables::{Message, message},
};

/// System attributes a receive may ask for.
const SYSTEM: &[&str] = &[
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

fn between(value: Option<i32>, least: i32, most: i32, name: &str, reason: &str) -> Result<(), ApiError> {
    match value.filter(|value| !(least..=most).contains(value)) {
        Some(value) => Err(errors::invalid_value(value, name, reason)),
        None => Ok(()),
    }
}

/// Milliseconds of a visibility timeout.
fn visibility_ms(seconds: i32) -> u64 {
    u64::from(seconds.unsigned_abs()) * 1_000
}

impl Queues {
    pub(crate) async fn send_one(
        &self,
        ctx: &Context,
        input: SendMessageRequest,
    ) -> Result<SendMessageResult, ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "SendMessage")?;
        let now = self.core.clock.now().millis();
        let draft = Draft {
            body: &input.message_body,
            delay: input.delay_seconds,
            attributes: input.message_attributes.as_ref(),
            system: input.message_system_attributes.as_ref(),
            deduplication: input.message_deduplication_id.as_deref(),
            group: input.message_group_id.as_deref(),
        };
        let ready = ready(ctx, &queue, &queue.meta(), now, &draft, Words::Single)?;
        let sent = queue.send(&self.core, now, std::slice::from_ref(&ready.outgoing)).await?;
        let sent = sent.first().copied().ok_or_else(|| ApiError::internal("The message was not sent."))?;
        Ok(SendMessageResult {
            md5_of_message_body: Some(hex(&ready.body_md5)),
            md5_of_message_attributes: ready.attributes_md5.map(|md5| hex(&md5)),
            md5_of_message_system_attributes: ready.system_md5.map(|md5| hex(&md5)),
            message_id: Some(uuid_text(&sent.id)),
            sequence_number: queue.fifo.then(|| sequence_number(sent.stamp)),
        })
    }

    pub(crate) async fn receive(
        &self,
        ctx: &Context,
        input: ReceiveMessageRequest,
    ) -> Result<ReceiveMessageResult, ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "ReceiveMessage")?;
        between(
            input.max_number_of_messages,
            1,
            RECEIVE_MESSAGES,
            "MaxNumberOfMessages",
            &format!("Must be between 1 and {RECEIVE_MESSAGES}, if provided."),
        )?;
        between(
            input.visibility_timeout,
            0,
            VISIBILITY_SECONDS,
            "VisibilityTimeout",
            &format!("Must be between 0 and {VISIBILITY_SECONDS}, if provided."),
        )?;
        between(
            input.wait_time_seconds,
            0,
            WAIT_SECONDS,
            "WaitTimeSeconds",
            &format!("Must be >= 0 and <= {WAIT_SECONDS}, if provided."),
        )?;
        let attempt = input.receive_request_attempt_id.as_deref();
        if let Some(id) = attempt {
            if !queue.fifo {
                return Err(errors::invalid_value(
                    id,
                    "ReceiveRequestAttemptId",
                    "The request includes a parameter that is not valid for this queue type.",
                ));
            }
            check_id(id, "ReceiveRequestAttemptId")?;
        }
        let mut system = input.attribute_names.unwrap_or_default();
        system.extend(input.message_system_attribute_names.unwrap_or_default());
        // Queue attributes too are taken here without complaint, as they always were.
        if let Some(name) =
            system.iter().find(|name| !SYSTEM.contains(&name.as_str()) && !crate::attributes::exists(name))
        {
            return Err(errors::unknown_attribute(name));
        }
        let names = input.message_attribute_names.unwrap_or_default();
        let settings = &queue.meta().settings;
        let wait = input.wait_time_seconds.unwrap_or(settings.wait_seconds);
        let request = Request {
            max: usize::try_from(input.max_number_of_messages.unwrap_or(1)).unwrap_or(1),
            wait: Duration::from_secs(u64::from(wait.unsigned_abs())),
            visibility_ms: input.visibility_timeout.map(visibility_ms),
            longer_ms: 0,
            attempt,
        };
        let deliveries = queue.receive(&self.core, &request).await?;
        let messages: Vec<Told> =
            deliveries.iter().filter_map(|delivery| self.tell(&queue, delivery, &system, &names)).collect();
        Ok(ReceiveMessageResult { messages: (!messages.is_empty()).then_some(messages) })
    }

    /// A message as its receiver gets it; `None`: its row is damaged.
    fn tell(&self, queue: &Queue, delivery: &Delivery, system: &[String], names: &[String]) -> Option<Told> {
        let Some(stored) = Message::decode(&delivery.row) else {
            tracing::error!(queue = %queue.arn, stamp = delivery.stamp, "a message's row is damaged");
            return None;
        };
        let chosen: Vec<_> =
            stored.attributes.iter().filter(|attribute| asked(names, attribute.name)).cloned().collect();
        let receipt = Receipt {
            queue: queue.id,
            stamp: delivery.stamp,
            count: delivery.state.count(),
            received: delivery.received,
            rows: message::rows(&delivery.row),
        };
        Some(Told {
            message_id: Some(uuid_text(&stored.id)),
            receipt_handle: Some(self.core.receipts.write(&receipt)),
            md5_of_body: Some(hex(&stored.body_md5)),
            body: Some(stored.body.to_owned()),
            attributes: if system.is_empty() {
                None
            } else {
                system_attributes(queue, delivery, &stored, system)
            },
            md5_of_message_attributes: md5::of_attributes(&chosen).map(|md5| hex(&md5)),
            message_attributes: (!chosen.is_empty()).then(|| {
                chosen.iter().map(|attribute| (attribute.name.to_owned(), told(attribute))).collect()
            }),
        })
    }

    /// Reads a receipt handle of this queue.
    fn receipt(&self, queue: &Queue, handle: &str) -> Result<Receipt, ApiError> {
        if handle.is_empty() {
            return Err(errors::missing_parameter("ReceiptHandle"));
        }
        self.core
            .receipts
            .read(handle)
            .filter(|receipt| receipt.queue == queue.id)
            .ok_or_else(|| errors::invalid_handle(handle))
    }

    pub(crate) async fn delete_one(
        &self,
        ctx: &Context,
        input: DeleteMessageRequest,
    ) -> Result<(), ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "DeleteMessage")?;
        let mut results = self.delete_all(&queue, &[&input.receipt_handle]).await?;
        results.pop().unwrap_or(Ok(()))
    }

    /// Deletes messages in one commit; one result for each handle.
    pub(crate) async fn delete_all(
        &self,
        queue: &Arc<Queue>,
        handles: &[&str],
    ) -> Result<Vec<Result<(), ApiError>>, ApiError> {
        let now = self.core.clock.now().millis();
        let receipts: Vec<_> = handles.iter().map(|handle| self.receipt(queue, handle)).collect();
        let outcomes = queue
            .commit(&self.core, |live, _, batch| {
                let delete = |receipt: &Result<Receipt, ApiError>| match receipt {
                    Ok(receipt) => live.state.delete(now, receipt, batch),
                    Err(_) => Deleted::Done,
                };
                receipts.iter().map(delete).collect::<Vec<_>>()
            })
            .await?;
        let judge = |((receipt, outcome), handle): ((Result<Receipt, ApiError>, Deleted), &&str)| {
            receipt.and_then(|_| match outcome {
                Deleted::Done => Ok(()),
                Deleted::Expired => Err(errors::handle_expired(handle)),
            })
        };
        Ok(receipts.into_iter().zip(outcomes).zip(handles).map(judge).collect())
    }

    pub(crate) async fn change_one(
        &self,
        ctx: &Context,
        input: ChangeMessageVisibilityRequest,
    ) -> Result<(), ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "ChangeMessageVisibility")?;
        let mut results =
            self.change_all(&queue, &[(&input.receipt_handle, Some(input.visibility_timeout))]).await?;
        results.pop().unwrap_or(Ok(()))
    }

    /// Changes the visibility of messages in one commit; one result for each handle.
    pub(crate) async fn change_all(
        &self,
        queue: &Arc<Queue>,
        wanted: &[(&str, Option<i32>)],
    ) -> Result<Vec<Result<(), ApiError>>, ApiError> {
        let now = self.core.clock.now().millis();
        let checked: Vec<_> =
            wanted.iter().map(|(handle, seconds)| self.change(queue, now, handle, *seconds)).collect();
        let outcomes = queue
            .commit(&self.core, |live, _, batch| {
                let change = |checked: &Result<(Receipt, u64), ApiError>| match checked {
                    Ok((receipt, until)) => live.state.change(now, receipt, *until, batch),
                    Err(_) => Changed::Done,
                };
                checked.iter().map(change).collect::<Vec<_>>()
            })
            .await?;
        let mut results = Vec::with_capacity(wanted.len());
        for ((checked, outcome), (handle, _)) in checked.into_iter().zip(outcomes).zip(wanted) {
            results.push(checked.and_then(|_| match outcome {
                Changed::Done => Ok(()),
                Changed::Gone => Err(errors::not_available(handle)),
                Changed::NotInFlight => Err(errors::not_in_flight(handle)),
            }));
        }
        Ok(results)
    }

    fn change(
        &self,
        queue: &Queue,
        now: u64,
        handle: &str,
        seconds: Option<i32>,
    ) -> Result<(Receipt, u64), ApiError> {
        let receipt = self.receipt(queue, handle)?;
        let seconds = seconds.ok_or_else(|| errors::missing_parameter("VisibilityTimeout"))?;
        between(
            Some(seconds),
            0,
            VISIBILITY_SECONDS,
            "VisibilityTimeout",
            &format!("VisibilityTimeout must be an integer between 0 and {VISIBILITY_SECONDS}"),
        )?;
        let until = now.saturating_add(visibility_ms(seconds));
        if until > receipt.received.saturating_add(visibility_ms(VISIBILITY_SECONDS)) {
            return Err(errors::invalid_value(
                seconds,
                "VisibilityTimeout",
                &format!(
                    "Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_SECONDS} seconds]"
                ),
            ));
        }
        Ok((receipt, until))
    }
}

/// The system attributes asked for that the message has.
pub(crate) fn system_attributes(
    queue: &Queue,
    delivery: &Delivery,
    stored: &Message<'_>,
    names: &[String],
) -> Option<BTreeMap<String, String>> {
    let history = stored.history.unwrap_or_default();
    let first = if history.first_received > 0 { history.first_received } else { delivery.state.first() };
    let mut told = BTreeMap::new();
    let mut tell = |name: &str, value: Option<String>| {
        if let Some(value) = value
            && names.iter().any(|asked| asked == "All" || asked == name)
        {
            told.insert(name.to_owned(), value);
        }
    };
    tell("SenderId", Some(stored.sender.to_owned()));
    tell("SentTimestamp", Some(stored.sent.to_string()));
    tell("ApproximateFirstReceiveTimestamp", Some(first.to_string()));
    tell(
        "ApproximateReceiveCount",
        Some(history.receives.saturating_add(delivery.state.count()).to_string()),
    );
    tell("AWSTraceHeader", stored.trace.map(str::to_owned));
    tell("MessageGroupId", stored.group.map(str::to_owned));
    tell("MessageDeduplicationId", stored.deduplication.map(str::to_owned));
    tell("SequenceNumber", queue.fifo.then(|| sequence_number(delivery.stamp)));
    let source = history.source_arn;
    tell("DeadLetterQueueSourceArn", (!source.is_empty()).then(|| source.to_owned()));
    (!told.is_empty()).then_some(told)
}
