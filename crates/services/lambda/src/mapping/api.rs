//! The operations on event source mappings.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context, Timestamp, ids::Uuid, pagination::Pagination};

use super::{
    Mappings, check,
    limits::{PAGE, TAGS},
    row::{MappingRow, State},
};
use crate::{
    Lambda, errors,
    model::{
        CreateEventSourceMappingRequest, DeleteEventSourceMappingRequest, EventSourceMappingConfiguration,
        EventSourceMappingMetricsConfig, Filter, FilterCriteria, GetEventSourceMappingRequest,
        ListEventSourceMappingsRequest, ListEventSourceMappingsResponse, ProvisionedPollerConfig,
        ScalingConfig, UpdateEventSourceMappingRequest,
    },
    names,
    running::{Callee, Profile, RunFunction},
};

fn missing() -> ApiError {
    errors::not_found("The resource you requested does not exist.")
}

fn in_use() -> ApiError {
    let message = "Cannot update the event source mapping because it is in use.";
    let mut error = crate::model::errors::resource_in_use_exception(message);
    error.members.push(("Type", "User".to_owned()));
    error
}

/// The function of this name, which must be there.
fn function(ctx: &Context, functions: &dyn RunFunction, name: &str) -> Result<(Callee, Profile), ApiError> {
    let named = names::read(&ctx.account, &ctx.region, name, None)?;
    let callee = Callee {
        account: named.address.account,
        region: named.address.region,
        name: named.address.name,
        qualifier: named.qualifier.map(Into::into),
    };
    let profile =
        functions.profile(&callee).map_err(|_| errors::invalid_parameter("Function does not exist"))?;
    Ok((callee, profile))
}

fn provisioned(config: &ProvisionedPollerConfig) -> Option<(Option<i32>, Option<i32>)> {
    let bounds = (config.minimum_pollers, config.maximum_pollers);
    (bounds != (None, None)).then_some(bounds)
}

fn metrics(config: EventSourceMappingMetricsConfig) -> Vec<String> {
    config.metrics.unwrap_or_default()
}

/// A mapping as it is told.
fn told(row: &MappingRow) -> EventSourceMappingConfiguration {
    let filter = |pattern: &String| Filter { pattern: Some(pattern.clone()) };
    EventSourceMappingConfiguration {
        uuid: Some(row.uuid.clone()),
        batch_size: Some(row.batch_size),
        maximum_batching_window_in_seconds: Some(row.window),
        event_source_arn: Some(row.source.clone()),
        filter_criteria: (!row.filters.is_empty())
            .then(|| FilterCriteria { filters: Some(row.filters.iter().map(filter).collect()) }),
        kms_key_arn: row.kms_key.clone(),
        metrics_config: (!row.metrics.is_empty())
            .then(|| EventSourceMappingMetricsConfig { metrics: Some(row.metrics.clone()) }),
        scaling_config: row.maximum_concurrency.map(|most| ScalingConfig { maximum_concurrency: Some(most) }),
        provisioned_poller_config: row.provisioned.map(|(minimum_pollers, maximum_pollers)| {
            ProvisionedPollerConfig { minimum_pollers, maximum_pollers, ..ProvisionedPollerConfig::default() }
        }),
        function_arn: Some(row.callee().arn()),
        last_modified: Some(Timestamp(row.modified)),
        state: Some(row.state.as_str().to_owned()),
        state_transition_reason: Some("USER_INITIATED".to_owned()),
        function_response_types: Some(
            row.reports_failures.then(|| "ReportBatchItemFailures".to_owned()).into_iter().collect(),
        ),
        event_source_mapping_arn: Some(row.arn()),
        ..EventSourceMappingConfiguration::default()
    }
}

