//! All connections of a listener, and the watch over them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::watch, time::MissedTickBehavior};

use super::{
    Limits,
    pulse::{Diagnosis, Order, Pulse, Watch},
};

/// Connections by number. Locked when one comes or goes, and for each look at all of them.
#[derive(Default)]
pub(super) struct Roster(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    next: u64,
    stopping: bool,
    open: HashMap<u64, (Arc<Pulse>, Watch)>,
}

impl Roster {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection; it is watched until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Entered {
        let pulse = Arc::new(Pulse::default());
        let mut entries = self.entries();
        if entries.stopping {
            pulse.tell(Order::Finish);
        }
        let number = entries.next;
        entries.next += 1;
        entries.open.insert(number, (Arc::clone(&pulse), Watch::new()));
        drop(entries);
        Entered { roster: Arc::clone(self), number, pulse }
    }

    /// Looks at every connection, again and again; tells all to finish once `stop` is true. Never ends.
    pub(super) async fn watch(&self, limits: &Limits, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(Watch::period(limits));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopping = self.entries().stopping;
            tokio::select! {
                // An error means that nobody is left to stop us: that is a reason to stop.
                _ = stop.wait_for(|stop| *stop), if !stopping => self.finish(),
                _ = ticks.tick() => self.look(limits),
            }
        }
    }

    fn finish(&self) {
        let mut entries = self.entries();
        entries.stopping = true;
        for (pulse, _) in entries.open.values() {
            pulse.tell(Order::Finish);
        }
    }

    fn look(&self, limits: &Limits) {
        for (pulse, watch) in self.entries().open.values_mut() {
            match watch.look(pulse, limits) {
                Diagnosis::Alive => {}
                Diagnosis::Idle => pulse.tell(Order::Finish),
                Diagnosis::Dead(why) => {
                    tracing::debug!(why, "connection dropped");
                    pulse.tell(Order::Drop);
                }
            }
        }
    }
}

/// A connection's place in the roster.
pub(super) struct Entered {
    roster: Arc<Roster>,
    number: u64,
    pub(super) pulse: Arc<Pulse>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.roster.entries().open.remove(&self.number);
    }
}
