//! `AWS::Logs::MetricFilter` and `AWS::Logs::SubscriptionFilter`. `Ref` is the name.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

use super::{flag, generated, joined, list, need, pairs, parted, resource, text, unless_gone};
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
    let dimensions = pairs(value, "Dimensions");
    Ok(MetricTransformation {
        metric_name: need(value, "MetricName")?,
        metric_namespace: need(value, "MetricNamespace")?,
        metric_value: need(value, "MetricValue")?,
        default_value: text(value, "DefaultValue").and_then(|text| text.parse().ok()),
        dimensions: (!dimensions.is_empty()).then_some(dimensions),
        unit: text(value, "Unit"),
    })
}

impl MetricFilterHandler {
    async fn put(&self, ctx: &Context, name: &str, properties: &Value) -> Result<Resource, ApiError> {
        let group = need(properties, "LogGroupName")?;
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
        Ok(resource(joined(&group, name), name, &[]))
    }

    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        let (group, name) = parted(id)?;
        let there = self.0.group(ctx, group)?.meta().metric_filters.contains_key(name);
        if !there {
            return Err(errors::not_found("The specified metric filter does not exist."));
        }
        Ok(resource(id.to_owned(), name, &[]))
    }
}

impl ResourceHandler for MetricFilterHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Logs::MetricFilter"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["ApplyOnTransformedLogs", "FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["FilterName", "LogGroupName"]
    }
    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let name = text(properties, "FilterName").unwrap_or_else(|| generated(origin));
            self.put(ctx, &name, properties).await
        })
    }
    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move { self.put(ctx, parted(id)?.1, after).await })
    }
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let (group, name) = parted(id)?;
            let input =
                DeleteMetricFilterRequest { log_group_name: group.to_owned(), filter_name: name.to_owned() };
            unless_gone(self.0.delete_metric_filter(ctx, input).await).map(drop)
        })
    }
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move { unless_gone(self.find(ctx, id)) })
    }
}

impl SubscriptionFilterHandler {
    async fn put(&self, ctx: &Context, name: &str, properties: &Value) -> Result<Resource, ApiError> {
        let group = need(properties, "LogGroupName")?;
        let input = PutSubscriptionFilterRequest {
            log_group_name: group.clone(),
            filter_name: name.to_owned(),
            filter_pattern: text(properties, "FilterPattern").unwrap_or_default(),
            destination_arn: need(properties, "DestinationArn")?,
            role_arn: text(properties, "RoleArn"),
            distribution: text(properties, "Distribution"),
            apply_on_transformed_logs: flag(properties, "ApplyOnTransformedLogs"),
            field_selection_criteria: text(properties, "FieldSelectionCriteria"),
            emit_system_fields: list(properties, "EmitSystemFields"),
        };
        self.0.put_subscription_filter(ctx, input).await?;
        Ok(resource(joined(&group, name), name, &[]))
    }

    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        let (group, name) = parted(id)?;
        let there = self.0.group(ctx, group)?.meta().subscriptions.contains_key(name);
        if !there {
            return Err(errors::not_found("The specified subscription filter does not exist."));
        }
        Ok(resource(id.to_owned(), name, &[]))
    }
}

impl ResourceHandler for SubscriptionFilterHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Logs::SubscriptionFilter"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "ApplyOnTransformedLogs",
            "DestinationArn",
            "Distribution",
            "EmitSystemFields",
            "FieldSelectionCriteria",
            "FilterName",
            "FilterPattern",
            "LogGroupName",
            "RoleArn",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["FilterName", "LogGroupName"]
    }
    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let name = text(properties, "FilterName").unwrap_or_else(|| generated(origin));
            self.put(ctx, &name, properties).await
        })
    }
    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move { self.put(ctx, parted(id)?.1, after).await })
    }
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let (group, name) = parted(id)?;
            let input = DeleteSubscriptionFilterRequest {
                log_group_name: group.to_owned(),
                filter_name: name.to_owned(),
            };
            unless_gone(self.0.delete_subscription_filter(ctx, input).await).map(drop)
        })
    }
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move { unless_gone(self.find(ctx, id)) })
    }
}