impl Mappings {
    /// `CreateEventSourceMapping`.
    pub(crate) async fn create(
        self: &Arc<Self>,
        ctx: &Context,
        functions: &dyn RunFunction,
        input: CreateEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        let source = check::source(&input)?;
        check::only_queues(&input)?;
        let (callee, profile) = function(ctx, functions, &input.function_name)?;
        let tags = input.tags.unwrap_or_default();
        check_tags(&tags)?;
        let row = MappingRow {
            uuid: Uuid::random().as_str().to_owned(),
            account: ctx.account.as_str().to_owned(),
            region: ctx.region.as_str().to_owned(),
            function: callee.name.to_string(),
            function_account: callee.account.as_str().to_owned(),
            qualifier: callee.qualifier.as_deref().map(str::to_owned),
            source,
            modified: self.clock.now().millis(),
            state: if input.enabled == Some(false) { State::Disabled } else { State::Creating },
            batch_size: input.batch_size.unwrap_or_else(check::default_batch),
            window: input.maximum_batching_window_in_seconds.unwrap_or(0),
            filters: check::filters(input.filter_criteria)?,
            maximum_concurrency: input.scaling_config.and_then(|config| config.maximum_concurrency),
            provisioned: input.provisioned_poller_config.as_ref().and_then(provisioned),
            reports_failures: input.function_response_types.is_some_and(|types| !types.is_empty()),
            kms_key: input.kms_key_arn.filter(|key| !key.is_empty()),
            metrics: input.metrics_config.map(metrics).unwrap_or_default(),
            tags,
        };
        check::batches(&row)?;
        check::queue(&*self.queues, ctx, &row, profile.timeout).await?;
        let row = {
            let _one = self.changing.lock().await;
            self.unlike_others(ctx, &row)?;
            self.write(row).await?
        };
        self.spawn(&row);
        Ok(told(&row))
    }

    /// A queue is mapped to a function only once.
    fn unlike_others(&self, ctx: &Context, row: &MappingRow) -> Result<(), ApiError> {
        let same = |other: &Arc<MappingRow>| {
            other.uuid != row.uuid
                && other.source == row.source
                && other.callee() == row.callee()
                && other.state != State::Deleting
        };
        match self.list(&ctx.account, &ctx.region).iter().find(|other| same(other)) {
            None => Ok(()),
            Some(other) => Err(errors::conflict(format!(
                "An event source mapping with SQS arn (\" {} \") and function (\" {} \") already exists. Please update or \
                 delete the existing mapping with UUID {}",
                row.source, row.function, other.uuid
            ))),
        }
    }

    /// `GetEventSourceMapping`.
    pub(crate) fn get(
        &self,
        ctx: &Context,
        input: &GetEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        let row = self.find(&ctx.account, &ctx.region, &input.uuid).ok_or_else(missing)?;
        Ok(told(&row))
    }

    /// `UpdateEventSourceMapping`.
    pub(crate) async fn update(
        &self,
        ctx: &Context,
        functions: &dyn RunFunction,
        input: UpdateEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        let _one = self.changing.lock().await;
        let before = self.find(&ctx.account, &ctx.region, &input.uuid).ok_or_else(missing)?;
        if before.state == State::Deleting {
            return Err(in_use());
        }
        check::only_queues_changed(&input)?;
        let mut row = (*before).clone();
        if let Some(name) = &input.function_name {
            let (callee, _) = function(ctx, functions, name)?;
            row.function = callee.name.to_string();
            callee.account.as_str().clone_into(&mut row.function_account);
            row.qualifier = callee.qualifier.as_deref().map(str::to_owned);
        }
        row.batch_size = input.batch_size.unwrap_or(row.batch_size);
        row.window = input.maximum_batching_window_in_seconds.unwrap_or(row.window);
        if input.filter_criteria.is_some() {
            row.filters = check::filters(input.filter_criteria)?;
        }
        if let Some(config) = input.scaling_config {
            row.maximum_concurrency = config.maximum_concurrency;
        }
        if let Some(config) = &input.provisioned_poller_config {
            row.provisioned = provisioned(config);
        }
        if let Some(types) = input.function_response_types {
            row.reports_failures = !types.is_empty();
        }
        if let Some(key) = input.kms_key_arn {
            row.kms_key = Some(key).filter(|key| !key.is_empty());
        }
        if let Some(config) = input.metrics_config {
            row.metrics = metrics(config);
        }
        check::batches(&row)?;
        self.unlike_others(ctx, &row)?;
        let changed = row != *before;
        row.state = match input.enabled {
            Some(enabled) => before.state.wished(enabled),
            None if changed && before.state.runs() => State::Updating,
            None => before.state,
        };
        row.modified = self.clock.now().millis();
        let row = self.write(row).await?;
        Ok(told(&row))
    }

    /// `DeleteEventSourceMapping`.
    pub(crate) async fn delete(
        &self,
        ctx: &Context,
        input: &DeleteEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        let _one = self.changing.lock().await;
        let before = self.find(&ctx.account, &ctx.region, &input.uuid).ok_or_else(missing)?;
        if before.state == State::Deleting {
            return Err(in_use());
        }
        let modified = self.clock.now().millis();
        let row = self.write(MappingRow { state: State::Deleting, modified, ..(*before).clone() }).await?;
        Ok(told(&row))
    }

