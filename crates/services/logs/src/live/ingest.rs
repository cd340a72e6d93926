//! The way in, the same for `PutLogEvents` and for lines of functions: events become chunks and figures in one batch, with
//! the deliveries that subscription filters cause; what is not durable by nature (metrics, live tails) follows the commit.

use std::sync::Arc;

use bytes::Bytes;
use moln_fabric::{Delivery, Outbox, outbox::Address};
use moln_kernel::{Lineage, RecursiveLoop, Timestamp, ports::MetricPoint};
use moln_store::{Batch, StoreError};

use super::{
    Core, Group, metrics,
    subscription::{self, Pointer},
    tail::TailBatch,
};
use crate::{
    limits::ROW_BYTES,
    pattern::Subject,
    tables::{
        chunk::{self, Position, Written},
        keys::{self, Field},
    },
};

/// What follows a commit.
#[derive(Default)]
pub(crate) struct Effects {
    metrics: Vec<MetricPoint>,
    tails: Vec<TailBatch>,
    taken: Vec<(Arc<Group>, u64)>,
}

/// Events of one stream, in order of time.
pub(crate) struct Incoming<'a> {
    pub(crate) group: &'a Arc<Group>,
    pub(crate) stream: u64,
    pub(crate) stream_name: &'a Arc<str>,
    pub(crate) now: u64,
    pub(crate) events: &'a [(u64, Bytes)],
    /// What led to them: the longest chain there is.
    pub(crate) chain: &'a Lineage,
}

/// Writes events into a batch.
pub(crate) fn write(
    core: &Core,
    batch: &mut Batch,
    incoming: &Incoming<'_>,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let Incoming { group, stream, now, events, .. } = *incoming;
    let (Some((first, _)), Some((last, _))) = (events.first(), events.last()) else { return Ok(()) };
    let written = chunk::write(batch, group.id, stream, now, events, || core.store.stamp());
    let span = written.iter().map(|chunk| u64::from(chunk.key.span)).max().unwrap_or_default();
    let bytes: i64 = written.iter().map(|chunk| i64::from(chunk.key.bytes)).sum();
    let figure = |field| keys::figure(group.id, stream, field);
    batch.max(figure(Field::Last), *last);
    batch.max(figure(Field::First), !*first);
    batch.max(figure(Field::Ingested), now);
    batch.max(figure(Field::Span), span);
    batch.add(figure(Field::Bytes), bytes);
    batch.add(keys::bytes(group.id), bytes);

    let meta = group.meta();
    if !meta.metric_filters.is_empty() || !meta.subscriptions.is_empty() {
        let subjects: Vec<Subject<'_>> =
            events.iter().map(|(_, m)| Subject::new(str::from_utf8(m).unwrap_or_default())).collect();
        for filter in meta.metric_filters.values() {
            metrics::points(filter, incoming, &subjects, &mut effects.metrics);
        }
        for filter in meta.subscriptions.values() {
            let matching = |chunk: &&Written| {
                let mut subjects = subjects.get(chunk.events.clone()).unwrap_or_default().iter();
                subjects.any(|subject| filter.pattern.matches(subject))
            };
            let chunks: Vec<&Written> = written.iter().filter(matching).collect();
            deliver(batch, incoming, &filter.row, &chunks)?;
        }
    }
    if core.tails.listened(group.id) {
        let at = |(chunk, index): (&Written, usize)| {
            let begin = index - chunk.events.start;
            let (time, message) = events.get(index)?;
            let index = u16::try_from(begin).ok()?;
            Some((Position { time: *time, stamp: chunk.key.stamp, index }, message.clone()))
        };
        let all = written.iter().flat_map(|chunk| chunk.events.clone().map(move |index| (chunk, index)));
        effects.tails.push(TailBatch {
            group: Arc::clone(group),
            stream: Arc::clone(incoming.stream_name),
            ingested: now,
            events: all.filter_map(at).map(|(at, message)| (at.time, message)).collect(),
        });
    }
    effects.taken.push((Arc::clone(group), *first));
    Ok(())
}

/// Puts deliveries to a subscription's destination into the batch. They point at the chunks: the events are stored once.
fn deliver(
    batch: &mut Batch,
    incoming: &Incoming<'_>,
    filter: &crate::tables::SubscriptionRow,
    chunks: &[&Written],
) -> Result<(), StoreError> {
    let mut rest = chunks;
    while !rest.is_empty() {
        let (mut bytes, mut count) = (0, 0);
        for chunk in rest {
            bytes += usize::try_from(chunk.key.bytes).unwrap_or(usize::MAX);
            if count > 0 && bytes > ROW_BYTES {
                break;
            }
            count += 1;
        }
        let (now_chunks, later) = rest.split_at(count.max(1).min(rest.len()));
        rest = later;
        let pointer = Pointer {
            group: incoming.group.id,
            stream: incoming.stream,
            stream_name: incoming.stream_name.to_string(),
            filter: filter.name.clone(),
            pattern: filter.pattern.clone(),
            chunks: now_chunks.iter().map(|chunk| (chunk.key.first, chunk.key.stamp)).collect(),
        };
        let payload = serde_json::to_vec(&pointer)
            .map_err(|why| StoreError::Corrupt(format!("a delivery cannot be written: {why}").into()))?;
        let target = Address::new(subscription::KIND, filter.destination.clone());
        let mut delivery = Delivery::new(target, payload, Timestamp(incoming.now));
        delivery.source = Some(incoming.group.arn().into());
        delivery.lineage = incoming.chain.clone();
        // Groups stop no loops, functions do.
        let _ = delivery.lineage.push(incoming.group.arn(), RecursiveLoop::Allow);
        delivery.ordered = filter.distribution == "ByLogStream";
        delivery.group_id = Some(incoming.stream_name.to_string());
        if let Err(why) = Outbox::put(batch, &delivery) {
            tracing::error!(filter = filter.name, error = %why, "a subscription filter's delivery is too large");
        }
    }
    Ok(())
}

impl Effects {
    /// What follows the commit.
    pub(crate) fn apply(self, core: &Core) {
        for point in self.metrics {
            core.metrics.record(point);
        }
        for batch in self.tails {
            core.tails.send(batch);
        }
        let mut sooner = false;
        for (group, first) in self.taken {
            let before = group.sweep_due.load(std::sync::atomic::Ordering::Acquire);
            group.took(first);
            sooner |= group.sweep_due.load(std::sync::atomic::Ordering::Acquire) < before;
        }
        if sooner {
            core.changed();
        }
    }
}
