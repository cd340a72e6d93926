//! `AWS::SQS::QueuePolicy` (one policy for several queues) and `AWS::SQS::QueueInlinePolicy` (for one). Both set the
//! queue's `Policy` attribute; removing them empties it.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

use crate::{
    Queues, errors,
    model::{SetQueueAttributesRequest, Sqs},
};

/// The handler of `AWS::SQS::QueuePolicy`.
pub struct PolicyHandler(pub Arc<Queues>);
/// The handler of `AWS::SQS::QueueInlinePolicy`.
pub struct InlinePolicyHandler(pub Arc<Queues>);

fn document(properties: &Value) -> Result<String, ApiError> {
    match properties.get("PolicyDocument") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(document @ Value::Object(_)) => Ok(document.to_string()),
        _ => Err(errors::missing_parameter("PolicyDocument")),
    }
}

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
        match set(service, ctx, std::slice::from_ref(queue), "").await {
            Err(error) if error.code == errors::queue_does_not_exist().code => {}
            other => other?,
        }
    }
    Ok(())
}

async fn change(service: &Queues, ctx: &Context, before: &Value, after: &Value) -> Result<(), ApiError> {
    let (old, new) = (queues(before), queues(after));
    set(service, ctx, &new, &document(after)?).await?;
    let gone: Vec<_> = old.into_iter().filter(|queue| !new.contains(queue)).collect();
    clear(service, ctx, &gone).await
}

fn resource(id: &str) -> Resource {
    let attributes = BTreeMap::from([("Id".to_owned(), Value::from(id))]);
    Resource { id: id.to_owned(), reference: id.to_owned(), attributes }
}

macro_rules! policy_handler {
    ($handler:ident, $type:literal, $properties:expr, $replacing:expr, $id:expr, $gone:expr) => {
        impl ResourceHandler for $handler {
            fn type_name(&self) -> &'static str {
                $type
            }
            fn properties(&self) -> &'static [&'static str] {
                $properties
            }
            fn replacing(&self) -> &'static [&'static str] {
                $replacing
            }
            fn create<'a>(
                &'a self,
                ctx: &'a Context,
                origin: &'a Origin,
                properties: &'a Value,
            ) -> BoxFuture<'a, Result<Resource, ApiError>> {
                Box::pin(async move {
                    let queues = queues(properties);
                    if queues.is_empty() {
                        return Err(errors::missing_parameter("Queues"));
                    }
                    set(&self.0, ctx, &queues, &document(properties)?).await?;
                    let id: fn(&Origin, &[String]) -> String = $id;
                    Ok(resource(&id(origin, &queues)))
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
                    change(&self.0, ctx, before, after).await?;
                    Ok(resource(id))
                })
            }
            fn delete<'a>(
                &'a self,
                ctx: &'a Context,
                _: &'a str,
                properties: &'a Value,
            ) -> BoxFuture<'a, Result<(), ApiError>> {
                Box::pin(async move { clear(&self.0, ctx, &queues(properties)).await })
            }
            fn read<'a>(
                &'a self,
                ctx: &'a Context,
                id: &'a str,
            ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
                let gone: fn(&Queues, &Context, &str) -> bool = $gone;
                Box::pin(async move { Ok((!gone(&self.0, ctx, id)).then(|| resource(id))) })
            }
        }
    };
}

policy_handler!(
    PolicyHandler,
    "AWS::SQS::QueuePolicy",
    &["PolicyDocument", "Queues"],
    &[],
    |origin, _| format!("{}-{}-{}", origin.stack, origin.logical_id, origin.suffix(12)),
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
