//! Takes what is due, lane by lane, and sees that it is done.

use std::{collections::HashMap, sync::Arc, time::Instant};

use moln_fabric::{Worker, WorkerError, WorkerState};
use moln_kernel::{Timestamp, clock::BoxFuture};
use moln_store::{Scan, StoreError};
use tokio::task::{Id, JoinSet};

use super::{
    Asynchronous,
    event::{self, Entry, Place},
    lanes::{Turn, Went},
    limits::{PATIENCE, REFUSED},
    perform::perform,
};
use crate::running::RunFunction;

/// Works on what waits.
pub(super) struct Dispatch {
    events: Arc<Asynchronous>,
    functions: Arc<dyn RunFunction>,
    running: JoinSet<Went>,
    /// What each task works on.
    places: HashMap<Id, Place>,
    /// When something was last started or came to an end.
    progress: Instant,
}

impl Dispatch {
    pub(super) fn new(events: Arc<Asynchronous>, functions: Arc<dyn RunFunction>) -> Self {
        let (running, places) = (JoinSet::new(), HashMap::new());
        Self { events, functions, running, places, progress: Instant::now() }
    }

    /// Starts whatever may be started now. Whether there was anything.
    fn start_due(&mut self) -> Result<bool, WorkerError> {
        let mut started = false;
        loop {
            let now = self.events.clock.now();
            let Some(turn) = self.events.lanes().turn(now) else { return Ok(started) };
            let taken = match self.take(&turn, now) {
                Ok(taken) => taken,
                Err(error) => {
                    // Looked at again when the worker starts anew.
                    self.events.lanes().note(&turn.lane, turn.from);
                    return Err(error.into());
                }
            };
            started |= !taken.is_empty();
            for (place, entry) in taken {
                let (events, functions) = (Arc::clone(&self.events), Arc::clone(&self.functions));
                let at = place.clone();
                let task = self.running.spawn(async move { perform(&events, &*functions, &at, entry).await });
                self.places.insert(task.id(), place);
            }
        }
    }

    /// Reads what a lane has due.
    fn take(&self, turn: &Turn, now: Timestamp) -> Result<Vec<(Place, Entry)>, StoreError> {
        let range = event::waiting(&turn.lane, turn.from);
        let limit = turn.skip.len() + turn.want + 1;
        let snapshot = self.events.store.snapshot();
        let page = snapshot.scan(&range, Scan { limit, ..Scan::default() })?;
        let (mut taken, mut broken, mut first, mut following) = (Vec::new(), Vec::new(), None, None);
        for (key, row, _) in &page.rows {
            let place = Place::read(key)?;
            let spot = (place.due, place.number);
            first.get_or_insert(spot);
            if turn.skip.contains(&spot) {
                continue;
            }
            if taken.len() == turn.want || place.due > now {
                following = Some(place.due);
                break;
            }
            match event::read(row) {
                Ok(entry) => taken.push((place, entry)),
                Err(error) => {
                    tracing::error!(%error, function = %turn.lane.name, "an event in the queue cannot be read; it is left there");
                    broken.push(spot);
                }
            }
        }
        if following.is_none() && page.rest.is_some() {
            following = Some(now);
        }
        let spots: Vec<_> = taken.iter().map(|(place, _)| (place.due, place.number)).collect();
        self.events.lanes().took(&turn.lane, &spots, &broken, first, following);
        Ok(taken)
    }

    fn ended(&mut self, ended: Result<(Id, Went), tokio::task::JoinError>) {
        let now = self.events.clock.now();
        let (id, went) = match ended {
            Ok((id, went)) => (id, went),
            Err(error) => {
                tracing::error!(%error, "work on an asynchronous event broke off; it is done again");
                (error.id(), Went::Unknown(now.after(REFUSED)))
            }
        };
        if let Some(place) = self.places.remove(&id) {
            self.events.lanes().done(&place.lane, (place.due, place.number), went, now);
        }
        self.progress = Instant::now();
    }

    async fn work(&mut self) -> Result<WorkerState, WorkerError> {
        let mut worked = false;
        loop {
            if self.start_due()? {
                (worked, self.progress) = (true, Instant::now());
            }
            let due = self.events.lanes().next_due();
            if self.running.is_empty() {
                if worked {
                    return Ok(WorkerState::Busy);
                }
                return Ok(WorkerState::Idle { until: due });
            }
            let events = Arc::clone(&self.events);
            let asleep = async {
                match due {
                    Some(due) => events.clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let patience = PATIENCE.saturating_sub(self.progress.elapsed());
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => {
                    self.ended(ended);
                    worked = true;
                }
                () = self.events.news.notified() => {}
                () = asleep => {}
                // Functions that run long do not hold up a clock that is moved: they may be waiting for it.
                () = tokio::time::sleep(patience) => return Ok(WorkerState::Idle { until: due }),
            }
        }
    }
}

impl Worker for Dispatch {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(self.work())
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            tokio::select! {
                () = self.events.news.notified() => {}
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
            }
        })
    }

    fn info(&self) -> String {
        match self.events.lanes().running() {
            0 => String::new(),
            running => format!("{running} events under way"),
        }
    }
}

impl Drop for Dispatch {
    fn drop(&mut self) {
        // What was under way is not any more; it is still in the store.
        let now = self.events.clock.now();
        for place in self.places.values() {
            self.events.lanes().done(&place.lane, (place.due, place.number), Went::Unknown(now), now);
        }
    }
}
