//! Reads a source and calls a function with what it finds: one for each mapping.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moln_fabric::{Backoff, Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Timestamp, clock::BoxFuture};
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle, JoinSet},
};

use super::{
    Mappings,
    batch::Buffer,
    filter::Filter,
    limits::{
        ABOUT_TO_COME, ASKED_AT_ONCE, LONG_POLL, MOST_POLLERS, PATIENCE, PER_PROVISIONED_POLLER, POLLERS,
        POLLERS_PER_SECOND, PROBLEM_FIRST, PROBLEM_MOST, THROTTLED_FIRST, THROTTLED_MOST,
    },
    row::{MappingRow, State},
    run::{Ran, Runner},
    source::{Ask, Item, Source},
};
use crate::running::{RunFunction, is_gone, is_throttled};

type Read = Result<Result<Vec<Item>, ApiError>, JoinError>;

type Polling = (JoinHandle<Result<Vec<Item>, ApiError>>, Asked);

/// What a poll asked for.
#[derive(Clone, Copy)]
struct Asked {
    max: usize,
    /// It waits until this moment.
    until: Timestamp,
}

/// A batch whose function had no room.
struct Parked {
    due: Timestamp,
    items: Vec<Item>,
    tries: u32,
}

/// Works on a mapping.
pub(crate) struct Poller {
    mappings: Arc<Mappings>,
    functions: Arc<dyn RunFunction>,
    source: Arc<dyn Source>,
    changes: watch::Receiver<Arc<MappingRow>>,
    row: Arc<MappingRow>,
    filter: Filter,
    /// A poll under way. It has a task of its own, so that whoever stops waiting for it takes nothing from the source.
    polling: Option<Polling>,
    buffer: Buffer,
    parked: Vec<Parked>,
    running: JoinSet<(Ran, u32)>,
    /// Batches that may be under way.
    pollers: usize,
    /// When that was last changed.
    scaled: Timestamp,
    /// Nothing is read before this moment.
    paused: Timestamp,
    /// Failures of the source in a row.
    problems: u32,
    /// What was last said about how it is set up.
    concern: Option<String>,
    /// What happened while it was idle.
    happened: Vec<Happened>,
    /// When a batch was last started or came to an end.
    progress: Instant,
}

impl Poller {
    pub(crate) fn new(
        mappings: Arc<Mappings>,
        functions: Arc<dyn RunFunction>,
        source: Arc<dyn Source>,
        mut changes: watch::Receiver<Arc<MappingRow>>,
    ) -> Self {
        let row = Arc::clone(&changes.borrow_and_update());
        let filter = read_filter(&row);
        let scaled = mappings.clock.now();
        let pollers = least(&row);
        Self {
            mappings,
            functions,
            source,
            changes,
            row,
            filter,
            polling: None,
            buffer: Buffer::default(),
            parked: Vec::new(),
            running: JoinSet::new(),
            pollers,
            scaled,
            paused: Timestamp(0),
            problems: 0,
            concern: None,
            happened: Vec::new(),
            progress: Instant::now(),
        }
    }

