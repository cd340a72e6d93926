//! `AWS::Lambda::EventSourceMapping`. `Ref` and `GetAtt` `Id` are its UUID; `GetAtt` knows `EventSourceMappingArn`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::{Map, Value, json};

use super::properties::{gone_is_fine, input, members, resource, tags, text};
use crate::{
    Lambda, errors,
    model::{
        DeleteEventSourceMappingRequest, EventSourceMappingConfiguration, GetEventSourceMappingRequest,
        Lambda as _, ListEventSourceMappingsRequest, TagResourceRequest, UntagResourceRequest,
    },
};

/// The handler.
pub struct EventSourceMappingHandler(pub Arc<Lambda>);

/// What a property is that was taken out, where that can be said.
fn defaults() -> [(&'static str, Value); 8] {
    [
        ("BatchSize", 10.into()),
        ("DestinationConfig", json!({"OnFailure": {}})),
        ("Enabled", true.into()),
        ("FilterCriteria", json!({"Filters": []})),
        ("FunctionResponseTypes", json!([])),
        ("KmsKeyArn", "".into()),
        ("MaximumBatchingWindowInSeconds", 0.into()),
        ("ScalingConfig", json!({})),
    ]
}

fn renamed(mut properties: Map<String, Value>) -> Map<String, Value> {
    if let Some(arn) = properties.remove("KmsKeyArn") {
        properties.insert("KMSKeyArn".into(), arn);
    }
    properties
}

fn describe(mapping: EventSourceMappingConfiguration) -> Resource {
    let id = mapping.uuid.unwrap_or_default();
    let attributes = [("Id", Some(id.clone())), ("EventSourceMappingArn", mapping.event_source_mapping_arn)];
    resource(&id, &attributes)
}

impl ResourceHandler for EventSourceMappingHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::EventSourceMapping"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "AmazonManagedKafkaEventSourceConfig",
            "BatchSize",
            "BisectBatchOnFunctionError",
            "DestinationConfig",
            "DocumentDBEventSourceConfig",
            "Enabled",
            "EventSourceArn",
            "FilterCriteria",
            "FunctionName",
            "FunctionResponseTypes",
            "KmsKeyArn",
            "LoggingConfig",
            "MaximumBatchingWindowInSeconds",
            "MaximumRecordAgeInSeconds",
            "MaximumRetryAttempts",
            "MetricsConfig",
            "ParallelizationFactor",
            "ProvisionedPollerConfig",
            "Queues",
            "ScalingConfig",
            "SelfManagedEventSource",
            "SelfManagedKafkaEventSourceConfig",
            "SourceAccessConfigurations",
            "StartingPosition",
            "StartingPositionTimestamp",
            "Tags",
            "Topics",
            "TumblingWindowInSeconds",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &[
            "EventSourceArn",
            "Queues",
            "SelfManagedEventSource",
            "StartingPosition",
            "StartingPositionTimestamp",
            "Topics",
        ]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let _ = origin;
            let mut asked = renamed(members(properties));
            let tags: Map<String, Value> =
                tags(properties).into_iter().map(|(key, value)| (key, value.into())).collect();
            asked.insert("Tags".into(), tags.into());
            let asked = input(&self.0, "CreateEventSourceMapping", asked)?;
            self.0.create_event_source_mapping(ctx, asked).await.map(describe)
        })
    }

    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let _ = origin;
            let input = ListEventSourceMappingsRequest {
                event_source_arn: text(properties, "EventSourceArn"),
                function_name: text(properties, "FunctionName"),
                ..ListEventSourceMappingsRequest::default()
            };
            if input.event_source_arn.is_none() {
                return Ok(None);
            }
            // A function has one mapping of a source.
            match self.0.list_event_source_mappings(ctx, input).await {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => Ok(other?.event_source_mappings.into_iter().flatten().next().map(describe)),
            }
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
            let mut asked = members(after);
            for fixed in self.replacing().iter().chain(&["Tags"]) {
                asked.remove(*fixed);
            }
            for (property, default) in defaults() {
                if before.get(property).is_some() {
                    asked.entry(property).or_insert(default);
                }
            }
            asked.insert("UUID".into(), id.into());
            let asked = input(&self.0, "UpdateEventSourceMapping", renamed(asked))?;
            let changed = self.0.update_event_source_mapping(ctx, asked).await?;
            let arn = changed.event_source_mapping_arn.clone();
            let (old, new) = (tags(before), tags(after));
            let resource = arn.ok_or_else(|| errors::service_failure("The mapping has no ARN."))?;
            let gone: Vec<String> = old.keys().filter(|key| !new.contains_key(*key)).cloned().collect();
            if !gone.is_empty() {
                let input = UntagResourceRequest { resource: resource.clone(), tag_keys: gone };
                self.0.untag_resource(ctx, input).await?;
            }
            if !new.is_empty() && new != old {
                self.0.tag_resource(ctx, TagResourceRequest { resource, tags: new }).await?;
            }
            Ok(describe(changed))
        })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let _ = properties;
            let input = DeleteEventSourceMappingRequest { uuid: id.to_owned() };
            gone_is_fine(self.0.delete_event_source_mapping(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let input = GetEventSourceMappingRequest { uuid: id.to_owned() };
            match self.0.get_event_source_mapping(ctx, input).await.map(describe) {
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                other => other.map(Some),
            }
        })
    }
}
