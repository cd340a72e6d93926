//! Queries of Logs Insights.

use std::sync::{Arc, atomic::Ordering};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use moln_kernel::{ApiError, Context, ids::Uuid};
use moln_store::{Batch, Scan};

use super::{
    events::blocking,
    lookup::{limit, millis, moment},
};
use crate::{
    LogGroups, errors,
    insights::{self, Job, Outcome, Running, Target},
    limits::{DESCRIBE_ROWS, QUERY_GROUPS, QUERY_KEPT_MS, QUERY_ROWS, RUNNING_QUERIES},
    live::{Core, Group},
    model::{
        DescribeQueriesRequest, DescribeQueriesResponse, GetLogGroupFieldsRequest, GetLogGroupFieldsResponse,
        GetLogRecordResponse, GetQueryResultsRequest, GetQueryResultsResponse, ListLogGroupsForQueryRequest,
        ListLogGroupsForQueryResponse, LogGroupField, QueryInfo, QueryStatistics, ResultField,
        StartQueryRequest, StartQueryResponse, StopQueryResponse,
    },
    read::{Direction, Figures, StreamReader},
    tables::{
        chunk::{Event, Position},
        keys,
        query::{QUERIES, QueryRow},
    },
};

/// Events looked at by `GetLogGroupFields`.
const FIELDS_EVENTS: usize = 10_000;
/// Around, or before, the moment that `GetLogGroupFields` looks at, milliseconds.
const FIELDS_AROUND: u64 = 8 * 60_000;
const FIELDS_BEFORE: u64 = 15 * 60_000;
/// Queries cleared away in one go.
const CLEARED: usize = 500;

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::sender("MalformedQueryException", message)
}
fn no_query() -> ApiError {
    errors::not_found("The specified query does not exist.")
}

/// Seconds since 1970; who says milliseconds is understood.
fn seconds(time: i64) -> u64 {
    let time = moment(time);
    if time > 100_000_000_000 { time / 1_000 } else { time }
}

fn target(group: &Group, now: u64) -> Target {
    Target {
        group: group.id,
        log: format!("{}:{}", group.account, group.name).into(),
        function: group.name.starts_with("/aws/lambda/"),
        cutoff: group.cutoff(now),
    }
}

impl LogGroups {
    pub(crate) async fn begin_query(
        &self,
        ctx: &Context,
        input: StartQueryRequest,
    ) -> Result<StartQueryResponse, ApiError> {
        if input.query_language.as_deref().is_some_and(|language| language != "CWLI") {
            return Err(ApiError::not_implemented("CloudWatch Logs", "StartQuery in PPL and SQL"));
        }
        let groups = self.query_groups(ctx, &input)?;
        let (start, end) = (seconds(input.start_time), seconds(input.end_time));
        if start > end {
            return Err(errors::invalid("The query's start time must not be later than its end time."));
        }
        insights::check(&input.query_string).map_err(|why| malformed(why.0))?;
        let now = self.core.clock.now().millis();
        let row = QueryRow {
            created: now,
            groups: groups.iter().map(|group| group.name.to_string()).collect(),
            text: input.query_string,
            start: start * 1_000,
            end: end * 1_000 + 999,
            limit: input.limit.and_then(|limit| u32::try_from(limit).ok()),
            status: "Running".to_owned(),
        };
        let id = Uuid::random().to_string();
        self.clear_queries(ctx, now).await?;
        self.keep_query(ctx, &id, &row).await?;
        self.run_query(ctx, &id, &row)?;
        Ok(StartQueryResponse { query_id: Some(id) })
    }

    fn query_groups(&self, ctx: &Context, input: &StartQueryRequest) -> Result<Vec<Arc<Group>>, ApiError> {
        let given = [
            input.log_group_name.is_some(),
            input.log_group_names.is_some(),
            input.log_group_identifiers.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err(errors::invalid(
                "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.",
            ));
        }
        let names: Vec<&String> = input
            .log_group_name
            .iter()
            .chain(input.log_group_names.iter().flatten())
            .chain(input.log_group_identifiers.iter().flatten())
            .collect();
        if names.is_empty() || names.len() > QUERY_GROUPS {
            return Err(errors::invalid(format!("A query searches 1 to {QUERY_GROUPS} log groups.")));
        }
        let find = |name: &&String| {
            self.group_of(ctx, name).map_err(|why| {
                if why.code != "ResourceNotFoundException" {
                    return why;
                }
                errors::not_found(format!(
                    "Log group '{name}' does not exist for account ID '{}' (Service: AWSLogs; Status Code: 400; Error \
                     Code: ResourceNotFoundException; Request ID: {}; Proxy: null)",
                    ctx.account, ctx.request_id
                ))
            })
        };
        names.iter().map(find).collect()
    }

