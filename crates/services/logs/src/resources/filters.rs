//! `AWS::Logs::MetricFilter` and `AWS::Logs::SubscriptionFilter`. `Ref` is the name.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use super::{flag, joined, name_of, parted, required, text, texts, unless_gone};
use crate::{
    LogGroups, errors,
    model::{
        DeleteMetricFilterRequest, DeleteSubscriptionFilterRequest, Logs, MetricTransformation,
        PutMetricFilterRequest, PutSubscriptionFilterRequest,
    },
};

/// The handler of metric filters.
pub struct MetricFilterHandler(pub Arc<LogGroups>);

/// The handler of subscription filters.
pub struct SubscriptionFilterHandler(pub Arc<LogGroups>);

fn transformation(value: &Value) -> Result<MetricTransformation, ApiError> {
    let dimension = |one: &Value| Some((text(one, "Key")?, text(one, "Value")?));
    let dimensions = value.get("Dimensions").and_then(Value::as_array).into_iter().flatten();
    let dimensions: BTreeMap<_, _> = dimensions.filter_map(dimension).collect();
    Ok(MetricTransformation {
        metric_name: required(value, "MetricName")?,
        metric_namespace: required(value, "MetricNamespace")?,
        metric_value: required(value, "MetricValue")?,
        default_value: text(value, "DefaultValue").and_then(|text| text.parse().ok()),
        dimensions: (!dimensions.is_empty()).then_some(dimensions),
        unit: text(value, "Unit"),
    })
}

impl MetricFilterHandler {
    async fn put(&self, ctx: &Context, name: &str, properties: &Value) -> Result<Resource, ApiError> {
        let group = required(properties, "LogGroupName")?;
        let metrics = properties.get("MetricTransformations").and_then(Value::as_array).into_iter().flatten();
        let input = PutMetricFilterRequest {
            log_group_name: group.clone(),
            filter_name: name.to_owned(),
            filter_pattern: text(properties, "FilterPattern").unwrap_or_default(),
            metric_transformations: metrics.map(transformation).collect::<Result<_, _>>()?,
            apply_on_transformed_logs: flag(properties, "ApplyOnTransformedLogs"),
            field_selection_criteria: None,
            emit_system_field_dimensions: None,
        };
        self.0.put_metric_filter(ctx, input).await?;
        Ok(Resource::new(joined(&group, name)).called(name))
    }

    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        let (group, name) = parted(id)?;
        let there = self.0.group(ctx, group)?.meta().metric_filters.contains_key(name);
        if !there {
            return Err(errors::not_found("The specified metric filter does not exist."));
        }
        Ok(Resource::new(id).called(name))
    }
}

impl ResourceType for MetricFilterHandler {
    const NAME: &'static str = "AWS::Logs::MetricFilter";
    const PROPERTIES: &'static [&'static str] =
        &["ApplyOnTransformedLogs", "FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"];
    const REPLACING: &'static [&'static str] = &["FilterName", "LogGroupName"];
    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let name = name_of(origin, properties, "FilterName");
        self.put(ctx, &name, properties).await
    }
    async fn update(&self, ctx: &Context, id: &str, _: &Value, after: &Value) -> Result<Resource, ApiError> {
        self.put(ctx, parted(id)?.1, after).await
    }
    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let (group, name) = parted(id)?;
        let input =
            DeleteMetricFilterRequest { log_group_name: group.to_owned(), filter_name: name.to_owned() };
        unless_gone(self.0.delete_metric_filter(ctx, input).await).map(drop)
    }
    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        unless_gone(self.find(ctx, id))
    }
}

impl SubscriptionFilterHandler {
    async fn put(&self, ctx: &Context, name: &str, properties: &Value) -> Result<Resource, ApiError> {
        let group = required(properties, "LogGroupName")?;
        let input = PutSubscriptionFilterRequest {
            log_group_name: group.clone(),
            filter_name: name.to_owned(),
            filter_pattern: text(properties, "FilterPattern").unwrap_or_default(),
            destination_arn: required(properties, "DestinationArn")?,
            role_arn: text(properties, "RoleArn"),
            distribution: text(properties, "Distribution"),
            apply_on_transformed_logs: flag(properties, "ApplyOnTransformedLogs"),
            field_selection_criteria: text(properties, "FieldSelectionCriteria"),
            emit_system_fields: properties
                .get("EmitSystemFields")
                .map(|_| texts(properties, "EmitSystemFields")),
        };
        self.0.put_subscription_filter(ctx, input).await?;
        Ok(Resource::new(joined(&group, name)).called(name))
    }

    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        let (group, name) = parted(id)?;
        let there = self.0.group(ctx, group)?.meta().subscriptions.contains_key(name);
        if !there {
            return Err(errors::not_found("The specified subscription filter does not exist."));
        }
        Ok(Resource::new(id).called(name))
    }
}

impl ResourceType for SubscriptionFilterHandler {
    const NAME: &'static str = "AWS::Logs::SubscriptionFilter";
    const PROPERTIES: &'static [&'static str] = &[
        "ApplyOnTransformedLogs",
        "DestinationArn",
        "Distribution",
        "EmitSystemFields",
        "FieldSelectionCriteria",
        "FilterName",
        "FilterPattern",
        "LogGroupName",
        "RoleArn",
    ];
    const REPLACING: &'static [&'static str] = &["FilterName", "LogGroupName"];
    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let name = name_of(origin, properties, "FilterName");
        self.put(ctx, &name, properties).await
    }
    async fn update(&self, ctx: &Context, id: &str, _: &Value, after: &Value) -> Result<Resource, ApiError> {
        self.put(ctx, parted(id)?.1, after).await
    }
    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let (group, name) = parted(id)?;
        let input = DeleteSubscriptionFilterRequest {
            log_group_name: group.to_owned(),
            filter_name: name.to_owned(),
        };
        unless_gone(self.0.delete_subscription_filter(ctx, input).await).map(drop)
    }
    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        unless_gone(self.find(ctx, id))
    }
}
