//! Log groups.

use moln_kernel::{ApiError, Context};
use moln_store::Batch;

use super::lookup::{group_of_arn, limit, millis};
use crate::{
    LogGroups, errors,
    limits::{DESCRIBE_ROWS, RETENTION_DAYS},
    live::Group,
    model::{
        CreateLogGroupRequest, DescribeLogGroupsRequest, DescribeLogGroupsResponse, ListLogGroupsRequest,
        ListLogGroupsResponse, LogGroup, LogGroupSummary, PutLogGroupDeletionProtectionRequest,
    },
    tables::{GroupRow, group::GROUPS, keys},
};

impl LogGroups {
    pub(crate) async fn create_group(
        &self,
        ctx: &Context,
        input: CreateLogGroupRequest,
    ) -> Result<(), ApiError> {
        let tags = input.tags.unwrap_or_default();
        super::tags::check(0, &tags)?;
        if let Some(key) = &input.kms_key_id {
            check_key(key)?;
        }
        let row = GroupRow {
            kms_key: input.kms_key_id,
            class: input.log_group_class.unwrap_or_else(|| "STANDARD".to_owned()),
            deletion_protection: input.deletion_protection_enabled.unwrap_or_default(),
            tags,
            ..GroupRow::default()
        };
        self.core.create_group(&ctx.account, &ctx.region, &input.log_group_name, row).await.map(drop)
    }

    pub(crate) async fn drop_group(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let group = self.group(ctx, name)?;
        if group.meta().row.deletion_protection {
            return Err(errors::operation(
                "The log group cannot be deleted because deletion protection is enabled. Disable deletion \
                 protection and retry.",
            ));
        }
        let mut batch = Batch::default();
        let key = (group.account.to_string(), group.region.to_string());
        GROUPS.delete(&mut batch, &(key, group.name.to_string()));
        for range in keys::everything(group.id) {
            batch.delete_range(range);
        }
        self.core.commit(batch).await?;
        self.core.remove(&group);
        Ok(())
    }

    pub(crate) async fn set_retention(
        &self,
        ctx: &Context,
        name: &str,
        days: Option<i32>,
    ) -> Result<(), ApiError> {
        if let Some(days) = days.filter(|days| !RETENTION_DAYS.contains(days)) {
            let allowed: Vec<String> = RETENTION_DAYS.iter().map(i32::to_string).collect();
            return Err(errors::invalid(format!(
                "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
                 Member must satisfy enum value set: [{}]",
                allowed.join(", ")
            )));
        }
        let _turn = self.core.changing.lock().await;
        let group = self.group(ctx, name)?;
        let days = days.and_then(|days| u32::try_from(days).ok());
        let change = |row: &mut GroupRow| {
            row.retention_days = days;
            Ok(())
        };
        self.core.change_row(&group, change).await
    }

