//! Log streams.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Context};
use moln_store::{Batch, Scan, Snapshot, StoreError, table};

use super::lookup::{limit, millis};
use crate::{
    LogGroups, errors,
    limits::DESCRIBE_ROWS,
    live::{Core, Group},
    model::{
        CreateLogStreamRequest, DeleteLogStreamRequest, DescribeLogStreamsRequest,
        DescribeLogStreamsResponse, LogStream,
    },
    read::{self, Figures},
    tables::{
        StreamRow,
        keys::{self, ChunkKey},
    },
};

impl LogGroups {
    pub(crate) async fn create_stream(
        &self,
        ctx: &Context,
        input: CreateLogStreamRequest,
    ) -> Result<(), ApiError> {
        let group = self.group(ctx, &input.log_group_name)?;
        let exists = || errors::exists("The specified log stream already exists");
        if self.stream(&group, &input.log_stream_name).is_ok() {
            return Err(exists());
        }
        let now = self.core.clock.now().millis();
        let mut batch = Batch::default();
        // First: whether the stream is there; then: whether the group is.
        self.core
            .new_stream(&mut batch, group.id, &input.log_stream_name, now)
            .and_then(|_| self.core.demand_group(&mut batch, &group))
            .map_err(|why| errors::unread(&why))?;
        match self.core.store.commit(batch).await {
            Ok(_) => Ok(()),
            Err(moln_store::CommitError::Conflict { index: 0 }) => Err(exists()),
            Err(moln_store::CommitError::Conflict { .. }) => Err(errors::no_group()),
            Err(why) => Err(errors::uncommitted(&why)),
        }
    }

