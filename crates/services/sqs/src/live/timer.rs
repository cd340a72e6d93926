//! One timer per queue, only while someone waits: it wakes those who can be served when a delay or a visibility timeout
//! passes.

use std::sync::Arc;

use moln_kernel::Timestamp;

use super::{Core, Queue, queue::NOTHING_DUE};

impl Queue {
    /// Starts the timer unless it runs.
    pub(crate) fn start_timer(self: &Arc<Self>, core: &Arc<Core>) {
        {
            let mut inner = self.lock();
            if inner.timer.is_some() {
                return;
            }
            inner.timer = Some(NOTHING_DUE);
        }
        let (queue, core) = (Arc::clone(self), Arc::clone(core));
        tokio::spawn(async move {
            while let Some(due) = queue.arm(&core) {
                let rearmed = queue.rearm.notified();
                tokio::select! {
                    () = core.clock.sleep_until(Timestamp(due)), if due < NOTHING_DUE => {}
                    () = rearmed => {}
                }
            }
        });
    }

    /// Makes visible what is due, wakes, and tells the next moment; `None`: nobody waits, the timer ends.
    fn arm(self: &Arc<Self>, core: &Arc<Core>) -> Option<u64> {
        let mut inner = self.lock();
        if inner.waiters.is_empty() || inner.deleted {
            inner.timer = None;
            return None;
        }
        let due = inner.live.as_mut().map_or(NOTHING_DUE, |live| {
            live.state.advance(core.clock.now().millis());
            live.state.next_due().unwrap_or(NOTHING_DUE)
        });
        inner.timer = Some(due);
        self.after(core, inner);
        Some(due)
    }
}