    fn window(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.row.window).unwrap_or(0))
    }

    fn batch_size(&self) -> usize {
        usize::try_from(self.row.batch_size).unwrap_or(1).max(1)
    }

    fn free(&self) -> usize {
        self.pollers.saturating_sub(self.running.len() + self.parked.len())
    }

    fn start(&mut self, items: Vec<Item>, tries: u32) {
        let runner = Runner {
            functions: Arc::clone(&self.functions),
            source: Arc::clone(&self.source),
            metrics: Arc::clone(&self.mappings.metrics),
            clock: Arc::clone(&self.mappings.clock),
            row: Arc::clone(&self.row),
        };
        self.count("InvokedEventCount", items.len());
        self.running.spawn(async move { (runner.run(items).await, tries) });
        self.progress = Instant::now();
    }

    /// Starts every batch that is due and has room.
    fn start_batches(&mut self, now: Timestamp) {
        let mut at = 0;
        while at < self.parked.len() {
            if self.parked.get(at).is_some_and(|parked| parked.due <= now) {
                let Parked { items, tries, .. } = self.parked.swap_remove(at);
                self.start(items, tries);
            } else {
                at += 1;
            }
        }
        let (most, window) = (self.batch_size(), self.window());
        while self.free() > 0
            && let Some(batch) = self.buffer.cut(most, now, window)
        {
            self.start(batch, 0);
        }
    }

    /// Reads on when there is room for a batch.
    async fn poll(&mut self, now: Timestamp) {
        let batches = if self.source.ordered() { self.free().min(1) } else { self.free() };
        let most = self.batch_size().saturating_mul(batches).min(ASKED_AT_ONCE.max(self.batch_size()));
        let max = most.saturating_sub(self.buffer.len());
        if self.polling.is_some() || max == 0 || now < self.paused {
            return;
        }
        let profile = match self.functions.profile(&self.row.callee()) {
            Ok(profile) => profile,
            Err(error) => return self.problem(&error, now),
        };
        let concern = self.source.concern(profile.timeout).await;
        if concern != self.concern {
            if let Some(concern) = &concern {
                tracing::warn!(mapping = %self.row.uuid, source = %self.row.source, "{concern}: records come back while the function still runs");
            }
            self.concern = concern;
        }
        let wait = self.buffer.due().map_or(LONG_POLL, |due| due.since(now));
        let ask = Ask { max, wait, window: self.window() };
        let asked = Asked { max, until: now.after(wait) };
        self.polling = Some((tokio::spawn(self.source.poll(ask)), asked));
    }

    /// The source, or the function, is not there: it is asked again later.
    fn problem(&mut self, error: &ApiError, now: Timestamp) {
        self.problems = self.problems.saturating_add(1);
        let seed = u64::from(self.problems);
        self.paused = now.after(Backoff::new(PROBLEM_FIRST, PROBLEM_MOST).delay(self.problems, seed));
        if self.problems == 1 {
            tracing::warn!(mapping = %self.row.uuid, source = %self.row.source, %error, "an event source mapping has a problem; it tries again");
        }
    }

    /// What a poll brought.
    async fn read(&mut self, read: Read, asked: Asked) {
        let now = self.mappings.clock.now();
        let items = match read {
            Ok(Ok(items)) => items,
            Ok(Err(error)) => return self.problem(&error, now),
            Err(error) => {
                let error = ApiError::internal(format!("a poll broke off: {error}"));
                return self.problem(&error, now);
            }
        };
        self.problems = 0;
        if items.is_empty() && now < asked.until {
            // It did not wait: the server is about to stop.
            self.paused = now.after(PROBLEM_FIRST);
        }
        self.scale(items.len() >= asked.max, items.is_empty(), now);
        self.count("PolledEventCount", items.len());
        let (wanted, unwanted): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| self.filter.wants(&item.json, self.source.data()));
        if !unwanted.is_empty() {
            self.count("FilteredOutEventCount", unwanted.len());
            let handles = unwanted.into_iter().map(|item| item.handle).collect();
            if let Err(error) = self.source.processed(handles).await {
                tracing::error!(mapping = %self.row.uuid, %error, "filtered records could not be removed from their source");
            }
        }
        let window = self.window();
        self.buffer.add(wanted, now, window);
        if self.source.ordered() {
            if let Some(batch) = self.buffer.cut(self.batch_size(), now, window) {
                self.start(batch, 0);
            }
            // More than an event holds: what is behind may not run beside what is before.
            let left = self.buffer.empty();
            self.give_back(left).await;
        }
    }

    /// More batches at once while there is a backlog, few when there is none.
    fn scale(&mut self, backlog: bool, dry: bool, now: Timestamp) {
        if dry {
            (self.pollers, self.scaled) = (self.pollers.min(least(&self.row)), now);
        } else if backlog {
            let seconds = now.since(self.scaled).as_millis();
            let more = u64::try_from(seconds).unwrap_or(u64::MAX).saturating_mul(POLLERS_PER_SECOND) / 1_000;
            if more > 0 {
                let more = usize::try_from(more.min(60 * POLLERS_PER_SECOND)).unwrap_or(0);
                (self.pollers, self.scaled) = ((self.pollers + more).min(most(&self.row)), now);
            }
        }
    }

    /// What a batch came to.
    fn ran(&mut self, ran: Result<(Ran, u32), JoinError>) {
        self.progress = Instant::now();
        let now = self.mappings.clock.now();
        match ran {
            Ok((Ran::Settled { processed, failed }, _)) => {
                self.count("DeletedEventCount", processed);
                self.count("FailedInvokeEventCount", failed);
            }
            Ok((Ran::Refused(items, error), tries)) => self.refused(items, &error, tries + 1, now),
            // The records come back by themselves.
            Err(error) => {
                tracing::error!(mapping = %self.row.uuid, %error, "work on a batch broke off");
            }
        }
    }

    fn refused(&mut self, items: Vec<Item>, error: &ApiError, tries: u32, now: Timestamp) {
        if is_gone(error) {
            self.problem(error, now);
        } else if !is_throttled(error) && tries == 1 {
            tracing::warn!(mapping = %self.row.uuid, %error, "a batch is tried again later");
        }
        // Fewer at once, and none for a while.
        self.pollers = (self.pollers / 2).max(1);
        self.scaled = now;
        let seed = u64::from(tries);
        let due = now.after(Backoff::new(THROTTLED_FIRST, THROTTLED_MOST).delay(tries, seed));
        self.paused = self.paused.max(due);
        // In hand they cost no receive; but when others may read them it is too late.
        if items.iter().all(|item| due < item.until) {
            self.parked.push(Parked { due, items, tries });
        }
    }

    fn count(&self, name: &str, value: usize) {
        if value > 0 && self.row.metrics.iter().any(|metric| metric == "EventCount") {
            self.mappings.count(&self.row, name, value);
        }
    }

    /// Takes a change of the mapping in.
    fn change(&mut self) {
        if !self.changes.has_changed().unwrap_or(false) {
            return;
        }
        self.row = Arc::clone(&self.changes.borrow_and_update());
        self.filter = read_filter(&self.row);
        self.pollers = self.pollers.clamp(least(&self.row), most(&self.row));
        self.paused = Timestamp(0);
        self.problems = 0;
    }

    /// Stops reading and gives back what no batch was made of.
    async fn rest(&mut self) {
        if let Some((poll, _)) = self.polling.take() {
            poll.abort();
            if let Ok(Ok(items)) = poll.await {
                self.buffer.add(items, Timestamp(0), Duration::ZERO);
            }
        }
        let mut left = self.buffer.empty();
        left.extend(self.parked.drain(..).flat_map(|parked| parked.items));
        self.give_back(left).await;
    }

    async fn give_back(&self, items: Vec<Item>) {
        let handles: Vec<_> = items.into_iter().map(|item| item.handle).collect();
        if !handles.is_empty()
            && let Err(error) = self.source.give_back(handles).await
        {
            tracing::warn!(mapping = %self.row.uuid, %error, "records could not be given back; they come back by themselves");
        }
    }

    async fn work(&mut self) -> Result<WorkerState, WorkerError> {
        let mut worked = false;
        for happened in std::mem::take(&mut self.happened) {
            self.take(happened).await;
            worked = true;
        }
        loop {
            self.change();
            if !self.row.state.runs() {
                self.rest().await;
                if self.running.is_empty() {
                    if self.row.state == State::Deleting {
                        self.mappings.remove(&self.row).await?;
                        return Ok(WorkerState::Done);
                    }
                    self.mappings.settle(&self.row).await?;
                    return Ok(WorkerState::Idle { until: None });
                }
            } else if self.row.state.settles().is_some() {
                self.mappings.settle(&self.row).await?;
                worked = true;
                continue;
            }
            if self.polling.as_ref().is_some_and(|(poll, _)| poll.is_finished())
                && let Some((poll, asked)) = self.polling.take()
            {
                let read = poll.await;
                self.read(read, asked).await;
                worked = true;
            }
            let now = self.mappings.clock.now();
            if self.row.state.runs() {
                self.start_batches(now);
                self.poll(now).await;
            }
            let due = self.due();
            if self.running.is_empty() {
                // Who was just served is answered in a moment.
                let polling = self.polling.as_mut().map(|(poll, asked)| (poll, *asked));
                if let Some((poll, asked)) = polling
                    && let Ok(read) = tokio::time::timeout(ABOUT_TO_COME, poll).await
                {
                    self.polling = None;
                    self.read(read, asked).await;
                    worked = true;
                    continue;
                }
                return Ok(if worked { WorkerState::Busy } else { WorkerState::Idle { until: due } });
            }
            let patience = PATIENCE.saturating_sub(self.progress.elapsed());
            let clock = Arc::clone(&self.mappings.clock);
            let asleep = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                happened = happening(&mut self.polling, &mut self.running, &mut self.changes) => {
                    self.take(happened).await;
                    worked = true;
                }
                () = asleep => {}
                // Functions that run long do not hold up a clock that is moved: they may be waiting for it.
                () = tokio::time::sleep(patience) => return Ok(WorkerState::Idle { until: due }),
            }
        }
    }

    /// When something is to be done by the clock.
    fn due(&self) -> Option<Timestamp> {
        let parked = self.parked.iter().map(|parked| parked.due);
        let waits = self.polling.is_none() && self.row.state.runs() && self.free() > 0;
        let waits = waits.then_some(self.paused).filter(|paused| *paused > self.mappings.clock.now());
        let buffered = self.buffer.due().filter(|_| self.free() > 0);
        parked.chain(waits).chain(buffered).min()
    }

    async fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Read(read, asked) => {
                self.polling = None;
                self.read(read, asked).await;
            }
            Happened::Ran(ran) => self.ran(ran),
            Happened::Changed => {}
        }
    }
}

