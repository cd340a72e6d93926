//! `AWS::Lambda::EventSourceMapping`. `Ref` and `GetAtt` `Id` are its UUID; `GetAtt` knows `EventSourceMappingArn`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::{Map, Value, json};

use super::properties::{input, members, retagged, tags, text, unless_gone};
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
    Resource::new(id.as_str()).with("Id", id).with("EventSourceMappingArn", mapping.event_source_mapping_arn)
}

impl ResourceType for EventSourceMappingHandler {
    const NAME: &'static str = "AWS::Lambda::EventSourceMapping";
    const PROPERTIES: &'static [&'static str] = &[
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
    ];
    const REPLACING: &'static [&'static str] = &[
        "EventSourceArn",
        "Queues",
        "SelfManagedEventSource",
        "StartingPosition",
        "StartingPositionTimestamp",
        "Topics",
    ];

    async fn create(&self, ctx: &Context, _: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let mut asked = renamed(members(properties));
        let tags: Map<String, Value> =
            tags(properties).into_iter().map(|(key, value)| (key, value.into())).collect();
        asked.insert("Tags".into(), tags.into());
        let asked = input(&self.0, asked)?;
        self.0.create_event_source_mapping(ctx, asked).await.map(describe)
    }

    async fn find(
        &self,
        ctx: &Context,
        _: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let input = ListEventSourceMappingsRequest {
            event_source_arn: text(properties, "EventSourceArn"),
            function_name: text(properties, "FunctionName"),
            ..ListEventSourceMappingsRequest::default()
        };
        if input.event_source_arn.is_none() {
            return Ok(None);
        }
        // A function has one mapping of a source.
        let found = unless_gone(self.0.list_event_source_mappings(ctx, input).await)?;
        let mapping = found.into_iter().filter_map(|found| found.event_source_mappings).flatten().next();
        Ok(mapping.map(describe))
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        let mut asked = members(after);
        for fixed in Self::REPLACING.iter().chain(&["Tags"]) {
            asked.remove(*fixed);
        }
        for (property, default) in defaults() {
            if before.get(property).is_some() {
                asked.entry(property).or_insert(default);
            }
        }
        asked.insert("UUID".into(), id.into());
        let asked = input(&self.0, renamed(asked))?;
        let changed = self.0.update_event_source_mapping(ctx, asked).await?;
        let arn = changed.event_source_mapping_arn.clone();
        let resource = arn.ok_or_else(|| errors::service_failure("The mapping has no ARN."))?;
        let (gone, new) = retagged(before, after);
        if !gone.is_empty() {
            let input = UntagResourceRequest { resource: resource.clone(), tag_keys: gone };
            self.0.untag_resource(ctx, input).await?;
        }
        if !new.is_empty() {
            self.0.tag_resource(ctx, TagResourceRequest { resource, tags: new }).await?;
        }
        Ok(describe(changed))
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let input = DeleteEventSourceMappingRequest { uuid: id.to_owned() };
        unless_gone(self.0.delete_event_source_mapping(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        let input = GetEventSourceMappingRequest { uuid: id.to_owned() };
        unless_gone(self.0.get_event_source_mapping(ctx, input).await.map(describe))
    }
}
