//! Why a key is what it is: who wrote each version, which events that fired and where they went, and which version a function
//! read. What `moln s3 why` prints.
//!
//! Who wrote a version stands in the version's own row. Events are noted in the commit that fires them, a bounded number a key
//! and only where somebody listens; what became of a delivery is asked of the outbox. Reads are noted by [`readers`].

mod care;
mod readers;

use std::{collections::HashMap, sync::Arc};

use moln_fabric::{
    Delivery, Outbox,
    outbox::{Address, Failure, Waiting, Witness},
};
use moln_kernel::{ApiError, Context, Timestamp};
use moln_store::{Batch, Snapshot};
use moln_wire::{schema::TimestampFormat, time};
use serde_json::{Value, json};

pub(crate) use care::Chronicler;
pub(crate) use readers::Readers;

use crate::{
    Buckets,
    bucket::Bucket,
    errors,
    limits::{EVENT_SLOTS, WHY_VERSIONS},
    notification::Happening,
    objects::{
        find,
        list::{self, Entry, Query},
        write,
    },
    tables::{
        object::{ObjectRow, OriginRow},
        why::{DeliveryRow, ENDS, EVENTS, EndRow, EventRow, READS, ReadsRow},
    },
};

/// Notes an event and to whom it is told, in the batch that fires it.
pub(crate) fn note_event(
    batch: &mut Batch,
    ctx: &Context,
    bucket: &Bucket,
    happening: &Happening<'_>,
    deliveries: Vec<DeliveryRow>,
) -> Result<(), ApiError> {
    let object = &happening.object;
    let row = EventRow {
        sequence: object.sequence,
        name: happening.event.name().into(),
        version_id: object.version_id.map(str::to_owned),
        when: happening.when.millis(),
        origin: write::origin(ctx, ""),
        deliveries,
    };
    let slot = u32::try_from(object.sequence % EVENT_SLOTS).unwrap_or_default();
    let at = (bucket.row.number, object.key.to_owned(), slot);
    EVENTS.put(batch, &at, &row).map_err(|why| errors::unreadable(&why))
}

/// Takes away all that is known of a bucket's keys.
pub(crate) fn forget(batch: &mut Batch, bucket: u64) {
    batch.delete_range(EVENTS.within(&bucket));
    batch.delete_range(READS.within(&bucket));
}

fn halves(id: [u8; 16]) -> (u64, u64) {
    let whole = u128::from_be_bytes(id);
    let half = |part: u128| u64::try_from(part & u128::from(u64::MAX)).unwrap_or_default();
    (half(whole >> 64), half(whole))
}

/// Writes down which of S3's deliveries did not get through.
pub(crate) struct Ends;

impl Witness for Ends {
    fn given_up(
        &self,
        delivery: &Delivery,
        failure: &Failure,
        dead_letter: Option<&Address>,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        let why: String = failure.to_string().chars().take(512).collect();
        let dead_letter = dead_letter.map(|address| address.arn.to_string());
        let row = EndRow { when: now.millis(), why, dead_letter };
        if let Err(why) = ENDS.put(batch, &halves(delivery.id), &row) {
            tracing::error!(%why, "the end of a delivery is not written down");
        }
    }
}

/// A moment for people and programs.
fn moment(millis: u64) -> String {
    time::format(Timestamp(millis), TimestampFormat::DateTime)
}

impl Buckets {
    /// Has the outbox tell of deliveries that are given up.
    pub(crate) fn ask(&self, outbox: &Outbox) {
        outbox.witness("arn:aws:s3:::", Arc::new(Ends));
        // A second one would change nothing: a process has one outbox.
        let _ = self.outbox.set(outbox.clone());
    }

