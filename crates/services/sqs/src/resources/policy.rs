//! `AWS::SQS::QueuePolicy` (one policy for several queues) and `AWS::SQS::QueueInlinePolicy` (for one). Both set the
//! queue's `Policy` attribute; removing them empties it.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    resources::{
        Origin, Resource, ResourceType,
        properties::{required, unless_gone},
    },
};
use serde_json::Value;

use super::GONE;
use crate::{
    Queues, errors,
    model::{SetQueueAttributesRequest, Sqs},
};

/// The handler of `AWS::SQS::QueuePolicy`.
pub struct PolicyHandler(pub Arc<Queues>);
/// The handler of `AWS::SQS::QueueInlinePolicy`.
pub struct InlinePolicyHandler(pub Arc<Queues>);

/// The queues a policy is for.
fn queues(properties: &Value) -> Vec<String> {
    let many = properties.get("Queues").and_then(Value::as_array).into_iter().flatten();
    many.chain(properties.get("Queue")).filter_map(Value::as_str).map(str::to_owned).collect()
}

async fn set(service: &Queues, ctx: &Context, queues: &[String], policy: &str) -> Result<(), ApiError> {
    for queue_url in queues {
        let attributes = BTreeMap::from([("Policy".to_owned(), policy.to_owned())]);
        let input = SetQueueAttributesRequest { queue_url: queue_url.clone(), attributes };
        service.set_queue_attributes(ctx, input).await?;
    }
    Ok(())
}

/// Empties the policy of queues; those that are gone need none.
async fn clear(service: &Queues, ctx: &Context, queues: &[String]) -> Result<(), ApiError> {
    for queue in queues {
        unless_gone(set(service, ctx, std::slice::from_ref(queue), "").await, GONE)?;
    }
    Ok(())
}

async fn change(service: &Queues, ctx: &Context, before: &Value, after: &Value) -> Result<(), ApiError> {
    let (old, new) = (queues(before), queues(after));
    set(service, ctx, &new, &required(after, "PolicyDocument")?).await?;
    let gone: Vec<_> = old.into_iter().filter(|queue| !new.contains(queue)).collect();
    clear(service, ctx, &gone).await
}

fn resource(id: &str) -> Resource {
    Resource::new(id).with("Id", id)
}

macro_rules! policy_handler {
    ($handler:ident, $type:literal, $properties:expr, $replacing:expr, $id:expr, $gone:expr) => {
        impl ResourceType for $handler {
            const NAME: &'static str = $type;
            const PROPERTIES: &'static [&'static str] = $properties;
            const REPLACING: &'static [&'static str] = $replacing;
            async fn create(
                &self,
                ctx: &Context,
                origin: &Origin,
                properties: &Value,
            ) -> Result<Resource, ApiError> {
                let queues = queues(properties);
                if queues.is_empty() {
                    return Err(errors::missing_parameter("Queues"));
                }
                set(&self.0, ctx, &queues, &required(properties, "PolicyDocument")?).await?;
                let id: fn(&Origin, &[String]) -> String = $id;
                Ok(resource(&id(origin, &queues)))
            }
            async fn update(
                &self,
                ctx: &Context,
                id: &str,
                before: &Value,
                after: &Value,
            ) -> Result<Resource, ApiError> {
                change(&self.0, ctx, before, after).await?;
                Ok(resource(id))
            }
            async fn delete(&self, ctx: &Context, _: &str, properties: &Value) -> Result<(), ApiError> {
                clear(&self.0, ctx, &queues(properties)).await
            }
            async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
                let gone: fn(&Queues, &Context, &str) -> bool = $gone;
                Ok((!gone(&self.0, ctx, id)).then(|| resource(id)))
            }
        }
    };
}

policy_handler!(
    PolicyHandler,
    "AWS::SQS::QueuePolicy",
    &["PolicyDocument", "Queues"],
    &[],
    |origin, _| origin.name(512),
    // It has no existence but in its queues, which its id does not tell.
    |_, _, _| false
);
policy_handler!(
    InlinePolicyHandler,
    "AWS::SQS::QueueInlinePolicy",
    &["PolicyDocument", "Queue"],
    &["Queue"],
    |_, queues| queues.first().cloned().unwrap_or_default(),
    |service, ctx, id| {
        service
            .queue(ctx, id, "GetQueueAttributes")
            .map_or(true, |queue| !queue.meta().row.attributes.contains_key("Policy"))
    }
);
