//! Subscription filters.

use std::sync::Arc;

use moln_kernel::{ApiError, Arn, Context};
use moln_store::{Batch, table};

use super::lookup::{limit, millis};
use crate::{
    LogGroups, errors,
    limits::{DESCRIBE_ROWS, SUBSCRIPTIONS},
    live::{Group, Meta, group::Filter},
    model::{
        DeleteSubscriptionFilterRequest, DescribeSubscriptionFiltersRequest,
        DescribeSubscriptionFiltersResponse, PutSubscriptionFilterRequest, SubscriptionFilter,
    },
    pattern::Pattern,
    tables::{SubscriptionRow, keys},
};

impl LogGroups {
    pub(crate) async fn put_subscription(
        &self,
        ctx: &Context,
        input: PutSubscriptionFilterRequest,
    ) -> Result<(), ApiError> {
        let pattern = Pattern::parse(&input.filter_pattern).map_err(|_| errors::bad_pattern())?;
        if input.apply_on_transformed_logs == Some(true)
            || input.field_selection_criteria.is_some()
            || input.emit_system_fields.is_some()
        {
            return Err(ApiError::not_implemented(
                "CloudWatch Logs",
                "PutSubscriptionFilter on transformed logs or with system fields",
            ));
        }
        let group = self.group(ctx, &input.log_group_name)?;
        self.check_destination(ctx, &group, &input.destination_arn).await?;
        let _turn = self.core.changing.lock().await;
        // It may have gone meanwhile.
        let group = self.group(ctx, &input.log_group_name)?;
        let mut meta = Meta::clone(&group.meta());
        let before = meta.subscriptions.get(&input.filter_name).map(|filter| filter.row.created);
        if before.is_none() && meta.subscriptions.len() >= SUBSCRIPTIONS {
            return Err(errors::limit_exceeded());
        }
        let row = SubscriptionRow {
            name: input.filter_name,
            pattern: input.filter_pattern,
            destination: input.destination_arn,
            role: input.role_arn,
            distribution: input.distribution.unwrap_or_else(|| "ByLogStream".to_owned()),
            created: before.unwrap_or_else(|| self.core.clock.now().millis()),
            ..SubscriptionRow::default()
        };
        let mut batch = Batch::default();
        let bytes = table::encode(&row).map_err(|why| errors::unread(&why))?;
        batch.put(keys::subscription(group.id, &row.name), bytes);
        self.core.commit(batch).await?;
        meta.subscriptions.insert(row.name.clone(), Arc::new(Filter { row, pattern }));
        group.set_meta(meta);
        Ok(())
    }

    /// A destination must be one that can be delivered to, by the logs of this group.
    async fn check_destination(&self, ctx: &Context, group: &Group, text: &str) -> Result<(), ApiError> {
        let arn: Arn =
            text.parse().map_err(|_| errors::invalid("The specified destination ARN is not valid."))?;
        match arn.service() {
            "lambda" => {}
            "kinesis" | "firehose" | "logs" => {
                return Err(ApiError::not_implemented(
                    "CloudWatch Logs",
                    "PutSubscriptionFilter to Kinesis, Firehose and cross-account destinations",
                ));
            }
            other => {
                return Err(errors::invalid(format!(
                    "PutSubscriptionFilter operation cannot work with destinationArn for vendor {other}"
                )));
            }
        }
        let Some(functions) = self.core.functions.get() else {
            return Err(ApiError::not_implemented("CloudWatch Logs", "PutSubscriptionFilter without Lambda"));
        };
        let source = format!("{}:*", group.arn());
        for principal in [format!("logs.{}.amazonaws.com", ctx.region), "logs.amazonaws.com".to_owned()] {
            if functions.may_invoke(ctx, text, &principal, &source).await.unwrap_or(false) {
                return Ok(());
            }
        }
        Err(errors::invalid(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute \
             your function.",
        ))
    }

    pub(crate) async fn drop_subscription(
        &self,
        ctx: &Context,
        input: &DeleteSubscriptionFilterRequest,
    ) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let group = self.group(ctx, &input.log_group_name)?;
        let mut meta = Meta::clone(&group.meta());
        if meta.subscriptions.remove(&input.filter_name).is_none() {
            return Err(errors::not_found("The specified subscription filter does not exist."));
        }
        let mut batch = Batch::default();
        batch.delete(keys::subscription(group.id, &input.filter_name));
        self.core.commit(batch).await?;
        group.set_meta(meta);
        Ok(())
    }

    pub(crate) fn describe_subscriptions(
        &self,
        ctx: &Context,
        input: &DescribeSubscriptionFiltersRequest,
    ) -> Result<DescribeSubscriptionFiltersResponse, ApiError> {
        let group = self.group(ctx, &input.log_group_name)?;
        let prefix = input.filter_name_prefix.as_deref().unwrap_or_default();
        let id = group.id.to_string();
        let scope = ["DescribeSubscriptionFilters", &id, prefix];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let most = limit(input.limit, DESCRIBE_ROWS);
        let meta = group.meta();
        let wanted =
            |name: &&String| name.starts_with(prefix) && after.as_ref().is_none_or(|after| *name > after);
        let names: Vec<&String> = meta.subscriptions.keys().filter(wanted).take(most + 1).collect();
        let last = names.get(most.saturating_sub(1)).filter(|_| names.len() > most);
        let next_token = last.map(|name| self.core.pagination.seal(&scope, name.as_bytes()));
        let describe = |name: &&String| {
            let row = &meta.subscriptions.get(*name)?.row;
            Some(SubscriptionFilter {
                filter_name: Some(row.name.clone()),
                log_group_name: Some(group.name.to_string()),
                filter_pattern: Some(row.pattern.clone()),
                destination_arn: Some(row.destination.clone()),
                role_arn: row.role.clone(),
                distribution: Some(row.distribution.clone()),
                apply_on_transformed_logs: Some(row.apply_on_transformed),
                creation_time: Some(millis(row.created)),
                field_selection_criteria: row.selection.clone(),
                emit_system_fields: row.system_fields.clone(),
            })
        };
        let filters = names.iter().take(most).filter_map(describe).collect();
        Ok(DescribeSubscriptionFiltersResponse { subscription_filters: Some(filters), next_token })
    }
}
