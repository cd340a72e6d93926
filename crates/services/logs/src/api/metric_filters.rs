//! Metric filters.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_store::{Batch, table};

use super::lookup::{limit, millis};
use crate::{
    LogGroups, errors,
    limits::{DESCRIBE_ROWS, DIMENSIONS, METRIC_FILTERS},
    live::{Group, Meta, group::Filter},
    model::{
        DeleteMetricFilterRequest, DescribeMetricFiltersRequest, DescribeMetricFiltersResponse, MetricFilter,
        MetricFilterMatchRecord, MetricTransformation, PutMetricFilterRequest, TestMetricFilterRequest,
        TestMetricFilterResponse,
    },
    pattern::{Pattern, Subject},
    tables::{MetricFilterRow, group::TransformationRow, keys},
};

impl LogGroups {
    pub(crate) async fn put_metrics(
        &self,
        ctx: &Context,
        input: PutMetricFilterRequest,
    ) -> Result<(), ApiError> {
        let pattern = Pattern::parse(&input.filter_pattern).map_err(|_| errors::bad_pattern())?;
        if input.apply_on_transformed_logs == Some(true) {
            return Err(ApiError::not_implemented("CloudWatch Logs", "metric filters on transformed logs"));
        }
        if input.field_selection_criteria.is_some() || input.emit_system_field_dimensions.is_some() {
            return Err(ApiError::not_implemented("CloudWatch Logs", "system fields of metric filters"));
        }
        input.metric_transformations.iter().try_for_each(check)?;
        let _turn = self.core.changing.lock().await;
        let group = self.group(ctx, &input.log_group_name)?;
        let mut meta = Meta::clone(&group.meta());
        let before = meta.metric_filters.get(&input.filter_name).map(|filter| filter.row.created);
        if before.is_none() && meta.metric_filters.len() >= METRIC_FILTERS {
            return Err(errors::limit_exceeded());
        }
        let row = MetricFilterRow {
            name: input.filter_name.clone(),
            pattern: input.filter_pattern,
            created: before.unwrap_or_else(|| self.core.clock.now().millis()),
            metrics: input.metric_transformations.into_iter().map(transformation).collect(),
            ..MetricFilterRow::default()
        };
        let mut batch = Batch::default();
        let bytes = table::encode(&row).map_err(|why| errors::unread(&why))?;
        batch.put(keys::metric_filter(group.id, &row.name), bytes);
        self.core.commit(batch).await?;
        meta.metric_filters.insert(row.name.clone(), Arc::new(Filter { row, pattern }));
        group.set_meta(meta);
        Ok(())
    }