    pub(crate) async fn set_protection(
        &self,
        ctx: &Context,
        input: &PutLogGroupDeletionProtectionRequest,
    ) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let group = self.group_of(ctx, &input.log_group_identifier)?;
        let change = |row: &mut GroupRow| {
            row.deletion_protection = input.deletion_protection_enabled;
            Ok(())
        };
        self.core.change_row(&group, change).await
    }

    pub(crate) async fn set_kms_key(
        &self,
        ctx: &Context,
        name: Option<String>,
        resource: Option<String>,
        key: Option<String>,
    ) -> Result<(), ApiError> {
        if let Some(key) = &key {
            check_key(key)?;
        }
        let _turn = self.core.changing.lock().await;
        if resource.as_deref().is_some_and(|resource| resource.contains(":query-result:")) {
            return Err(ApiError::not_implemented("CloudWatch Logs", "encryption of query results"));
        }
        let group = self.one_group(ctx, name.as_deref(), resource.as_deref())?;
        let change = |row: &mut GroupRow| {
            row.kms_key = key;
            Ok(())
        };
        self.core.change_row(&group, change).await
    }

    pub(crate) fn describe_groups(
        &self,
        ctx: &Context,
        input: &DescribeLogGroupsRequest,
    ) -> Result<DescribeLogGroupsResponse, ApiError> {
        let prefix = input.log_group_name_prefix.as_deref();
        let pattern = input.log_group_name_pattern.as_deref();
        if prefix.is_some() && pattern.is_some() {
            return Err(errors::invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        let named = input.log_group_identifiers.as_ref();
        if named.is_some() && (prefix.is_some() || pattern.is_some()) {
            return Err(errors::invalid(
                "LogGroup identifiers cannot be combined with a LogGroup name prefix or pattern.",
            ));
        }
        let class = input.log_group_class.as_deref();
        let scope = [
            "DescribeLogGroups",
            ctx.account.as_str(),
            ctx.region.as_str(),
            prefix.unwrap_or_default(),
            pattern.unwrap_or_default(),
            class.unwrap_or_default(),
        ];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let most = limit(input.limit, DESCRIBE_ROWS);
        let wanted = |group: &Group| {
            pattern.is_none_or(|pattern| contains(&group.name, pattern))
                && class.is_none_or(|class| group.meta().row.class == class)
                && named.is_none_or(|named| named.iter().any(|name| is(group, name)))
        };
        let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
        let after = after.as_deref();
        let mut groups = self.core.list(account, region, prefix.unwrap_or_default(), after, wanted, most + 1);
        let more = groups.len() > most;
        groups.truncate(most);
        let last = groups.last().filter(|_| more);
        let next_token = last.map(|group| self.core.pagination.seal(&scope, group.name.as_bytes()));
        let groups = groups.iter().map(|group| self.describe_group(group, pattern.is_some()));
        Ok(DescribeLogGroupsResponse { log_groups: Some(groups.collect::<Result<_, _>>()?), next_token })
    }

    /// What AWS finds by a pattern comes without what is counted or protected.
    fn describe_group(&self, group: &Group, by_pattern: bool) -> Result<LogGroup, ApiError> {
        let meta = group.meta();
        let stored = if by_pattern { None } else { Some(self.stored_bytes(group)?) };
        let protection = (!by_pattern).then_some(meta.row.deletion_protection);
        Ok(LogGroup {
            log_group_name: Some(group.name.to_string()),
            creation_time: Some(millis(meta.row.created)),
            retention_in_days: meta.row.retention_days.and_then(|days| i32::try_from(days).ok()),
            metric_filter_count: i32::try_from(meta.metric_filters.len()).ok(),
            arn: Some(format!("{}:*", group.arn())),
            stored_bytes: stored,
            kms_key_id: meta.row.kms_key.clone(),
            log_group_class: Some(meta.row.class.clone()),
            log_group_arn: Some(group.arn()),
            deletion_protection_enabled: protection,
            ..LogGroup::default()
        })
    }

    fn stored_bytes(&self, group: &Group) -> Result<i64, ApiError> {
        let row =
            self.core.store.snapshot().get(&keys::bytes(group.id)).map_err(|why| errors::unread(&why))?;
        Ok(row.and_then(|(bytes, _)| keys::number(&bytes, 0)).map_or(0, |bytes| bytes.cast_signed().max(0)))
    }

    pub(crate) fn list_groups(
        &self,
        ctx: &Context,
        input: &ListLogGroupsRequest,
    ) -> Result<ListLogGroupsResponse, ApiError> {
        if input.data_sources.is_some() || input.field_index_names.is_some() {
            return Err(ApiError::not_implemented(
                "CloudWatch Logs",
                "ListLogGroups by data source or index",
            ));
        }
        let pattern = input.log_group_name_pattern.as_deref();
        let class = input.log_group_class.as_deref();
        let tags: Vec<String> = input.log_group_tags.iter().flatten().map(|t| format!("{t:?}")).collect();
        let tags = tags.join(",");
        let scope = [
            "ListLogGroups",
            ctx.account.as_str(),
            ctx.region.as_str(),
            pattern.unwrap_or_default(),
            class.unwrap_or_default(),
            &tags,
        ];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let most = limit(input.limit, DESCRIBE_ROWS);
        let tagged = |group: &Group| {
            let there = &group.meta().row.tags;
            input.log_group_tags.iter().flatten().all(|filter| {
                let values = filter.values.as_ref();
                there.get(&filter.key).is_some_and(|value| values.is_none_or(|all| all.contains(value)))
            })
        };
        let wanted = |group: &Group| {
            pattern.is_none_or(|pattern| listed(&group.name, pattern))
                && class.is_none_or(|class| group.meta().row.class == class)
                && tagged(group)
        };
        let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
        let mut groups = self.core.list(account, region, "", after.as_deref(), wanted, most + 1);
        let more = groups.len() > most;
        groups.truncate(most);
        let last = groups.last().filter(|_| more);
        let next_token = last.map(|group| self.core.pagination.seal(&scope, group.name.as_bytes()));
        let summary = |group: &std::sync::Arc<Group>| LogGroupSummary {
            log_group_name: Some(group.name.to_string()),
            log_group_arn: Some(group.arn()),
            log_group_class: Some(group.meta().row.class.clone()),
        };
        Ok(ListLogGroupsResponse { log_groups: Some(groups.iter().map(summary).collect()), next_token })
    }
}

fn check_key(key: &str) -> Result<(), ApiError> {
    let arn: Option<moln_kernel::Arn> = key.parse().ok();
    if arn.is_some_and(|arn| arn.service() == "kms") {
        return Ok(());
    }
    Err(errors::invalid("The specified KMS key ARN is not valid."))
}

/// Whether a name contains a text, in whatever case.
fn contains(name: &str, pattern: &str) -> bool {
    name.to_ascii_lowercase().contains(&pattern.to_ascii_lowercase())
}

/// Whether a name is what `ListLogGroups` asks for: one of several texts, each somewhere in it, or at its front with `^`.
fn listed(name: &str, pattern: &str) -> bool {
    pattern.split('|').any(|one| match one.strip_prefix('^') {
        Some(prefix) => name.starts_with(prefix),
        None => name.contains(one),
    })
}

/// Whether a group is what a name or ARN says.
fn is(group: &Group, identifier: &str) -> bool {
    match identifier.parse::<moln_kernel::Arn>() {
        Ok(arn) => {
            group_of_arn(&arn) == Some(&*group.name)
                && arn.account() == group.account.as_str()
                && arn.region() == group.region.as_str()
        }
        Err(_) => *group.name == *identifier,
    }
}
