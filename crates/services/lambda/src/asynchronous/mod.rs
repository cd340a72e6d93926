//! Asynchronous invokes: an event is on disk when its caller is answered, runs when the function has room, again when it
//! failed, over restarts, and ends in its destinations.
//!
//! # Invariants
//! - An event leaves the store in the commit that says what became of it: at least once, never lost in between.
//! - Every function has a lane of its own; memory does not grow with what waits in it.
//! - All waiting is by the clock.

mod decide;
mod event;
mod inbox;
mod lanes;
mod limits;
mod perform;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use inbox::FunctionTarget;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use moln_fabric::{Wake, Workers};
use moln_kernel::{
    AccountId, ApiError, Context, Region, SharedClock, Timestamp,
    ports::{MetricPoint, RecordMetric},
};
use moln_store::{Batch, Scan, Store, StoreError};
use tokio::sync::Notify;

use crate::{
    destinations::Destinations,
    running::{Callee, RunFunction},
    state::{Address, refused, unreadable},
};
use event::{Entry, Place, Task};
use lanes::Lanes;

/// Events that wait for functions.
pub(crate) struct Asynchronous {
    store: Store,
    clock: SharedClock,
    metrics: Arc<dyn RecordMetric>,
    destinations: Destinations,
    lanes: Mutex<Lanes>,
    /// Something was noted, or came to an end.
    news: Notify,
}

impl Asynchronous {
    /// Finds the lanes in which something waits.
    pub(crate) fn open(
        store: Store,
        clock: SharedClock,
        metrics: Arc<dyn RecordMetric>,
        destinations: Destinations,
    ) -> Result<Arc<Self>, StoreError> {
        let mut lanes = Lanes::default();
        let snapshot = store.snapshot();
        let mut range = event::everything();
        loop {
            let page = snapshot.scan(&range, Scan { limit: 1, keys_only: true, ..Scan::default() })?;
            let Some((key, ..)) = page.rows.first() else { break };
            let place = Place::read(key)?;
            lanes.note(&place.lane, (place.due, place.number));
            // The first of each lane is enough.
            range.start = event::waiting(&place.lane, (Timestamp(0), 0)).end;
        }
        drop(snapshot);
        let (lanes, news) = (Mutex::new(lanes), Notify::new());
        Ok(Arc::new(Self { store, clock, metrics, destinations, lanes, news }))
    }

    /// Starts working on what waits. Must be called within a tokio runtime.
    pub(crate) fn start(self: &Arc<Self>, workers: &Workers, functions: &Arc<dyn RunFunction>) -> Wake {
        let (events, functions) = (Arc::clone(self), Arc::clone(functions));
        workers.spawn("lambda/events", move || {
            worker::Dispatch::new(Arc::clone(&events), Arc::clone(&functions))
        })
    }

    /// Takes an event for a function. It is on disk once this resolves; the payload is JSON of at most 1 MB.
    pub(crate) async fn enqueue(
        &self,
        ctx: &Context,
        callee: &Callee,
        payload: Bytes,
        client_context: Option<String>,
    ) -> Result<(), ApiError> {
        let now = self.clock.now();
        let place = Place { lane: callee.address(), due: now, number: self.store.stamp() };
        let entry = Entry {
            created: now.millis(),
            bytes: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            request_id: ctx.request_id.as_str().to_owned(),
            lineage: ctx.lineage.encode(),
            trace: ctx.trace.as_deref().map(str::to_owned),
            qualifier: callee.qualifier.as_deref().map(str::to_owned),
            refusals: 0,
            task: Task::Invoke { invokes: 0, failures: 0, client_context, last: None },
        };
        let mut batch = Batch::default();
        place.put(&mut batch, &entry, &payload).map_err(|error| unreadable(&error))?;
        self.store.commit(batch).await.map_err(|error| refused(&error))?;
        self.note(&place);
        self.metric(&place.lane, "AsyncEventsReceived", 1.0);
        Ok(())
    }

    fn note(&self, place: &Place) {
        self.lanes().note(&place.lane, (place.due, place.number));
        self.news.notify_one();
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn metric(&self, lane: &Address, name: &str, value: f64) {
        metric(&*self.metrics, (&lane.account, &lane.region, &lane.name), name, value, self.clock.now());
    }
}

/// Tells a figure of a function.
pub(crate) fn metric(
    metrics: &dyn RecordMetric,
    (account, region, function): (&AccountId, &Region, &str),
    name: &str,
    value: f64,
    now: Timestamp,
) {
    metrics.record(MetricPoint {
        account: account.clone(),
        region: region.clone(),
        namespace: "AWS/Lambda".to_owned(),
        name: name.to_owned(),
        dimensions: vec![("FunctionName".to_owned(), function.to_owned())],
        value,
        unit: if name == "AsyncEventAge" { "Milliseconds" } else { "Count" },
        time: now,
    });
}
