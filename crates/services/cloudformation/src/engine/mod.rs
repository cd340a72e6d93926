//! The engine: carries operations out, and goes on with those that a restart has cut off.
//!
//! Every operation under way is a task; one worker starts them and waits for them, so that the clock that is moved waits,
//! too. A task that only waits (for a custom resource's answer, for a nested stack) is parked: it is no work under way, and
//! the moment at which it gives up is told to the worker.

mod finish;
mod making;
mod removing;
mod run;
mod scope;
mod undoing;
mod walk;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use moln_fabric::{WorkerError, WorkerState};
use moln_kernel::{Timestamp, clock::BoxFuture};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{Stacks, tables::RUNNING};

pub(crate) use finish::{operation, user_of};
pub(crate) use making::{tagged, unknown_properties};
pub(crate) use run::{Run, Waited, prepared};
pub(crate) use scope::Scope;

/// What the engine has under way.
#[derive(Default)]
pub(crate) struct Pulse {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// Operations to be started: account, region, uid.
    waiting: Vec<[String; 3]>,
    /// Stacks with a task, by uid.
    running: BTreeMap<String, Task>,
    /// What parked steps wait for.
    parked: BTreeMap<String, Waiting>,
}

#[derive(Default)]
struct Task {
    /// Steps under way.
    steps: usize,
    /// Tells it to stop.
    stopping: watch::Sender<bool>,
}

struct Waiting {
    uid: String,
    /// When it gives up; the beginning of time once it has come.
    until: Timestamp,
    notify: Arc<Notify>,
}

impl State {
    /// Whether something is at work: a task with no step, or with one that is not parked.
    fn is_busy(&self, now: Timestamp) -> bool {
        self.running.iter().any(|(uid, task)| {
            let parked = self.parked.values().filter(|one| one.uid == *uid && one.until > now).count();
            task.steps == 0 || parked < task.steps
        })
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.parked.values().map(|one| one.until).filter(|until| *until < NEVER).min()
    }
}

/// Far away.
pub(crate) const NEVER: Timestamp = Timestamp(u64::MAX);

impl Pulse {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        result
    }

    /// An operation was written: it is to be carried out.
    pub(crate) fn begin(&self, account: &str, region: &str, uid: &str) {
        self.change(|state| state.waiting.push([account.to_owned(), region.to_owned(), uid.to_owned()]));
    }

    /// What somebody may be parked for has come.
    pub(crate) fn arrived(&self, what: &str) {
        self.change(|state| {
            if let Some(one) = state.parked.get_mut(what) {
                one.until = Timestamp(0);
                one.notify.notify_one();
            }
        });
    }

    /// A stack has so many steps under way.
    pub(crate) fn steps(&self, uid: &str, steps: usize) {
        self.change(|state| {
            if let Some(task) = state.running.get_mut(uid) {
                task.steps = steps;
            }
        });
    }

    /// What tells a stack's task to stop, for a new phase.
    pub(crate) fn stopping(&self, uid: &str, at_once: bool) -> watch::Sender<bool> {
        let stopping = watch::Sender::new(at_once);
        if let Some(task) = self.state().running.get_mut(uid) {
            task.stopping = stopping.clone();
        }
        stopping
    }

    /// The caller wishes a stack's operation to stop.
    pub(crate) fn cancel(&self, uid: &str) {
        if let Some(task) = self.state().running.get(uid) {
            task.stopping.send_replace(true);
        }
    }

    /// Marks a stack's step as waiting for something, until it is dropped.
    pub(crate) fn park(&self, uid: &str, what: &str, until: Option<Timestamp>) -> Parked<'_> {
        let notify = Arc::new(Notify::new());
        let until = until.unwrap_or(NEVER);
        let one = Waiting { uid: uid.to_owned(), until, notify: Arc::clone(&notify) };
        self.change(|state| state.parked.insert(what.to_owned(), one));
        Parked { pulse: self, what: what.to_owned(), notify }
    }
}

/// A task that waits.
pub(crate) struct Parked<'p> {
    pulse: &'p Pulse,
    what: String,
    notify: Arc<Notify>,
}

impl Parked<'_> {
    /// Resolves when it has come.
    pub(crate) async fn arrived(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.pulse.change(|state| state.parked.remove(&self.what));
    }
}

/// The one worker.
pub(crate) struct Worker {
    service: Arc<Stacks>,
    tasks: JoinSet<Result<(), WorkerError>>,
    changed: watch::Receiver<u64>,
    started: bool,
}

/// Says that a task has ended, however it did.
struct Ended(Arc<Stacks>, String);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.pulse.change(|state| state.running.remove(&self.1));
    }
}

impl Worker {
    pub(crate) fn new(service: Arc<Stacks>) -> Self {
        let changed = service.pulse.changed.subscribe();
        Self { service, tasks: JoinSet::new(), changed, started: false }
    }

    /// Starts what waits, and answers whether something is at work.
    fn start_waiting(&mut self) -> bool {
        let mut state = self.service.pulse.state();
        let mut later = Vec::new();
        for place in std::mem::take(&mut state.waiting) {
            let [account, region, uid] = place.clone();
            if state.running.contains_key(&uid) {
                // The task of the operation before is just ending.
                later.push(place);
                continue;
            }
            state.running.insert(uid.clone(), Task::default());
            let service = Arc::clone(&self.service);
            self.tasks.spawn(async move {
                let ended = Ended(Arc::clone(&service), uid.clone());
                let result = run::drive(&service, &account, &region, &uid).await;
                drop(ended);
                result.map_err(|error| Box::new(error) as WorkerError)
            });
        }
        let waits = !later.is_empty();
        state.waiting = later;
        waits || state.is_busy(self.service.clock.now())
    }
}

impl moln_fabric::Worker for Worker {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            if !self.started {
                self.started = true;
                let running = RUNNING.named(&*self.service.store.snapshot(), &[])?;
                for (uid, (account, region)) in running {
                    self.service.pulse.begin(&account, &region, &uid);
                }
            }
            loop {
                self.changed.mark_unchanged();
                while let Some(ended) = self.tasks.try_join_next() {
                    // A task that failed is started anew with this worker.
                    ended.map_err(|error| Box::new(error) as WorkerError)??;
                }
                if !self.start_waiting() {
                    return Ok(WorkerState::Idle { until: self.service.pulse.state().next_due() });
                }
                // The sender lives as long as the service.
                let _ = self.changed.changed().await;
            }
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.changed.changed().await;
        })
    }

    fn info(&self) -> String {
        match self.service.pulse.state().running.len() {
            0 => String::new(),
            1 => "1 stack is being changed".to_owned(),
            n => format!("{n} stacks are being changed"),
        }
    }
}