    /// `ListEventSourceMappings`.
    pub(crate) fn page(
        &self,
        ctx: &Context,
        pages: &Pagination,
        input: &ListEventSourceMappingsRequest,
    ) -> Result<ListEventSourceMappingsResponse, ApiError> {
        let wanted = match input.function_name.as_deref() {
            Some(name) => Some(names::read(&ctx.account, &ctx.region, name, None)?),
            None => None,
        };
        let scope = [
            "ListEventSourceMappings",
            ctx.account.as_str(),
            ctx.region.as_str(),
            input.function_name.as_deref().unwrap_or_default(),
            input.event_source_arn.as_deref().unwrap_or_default(),
        ];
        let after = match &input.marker {
            Some(marker) => {
                let bad = |_| errors::invalid_parameter("Invalid pagination token: Marker");
                String::from_utf8(pages.open(&scope, marker).map_err(bad)?).unwrap_or_default()
            }
            None => String::new(),
        };
        let most = input.max_items.and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE).clamp(1, PAGE);
        let mut rows = self.list(&ctx.account, &ctx.region);
        rows.retain(|row| {
            let named = wanted.as_ref().is_none_or(|wanted| {
                let callee = row.callee();
                let qualified =
                    wanted.qualifier.is_none() || wanted.qualifier.as_deref() == callee.qualifier.as_deref();
                qualified && callee.address() == wanted.address
            });
            let from = input.event_source_arn.as_ref().is_none_or(|source| *source == row.source);
            named && from && row.uuid > after
        });
        let more = rows.len() > most;
        rows.truncate(most);
        let next_marker = rows.last().filter(|_| more).map(|last| pages.seal(&scope, last.uuid.as_bytes()));
        Ok(ListEventSourceMappingsResponse {
            next_marker,
            event_source_mappings: Some(rows.iter().map(|row| told(row)).collect()),
        })
    }

    fn by_arn(&self, ctx: &Context, arn: &str) -> Result<Arc<MappingRow>, ApiError> {
        let uuid = arn.rsplit(':').next().unwrap_or_default();
        let found = self.find(&ctx.account, &ctx.region, uuid).filter(|row| row.arn() == arn);
        found.ok_or_else(|| errors::not_found(format!("Event source mapping not found: {arn}")))
    }

    /// Tags of the mapping of this ARN.
    pub(crate) fn tags(&self, ctx: &Context, arn: &str) -> Result<BTreeMap<String, String>, ApiError> {
        self.by_arn(ctx, arn).map(|row| row.tags.clone())
    }

    /// Changes the tags of the mapping of this ARN.
    pub(crate) async fn change_tags(
        &self,
        ctx: &Context,
        arn: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) + Send,
    ) -> Result<(), ApiError> {
        let _one = self.changing.lock().await;
        let mut row = (*self.by_arn(ctx, arn)?).clone();
        change(&mut row.tags);
        check_tags(&row.tags)?;
        self.write(row).await.map(drop)
    }
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > TAGS {
        return Err(errors::invalid_parameter("Number of tags exceeds resource tag limit.".to_owned()));
    }
    Ok(())
}

impl Lambda {
    /// `CreateEventSourceMapping`.
    pub(crate) async fn create_mapping(
        &self,
        ctx: &Context,
        input: CreateEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        self.mappings.create(ctx, self, input).await
    }

    /// `GetEventSourceMapping`.
    pub(crate) fn get_mapping(
        &self,
        ctx: &Context,
        input: &GetEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        self.mappings.get(ctx, input)
    }

    /// `UpdateEventSourceMapping`.
    pub(crate) async fn update_mapping(
        &self,
        ctx: &Context,
        input: UpdateEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        self.mappings.update(ctx, self, input).await
    }

    /// `DeleteEventSourceMapping`.
    pub(crate) async fn delete_mapping(
        &self,
        ctx: &Context,
        input: &DeleteEventSourceMappingRequest,
    ) -> Result<EventSourceMappingConfiguration, ApiError> {
        self.mappings.delete(ctx, input).await
    }

    /// `ListEventSourceMappings`.
    pub(crate) fn list_mappings(
        &self,
        ctx: &Context,
        input: &ListEventSourceMappingsRequest,
    ) -> Result<ListEventSourceMappingsResponse, ApiError> {
        self.mappings.page(ctx, &self.pages, input)
    }
}
