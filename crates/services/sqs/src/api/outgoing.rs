//! From a request's entry to a message that may be sent: checks in AWS's words, digests, the row.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Context, Principal, encoding::hex};
use sha2::{Digest, Sha256};

use super::attribute_values::{bad_character, checked, refused_character, trace_header};
use crate::{
    errors,
    ids::uuid,
    limits::{DELAY_SECONDS, ID_CHARS, TRACE_BYTES},
    live::{Queue, queue::Meta, send::Outgoing},
    md5,
    model::{MessageAttributeValue, MessageSystemAttributeValue},
    queue::Incoming,
    tables::{Attribute, AttributeValue, Message},
};

/// What `SendMessage` and an entry of `SendMessageBatch` have in common.
pub(crate) struct Draft<'a> {
    pub(crate) body: &'a str,
    pub(crate) delay: Option<i32>,
    pub(crate) attributes: Option<&'a BTreeMap<String, MessageAttributeValue>>,
    pub(crate) system: Option<&'a BTreeMap<String, MessageSystemAttributeValue>>,
    pub(crate) deduplication: Option<&'a str>,
    pub(crate) group: Option<&'a str>,
}

/// A message ready to go, with the digests to answer.
pub(crate) struct Ready {
    pub(crate) outgoing: Outgoing,
    pub(crate) body_md5: [u8; 16],
    pub(crate) attributes_md5: Option<[u8; 16]>,
    pub(crate) system_md5: Option<[u8; 16]>,
}

/// How a message that is too long is told: one way for one, another in a batch.
#[derive(Clone, Copy)]
pub(crate) enum Words {
    /// `SendMessage`.
    Single,
    /// `SendMessageBatch`.
    Batch,
}

/// Bytes that count against the size limit; `None` for attributes that will be refused anyway.
pub(crate) fn size(draft: &Draft<'_>) -> usize {
    draft.body.len() + checked(draft.attributes).map_or(0, |(_, size)| size)
}

/// A group, deduplication or attempt id: 1 to 128 letters, digits and ASCII punctuation.
pub(crate) fn check_id(value: &str, parameter: &str) -> Result<(), ApiError> {
    if value.is_empty() || value.len() > ID_CHARS || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(errors::invalid_value(
            value,
            parameter,
            &format!(
                "{parameter} can only include alphanumeric and punctuation characters. 1 to {ID_CHARS} in length."
            ),
        ));
    }
    Ok(())
}

fn sender(ctx: &Context) -> &str {
    match &ctx.principal {
        Principal::Anonymous => "anonymous",
        Principal::Account(account) => account.as_str(),
        Principal::Arn(arn) => arn.rsplit(['/', ':']).next().unwrap_or(arn),
    }
}

/// Judges a message and makes it ready. `now` in milliseconds since the epoch.
pub(crate) fn ready(
    ctx: &Context,
    queue: &Queue,
    meta: &Meta,
    now: u64,
    draft: &Draft<'_>,
    words: Words,
) -> Result<Ready, ApiError> {
    if draft.body.is_empty() {
        return Err(errors::missing_parameter("MessageBody"));
    }
    if let Some(bad) = bad_character(draft.body) {
        return Err(errors::invalid_contents(refused_character(bad, "message body")));
    }
    let (attributes, attribute_bytes) = checked(draft.attributes)?;
    let most = meta.settings.max_bytes;
    if draft.body.len() + attribute_bytes > most {
        let reason = match words {
            Words::Single => "are invalid",
            Words::Batch => "cannot be validated",
        };
        return Err(errors::invalid_parameter(format!(
            "One or more parameters {reason}. Reason: Message must be shorter than {most} bytes."
        )));
    }
    let delay_ms = delay(queue, meta, draft.delay)?;
    let own_trace = trace_header(draft.system)?;
    let trace = own_trace
        .or(ctx.trace.as_deref().filter(|text| text.len() <= TRACE_BYTES && bad_character(text).is_none()));
    let (deduplication, digest) = deduplication(queue, meta, now, draft)?;
    let id = uuid();
    let body_md5 = md5::of(draft.body.as_bytes());
    let attributes_md5 = md5::of_attributes(&attributes);
    // What a function sends carries the chain that led to it, so that a loop over this queue ends.
    let lineage = (!ctx.lineage.hops.is_empty()).then(|| ctx.lineage.encode());
    let system = own_trace.map(|text| Attribute {
        name: "AWSTraceHeader",
        data_type: "String",
        value: AttributeValue::Text(text),
    });
    let message = Message {
        delayed: delay_ms > 0,
        id,
        sent: now,
        body_md5,
        sender: sender(ctx),
        group: draft.group,
        deduplication: deduplication.as_deref(),
        trace,
        attributes,
        history: None,
        lineage: lineage.as_deref(),
        body: draft.body,
    };
    let incoming = Incoming {
        row: message.encode(),
        visible_at: now.saturating_add(delay_ms),
        group: draft.group.filter(|_| queue.fifo).map(Into::into),
    };
    Ok(Ready {
        outgoing: Outgoing { id, incoming, digest },
        body_md5,
        attributes_md5,
        system_md5: system.and_then(|attribute| md5::of_attributes(&[attribute])),
    })
}

/// Milliseconds a message is hidden at first.
fn delay(queue: &Queue, meta: &Meta, asked: Option<i32>) -> Result<u64, ApiError> {
    let Some(seconds) = asked else { return Ok(meta.settings.delay_ms) };
    if !(0..=DELAY_SECONDS).contains(&seconds) {
        return Err(errors::invalid_value(
            seconds,
            "DelaySeconds",
            &format!("DelaySeconds must be >= 0 and <= {DELAY_SECONDS}."),
        ));
    }
    if queue.fifo {
        if seconds > 0 {
            return Err(errors::invalid_value(
                seconds,
                "DelaySeconds",
                "The request include parameter that is not valid for this queue type.",
            ));
        }
        return Ok(meta.settings.delay_ms);
    }
    Ok(u64::from(seconds.unsigned_abs()) * 1_000)
}

/// The deduplication id in effect, and its digest within its scope.
fn deduplication(
    queue: &Queue,
    meta: &Meta,
    now: u64,
    draft: &Draft<'_>,
) -> Result<(Option<String>, Option<[u8; 16]>), ApiError> {
    if let Some(group) = draft.group {
        check_id(group, "MessageGroupId")?;
    }
    if !queue.fifo {
        if let Some(id) = draft.deduplication {
            return Err(errors::invalid_value(
                id,
                "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            ));
        }
        return Ok((None, None));
    }
    let group = draft.group.ok_or_else(|| errors::missing_parameter("MessageGroupId"))?;
    let id = match draft.deduplication {
        Some(id) => {
            check_id(id, "MessageDeduplicationId")?;
            id.to_owned()
        }
        None if meta.settings.content_deduplication => hex(&Sha256::digest(draft.body.as_bytes())),
        None => {
            return Err(errors::invalid_parameter(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            ));
        }
    };
    let mut digest = Sha256::new();
    if meta.deduplicates_by_group(now) {
        digest.update(group.as_bytes());
    }
    // No id holds a zero byte: the two parts cannot be mistaken for each other.
    digest.update([0]);
    digest.update(id.as_bytes());
    let mut short = [0u8; 16];
    short.iter_mut().zip(digest.finalize()).for_each(|(slot, byte)| *slot = byte);
    Ok((Some(id), Some(short)))
}
