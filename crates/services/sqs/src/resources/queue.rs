//! `AWS::SQS::Queue`. `Ref` is the URL; `GetAtt` knows `Arn`, `QueueName`, `QueueUrl`.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    resources::{
        Origin, Resource, ResourceType,
        properties::{retagged, tag_list, tags, text, unless_gone},
    },
};
use moln_store::Batch;
use serde_json::{Map, Value};

use super::GONE;
use crate::{
    Queues,
    api::address,
    limits::QUEUE_NAME_CHARS,
    live::{Queue, core::Address},
    model::{CreateQueueRequest, SetQueueAttributesRequest, Sqs, TagQueueRequest, UntagQueueRequest},
};

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

/// The properties that are queue attributes of the same name.
fn attributes(properties: &Value) -> BTreeMap<String, String> {
    let attributes = PROPERTIES.iter().filter(|name| !matches!(**name, "QueueName" | "Tags"));
    attributes.filter_map(|name| Some(((*name).to_owned(), text(properties, name)?))).collect()
}

/// `STACK-LOGICALID-SUFFIX`, cut where the whole would be too long.
fn generated_name(origin: &Origin, fifo: bool) -> String {
    let end = if fifo { ".fifo" } else { "" };
    origin.name(QUEUE_NAME_CHARS - end.len()) + end
}

/// The template's own name, or a generated one.
fn name_of(origin: &Origin, properties: &Value) -> String {
    let fifo = text(properties, "FifoQueue").is_some_and(|flag| flag == "true");
    text(properties, "QueueName").unwrap_or_else(|| generated_name(origin, fifo))
}

impl QueueHandler {
    fn describe(ctx: &Context, queue: &Queue) -> Resource {
        let url = address::url(ctx, &queue.address);
        Resource::new(url.as_str())
            .with("Arn", queue.arn.to_string())
            .with("QueueName", queue.address.name.to_string())
            .with("QueueUrl", url)
    }

    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        let queue = self.0.queue(ctx, id, "GetQueueAttributes")?;
        Ok(Self::describe(ctx, &queue))
    }
}

impl ResourceType for QueueHandler {
    const NAME: &'static str = "AWS::SQS::Queue";
    const PROPERTIES: &'static [&'static str] = PROPERTIES;
    const REPLACING: &'static [&'static str] = &["FifoQueue", "QueueName"];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
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
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let name = name_of(origin, properties);
        self.read(ctx, &name).await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
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
        let (gone, new) = retagged(before, after);
        if !gone.is_empty() {
            self.0
                .untag_queue(ctx, UntagQueueRequest { queue_url: queue_url.clone(), tag_keys: gone })
                .await?;
        }
        if !new.is_empty() {
            self.0.tag_queue(ctx, TagQueueRequest { queue_url, tags: new }).await?;
        }
        Ok(Self::describe(ctx, &queue))
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        unless_gone(self.0.drop_queue(ctx, id).await, GONE)?;
        // AWS lets the deletion of a stack last until the name is free again; here it is free at once, also where a
        // crash came in between.
        let Some(at) = address::parse(id) else { return Ok(()) };
        let address = Address {
            account: at.account.unwrap_or(ctx.account.as_str()).into(),
            region: at.region.unwrap_or(ctx.region.as_str()).into(),
            name: at.name.into(),
        };
        let mut batch = Batch::default();
        self.0.core.release(&address, &mut batch);
        self.0.core.durable(Some(self.0.core.store.submit(batch))).await
    }

    async fn live(&self, ctx: &Context, id: &str, expected: &Value) -> Result<Option<Value>, ApiError> {
        let queue = self.0.queue(ctx, id, "GetQueueAttributes")?;
        let told = self.0.told(&queue, &["All".to_owned()]).await?;
        let mut live = Map::new();
        for name in expected.as_object().into_iter().flat_map(Map::keys) {
            let value = match name.as_str() {
                "QueueName" => queue.address.name.to_string().into(),
                "Tags" => tag_list(&queue.meta().row.tags),
                // A queue does not tell what it is not.
                "ContentBasedDeduplication" | "FifoQueue" => {
                    told.get(name).map_or("false", String::as_str).into()
                }
                _ => told.get(name).map_or(Value::Null, |value| value.clone().into()),
            };
            live.insert(name.clone(), value);
        }
        Ok(Some(live.into()))
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        unless_gone(self.find(ctx, id), GONE)
    }
}
