//! Events of a whole group that match a pattern.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use moln_kernel::{ApiError, Context};
use moln_store::{Scan, Snapshot, StoreError, table};

use super::{
    events::blocking,
    lookup::{limit, millis, moment},
};
use crate::{
    LogGroups, errors,
    limits::{PAGE_BYTES, PAGE_EVENTS, SCAN_BYTES},
    live::Core,
    model::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent},
    pattern::{Pattern, Subject},
    read::{self, Direction, Merge, Source},
    tables::{
        StreamRow,
        chunk::{Event, Position},
        keys,
    },
};

/// `startFromHead=false` is for times from 2024 on, says AWS.
const BACKWARD_SINCE: i64 = 1_704_067_200_000;

/// Which streams are searched.
enum Streams {
    All,
    Named(BTreeSet<String>),
    Prefix(String),
}

/// What a page holds: events with their streams, and where to go on.
type PageOf = (Vec<(Event, Arc<str>)>, Option<Position>);

impl LogGroups {
    pub(crate) async fn filter_events(
        &self,
        ctx: &Context,
        input: FilterLogEventsRequest,
    ) -> Result<FilterLogEventsResponse, ApiError> {
        let group =
            self.one_group(ctx, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let streams = match (input.log_stream_names, input.log_stream_name_prefix) {
            (Some(_), Some(_)) => {
                return Err(errors::invalid(
                    "logStreamNamePrefix and logStreamNames are mutually exclusive parameters.",
                ));
            }
            (Some(names), None) => Streams::Named(names.into_iter().collect()),
            (None, Some(prefix)) => Streams::Prefix(prefix),
            (None, None) => Streams::All,
        };
        if let Streams::Named(names) = &streams {
            for name in names {
                self.stream(&group, name)?;
            }
        }
        let pattern_text = input.filter_pattern.unwrap_or_default();
        let pattern = Pattern::parse(&pattern_text).map_err(|_| errors::bad_pattern())?;
        let backward = !input.start_from_head.unwrap_or(true);
        if backward && input.next_token.is_none() && input.start_time.is_some_and(|at| at < BACKWARD_SINCE) {
            return Err(errors::invalid(
                "startFromHead=false is supported only for a startTime on or after 2024-01-01T00:00:00Z.",
            ));
        }
        let named = match &streams {
            Streams::All => String::new(),
            Streams::Named(names) => format!("{names:?}"),
            Streams::Prefix(prefix) => format!("^{prefix}"),
        };
        let times = format!("{:?} {:?}", input.start_time, input.end_time);
        let id = group.id.to_string();
        let scope = ["FilterLogEvents", &id, &named, &pattern_text, &times];
        let cursor = self.cursor(&scope, input.next_token.as_deref())?;
        let cursor = cursor.map(|bytes| read_cursor(&bytes).ok_or_else(errors::bad_token)).transpose()?;

        let start = input.start_time.map_or(0, moment).max(group.cutoff(self.core.clock.now().millis()));
        // Inclusive here, other than for one stream.
        let end = input.end_time.map_or(u64::MAX, moment);
        let mut bounds = (Position::at(start), Position { time: end, ..Position::END });
        let direction = match cursor {
            Some((Direction::Forward, at)) => {
                bounds.0 = bounds.0.max(at);
                Direction::Forward
            }
            Some((Direction::Backward, at)) => {
                bounds.1 = bounds.1.min(at);
                Direction::Backward
            }
            None if backward => Direction::Backward,
            None => Direction::Forward,
        };
        let most = limit(input.limit, PAGE_EVENTS).min(PAGE_EVENTS);
        let (core, group_id) = (Arc::clone(&self.core), group.id);
        let search = move || search(&core, group_id, &streams, &pattern, bounds, direction, most);
        let (events, next) = blocking(search).await?;
        let next = next.map(|at| self.core.pagination.seal(&scope, &write_cursor(direction, at)));
        let event = |(event, stream): &(Event, Arc<str>)| FilteredLogEvent {
            log_stream_name: Some(stream.to_string()),
            timestamp: Some(millis(event.at.time)),
            message: Some(event.text().to_owned()),
            ingestion_time: Some(millis(event.ingested)),
            event_id: Some(event.id()),
        };
        Ok(FilterLogEventsResponse {
            events: Some(events.iter().map(event).collect()),
            searched_log_streams: Some(Vec::new()),
            next_token: next,
        })
    }
}

fn search(
    core: &Core,
    group: u64,
    streams: &Streams,
    pattern: &Pattern,
    bounds: (Position, Position),
    direction: Direction,
    most: usize,
) -> Result<PageOf, StoreError> {
    let snapshot = core.store.snapshot();
    let sources = sources(&*snapshot, group, streams)?;
    drop(snapshot);
    let mut merge = Merge::new(&core.store, sources, bounds, direction);
    let mut names: BTreeMap<u64, Arc<str>> = BTreeMap::new();
    let (mut events, mut bytes, mut scanned) = (Vec::new(), 0, 0);
    while let Some(event) = merge.next()? {
        scanned += event.size();
        let matches = pattern.is_all() || pattern.matches(&Subject::new(event.text()));
        let full =
            events.len() == most || (matches && bytes + event.size() > PAGE_BYTES && !events.is_empty());
        if full || scanned > SCAN_BYTES {
            // This one is the next page's first. Backward bounds are exclusive, so they lie behind it.
            let at = match direction {
                Direction::Forward => event.at,
                Direction::Backward => Position { index: event.at.index.saturating_add(1), ..event.at },
            };
            return Ok((events, Some(at)));
        }
        if !matches {
            continue;
        }
        let name = if let Some(name) = names.get(&event.stream) {
            Arc::clone(name)
        } else {
            let found = Core::stream_name(&*core.store.snapshot(), group, event.stream)?;
            // Deleted since the search began.
            let Some(name) = found else { continue };
            names.insert(event.stream, Arc::clone(&name));
            name
        };
        bytes += event.size();
        events.push((event, name));
    }
    Ok((events, None))
}

fn sources(snapshot: &dyn Snapshot, group: u64, streams: &Streams) -> Result<Vec<Source>, StoreError> {
    let mut sources = Vec::new();
    match streams {
        Streams::All => {
            let all = read::of_group(snapshot, group)?;
            sources.extend(all.into_iter().map(|(stream, figures)| Source { group, stream, figures }));
        }
        Streams::Named(names) => {
            for name in names {
                let Some((bytes, _)) = snapshot.get(&keys::stream(group, name))? else { continue };
                let row: StreamRow = table::decode(&bytes)?;
                let figures = read::of_stream(snapshot, group, row.id)?;
                sources.push(Source { group, stream: row.id, figures });
            }
        }
        Streams::Prefix(prefix) => {
            let mut range = Some(keys::streams(group, prefix));
            while let Some(next) = range {
                let page = snapshot.scan(&next, Scan::default())?;
                for (_, bytes, _) in &page.rows {
                    let row: StreamRow = table::decode(bytes)?;
                    let figures = read::of_stream(snapshot, group, row.id)?;
                    sources.push(Source { group, stream: row.id, figures });
                }
                range = page.rest;
            }
        }
    }
    Ok(sources)
}

fn write_cursor(direction: Direction, at: Position) -> Vec<u8> {
    let mut cursor = vec![u8::from(direction == Direction::Backward)];
    cursor.extend_from_slice(&at.time.to_be_bytes());
    cursor.extend_from_slice(&at.stamp.to_be_bytes());
    cursor.extend_from_slice(&at.index.to_be_bytes());
    cursor
}

fn read_cursor(cursor: &[u8]) -> Option<(Direction, Position)> {
    let direction = if *cursor.first()? == 1 { Direction::Backward } else { Direction::Forward };
    let index = cursor.get(17..)?.first_chunk::<2>().map(|b| u16::from_be_bytes(*b))?;
    Some((direction, Position { time: keys::number(cursor, 1)?, stamp: keys::number(cursor, 9)?, index }))
}
