//! `AWS::SQS::Queue`. `Ref` is the URL; `GetAtt` knows `Arn`, `QueueName`, `QueueUrl`.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use moln_store::Batch;
use serde_json::Value;

use crate::{
    Queues,
    api::address,
    errors,
    limits::QUEUE_NAME_CHARS,
    live::Queue,
    model::{CreateQueueRequest, SetQueueAttributesRequest, Sqs, TagQueueRequest, UntagQueueRequest},
};

/// Properties that are queue attributes of the same name.
const ATTRIBUTES: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];
const PROPERTIES: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "QueueName",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "Tags",
    "VisibilityTimeout",
];

/// The handler.
pub struct QueueHandler(pub Arc<Queues>);

/// A property as the attribute's text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn attributes(properties: &Value) -> BTreeMap<String, String> {
    let value = |name: &&str| properties.get(name).map(|value| ((*name).to_owned(), text(value)));
    ATTRIBUTES.iter().filter_map(value).collect()
}

fn tags(properties: &Value) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((text(tag.get("Key")?), text(tag.get("Value")?)));
    properties.get("Tags").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect()
}

/// `STACK-LOGICALID-SUFFIX`, cut where the whole would be too long.
fn generated_name(origin: &Origin, fifo: bool) -> String {
    let suffix = origin.suffix(12);
    let end = if fifo { ".fifo" } else { "" };
    let room = QUEUE_NAME_CHARS - suffix.len() - end.len() - 1;
    let stem: String = format!("{}-{}", origin.stack, origin.logical_id).chars().take(room).collect();
    format!("{stem}-{suffix}{end}")
}

/// The template's own name, or a generated one.
fn name_of(origin: &Origin, properties: &Value) -> String {
    let fifo = properties.get("FifoQueue").is_some_and(|flag| text(flag) == "true");
    let own = properties.get("QueueName").and_then(Value::as_str).map(str::to_owned);
    own.unwrap_or_else(|| generated_name(origin, fifo))
}

impl QueueHandler {
    fn describe(ctx: &Context, queue: &Queue) -> Resource {
        let url = address::url(ctx, &queue.address);
        let attributes = [
            ("Arn", queue.arn.to_string()),
            ("QueueName", queue.address.name.to_string()),
            ("QueueUrl", url.clone()),
        ];
        Resource {
            id: url.clone(),
            reference: url,
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        }
    }

    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        let queue = self.0.queue(ctx, id, "GetQueueAttributes")?;
        Ok(Self::describe(ctx, &queue))
    }
}

impl ResourceHandler for QueueHandler {
    fn type_name(&self) -> &'static str {
        "AWS::SQS::Queue"
    }
    fn properties(&self) -> &'static [&'static str] {
        PROPERTIES
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["FifoQueue", "QueueName"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let mut attributes = attributes(properties);
            let fifo = attributes.get("FifoQueue").is_some_and(|flag| flag == "true");
            if !fifo {
                // A template may say so; the operation knows no such attribute on a standard queue.
                attributes.remove("FifoQueue");
            }
            let queue_name = name_of(origin, properties);
            let tags = tags(properties);
            let input = CreateQueueRequest { queue_name, attributes: Some(attributes), tags: Some(tags) };
            let url = self.0.create_queue(ctx, input).await?.queue_url.unwrap_or_default();
            self.find(ctx, &url)
        })
    }

    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let name = name_of(origin, properties);
            self.read(ctx, &name).await
        })
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let queue = self.0.queue(ctx, id, "SetQueueAttributes")?;
            let (old, mut new) = (attributes(before), attributes(after));
            // A property that was taken out goes back to its default.
            for (name, value) in crate::attributes::defaults(queue.fifo) {
                if old.contains_key(name) && !new.contains_key(name) {
                    new.insert(name.to_owned(), value.to_owned());
                }
            }
            for name in old.keys().filter(|name| !new.contains_key(*name)).cloned().collect::<Vec<_>>() {
                // Those without a default are emptied; the period means nothing without its key.
                if name != "KmsDataKeyReusePeriodSeconds" {
                    new.insert(name, String::new());
                }
            }
            new.retain(|name, value| old.get(name) != Some(value) && name != "FifoQueue");
            let queue_url = id.to_owned();
            if !new.is_empty() {
                let input = SetQueueAttributesRequest { queue_url: queue_url.clone(), attributes: new };
                self.0.set_queue_attributes(ctx, input).await?;
            }
            let (old, new) = (tags(before), tags(after));
            let gone: Vec<_> = old.keys().filter(|key| !new.contains_key(*key)).cloned().collect();
            if !gone.is_empty() {
                self.0
                    .untag_queue(ctx, UntagQueueRequest { queue_url: queue_url.clone(), tag_keys: gone })
                    .await?;
            }
            if !new.is_empty() && new != old {
                self.0.tag_queue(ctx, TagQueueRequest { queue_url, tags: new }).await?;
            }
            Ok(Self::describe(ctx, &queue))
        })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let queue = match self.0.queue(ctx, id, "DeleteQueue") {
                Err(error) if error.code == errors::queue_does_not_exist().code => return Ok(()),
                found => found?,
            };
            match self.0.drop_queue(ctx, id).await {
                Err(error) if error.code == errors::queue_does_not_exist().code => {}
                other => other?,
            }
            // AWS lets the deletion of a stack last until the name is free again; here it is free at once.
            let mut batch = Batch::default();
            self.0.core.release(&queue.address, &mut batch);
            self.0.core.durable(Some(self.0.core.store.submit(batch))).await
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            match self.find(ctx, id) {
                Ok(resource) => Ok(Some(resource)),
                Err(error) if error.code == errors::queue_does_not_exist().code => Ok(None),
                Err(error) => Err(error),
            }
        })
    }
}
