//! What other services may ask of queues, through the kernel's ports.

mod receiving;

use std::collections::BTreeMap;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    ports::{QueueAttributeValue, QueueMessage, SendToQueue},
};

use crate::{
    Queues,
    api::outgoing::{Draft, Words, ready},
    errors,
    ids::uuid_text,
    model::MessageAttributeValue,
};

impl SendToQueue for Queues {
    fn send<'a>(
        &'a self,
        ctx: &'a Context,
        queue_arn: &'a str,
        message: QueueMessage,
    ) -> BoxFuture<'a, Result<String, ApiError>> {
        Box::pin(async move {
            let queue = self.core.find_arn(queue_arn).ok_or_else(errors::queue_does_not_exist)?;
            let attributes: BTreeMap<_, _> = message
                .attributes
                .into_iter()
                .map(|(name, attribute)| {
                    let mut value = MessageAttributeValue {
                        data_type: attribute.data_type,
                        ..MessageAttributeValue::default()
                    };
                    match attribute.value {
                        QueueAttributeValue::Text(text) => value.string_value = Some(text),
                        QueueAttributeValue::Binary(bytes) => value.binary_value = Some(bytes),
                    }
                    (name, value)
                })
                .collect();
            let draft = Draft {
                body: &message.body,
                delay: None,
                attributes: Some(&attributes),
                system: None,
                deduplication: message.deduplication_id.as_deref(),
                group: message.group_id.as_deref(),
            };
            let now = self.core.clock.now().millis();
            let ready = ready(ctx, &queue, &queue.meta(), now, &draft, Words::Single)?;
            let sent = queue.send(&self.core, now, std::slice::from_ref(&ready.outgoing)).await?;
            let sent = sent.first().ok_or_else(|| ApiError::internal("The message was not sent."))?;
            Ok(uuid_text(&sent.id))
        })
    }
}
