//! Putting events, and getting those of one stream.

use std::sync::Arc;

use bytes::Bytes;
use moln_kernel::{ApiError, Context, Lineage};
use moln_store::{Batch, CommitError, StoreError};

use super::lookup::{limit, millis, moment};
use crate::{
    LogGroups, errors,
    limits::{
        BATCH_BYTES, BATCH_EVENTS, BATCH_SPAN_MS, EVENT_OVERHEAD, FUTURE_MS, PAGE_BYTES, PAGE_EVENTS, PAST_MS,
    },
    live::{
        Core, Group,
        ingest::{self, Effects, Incoming},
    },
    model::{
        GetLogEventsRequest, GetLogEventsResponse, InputLogEvent, OutputLogEvent, PutLogEventsRequest,
        PutLogEventsResponse, RejectedLogEventsInfo,
    },
    read::{self, Direction, StreamReader},
    tables::{
        chunk::{Event, Position, event_id, parse_event_id},
        keys,
    },
};

/// A sequence token, which nobody has to give back any more: 56 digits, never less than one before.
pub(crate) fn sequence_token(now: u64, stream: u64) -> String {
    format!("49{}", event_id(Position::at(now), stream).get(2..).unwrap_or_default())
}

/// Which events of a batch are taken.
#[derive(Debug, Default, PartialEq, Eq)]
struct Judged {
    taken: std::ops::Range<usize>,
    too_old: Option<usize>,
    expired: Option<usize>,
    too_new: Option<usize>,
}

/// Judges a batch whose events are in order of time: what is too old or past the retention lies at its front, what is too
/// new at its end.
fn judge(times: &[u64], now: u64, cutoff: u64) -> Judged {
    let too_old = times.partition_point(|time| *time < now.saturating_sub(PAST_MS));
    let expired = times.partition_point(|time| *time < cutoff);
    let too_new = times.partition_point(|time| *time <= now.saturating_add(FUTURE_MS));
    let from = too_old.max(expired).min(too_new);
    Judged {
        taken: from..too_new,
        too_old: (too_old > 0).then_some(too_old),
        expired: (expired > 0).then_some(expired),
        too_new: (too_new < times.len()).then_some(too_new),
    }
}