/// What a poller waits for.
enum Happened {
    Read(Read, Asked),
    Ran(Result<(Ran, u32), JoinError>),
    Changed,
}

/// Waits for whatever happens first. Dropped, it loses nothing.
async fn happening(
    polling: &mut Option<Polling>,
    running: &mut JoinSet<(Ran, u32)>,
    changes: &mut watch::Receiver<Arc<MappingRow>>,
) -> Happened {
    let read = async {
        match polling {
            Some((poll, asked)) => (poll.await, *asked),
            None => std::future::pending().await,
        }
    };
    let changed = async {
        // `wait_for` would mark the change as seen.
        while !changes.has_changed().unwrap_or(false) {
            let mut changes = changes.clone();
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        (read, asked) = read => Happened::Read(read, asked),
        Some(ran) = running.join_next() => Happened::Ran(ran),
        () = changed => Happened::Changed,
    }
}

/// Batches under way at first, and when there is no backlog.
fn least(row: &MappingRow) -> usize {
    let provisioned = row.provisioned.and_then(|(least, _)| usize::try_from(least?).ok());
    provisioned.map_or(POLLERS, |least| least * PER_PROVISIONED_POLLER).min(most(row))
}

/// Batches under way at most.
fn most(row: &MappingRow) -> usize {
    let provisioned = row.provisioned.and_then(|(_, most)| usize::try_from(most?).ok());
    let concurrency = row.maximum_concurrency.and_then(|most| usize::try_from(most).ok());
    concurrency.or(provisioned.map(|most| most * PER_PROVISIONED_POLLER)).unwrap_or(MOST_POLLERS)
}

fn read_filter(row: &MappingRow) -> Filter {
    Filter::read(&row.filters).unwrap_or_else(|error| {
        // It was checked when it was set.
        tracing::error!(mapping = %row.uuid, %error, "a stored filter cannot be read; nothing is filtered");
        Filter::default()
    })
}

impl Worker for Poller {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(self.work())
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let happened = happening(&mut self.polling, &mut self.running, &mut self.changes).await;
            if matches!(happened, Happened::Read(..)) {
                self.polling = None;
            }
            self.happened.push(happened);
        })
    }

    fn info(&self) -> String {
        match self.running.len() {
            0 => self.row.state.as_str().to_lowercase(),
            running => format!("{running} batches under way"),
        }
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.rest().await;
            // What runs may come to its end, so that it need not run again.
            while self.running.join_next().await.is_some() {}
        })
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        if let Some((poll, _)) = &self.polling {
            poll.abort();
        }
    }
}