    pub(crate) async fn drop_stream(
        &self,
        ctx: &Context,
        input: &DeleteLogStreamRequest,
    ) -> Result<(), ApiError> {
        let group = self.group(ctx, &input.log_group_name)?;
        let row = self.stream(&group, &input.log_stream_name)?;
        let unread = |why: StoreError| errors::unread(&why);
        // What is written meanwhile is in the figures when this is tried again.
        for _ in 0..10 {
            let snapshot = self.core.store.snapshot();
            let figures = read::of_stream(&*snapshot, group.id, row.id).map_err(unread)?;
            let range = keys::stream_figures(group.id, row.id);
            let mut batch = Batch::default();
            batch.range_unchanged(range.clone(), snapshot.version());
            batch.delete(keys::stream(group.id, &input.log_stream_name));
            batch.delete(keys::name(group.id, row.id));
            batch.delete_range(range);
            batch.delete_range(keys::all_chunks(group.id, row.id));
            batch.add(keys::bytes(group.id), -figures.bytes);
            match self.core.store.commit(batch).await {
                Ok(_) => return Ok(()),
                Err(moln_store::CommitError::Conflict { .. }) => {}
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(ApiError::sender(
            "OperationAbortedException",
            "A conflicting operation is currently in progress against this resource. Please try again.",
        ))
    }

    pub(crate) fn describe_streams(
        &self,
        ctx: &Context,
        input: &DescribeLogStreamsRequest,
    ) -> Result<DescribeLogStreamsResponse, ApiError> {
        let group =
            self.one_group(ctx, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let by_time = input.order_by.as_deref() == Some("LastEventTime");
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        if by_time && !prefix.is_empty() {
            return Err(errors::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let down = input.descending.unwrap_or_default();
        let id = group.id.to_string();
        let order = format!("{by_time}{down}");
        let scope = ["DescribeLogStreams", &id, prefix, &order];
        let after = self.cursor(&scope, input.next_token.as_deref())?;
        let most = limit(input.limit, DESCRIBE_ROWS);
        let snapshot = self.core.store.snapshot();
        let found = if by_time {
            streams_by_time(&*snapshot, &group, after.as_deref(), down, most)
        } else {
            streams_by_name(&*snapshot, &group, prefix, after.as_deref(), down, most)
        };
        let (found, next) = found.map_err(|why| errors::unread(&why))?;
        let describe = |(name, row, figures): &(String, StreamRow, Figures)| {
            describe(&*snapshot, &group, name, row, figures)
        };
        let streams = found.iter().map(describe).collect::<Result<_, _>>();
        Ok(DescribeLogStreamsResponse {
            log_streams: Some(streams.map_err(|why| errors::unread(&why))?),
            next_token: next.map(|cursor| self.core.pagination.seal(&scope, &cursor)),
        })
    }
}

type Found = (Vec<(String, StreamRow, Figures)>, Option<Vec<u8>>);

/// A page in order of the last event; the cursor is that time and the stream's number.
fn streams_by_time(
    snapshot: &dyn Snapshot,
    group: &Group,
    after: Option<&[u8]>,
    down: bool,
    most: usize,
) -> Result<Found, StoreError> {
    let all = read::of_group(snapshot, group.id)?;
    let mut order: BTreeMap<(u64, u64), Figures> =
        all.into_iter().map(|(stream, figures)| ((figures.last.unwrap_or(0), stream), figures)).collect();
    let after = after.and_then(|after| Some((keys::number(after, 0)?, keys::number(after, 8)?)));
    if let Some(after) = after {
        let behind = order.split_off(&after);
        if down {
            // What comes before it is left.
        } else {
            order = behind;
            order.remove(&after);
        }
    }
    let mut rows: Vec<_> = if down {
        order.into_iter().rev().take(most + 1).collect()
    } else {
        order.into_iter().take(most + 1).collect()
    };
    let more = rows.len() > most;
    rows.truncate(most);
    let cursor = rows.last().filter(|_| more).map(|((last, stream), _)| {
        let mut cursor = last.to_be_bytes().to_vec();
        cursor.extend_from_slice(&stream.to_be_bytes());
        cursor
    });
    let mut found = Vec::with_capacity(rows.len());
    for ((_, stream), figures) in rows {
        let Some(name) = Core::stream_name(snapshot, group.id, stream)? else { continue };
        let Some((row, _)) = Core::stream(snapshot, group.id, &name)? else { continue };
        found.push((name.to_string(), row, figures));
    }
    Ok((found, cursor))
}

/// A page in order of names; the cursor is the last name.
fn streams_by_name(
    snapshot: &dyn Snapshot,
    group: &Group,
    prefix: &str,
    after: Option<&[u8]>,
    down: bool,
    most: usize,
) -> Result<Found, StoreError> {
    let mut range = keys::streams(group.id, prefix);
    if let Some(name) = after.and_then(|after| str::from_utf8(after).ok()) {
        let key = keys::stream(group.id, name);
        if down {
            range.end = key;
        } else {
            let mut next = key.to_vec();
            next.push(0);
            range.start = next.into();
        }
    }
    let how = Scan { reverse: down, limit: most + 1, bytes: usize::MAX, keys_only: false };
    let mut rows = snapshot.scan(&range, how)?.rows;
    let more = rows.len() > most;
    rows.truncate(most);
    let mut found = Vec::with_capacity(rows.len());
    for (key, bytes, _) in &rows {
        let row: StreamRow = table::decode(bytes)?;
        let name = keys::stream_name(key).unwrap_or_default().to_owned();
        found.push((name, row, read::of_stream(snapshot, group.id, row.id)?));
    }
    let cursor = found.last().filter(|_| more).map(|(name, _, _)| name.clone().into_bytes());
    Ok((found, cursor))
}

fn describe(
    snapshot: &dyn Snapshot,
    group: &Group,
    name: &str,
    row: &StreamRow,
    figures: &Figures,
) -> Result<LogStream, StoreError> {
    // The figure is a bound; the first chunk knows.
    let first = Scan { limit: 1, keys_only: true, ..Scan::default() };
    let first = match figures.last {
        Some(_) => snapshot.scan(&keys::all_chunks(group.id, row.id), first)?.rows.pop(),
        None => None,
    };
    let first = first.and_then(|(key, _, _)| ChunkKey::read(&key)).map(|chunk| chunk.first);
    let ingested = figures.last.map(|_| figures.ingested);
    Ok(LogStream {
        log_stream_name: Some(name.to_owned()),
        creation_time: Some(millis(row.created)),
        first_event_timestamp: first.map(millis),
        last_event_timestamp: figures.last.map(millis),
        last_ingestion_time: ingested.map(millis),
        upload_sequence_token: ingested.map(|_| super::events::sequence_token(figures.ingested, row.id)),
        arn: Some(format!("{}:log-stream:{name}", group.arn())),
        // AWS has counted nothing here since 2019.
        stored_bytes: Some(0),
    })
}