    async fn keep_query(&self, ctx: &Context, id: &str, row: &QueryRow) -> Result<(), ApiError> {
        let mut batch = Batch::default();
        let key = ((ctx.account.to_string(), ctx.region.to_string()), id.to_owned());
        QUERIES.put(&mut batch, &key, row).map_err(|why| errors::unread(&why))?;
        self.core.commit(batch).await
    }

    /// Removes queries that were asked too long ago.
    async fn clear_queries(&self, ctx: &Context, now: u64) -> Result<(), ApiError> {
        let mut batch = Batch::default();
        let place = (ctx.account.to_string(), ctx.region.to_string());
        for (id, row) in self.all_queries(ctx)? {
            if row.created.saturating_add(QUERY_KEPT_MS) < now && batch.ops.len() < CLEARED {
                QUERIES.delete(&mut batch, &(place.clone(), id));
            }
        }
        if batch.ops.is_empty() { Ok(()) } else { self.core.commit(batch).await }
    }

    fn all_queries(&self, ctx: &Context) -> Result<Vec<(String, QueryRow)>, ApiError> {
        let snapshot = self.core.store.snapshot();
        let place = (ctx.account.to_string(), ctx.region.to_string());
        let mut range = Some(QUERIES.within(&place));
        let mut rows = Vec::new();
        while let Some(next) = range {
            let page =
                QUERIES.scan(&*snapshot, &next, Scan::default()).map_err(|why| errors::unread(&why))?;
            rows.extend(page.rows.into_iter().map(|((_, id), row, _)| (id, row)));
            range = page.rest;
        }
        Ok(rows)
    }

    fn query(&self, ctx: &Context, id: &str) -> Result<QueryRow, ApiError> {
        let key = ((ctx.account.to_string(), ctx.region.to_string()), id.to_owned());
        let found = QUERIES.get(&*self.core.store.snapshot(), &key).map_err(|why| errors::unread(&why))?;
        found.map(|(row, _)| row).ok_or_else(no_query)
    }

    /// Runs a query in the background, unless it runs or its results are there.
    fn run_query(&self, ctx: &Context, id: &str, row: &QueryRow) -> Result<Arc<Running>, ApiError> {
        let now = self.core.clock.now().millis();
        let begun = self.core.queries.begin(id, now, RUNNING_QUERIES).ok_or_else(|| {
            ApiError::sender("LimitExceededException", "Account maximum query concurrency limit reached.")
        })?;
        let (running, true) = begun else { return Ok(begun.0) };
        let groups = row.groups.iter().filter_map(|name| self.group(ctx, name).ok());
        let job = Job {
            targets: groups.map(|group| target(&group, now)).collect(),
            text: row.text.clone(),
            start: row.start,
            end: row.end,
            limit: row.limit.and_then(|limit| usize::try_from(limit).ok()),
            now: row.created,
        };
        let (core, ran) = (Arc::clone(&self.core), Arc::clone(&running));
        let key = ((ctx.account.to_string(), ctx.region.to_string()), id.to_owned());
        let row = row.clone();
        tokio::spawn(async move {
            let (store, at_work) = (core.store.clone(), Arc::clone(&ran));
            let outcome = tokio::task::spawn_blocking(move || job.run(&store, &at_work.cancel)).await;
            match outcome {
                Ok(outcome) => {
                    if let Err(why) = &outcome {
                        tracing::warn!(error = %why, "a query did not finish");
                    }
                    ran.finish(outcome);
                }
                Err(why) => {
                    tracing::error!(error = %why, "a query broke off");
                    ran.finish(Err(insights::Failed::TooMuch));
                }
            }
            core.queries.trim();
            note_status(&core, &key, row, ran.status()).await;
        });
        Ok(running)
    }

    pub(crate) fn query_results(
        &self,
        ctx: &Context,
        input: &GetQueryResultsRequest,
    ) -> Result<GetQueryResultsResponse, ApiError> {
        let id = &input.query_id;
        let row = self.query(ctx, id)?;
        let scope = ["GetQueryResults", ctx.account.as_str(), ctx.region.as_str(), id];
        let from = self.cursor(&scope, input.next_token.as_deref())?;
        let from = from.and_then(|bytes| keys::number(&bytes, 0)).unwrap_or(0);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let ended = matches!(row.status.as_str(), "Cancelled" | "Failed" | "Timeout");
        let running = match self.core.queries.get(id) {
            Some(running) => Some(running),
            // After a restart, or when memory was short: what was asked is asked again.
            None if !ended => Some(self.run_query(ctx, id, &row)?),
            None => None,
        };
        let status = running.as_ref().map_or(row.status.as_str(), |running| running.status());
        let outcome = running.as_ref().and_then(|running| running.outcome()).and_then(Result::ok);
        let empty = Arc::new(Outcome::default());
        let outcome = outcome.unwrap_or(empty);
        let most = limit(input.max_items, QUERY_ROWS);
        let page = outcome.rows.iter().skip(from).take(most);
        let results = page.map(|(cells, event)| self.result(ctx, cells, event.as_ref())).collect();
        let next = from.saturating_add(most);
        let more = (next < outcome.rows.len()).then(|| (next as u64).to_be_bytes());
        Ok(GetQueryResultsResponse {
            query_language: Some("CWLI".to_owned()),
            results: Some(results),
            statistics: Some(statistics(&outcome)),
            status: Some(status.to_owned()),
            encryption_key: None,
            next_token: more.map(|cursor| self.core.pagination.seal(&scope, &cursor)),
        })
    }

