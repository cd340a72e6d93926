//! Which environments there are: found, started, kept, replaced and ended here. Their number, their memory and how many
//! start at once are bounded; who finds none free waits, and not for ever.

mod fill;
mod group;
mod run;
mod seats;
mod warmth;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, timeout_at},
};

use crate::{
    Provisioned, Revision, Settings, Unavailable,
    environment::{Environment, Host, Reason},
};

use group::{Group, Idle};
use seats::{Permit, Seat, Seats};
use warmth::Warmth;

/// Every environment there is.
pub(crate) struct Pool {
    host: Host,
    state: Mutex<State>,
    seats: Arc<Seats>,
    starting: Arc<Semaphore>,
    /// An environment has come free, or a place for one.
    freed: Arc<Notify>,
    warmth: Warmth,
}

#[derive(Default)]
struct State {
    /// By revision. An invocation asks four times: comparing a few random names is quicker than hashing one.
    groups: BTreeMap<Arc<str>, Group>,
    /// All that run, to be killed at the end.
    live: HashMap<u64, Weak<Resident>>,
    stopping: bool,
}

/// An environment and the place it takes.
pub(crate) struct Resident {
    pub(crate) environment: Arc<Environment>,
    _seat: Seat,
}

/// What an invocation got.
enum Claim {
    /// An environment that was idle.
    Ready(Arc<Resident>),
    /// A place for a new one, and leave to start it now.
    Place(Seat, Permit),
}

impl Pool {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let limits = settings.limits.clone();
        let freed = Arc::new(Notify::new());
        let pool = Arc::new(Self {
            host: Host::new(settings),
            state: Mutex::new(State::default()),
            seats: Seats::new(limits.environments, limits.memory_mb, Arc::clone(&freed)),
            starting: Arc::new(Semaphore::new(limits.starting.max(1))),
            freed,
            warmth: Warmth::default(),
        });
        tokio::spawn(reap(Arc::downgrade(&pool), limits.idle));
        pool
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle environment of the revision or a place for a new one; the revision counts one busy more then.
    async fn claim(
        self: &Arc<Self>,
        revision: &Arc<Revision>,
        fingerprint: Option<u64>,
    ) -> Result<Claim, Unavailable> {
        let end = Instant::now() + self.host.settings.limits.waiting;
        loop {
            let freed = self.freed.notified();
            let mut freed = std::pin::pin!(freed);
            freed.as_mut().enable();
            let (mut unfit, mut victim, mut full) = (Vec::new(), None, false);
            let claimed = {
                let mut state = self.lock();
                if state.stopping {
                    return Err(Unavailable::Stopping);
                }
                let now = self.host.settings.clock.now();
                let group = state.group(revision);
                let mut found = None;
                while let Some(idle) = group.idle.pop() {
                    if idle.resident.environment.is_fit(now, fingerprint) {
                        found = Some(Claim::Ready(idle.resident));
                        break;
                    }
                    unfit.push(idle.resident);
                }
                // Where as many start as may, one that comes free is likely to be faster.
                if found.is_none() && self.starting.available_permits() > 0 {
                    if let Some(seat) = self.seats.take(revision.memory_mb) {
                        // Where somebody else got the permit in between the place is given back, and we look again.
                        found = Permit::take(&self.starting, &self.freed)
                            .map(|permit| Claim::Place(seat, permit));
                    } else {
                        victim = state.oldest_idle();
                        full = true;
                    }
                }
                if found.is_some() {
                    state.group(revision).busy += 1;
                }
                found
            };
            for resident in unfit {
                self.end(resident, Reason::Spindown);
            }
            if let Some(claimed) = claimed {
                return Ok(claimed);
            }
            // No place: what is pre-warmed goes first, then the environment that has been idle longest.
            if full && !self.warmth.give_up_one() {
                if let Some(victim) = victim {
                    self.end(victim, Reason::Spindown);
                }
            } else if let Some(victim) = victim {
                self.keep(victim);
            }
            timeout_at(end, freed).await.map_err(|_| Unavailable::Exhausted)?;
        }
    }