    pub(crate) async fn drop_metrics(
        &self,
        ctx: &Context,
        input: &DeleteMetricFilterRequest,
    ) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let group = self.group(ctx, &input.log_group_name)?;
        let mut meta = Meta::clone(&group.meta());
        if meta.metric_filters.remove(&input.filter_name).is_none() {
            return Err(errors::not_found("The specified metric filter does not exist."));
        }
        let mut batch = Batch::default();
        batch.delete(keys::metric_filter(group.id, &input.filter_name));
        self.core.commit(batch).await?;
        group.set_meta(meta);
        Ok(())
    }

    pub(crate) fn describe_metrics(
        &self,
        ctx: &Context,
        input: &DescribeMetricFiltersRequest,
    ) -> Result<DescribeMetricFiltersResponse, ApiError> {
        let group = input.log_group_name.as_deref();
        let prefix = input.filter_name_prefix.as_deref().unwrap_or_default();
        let metric = match (&input.metric_name, &input.metric_namespace) {
            (Some(name), Some(namespace)) => Some((name, namespace)),
            (None, None) => None,
            _ => {
                return Err(errors::invalid(
                    "metricName and metricNamespace must be specified together, or not at all.",
                ));
            }
        };
        let groups = match group {
            Some(name) => vec![self.group(ctx, name)?],
            None => self.core.list(ctx.account.as_str(), ctx.region.as_str(), "", None, |_| true, usize::MAX),
        };
        let metric_text = format!("{metric:?}");
        let scope = [
            "DescribeMetricFilters",
            ctx.account.as_str(),
            ctx.region.as_str(),
            group.unwrap_or_default(),
            prefix,
            &metric_text,
        ];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let mut found: Vec<(String, MetricFilter)> = Vec::new();
        for group in &groups {
            for (name, filter) in &group.meta().metric_filters {
                let makes = |(metric, namespace): (&String, &String)| {
                    filter.row.metrics.iter().any(|m| m.name == *metric && m.namespace == *namespace)
                };
                if name.starts_with(prefix) && metric.is_none_or(makes) {
                    found.push((format!("{name}\0{}", group.name), describe(group, &filter.row)));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
        let most = limit(input.limit, DESCRIBE_ROWS);
        let more = found.len() > most;
        found.truncate(most);
        let last = found.last().filter(|_| more);
        let next_token = last.map(|(key, _)| self.core.pagination.seal(&scope, key.as_bytes()));
        let metric_filters = Some(found.into_iter().map(|(_, filter)| filter).collect());
        Ok(DescribeMetricFiltersResponse { metric_filters, next_token })
    }
}

/// `TestMetricFilter`: which messages match, and what is taken out of them.
pub(crate) fn test(input: &TestMetricFilterRequest) -> Result<TestMetricFilterResponse, ApiError> {
    let pattern = Pattern::parse(&input.filter_pattern).map_err(|_| errors::bad_pattern())?;
    let matches = (1..).zip(&input.log_event_messages).filter_map(|(number, message)| {
        let subject = Subject::new(message);
        pattern.matches(&subject).then(|| MetricFilterMatchRecord {
            event_number: Some(number),
            event_message: Some(message.clone()),
            extracted_values: Some(pattern.extract(&subject)),
        })
    });
    Ok(TestMetricFilterResponse { matches: Some(matches.collect()) })
}

fn check(metric: &MetricTransformation) -> Result<(), ApiError> {
    let dimensions = metric.dimensions.as_ref().map_or(0, std::collections::BTreeMap::len);
    if dimensions > DIMENSIONS {
        return Err(errors::invalid(format!(
            "A metric transformation can have at most {DIMENSIONS} dimensions."
        )));
    }
    if dimensions > 0 && metric.default_value.is_some() {
        return Err(errors::invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ));
    }
    if !metric.metric_value.starts_with('$') && metric.metric_value.trim().parse::<f64>().is_err() {
        return Err(errors::invalid(
            "Invalid metric transformation: metricValue must be a number or a selector that begins with $.",
        ));
    }
    Ok(())
}

fn transformation(metric: MetricTransformation) -> TransformationRow {
    TransformationRow {
        name: metric.metric_name,
        namespace: metric.metric_namespace,
        value: metric.metric_value,
        default: metric.default_value,
        dimensions: metric.dimensions,
        unit: metric.unit,
    }
}

fn describe(group: &Group, row: &MetricFilterRow) -> MetricFilter {
    let metric = |row: &TransformationRow| MetricTransformation {
        metric_name: row.name.clone(),
        metric_namespace: row.namespace.clone(),
        metric_value: row.value.clone(),
        default_value: row.default,
        dimensions: row.dimensions.clone(),
        unit: row.unit.clone(),
    };
    MetricFilter {
        filter_name: Some(row.name.clone()),
        filter_pattern: Some(row.pattern.clone()),
        metric_transformations: Some(row.metrics.iter().map(metric).collect()),
        creation_time: Some(millis(row.created)),
        log_group_name: Some(group.name.to_string()),
        apply_on_transformed_logs: Some(row.apply_on_transformed),
        field_selection_criteria: row.selection.clone(),
        emit_system_field_dimensions: row.system_dimensions.clone(),
    }
}