    fn result(
        &self,
        ctx: &Context,
        cells: &[(Arc<str>, String)],
        event: Option<&(u64, Event)>,
    ) -> Vec<ResultField> {
        let field =
            |name: &str, value: String| ResultField { field: Some(name.to_owned()), value: Some(value) };
        let mut fields: Vec<ResultField> =
            cells.iter().map(|(name, value)| field(name, value.clone())).collect();
        if let Some((group, event)) = event {
            fields.push(field("@ptr", self.pointer(ctx, *group, event)));
        }
        fields
    }

    /// A pointer to an event that only we can have written.
    fn pointer(&self, ctx: &Context, group: u64, event: &Event) -> String {
        let mut bytes = Vec::with_capacity(34);
        for number in [group, event.stream, event.at.time, event.at.stamp] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&event.at.index.to_be_bytes());
        STANDARD
            .encode(self.core.pagination.seal(&["@ptr", ctx.account.as_str(), ctx.region.as_str()], &bytes))
    }

    pub(crate) async fn record(
        &self,
        ctx: &Context,
        pointer: &str,
    ) -> Result<GetLogRecordResponse, ApiError> {
        let bad = || errors::invalid("The specified log record pointer is invalid.");
        let gone = || errors::not_found("The specified log record does not exist.");
        let sealed =
            STANDARD.decode(pointer).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)?;
        let scope = ["@ptr", ctx.account.as_str(), ctx.region.as_str()];
        let bytes = self.core.pagination.open(&scope, &sealed).map_err(|_| bad())?;
        let number = |at| keys::number(&bytes, at).ok_or_else(bad);
        let (group, stream, time, stamp) = (number(0)?, number(8)?, number(16)?, number(24)?);
        let index = bytes.get(32..34).and_then(|b| b.first_chunk::<2>()).map(|b| u16::from_be_bytes(*b));
        let at = Position { time, stamp, index: index.ok_or_else(bad)? };
        let group = self.core.find_id(group).ok_or_else(gone)?;
        let core = Arc::clone(&self.core);
        let id = group.id;
        let read = move || {
            let snapshot = core.store.snapshot();
            let figures: Figures = crate::read::of_stream(&*snapshot, id, stream)?;
            let name = Core::stream_name(&*snapshot, id, stream)?;
            let end = Position { time: time.saturating_add(1), ..Position::default() };
            let mut reader =
                StreamReader::new(&core.store, (id, stream), &figures, (at, end), Direction::Forward);
            Ok((reader.next()?.filter(|event| event.at == at), name))
        };
        let (event, name) = blocking(read).await?;
        let (event, name) = (event.ok_or_else(gone)?, name.ok_or_else(gone)?);
        let target = target(&group, self.core.clock.now().millis());
        let mut record = insights::facts_of(event, &target, name);
        record.insert("@ptr".to_owned(), pointer.to_owned());
        Ok(GetLogRecordResponse { log_record: Some(record) })
    }

    pub(crate) fn end_query(&self, ctx: &Context, id: &str) -> Result<StopQueryResponse, ApiError> {
        self.query(ctx, id)?;
        let running = self.core.queries.get(id).filter(|running| running.outcome().is_none());
        let Some(running) = running else {
            return Err(errors::invalid("The specified query is not running."));
        };
        running.cancel.store(true, Ordering::Relaxed);
        Ok(StopQueryResponse { success: Some(true) })
    }

    pub(crate) fn list_queries(
        &self,
        ctx: &Context,
        input: &DescribeQueriesRequest,
    ) -> Result<DescribeQueriesResponse, ApiError> {
        let (group, status) = (input.log_group_name.as_deref(), input.status.as_deref());
        let scope = [
            "DescribeQueries",
            ctx.account.as_str(),
            ctx.region.as_str(),
            group.unwrap_or_default(),
            status.unwrap_or_default(),
        ];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let stands = |id: &str, row: &QueryRow| match self.core.queries.get(id) {
            Some(running) => running.status().to_owned(),
            // It was broken off by a restart: it runs again when somebody asks for its results.
            None if row.status == "Running" => "Scheduled".to_owned(),
            None => row.status.clone(),
        };
        let order = |id: &str, row: &QueryRow| format!("{:020}{id}", u64::MAX - row.created);
        let mut rows: Vec<_> = self.all_queries(ctx)?;
        rows.retain(|(id, row)| {
            group.is_none_or(|group| row.groups.iter().any(|name| name == group))
                && status.is_none_or(|status| stands(id, row) == status)
                && input.query_language.as_deref().is_none_or(|language| language == "CWLI")
                && after.as_ref().is_none_or(|after| order(id, row) > *after)
        });
        rows.sort_by_key(|(id, row)| order(id, row));
        let most = limit(input.max_results, DESCRIBE_ROWS);
        let more = rows.len() > most;
        rows.truncate(most);
        let last = rows.last().filter(|_| more);
        let next_token = last.map(|(id, row)| self.core.pagination.seal(&scope, order(id, row).as_bytes()));
        let info = |(id, row): &(String, QueryRow)| {
            let sources: Vec<String> = row.groups.iter().map(|name| format!("\"{name}\"")).collect();
            let text =
                format!("SOURCE {} START={} END={} | {}", sources.join(", "), row.start, row.end, row.text);
            QueryInfo {
                query_language: Some("CWLI".to_owned()),
                query_id: Some(id.clone()),
                query_string: Some(text),
                status: Some(stands(id, row)),
                create_time: Some(millis(row.created)),
                log_group_name: row.groups.first().cloned(),
                ..QueryInfo::default()
            }
        };
        Ok(DescribeQueriesResponse { queries: Some(rows.iter().map(info).collect()), next_token })
    }

    pub(crate) fn groups_of_query(
        &self,
        ctx: &Context,
        input: &ListLogGroupsForQueryRequest,
    ) -> Result<ListLogGroupsForQueryResponse, ApiError> {
        let row = self.query(ctx, &input.query_id)?;
        let head = crate::live::group::arn_head(ctx.region.as_str(), ctx.account.as_str());
        let scope = ["ListLogGroupsForQuery", ctx.account.as_str(), ctx.region.as_str(), &input.query_id];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let mut names = row.groups;
        names.sort();
        names.retain(|name| after.as_ref().is_none_or(|after| name > after));
        let most = limit(input.max_results, DESCRIBE_ROWS);
        let more = names.len() > most;
        names.truncate(most);
        let last = names.last().filter(|_| more);
        let next_token = last.map(|name| self.core.pagination.seal(&scope, name.as_bytes()));
        let arns = names.iter().map(|name| format!("{head}:log-group:{name}")).collect();
        Ok(ListLogGroupsForQueryResponse { log_group_identifiers: Some(arns), next_token })
    }

    pub(crate) async fn group_fields(
        &self,
        ctx: &Context,
        input: &GetLogGroupFieldsRequest,
    ) -> Result<GetLogGroupFieldsResponse, ApiError> {
        let group =
            self.one_group(ctx, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let now = self.core.clock.now().millis();
        let bounds = match input.time {
            Some(time) => {
                let at = seconds(time) * 1_000;
                (at.saturating_sub(FIELDS_AROUND), at.saturating_add(FIELDS_AROUND))
            }
            None => (now.saturating_sub(FIELDS_BEFORE), now),
        };
        let (store, target) = (self.core.store.clone(), target(&group, now));
        let fields = blocking(move || insights::discover(&store, &target, bounds, FIELDS_EVENTS)).await?;
        let field = |(name, percent): (String, u32)| LogGroupField {
            name: Some(name),
            percent: i32::try_from(percent).ok(),
        };
        Ok(GetLogGroupFieldsResponse { log_group_fields: Some(fields.into_iter().map(field).collect()) })
    }
}

/// Writes down how a query ended. When that fails it is only asked again some day.
async fn note_status(core: &Core, key: &crate::tables::query::QueryKey, row: QueryRow, status: &str) {
    let mut batch = Batch::default();
    let row = QueryRow { status: status.to_owned(), ..row };
    let written = QUERIES.put(&mut batch, key, &row).is_ok();
    if !written || core.commit(batch).await.is_err() {
        tracing::warn!("how a query ended could not be written");
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn statistics(outcome: &Outcome) -> QueryStatistics {
    let facts = outcome.facts;
    QueryStatistics {
        records_matched: Some(facts.matched as f64),
        records_scanned: Some(facts.scanned as f64),
        estimated_records_skipped: Some(0.0),
        bytes_scanned: Some(facts.bytes as f64),
        estimated_bytes_skipped: Some(0.0),
        log_groups_scanned: Some(facts.groups as f64),
        result_count: Some(outcome.rows.len() as f64),
    }
}