    /// Ends an environment, in the background.
    fn end(self: &Arc<Self>, resident: Arc<Resident>, reason: Reason) {
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            resident.environment.end(reason, &pool.host.settings.limits).await;
            pool.lock().live.remove(&resident.environment.id);
            if resident.environment.provisioned {
                pool.refill(&resident.environment.revision);
            }
        });
    }

    /// Puts an environment that is not busy among the idle ones, or ends it when it is not wanted any more.
    fn keep(self: &Arc<Self>, resident: Arc<Resident>) {
        // Before anybody can find it.
        resident.environment.rest();
        let unwanted = {
            let mut state = self.lock();
            let stopping = state.stopping;
            let group = state.group(&resident.environment.revision);
            if stopping || group.retired {
                Some(resident)
            } else {
                group.idle.push(Idle { resident, since: self.host.settings.clock.now() });
                None
            }
        };
        if let Some(resident) = unwanted {
            self.end(resident, Reason::Spindown);
        }
        self.freed.notify_waiters();
    }

    /// One invocation of the revision less.
    fn unbusy(&self, revision: &Arc<Revision>) {
        let mut state = self.lock();
        state.group(revision).busy -= 1;
        state.tidy(&revision.id);
        drop(state);
        self.freed.notify_waiters();
    }

    /// See [`crate::Functions::retire`].
    pub(crate) fn retire(self: &Arc<Self>, revision_id: &str) {
        let idle = {
            let mut state = self.lock();
            let Some(group) = state.groups.get_mut(revision_id) else { return };
            group.retired = true;
            group.wanted = 0;
            let idle = std::mem::take(&mut group.idle);
            state.tidy(revision_id);
            idle
        };
        for idle in idle {
            self.end(idle.resident, Reason::Spindown);
        }
    }

    /// See [`crate::Functions::busy`].
    pub(crate) fn busy(&self, revision_id: &str) -> usize {
        self.lock().groups.get(revision_id).map_or(0, |group| group.busy)
    }

    /// See [`crate::Functions::provisioned`].
    pub(crate) fn provisioned(&self, revision_id: &str) -> Provisioned {
        let state = self.lock();
        let Some(group) = state.groups.get(revision_id) else { return Provisioned::default() };
        Provisioned { wanted: group.wanted, ready: group.ready, failure: group.failure.clone() }
    }

    /// How many environments there are, pre-warmed ones included.
    pub(crate) fn environments(&self) -> usize {
        self.seats.taken()
    }

    /// How many pre-warmed processes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.warmth.waiting()
    }

    /// See [`crate::Functions::stop`].
    pub(crate) async fn stop(self: &Arc<Self>, grace: Duration) {
        let idle: Vec<Idle> = {
            let mut state = self.lock();
            state.stopping = true;
            state.groups.values_mut().flat_map(|group| std::mem::take(&mut group.idle)).collect()
        };
        self.freed.notify_waiters();
        for idle in idle {
            self.end(idle.resident, Reason::Spindown);
        }
        self.warmth.give_up_all();
        self.wait_until(Instant::now() + grace, |pool| {
            pool.lock().groups.values().all(|group| group.busy == 0)
        })
        .await;
        let last = Instant::now() + self.host.settings.limits.shutdown_external + Duration::from_secs(3);
        // Places come free when nobody holds their environments any more: neither does this, while it waits.
        self.wait_until(last.min(Instant::now() + grace), |pool| pool.seats.taken() == 0).await;
        let live: Vec<Arc<Resident>> = self.lock().live.values().filter_map(Weak::upgrade).collect();
        if !live.is_empty() {
            tracing::warn!(environments = live.len(), "functions still run: they are killed");
        }
        for resident in live {
            resident.environment.kill().await;
        }
        self.wait_until(last, |pool| pool.seats.taken() == 0).await;
    }

    async fn wait_until(&self, end: Instant, over: impl Fn(&Self) -> bool) {
        loop {
            let freed = self.freed.notified();
            let mut freed = std::pin::pin!(freed);
            freed.as_mut().enable();
            if over(self) || timeout_at(end, freed).await.is_err() {
                return;
            }
        }
    }
}

impl State {
    fn group(&mut self, revision: &Arc<Revision>) -> &mut Group {
        self.groups.entry(Arc::clone(&revision.id)).or_default()
    }

    /// Forgets a revision that has nothing any more.
    fn tidy(&mut self, revision_id: &str) {
        if self.groups.get(revision_id).is_some_and(Group::is_empty) {
            self.groups.remove(revision_id);
        }
    }

    /// Takes out the environment that has been idle longest; provisioned ones stay.
    fn oldest_idle(&mut self) -> Option<Arc<Resident>> {
        let group = self
            .groups
            .values_mut()
            .filter(|group| group.oldest().is_some())
            .min_by_key(|group| group.oldest())?;
        group.take_oldest()
    }
}

/// Ends what has been idle for too long. Ends with the pool.
async fn reap(pool: Weak<Pool>, after: Duration) {
    loop {
        let Some(strong) = pool.upgrade() else { return };
        let clock = Arc::clone(&strong.host.settings.clock);
        let now = clock.now();
        let (expired, next) = {
            let mut state = strong.lock();
            let mut expired = Vec::new();
            let mut next = now.after(after);
            let mut empty = Vec::new();
            for (id, group) in &mut state.groups {
                while let Some(since) = group.oldest() {
                    if since.after(after) > now {
                        next = next.min(since.after(after));
                        break;
                    }
                    expired.extend(group.take_oldest());
                }
                if group.is_empty() {
                    empty.push(Arc::clone(id));
                }
            }
            for id in empty {
                state.groups.remove(&id);
            }
            (expired, next)
        };
        for resident in expired {
            strong.end(resident, Reason::Spindown);
        }
        strong.warmth.give_up_older(now, after);
        drop(strong);
        clock.sleep_until(next).await;
    }
}
