//! Subscription filters' deliveries: what the outbox holds points at chunks; here they are read, filtered, compressed and
//! handed to the destination as the `awslogs` payload.

use std::{
    io::Write as _,
    sync::{Arc, Weak},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use moln_fabric::{Delivery, Target, outbox::Failure};
use moln_kernel::{
    ApiError, Context, Endpoint, Principal, RecursiveLoop, clock::BoxFuture, ports::InvocationType,
};
use moln_store::{Scan, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Core, Group};
use crate::{
    pattern::{Pattern, Subject},
    tables::{
        chunk::{self, Event},
        keys::{self, ChunkKey},
    },
};

/// The kind subscription filters' deliveries have in the outbox.
pub(crate) const KIND: &str = "logs-subscription";

/// What a delivery says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) group: u64,
    pub(crate) stream: u64,
    pub(crate) stream_name: String,
    pub(crate) filter: String,
    pub(crate) pattern: String,
    /// First time and stamp of each chunk.
    pub(crate) chunks: Vec<(u64, u64)>,
}

/// Delivers to functions.
pub(crate) struct Subscriptions {
    /// Weak: the outbox lives as long as the process, the service need not.
    pub(crate) core: Weak<Core>,
    pub(crate) endpoint: Arc<Endpoint>,
}

impl Subscriptions {
    async fn send(&self, delivery: &Delivery) -> Result<(), Failure> {
        let Some(core) = self.core.upgrade() else {
            return Err(Failure::passing("Stopping", "the server stops"));
        };
        let pointer: Pointer = serde_json::from_slice(&delivery.payload)
            .map_err(|why| Failure::permanent("BadDelivery", why.to_string()))?;
        // A group that is gone, or whose filter is, wants nothing delivered any more.
        let Some(group) = core.find_id(pointer.group) else { return Ok(()) };
        if !group.meta().subscriptions.contains_key(&pointer.filter) {
            return Ok(());
        }
        let events = read(&core, &pointer).map_err(|why| Failure::passing("Unread", why.to_string()))?;
        if events.is_empty() {
            return Ok(());
        }
        let Some(functions) = core.functions.get() else {
            return Err(Failure::passing("NoFunctions", "this server runs no functions"));
        };
        let payload = payload(&group, &pointer, &events)
            .map_err(|why| Failure::permanent("BadPayload", why.to_string()))?;
        let principal = Principal::Arn(group.arn().into());
        let mut ctx = Context::internal(
            group.account.clone(),
            group.region.clone(),
            principal,
            Arc::clone(&self.endpoint),
            core.clock.now(),
        );
        ctx.lineage = delivery.lineage.clone();
        // The destination, which the outbox has added: its invoke does that by its own rule.
        ctx.lineage.hops.pop();
        ctx.trace.clone_from(&delivery.trace);
        let arn = &delivery.target.arn;
        functions.invoke(&ctx, arn, payload, InvocationType::Event).await.map_err(|why| failure(&why))?;
        Ok(())
    }
}

/// The events of a delivery that match its filter.
fn read(core: &Core, pointer: &Pointer) -> Result<Vec<Event>, StoreError> {
    let pattern = Pattern::lenient(&pointer.pattern);
    let snapshot = core.store.snapshot();
    let mut events = Vec::new();
    for (first, stamp) in &pointer.chunks {
        let range = keys::chunks(pointer.group, pointer.stream, *first, first.saturating_add(1));
        let mut range = Some(range);
        let (mut head, mut body) = (None, BytesMut::new());
        while let Some(next) = range {
            let page = snapshot.scan(&next, Scan::default())?;
            for (key, part, _) in &page.rows {
                if let Some(key) = ChunkKey::read(key).filter(|key| key.stamp == *stamp) {
                    head.get_or_insert(key);
                    body.extend_from_slice(part);
                }
            }
            range = page.rest;
        }
        let read = head.and_then(|head| chunk::read(&head, &body.freeze()));
        let matching = |event: &Event| pattern.matches(&Subject::new(event.text()));
        events.extend(read.into_iter().flatten().filter(matching));
    }
    Ok(events)
}

/// `{"awslogs": {"data": base64(gzip(…))}}`.
fn payload(group: &Group, pointer: &Pointer, events: &[Event]) -> std::io::Result<Bytes> {
    let events: Vec<_> = events
        .iter()
        .map(|event| json!({"id": event.id(), "timestamp": event.at.time, "message": event.text()}))
        .collect();
    let document = json!({
        "messageType": "DATA_MESSAGE",
        "owner": group.account.as_str(),
        "logGroup": &*group.name,
        "logStream": pointer.stream_name,
        "subscriptionFilters": [pointer.filter],
        "logEvents": events,
    });
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(document.to_string().as_bytes())?;
    let data = STANDARD.encode(gzip.finish()?);
    Ok(json!({"awslogs": {"data": data}}).to_string().into())
}

fn failure(error: &ApiError) -> Failure {
    let passing = error.status >= 500 || error.status == 429;
    let (code, message) = (error.code.clone(), error.message.clone());
    if passing { Failure::passing(code, message) } else { Failure::permanent(code, message) }
}

impl Target for Subscriptions {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.send(delivery))
    }

    fn recursive_loop(&self, _: &str) -> RecursiveLoop {
        // The function's own rule counts, at its invoke.
        RecursiveLoop::Allow
    }
}
