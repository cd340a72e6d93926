//! Live tails: events as they come in, for at most three hours.

use std::{sync::Arc, time::Duration};

use moln_kernel::{ApiError, Context, ids::Uuid};
use moln_wire::EventStream;
use tokio::sync::mpsc;

use super::lookup::millis;
use crate::{
    LogGroups, errors,
    limits::{TAIL_EVENTS, TAIL_MS, TAILS},
    live::{Core, tail::TailBatch},
    model::{
        LiveTailSessionLogEvent, LiveTailSessionMetadata, LiveTailSessionStart, LiveTailSessionUpdate,
        SessionTimeoutException, StartLiveTailRequest, StartLiveTailResponse, StartLiveTailResponseStream,
    },
    pattern::{Pattern, Subject},
};

/// Between two updates: AWS sends one a second.
const EVERY: Duration = Duration::from_secs(1);
/// Updates that wait for a client that does not read.
const UPDATES: usize = 4;

/// What a session wants to see.
struct Wanted {
    pattern: Pattern,
    names: Vec<String>,
    prefixes: Vec<String>,
}

impl LogGroups {
    pub(crate) fn start_tail(
        &self,
        ctx: &Context,
        input: StartLiveTailRequest,
    ) -> Result<StartLiveTailResponse, ApiError> {
        let text = input.log_event_filter_pattern.clone().unwrap_or_default();
        let pattern = Pattern::parse(&text).map_err(|_| errors::bad_pattern())?;
        let groups: Vec<_> = input
            .log_group_identifiers
            .iter()
            .map(|identifier| self.group_of(ctx, identifier))
            .collect::<Result<_, _>>()?;
        let (names, prefixes) = (input.log_stream_names.clone(), input.log_stream_name_prefixes.clone());
        if groups.len() > 1 && (names.is_some() || prefixes.is_some()) {
            return Err(errors::invalid(
                "logStreamNames and logStreamNamePrefixes can be specified only with exactly one log group.",
            ));
        }
        if names.is_some() && prefixes.is_some() {
            return Err(errors::invalid(
                "logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.",
            ));
        }
        let ids = groups.iter().map(|group| group.id).collect();
        let listening = self.core.tails.listen(ids, TAILS).ok_or_else(errors::limit_exceeded)?;
        let (to, mut from) = mpsc::channel(UPDATES);
        let start = LiveTailSessionStart {
            request_id: Some(ctx.request_id.to_string()),
            session_id: Some(Uuid::random().to_string()),
            log_group_identifiers: Some(input.log_group_identifiers),
            log_stream_names: input.log_stream_names,
            log_stream_name_prefixes: input.log_stream_name_prefixes,
            log_event_filter_pattern: input.log_event_filter_pattern,
        };
        let wanted =
            Wanted { pattern, names: names.unwrap_or_default(), prefixes: prefixes.unwrap_or_default() };
        let core = Arc::clone(&self.core);
        tokio::spawn(run(core, listening, wanted, start, to));
        let stream = EventStream::new(move |cx| from.poll_recv(cx));
        Ok(StartLiveTailResponse { response_stream: Some(stream) })
    }
}

type Item = Result<StartLiveTailResponseStream, ApiError>;

/// A session's life: an update every second, until the client goes, the time is over or the server stops.
async fn run(
    core: Arc<Core>,
    mut listening: mpsc::Receiver<Arc<TailBatch>>,
    wanted: Wanted,
    start: LiveTailSessionStart,
    to: mpsc::Sender<Item>,
) {
    if to.send(Ok(StartLiveTailResponseStream::SessionStart(start))).await.is_err() {
        return;
    }
    let end = core.clock.now().after(Duration::from_millis(TAIL_MS));
    loop {
        let next = core.clock.now().after(EVERY);
        let (mut events, mut sampled) = (Vec::new(), false);
        let wait = core.clock.sleep_until(next);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                () = to.closed() => return,
                batch = listening.recv() => {
                    let Some(batch) = batch else { return };
                    sampled |= take(&wanted, &batch, &mut events);
                }
            }
        }
        let update = LiveTailSessionUpdate {
            session_metadata: Some(LiveTailSessionMetadata { sampled: Some(sampled) }),
            session_results: Some(events),
        };
        if to.send(Ok(StartLiveTailResponseStream::SessionUpdate(update))).await.is_err() {
            return;
        }
        if core.clock.now() >= end {
            let message = "The session ended because it lasted three hours.".to_owned();
            let over = SessionTimeoutException { message: Some(message) };
            // Nobody there to be told is as good.
            let _ = to.send(Ok(StartLiveTailResponseStream::SessionTimeoutException(over))).await;
            return;
        }
    }
}

/// Takes the events that are wanted; whether some had to be left out.
fn take(wanted: &Wanted, batch: &TailBatch, events: &mut Vec<LiveTailSessionLogEvent>) -> bool {
    let by_name = wanted.names.is_empty() || wanted.names.iter().any(|name| **name == *batch.stream);
    let by_prefix =
        wanted.prefixes.is_empty() || wanted.prefixes.iter().any(|prefix| batch.stream.starts_with(prefix));
    if !by_name || !by_prefix {
        return false;
    }
    for (time, message) in &batch.events {
        let text = str::from_utf8(message).unwrap_or_default();
        if !wanted.pattern.matches(&Subject::new(text)) {
            continue;
        }
        if events.len() == TAIL_EVENTS {
            return true;
        }
        events.push(LiveTailSessionLogEvent {
            log_stream_name: Some(batch.stream.to_string()),
            log_group_identifier: Some(format!("{}:{}", batch.group.account, batch.group.name)),
            message: Some(text.to_owned()),
            timestamp: Some(millis(*time)),
            ingestion_time: Some(millis(batch.ingested)),
        });
    }
    false
}