    /// Why a key is what it is, as JSON.
    ///
    /// Errors: `NoSuchBucket`; `NoSuchKey` when nothing is known of the key.
    pub async fn why(&self, bucket: &str, key: &str) -> Result<Value, ApiError> {
        self.write_reads().await?;
        let bucket = self.bucket(bucket, None)?;
        let snapshot = self.store.snapshot();
        let unreadable = |why| errors::unreadable(&why);
        let at = (bucket.row.number, key.to_owned());
        let (versions, more) = self.versions_of(&*snapshot, &bucket, key)?;
        let reads = READS.get(&*snapshot, &at).map_err(unreadable)?.map(|(row, _)| row).unwrap_or_default();
        let events = EVENTS.scan(&*snapshot, &EVENTS.within(&at), moln_store::Scan::default());
        let events = events.map_err(unreadable)?;
        let mut events: Vec<EventRow> = events.rows.into_iter().map(|(_, row, _)| row).collect();
        if versions.is_empty() && events.is_empty() && reads.0.is_empty() {
            return Err(find::no_such_key(key));
        }
        events.sort_by_key(|event| std::cmp::Reverse(event.sequence));
        let waiting = self.waiting(&events)?;
        let told = |event: &EventRow| self.told(&*snapshot, event, &waiting);
        let mut listed = Vec::new();
        for (latest, row) in &versions {
            let (mine, others): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| is_about(event, row));
            events = others;
            let fired = mine.iter().map(told).collect::<Result<Vec<_>, _>>()?;
            listed.push(version(row, *latest, &fired, &readers_of(&reads, row.stamp)));
        }
        let known = |stamp| versions.iter().any(|(_, row)| row.stamp == stamp);
        let gone: Vec<Value> = reads.0.iter().rev().filter(|read| !known(read.stamp)).map(read_by).collect();
        Ok(json!({
            "bucket": bucket.name,
            "key": key,
            "versioning": format!("{:?}", bucket.row.versioning),
            "versions": listed,
            "moreVersions": more,
            "goneEvents": events.iter().map(told).collect::<Result<Vec<_>, _>>()?,
            "goneReads": gone,
        }))
    }

    /// The newest versions of a key, the newest first, and whether there are more.
    #[allow(clippy::unused_self)] // a step of the answer, like the ones beside it
    fn versions_of(
        &self,
        snapshot: &dyn Snapshot,
        bucket: &Bucket,
        key: &str,
    ) -> Result<(Vec<(bool, ObjectRow)>, bool), ApiError> {
        let query = Query { prefix: key, max: WHY_VERSIONS, ..Query::default() };
        let (entries, more) = list::versions(snapshot, bucket.row.number, &query, None)?;
        let mut versions = Vec::new();
        for entry in entries {
            match entry {
                Entry::Key(of, version) if of == key => versions.push((version.latest, version.row)),
                // Other keys that begin so come after all of its versions.
                _ => return Ok((versions, false)),
            }
        }
        Ok((versions, more))
    }

    /// Which of the events' deliveries wait in the outbox; `None` for a target whose backlog is too long to look at.
    #[allow(clippy::type_complexity)] // by target: by delivery
    fn waiting(
        &self,
        events: &[EventRow],
    ) -> Result<HashMap<String, Option<HashMap<[u8; 16], Waiting>>>, ApiError> {
        let mut by_target: HashMap<(&str, &str), Vec<[u8; 16]>> = HashMap::new();
        for delivery in events.iter().flat_map(|event| &event.deliveries) {
            by_target.entry((&delivery.kind, &delivery.target)).or_default().push(delivery.id);
        }
        let Some(outbox) = self.outbox.get() else { return Ok(HashMap::new()) };
        let mut waiting = HashMap::new();
        for ((kind, target), ids) in by_target {
            let address = Address { kind: kind.to_owned().into(), arn: target.into() };
            let found = outbox.waiting(&address, &ids).map_err(|why| errors::unreadable(&why))?;
            waiting.insert(target.to_owned(), found);
        }
        Ok(waiting)
    }

    #[allow(clippy::unused_self)] // a step of the answer, like the ones beside it
    fn told(
        &self,
        snapshot: &dyn Snapshot,
        event: &EventRow,
        waiting: &HashMap<String, Option<HashMap<[u8; 16], Waiting>>>,
    ) -> Result<Value, ApiError> {
        let mut deliveries = Vec::new();
        for delivery in &event.deliveries {
            let end = ENDS.get(snapshot, &halves(delivery.id)).map_err(|why| errors::unreadable(&why))?;
            let waits = waiting.get(&delivery.target).map(Option::as_ref);
            let mut told = json!({ "target": delivery.target, "configuration": delivery.configuration });
            let state = match (end, waits) {
                (Some((end, _)), _) => json!({
                    "state": "dead", "since": moment(end.when), "why": end.why, "deadLetter": end.dead_letter,
                }),
                (None, Some(Some(waits))) => match waits.get(&delivery.id) {
                    Some(waits) if waits.failures > 0 => json!({
                        "state": "pending", "failures": waits.failures,
                        "next": moment(waits.not_before.millis()),
                    }),
                    Some(_) => json!({ "state": "pending", "failures": 0 }),
                    None => json!({ "state": "delivered" }),
                },
                (None, _) => json!({ "state": "unknown" }),
            };
            if let (Some(told), Value::Object(state)) = (told.as_object_mut(), state) {
                told.extend(state);
            }
            deliveries.push(told);
        }
        Ok(json!({
            "event": event.name,
            "when": moment(event.when),
            "versionId": event.version_id,
            "by": by(&event.origin),
            "deliveries": deliveries,
        }))
    }
}

/// Whether an event is about a version: it names it, or came with or after a version that has no name. Asked of the newest
/// version first, so that what came after a newer one is the newer one's.
fn is_about(event: &EventRow, row: &ObjectRow) -> bool {
    match &event.version_id {
        Some(id) => !row.null && *id == find::id_of(row),
        None => row.null && event.sequence >= row.stamp,
    }
}

fn by(origin: &OriginRow) -> Value {
    json!({
        "principal": origin.principal,
        "requestId": origin.request_id,
        "cause": origin.cause,
        "address": origin.address,
    })
}

fn readers_of(reads: &ReadsRow, stamp: u64) -> Vec<Value> {
    reads.0.iter().rev().filter(|read| read.stamp == stamp).map(read_by).collect()
}

fn read_by(read: &crate::tables::why::ReadRow) -> Value {
    json!({
        "reader": read.reader, "when": moment(read.when), "requestId": read.request_id, "times": read.times,
    })
}

fn version(row: &ObjectRow, latest: bool, events: &[Value], readers: &[Value]) -> Value {
    let mut origin = by(&row.origin);
    if let Some(members) = origin.as_object_mut() {
        members.insert("operation".into(), json!(row.origin.operation));
    }
    json!({
        "versionId": find::id_of(row),
        "latest": latest,
        "deleteMarker": row.marker,
        "modified": moment(row.modified),
        "size": row.size,
        "etag": row.etag,
        "written": origin,
        "events": events,
        "readers": readers,
    })
}
