//! One timer per queue, only while someone waits: it wakes those who can be served when a delay or a visibility timeout
//! passes.

use std::sync::Arc;

use moln_kernel::Timestamp;

use super::{Core, Queue};

impl Queue {
    /// Starts the timer unless it runs.
    pub(crate) fn start_timer(self: &Arc<Self>, core: &Arc<Core>) {
        {
            let mut inner = self.lock();
            if inner.timer.is_some() {
                return;
            }
            inner.timer = Some(None);
        }
        let (queue, core) = (Arc::clone(self), Arc::clone(core));
        tokio::spawn(async move {
            while let Some(due) = queue.arm(&core) {
                let rearmed = queue.rearm.notified();
                match due {
                    Some(due) => tokio::select! {
                        () = core.clock.sleep_until(Timestamp(due)) => {}
                        () = rearmed => {}
                    },
                    None => rearmed.await,
                }
            }
        });
    }

    /// Makes visible what is due, wakes, and tells the next moment; `None`: nobody waits, the timer ends.
    fn arm(self: &Arc<Self>, core: &Arc<Core>) -> Option<Option<u64>> {
        let mut inner = self.lock();
        if inner.waiters.is_empty() || inner.deleted {
            inner.timer = None;
            return None;
        }
        let due = inner.live.as_mut().and_then(|live| {
            live.state.advance(core.clock.now().millis());
            live.state.next_due()
        });
        inner.timer = Some(due);
        self.after(core, inner);
        Some(due)
    }
}
