//! Batches: ten entries at most, each with a result of its own, all in one commit.

use moln_kernel::{ApiError, Context, Fault, encoding::hex};

use super::outgoing::{Draft, Ready, Words, ready, size};
use crate::{
    Queues, errors,
    ids::{sequence_number, uuid_text},
    limits::{BATCH_ENTRIES, BATCH_ID_CHARS, MESSAGE_BYTES},
    model::{
        BatchResultErrorEntry, ChangeMessageVisibilityBatchRequest, ChangeMessageVisibilityBatchResult,
        ChangeMessageVisibilityBatchResultEntry, DeleteMessageBatchRequest, DeleteMessageBatchResult,
        DeleteMessageBatchResultEntry, SendMessageBatchRequest, SendMessageBatchResult,
        SendMessageBatchResultEntry,
    },
};

/// Judges what the whole batch stands or falls with.
fn check_ids(ids: &[&str], entry: &str) -> Result<(), ApiError> {
    if ids.is_empty() {
        return Err(errors::empty_batch(entry));
    }
    if ids.len() > BATCH_ENTRIES {
        return Err(errors::too_many_entries(ids.len()));
    }
    let good = |id: &str| {
        !id.is_empty()
            && id.len() <= BATCH_ID_CHARS
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if !ids.iter().all(|id| good(id)) {
        return Err(errors::invalid_entry_id());
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
        Some(twice) => Err(errors::ids_not_distinct(twice)),
        None => Ok(()),
    }
}

fn failed(id: String, error: ApiError) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id,
        sender_fault: error.fault == Fault::Sender,
        code: error.query_code.unwrap_or(error.code).into_owned(),
        message: Some(error.message),
    }
}

/// AWS leaves an empty list out.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

impl Queues {
    pub(crate) async fn send_batch(
        &self,
        ctx: &Context,
        input: SendMessageBatchRequest,
    ) -> Result<SendMessageBatchResult, ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "SendMessage")?;
        let ids: Vec<_> = input.entries.iter().map(|entry| entry.id.as_str()).collect();
        check_ids(&ids, "SendMessageBatchRequestEntry")?;
        let drafts: Vec<_> = input
            .entries
            .iter()
            .map(|entry| Draft {
                body: &entry.message_body,
                delay: entry.delay_seconds,
                attributes: entry.message_attributes.as_ref(),
                system: entry.message_system_attributes.as_ref(),
                deduplication: entry.message_deduplication_id.as_deref(),
                group: entry.message_group_id.as_deref(),
            })
            .collect();
        let sum: usize = drafts.iter().map(size).sum();
        if sum > MESSAGE_BYTES {
            return Err(errors::batch_too_long(sum));
        }
        let meta = queue.meta();
        let now = self.core.clock.now().millis();
        let (mut successful, mut refused) = (Vec::new(), Vec::new());
        let (mut outgoing, mut answers) = (Vec::new(), Vec::new());
        for (id, draft) in ids.iter().zip(&drafts) {
            match ready(ctx, &queue, &meta, now, draft, Words::Batch) {
                Ok(Ready { outgoing: message, body_md5, attributes_md5, system_md5 }) => {
                    outgoing.push(message);
                    answers.push(SendMessageBatchResultEntry {
                        id: (*id).to_owned(),
                        md5_of_message_body: hex(&body_md5),
                        md5_of_message_attributes: attributes_md5.map(|md5| hex(&md5)),
                        md5_of_message_system_attributes: system_md5.map(|md5| hex(&md5)),
                        ..Default::default()
                    });
                }
                Err(error) => refused.push(failed((*id).to_owned(), error)),
            }
        }
        if !outgoing.is_empty() {
            let sent = queue.send(&self.core, now, &outgoing).await?;
            for (mut answer, sent) in answers.into_iter().zip(sent) {
                answer.message_id = uuid_text(&sent.id);
                answer.sequence_number = queue.fifo.then(|| sequence_number(sent.stamp));
                successful.push(answer);
            }
        }
        Ok(SendMessageBatchResult { successful: some(successful), failed: some(refused) })
    }

    pub(crate) async fn delete_batch(
        &self,
        ctx: &Context,
        input: DeleteMessageBatchRequest,
    ) -> Result<DeleteMessageBatchResult, ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "DeleteMessage")?;
        let ids: Vec<_> = input.entries.iter().map(|entry| entry.id.as_str()).collect();
        check_ids(&ids, "DeleteMessageBatchRequestEntry")?;
        let handles: Vec<_> = input.entries.iter().map(|entry| entry.receipt_handle.as_str()).collect();
        let outcomes = self.delete_all(&queue, &handles).await?;
        let (mut successful, mut refused) = (Vec::new(), Vec::new());
        for (entry, outcome) in input.entries.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => successful.push(DeleteMessageBatchResultEntry { id: entry.id }),
                Err(error) => refused.push(failed(entry.id, error)),
            }
        }
        Ok(DeleteMessageBatchResult { successful: some(successful), failed: some(refused) })
    }

    pub(crate) async fn change_batch(
        &self,
        ctx: &Context,
        input: ChangeMessageVisibilityBatchRequest,
    ) -> Result<ChangeMessageVisibilityBatchResult, ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "ChangeMessageVisibility")?;
        let ids: Vec<_> = input.entries.iter().map(|entry| entry.id.as_str()).collect();
        check_ids(&ids, "ChangeMessageVisibilityBatchRequestEntry")?;
        let wanted: Vec<_> = input
            .entries
            .iter()
            .map(|entry| (entry.receipt_handle.as_str(), entry.visibility_timeout))
            .collect();
        let outcomes = self.change_all(&queue, &wanted).await?;
        let (mut successful, mut refused) = (Vec::new(), Vec::new());
        for (entry, outcome) in input.entries.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => successful.push(ChangeMessageVisibilityBatchResultEntry { id: entry.id }),
                Err(error) => refused.push(failed(entry.id, error)),
            }
        }
        Ok(ChangeMessageVisibilityBatchResult { successful: some(successful), failed: some(refused) })
    }
}