/// What a batch as a whole must be.
fn check(events: &[InputLogEvent]) -> Result<(), ApiError> {
    if events.len() > BATCH_EVENTS {
        return Err(errors::invalid(format!(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length \
             less than or equal to {BATCH_EVENTS}"
        )));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if bytes > BATCH_BYTES {
        return Err(errors::invalid(format!(
            "Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES}"
        )));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(errors::invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    Ok(())
}

impl LogGroups {
    pub(crate) async fn put_events(
        &self,
        ctx: &Context,
        input: PutLogEventsRequest,
    ) -> Result<PutLogEventsResponse, ApiError> {
        check(&input.log_events)?;
        let group = self.group(ctx, &input.log_group_name)?;
        let now = self.core.clock.now().millis();
        let times: Vec<u64> = input.log_events.iter().map(|event| moment(event.timestamp)).collect();
        let judged = judge(&times, now, group.cutoff(now));
        let span = |taken: &[u64]| Some(taken.last()?.saturating_sub(*taken.first()?));
        let valid = times.get(judged.taken.clone()).unwrap_or_default();
        if span(valid).is_some_and(|span| span > BATCH_SPAN_MS) {
            return Err(errors::invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ));
        }
        let stream_name: Arc<str> = input.log_stream_name.as_str().into();
        let events = input.log_events.into_iter().take(judged.taken.end).skip(judged.taken.start);
        let events: Vec<(u64, Bytes)> =
            events.map(|event| (moment(event.timestamp), Bytes::from(event.message))).collect();
        let stream = self.write_events(&group, &stream_name, now, &events, &ctx.lineage).await?;
        let index = |at: Option<usize>| at.and_then(|at| i32::try_from(at).ok());
        let rejected = RejectedLogEventsInfo {
            too_new_log_event_start_index: index(judged.too_new),
            too_old_log_event_end_index: index(judged.too_old),
            expired_log_event_end_index: index(judged.expired),
        };
        let any = judged.too_new.or(judged.too_old).or(judged.expired).is_some();
        Ok(PutLogEventsResponse {
            next_sequence_token: Some(sequence_token(now, stream)),
            rejected_log_events_info: any.then_some(rejected),
            rejected_entity_info: None,
        })
    }

    async fn write_events(
        &self,
        group: &Arc<Group>,
        name: &Arc<str>,
        now: u64,
        events: &[(u64, Bytes)],
        chain: &Lineage,
    ) -> Result<u64, ApiError> {
        let unread = |why: StoreError| errors::unread(&why);
        let found = Core::stream(&*self.core.store.snapshot(), group.id, name).map_err(unread)?;
        let (row, version) = found.ok_or_else(errors::no_stream)?;
        if events.is_empty() {
            return Ok(row.id);
        }
        let (mut batch, mut effects) = (Batch::default(), Effects::default());
        // Deleted meanwhile: nothing may be left behind.
        batch.unchanged(keys::stream(group.id, name), version);
        let incoming = Incoming { group, stream: row.id, stream_name: name, now, events, chain };
        ingest::write(&self.core, &mut batch, &incoming, &mut effects).map_err(unread)?;
        match self.core.store.commit(batch).await {
            Ok(_) => effects.apply(&self.core),
            Err(CommitError::Conflict { .. }) => return Err(errors::no_stream()),
            Err(why) => return Err(errors::uncommitted(&why)),
        }
        Ok(row.id)
    }

    pub(crate) async fn get_events(
        &self,
        ctx: &Context,
        input: GetLogEventsRequest,
    ) -> Result<GetLogEventsResponse, ApiError> {
        let group =
            self.one_group(ctx, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        let stream = self.stream(&group, &input.log_stream_name)?;
        let now = self.core.clock.now().millis();
        let start = input.start_time.map_or(0, moment).max(group.cutoff(now));
        let end = input.end_time.map_or(u64::MAX, moment);
        let mut bounds = (Position::at(start), Position::at(end));
        if end == u64::MAX {
            bounds.1 = Position::END;
        }
        let token = input.next_token.as_deref().map(|token| read_token(token).ok_or_else(errors::bad_token));
        let token = token.transpose()?;
        let head = input.start_from_head.unwrap_or_default();
        let direction = match token {
            Some((direction, at)) => {
                match direction {
                    Direction::Forward => bounds.0 = bounds.0.max(behind(at)),
                    Direction::Backward => bounds.1 = bounds.1.min(at),
                }
                direction
            }
            None if head => Direction::Forward,
            None => Direction::Backward,
        };
        let most = limit(input.limit, PAGE_EVENTS);
        let core = Arc::clone(&self.core);
        let group_id = group.id;
        let read = move || {
            let figures = read::of_stream(&*core.store.snapshot(), group_id, stream.id)?;
            let mut reader =
                StreamReader::new(&core.store, (group_id, stream.id), &figures, bounds, direction);
            page(&mut reader, most)
        };
        let mut events = blocking(read).await?;
        if direction == Direction::Backward {
            events.reverse();
        }
        let ends = match (events.first(), events.last(), token) {
            (Some(first), Some(last), _) => (first.at, last.at),
            // The end: the same place again, whichever way.
            (_, _, Some((_, at))) => (at, at),
            // An empty stream: what comes will lie behind, nothing before.
            _ => (Position::at(start), Position::at(start)),
        };
        let written =
            |(letter, at): (char, Position)| Some(format!("{letter}/{}/s", event_id(at, stream.id)));
        Ok(GetLogEventsResponse {
            next_forward_token: written(('f', ends.1)),
            next_backward_token: written(('b', ends.0)),
            events: Some(events.iter().map(output).collect()),
        })
    }
}

/// The first position behind one.
fn behind(at: Position) -> Position {
    if at.stamp == 0 && at.index == 0 {
        // Not an event's: a moment's.
        return at;
    }
    match at.index.checked_add(1) {
        Some(index) => Position { index, ..at },
        None => Position { stamp: at.stamp.saturating_add(1), index: 0, ..at },
    }
}

/// `f/ID/s` and `b/ID/s`: behind, and before, the event of that id.
fn read_token(token: &str) -> Option<(Direction, Position)> {
    let (letter, rest) = token.split_once('/')?;
    let direction = match letter {
        "f" => Direction::Forward,
        "b" => Direction::Backward,
        _ => return None,
    };
    let id = rest.strip_suffix("/s")?;
    Some((direction, parse_event_id(id)?.0))
}

/// The next events, as many as a page holds.
fn page(reader: &mut StreamReader, most: usize) -> Result<Vec<Event>, StoreError> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    while events.len() < most {
        let Some(event) = reader.next()? else { break };
        bytes += event.size();
        if bytes > PAGE_BYTES && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    Ok(events)
}

fn output(event: &Event) -> OutputLogEvent {
    OutputLogEvent {
        timestamp: Some(millis(event.at.time)),
        message: Some(event.text().to_owned()),
        ingestion_time: Some(millis(event.ingested)),
    }
}

/// Does reading that may take a while where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|why| errors::unread(&why)),
        Err(why) => {
            tracing::error!(error = %why, "reading logs broke off");
            Err(errors::unavailable())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DAY_MS;

    #[test]
    fn a_batch_is_judged_at_both_ends() {
        let now = 100 * DAY_MS;
        let times =
            [now - 20 * DAY_MS, now - 10 * DAY_MS, now - 1, now, now + FUTURE_MS, now + FUTURE_MS + 1];
        let judged = judge(&times, now, now - 5 * DAY_MS);
        let wanted = Judged { taken: 2..5, too_old: Some(1), expired: Some(2), too_new: Some(5) };
        assert_eq!(judged, wanted);
        assert_eq!(judge(&[now], now, 0), Judged { taken: 0..1, ..Judged::default() });
        let all_new = judge(&[now + FUTURE_MS + 1], now, 0);
        assert_eq!(all_new, Judged { taken: 0..0, too_new: Some(0), ..Judged::default() });
    }

    #[test]
    fn tokens_are_read() {
        let at = Position { time: 5, stamp: 6, index: 7 };
        let id = event_id(at, 1);
        assert_eq!(read_token(&format!("f/{id}/s")), Some((Direction::Forward, at)));
        assert_eq!(read_token(&format!("b/{id}/s")), Some((Direction::Backward, at)));
        for bad in ["", "f", "f/x/s", "x/1/s", "f/1", &format!("f/{}/s", "9".repeat(80))] {
            assert_eq!(read_token(bad), None, "{bad}");
        }
    }
}
