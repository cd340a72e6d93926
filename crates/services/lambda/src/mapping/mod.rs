//! Event source mappings: a function is called with what stands in a source. A poller reads the source, makes batches, and
//! settles what the function processed; what it did not comes back by the source's own rules.
//!
//! # Invariants
//! - A record is removed from its source only after the function processed it, or a filter did not want it.
//! - A mapping is shown as enabled once its poller reads, as disabled once nothing of it runs any more.
//! - Memory is bounded: records are read only where a batch has room.

mod answer;
pub(crate) mod api;
mod batch;
mod check;
mod filter;
mod limits;
mod poller;
mod record;
mod row;
mod run;
mod source;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use moln_fabric::Workers;
use moln_kernel::{
    AccountId, ApiError, Endpoint, Region, SharedClock,
    ports::{MetricPoint, ReceiveFromQueue, RecordMetric},
};
use moln_store::{Batch, Scan, Store, StoreError};
use tokio::sync::{Mutex, watch};

use crate::{
    running::RunFunction,
    state::{refused, unreadable},
};
use row::{MappingRow, State};

/// Account, region, UUID.
type Name = (String, String, String);

/// All mappings.
pub(crate) struct Mappings {
    store: Store,
    clock: SharedClock,
    metrics: Arc<dyn RecordMetric>,
    queues: Arc<dyn ReceiveFromQueue>,
    endpoint: Arc<Endpoint>,
    live: RwLock<BTreeMap<Name, watch::Sender<Arc<MappingRow>>>>,
    /// Changes of mappings, one at a time.
    changing: Mutex<()>,
    started: OnceLock<(Workers, Arc<dyn RunFunction>)>,
}

fn name(row: &MappingRow) -> Name {
    (row.account.clone(), row.region.clone(), row.uuid.clone())
}

impl Mappings {
    /// Reads the mappings there are.
    pub(crate) fn open(
        store: Store,
        clock: SharedClock,
        metrics: Arc<dyn RecordMetric>,
        queues: Arc<dyn ReceiveFromQueue>,
        endpoint: Arc<Endpoint>,
    ) -> Result<Arc<Self>, StoreError> {
        let mut live = BTreeMap::new();
        let snapshot = store.snapshot();
        let mut range = Some(row::all());
        while let Some(next) = range {
            let page = snapshot.scan(&next, Scan::default())?;
            for (_, bytes, _) in page.rows {
                let row = MappingRow::read(&bytes)?;
                live.insert(name(&row), watch::Sender::new(Arc::new(row)));
            }
            range = page.rest;
        }
        drop(snapshot);
        let (changing, started) = (Mutex::default(), OnceLock::new());
        let live = RwLock::new(live);
        Ok(Arc::new(Self { store, clock, metrics, queues, endpoint, live, changing, started }))
    }

    /// Starts a poller for every mapping. Must be called within a tokio runtime.
    pub(crate) fn start(self: &Arc<Self>, workers: &Workers, functions: &Arc<dyn RunFunction>) {
        if self.started.set((workers.clone(), Arc::clone(functions))).is_err() {
            return;
        }
        for row in self.all() {
            self.spawn(&row);
        }
    }

    fn spawn(self: &Arc<Self>, row: &MappingRow) {
        let (Some((workers, functions)), Some(changes)) = (self.started.get(), self.subscribe(row)) else {
            return;
        };
        let source: Arc<dyn source::Source> = Arc::new(source::QueueSource::new(
            Arc::clone(&self.queues),
            Arc::clone(&self.clock),
            Arc::clone(&self.endpoint),
            (AccountId::new(row.account.as_str()), Region::new(row.region.as_str())),
            &row.source,
        ));
        let (mappings, functions) = (Arc::clone(self), Arc::clone(functions));
        workers.spawn(format!("lambda/mapping {}", row.uuid), move || {
            poller::Poller::new(
                Arc::clone(&mappings),
                Arc::clone(&functions),
                Arc::clone(&source),
                changes.clone(),
            )
        });
    }

    fn subscribe(&self, row: &MappingRow) -> Option<watch::Receiver<Arc<MappingRow>>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&name(row)).map(watch::Sender::subscribe)
    }

    fn all(&self) -> Vec<Arc<MappingRow>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.values().map(|row| Arc::clone(&row.borrow())).collect()
    }

    /// The mappings of an account in a region, in the order of their ids.
    fn list(&self, account: &AccountId, region: &Region) -> Vec<Arc<MappingRow>> {
        let mut all = self.all();
        all.retain(|row| row.account == account.as_str() && row.region == region.as_str());
        all
    }

    /// A mapping.
    fn find(&self, account: &AccountId, region: &Region, uuid: &str) -> Option<Arc<MappingRow>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let name = (account.as_str().to_owned(), region.as_str().to_owned(), uuid.to_lowercase());
        live.get(&name).map(|row| Arc::clone(&row.borrow()))
    }

    /// Writes a mapping; seen by others only after it is on disk. Must be called by whoever holds `changing`.
    async fn write(&self, row: MappingRow) -> Result<Arc<MappingRow>, ApiError> {
        let mut batch = Batch::default();
        row.put(&mut batch).map_err(|error| unreadable(&error))?;
        self.store.commit(batch).await.map_err(|error| refused(&error))?;
        let row = Arc::new(row);
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        live.entry(name(&row))
            .or_insert_with(|| watch::Sender::new(Arc::clone(&row)))
            .send_replace(Arc::clone(&row));
        Ok(row)
    }

    /// Its poller has come to where the mapping was to be.
    async fn settle(&self, seen: &MappingRow) -> Result<(), ApiError> {
        let Some(state) = seen.state.settles() else { return Ok(()) };
        let _one = self.changing.lock().await;
        let now = self.subscribe(seen).map(|row| Arc::clone(&row.borrow()));
        // Changed once more meanwhile: the poller looks again.
        match now.filter(|now| **now == *seen) {
            Some(now) => self.write(MappingRow { state, ..(*now).clone() }).await.map(drop),
            None => Ok(()),
        }
    }

    /// Its poller has ended.
    async fn remove(&self, row: &MappingRow) -> Result<(), ApiError> {
        let _one = self.changing.lock().await;
        let mut batch = Batch::default();
        row.delete(&mut batch);
        self.store.commit(batch).await.map_err(|error| refused(&error))?;
        self.live.write().unwrap_or_else(PoisonError::into_inner).remove(&name(row));
        Ok(())
    }

    /// Tells a figure of a mapping.
    fn count(&self, row: &MappingRow, name: &str, value: usize) {
        let value = f64::from(u32::try_from(value).unwrap_or(u32::MAX));
        self.metrics.record(MetricPoint {
            account: AccountId::new(row.account.as_str()),
            region: Region::new(row.region.as_str()),
            namespace: "AWS/Lambda".to_owned(),
            name: name.to_owned(),
            dimensions: vec![("EventSourceMappingUUID".to_owned(), row.uuid.clone())],
            value,
            unit: "Count",
            time: self.clock.now(),
        });
    }
}

impl State {
    /// Where a mapping stands after its owner asked for it to run or not.
    fn wished(self, enabled: bool) -> Self {
        match (self, enabled) {
            (Self::Disabled | Self::Disabling, true) => Self::Enabling,
            (Self::Disabled, false) => Self::Disabled,
            (_, false) => Self::Disabling,
            (_, true) => Self::Updating,
        }
    }
}
