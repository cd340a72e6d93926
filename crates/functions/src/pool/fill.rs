//! Provisioned environments: kept initialised, replaced when they end.

use std::{sync::Arc, time::Duration};

use super::{Pool, run::announce};
use crate::{
    Revision,
    capture::Phase,
    environment::{NotStarted, Reason, Start, prepare, start},
    limits::{INIT_PROVISIONED, PROVISION_PAUSE},
};

impl Pool {
    /// See [`crate::Functions::provision`].
    pub(crate) fn provision(self: &Arc<Self>, revision: &Arc<Revision>, count: u32) {
        let surplus = {
            let mut state = self.lock();
            let group = state.group(revision);
            group.retired = group.retired && count == 0;
            group.wanted = count;
            group.failure = None;
            let mut surplus = Vec::new();
            while group.ready > count {
                let Some(at) = group.idle.iter().position(|idle| idle.resident.environment.provisioned)
                else {
                    break;
                };
                surplus.push(group.idle.remove(at).resident);
                group.ready -= 1;
            }
            state.tidy(&revision.id);
            surplus
        };
        for resident in surplus {
            self.end(resident, Reason::Spindown);
        }
        self.fill(revision);
    }

    /// A provisioned environment has ended by itself: another one takes its place.
    pub(super) fn refill(self: &Arc<Self>, revision: &Arc<Revision>) {
        let mut state = self.lock();
        // A strong one must not be let go of while the lock is held: it may be the last.
        let live: Vec<_> = state.live.values().filter_map(std::sync::Weak::upgrade).collect();
        let own = |one: &&Arc<super::Resident>| {
            one.environment.provisioned && one.environment.revision.id == revision.id
        };
        let ready = u32::try_from(live.iter().filter(own).count()).unwrap_or(u32::MAX);
        if let Some(group) = state.groups.get_mut(&revision.id) {
            group.ready = ready;
        }
        drop(state);
        drop(live);
        self.fill(revision);
    }

    fn fill(self: &Arc<Self>, revision: &Arc<Revision>) {
        {
            let mut state = self.lock();
            let stopping = state.stopping;
            let Some(group) = state.groups.get_mut(&revision.id) else { return };
            if stopping || group.filling || group.ready >= group.wanted {
                return;
            }
            group.filling = true;
        }
        let (pool, revision) = (Arc::clone(self), Arc::clone(revision));
        tokio::spawn(async move {
            let mut pause = Duration::from_secs(1);
            while pool.wants_more(&revision) {
                match pool.start_provisioned(&revision).await {
                    Ok(()) => pause = Duration::from_secs(1),
                    Err(why) => {
                        pool.lock().group(&revision).failure = Some(why);
                        let clock = &pool.host.settings.clock;
                        clock.sleep_until(clock.now().after(pause)).await;
                        pause = (pause * 2).min(PROVISION_PAUSE);
                    }
                }
            }
        });
    }

    /// Whether there are fewer than wanted; when not, nobody fills any more.
    fn wants_more(&self, revision: &Arc<Revision>) -> bool {
        let mut state = self.lock();
        let stopping = state.stopping;
        let group = state.group(revision);
        let more = !stopping && group.ready < group.wanted;
        if !more {
            group.filling = false;
            state.tidy(&revision.id);
        }
        more
    }

    async fn start_provisioned(self: &Arc<Self>, revision: &Arc<Revision>) -> Result<(), String> {
        let _permit = self.starting.acquire().await.map_err(|error| error.to_string())?;
        let seat = self.seats.take(revision.memory_mb).ok_or("There is no place for another environment.")?;
        let seen = self.fingerprint(revision).await;
        let prepared = prepare(&self.host.settings, revision, seen).await.map_err(|why| why.to_string())?;
        let prepared = Arc::new(prepared);
        let log = self.open_log(revision, true);
        announce(&log, Phase::Init, revision, &prepared);
        let wanted = Start {
            revision,
            prepared: &prepared,
            log: &log,
            phase: Phase::Init,
            limit: INIT_PROVISIONED.max(revision.timeout),
            provisioned: true,
        };
        match start(&self.host, wanted, None).await {
            Ok(environment) => {
                let resident = self.settle(environment, seat);
                let mut state = self.lock();
                let group = state.group(revision);
                group.ready += 1;
                group.failure = None;
                drop(state);
                log.flush();
                self.keep(resident);
                Ok(())
            }
            Err(NotStarted::Unavailable(why)) => Err(why.to_string()),
            Err(NotStarted::Failed(failure, _)) => Err(failure.error_type()),
        }
    }
}
