//! Whether everyone who waits has been served who can be: the clock is moved on only then.

use std::sync::Arc;

use moln_kernel::ApiError;

use super::{Core, Queue};

/// How things stand with those who wait at a queue.
enum Standing {
    /// Nobody can be served.
    Calm,
    /// Some were woken, and are not answered yet.
    Undecided,
    /// The messages have to be read from the store first.
    Starved,
    Unread,
}

impl Queue {
    /// Serves those who wait as far as that is possible now, and resolves when they are answered. Whether there were any.
    pub(crate) async fn serve_waiting(self: &Arc<Self>, core: &Arc<Core>) -> Result<bool, ApiError> {
        let mut served = false;
        loop {
            let mut decided = std::pin::pin!(self.decided.notified());
            decided.as_mut().enable();
            match self.stand(core) {
                Standing::Calm => return Ok(served),
                Standing::Undecided => decided.await,
                Standing::Starved => self.refill(core).await?,
                Standing::Unread => self.activate(core).await?,
            }
            served = true;
        }
    }

    fn stand(&self, core: &Core) -> Standing {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let now = core.clock.now().millis();
        inner.waiters.wake_due(now);
        if let Some(live) = &mut inner.live
            && !inner.waiters.is_empty()
        {
            live.state.advance(now);
            inner.waiters.wake(live.state.ready());
        }
        if !inner.waiters.is_decided() {
            return Standing::Undecided;
        }
        if inner.waiters.is_empty() || inner.deleted {
            return Standing::Calm;
        }
        match &inner.live {
            None => Standing::Unread,
            Some(live) if live.state.gap().is_some() => Standing::Starved,
            Some(_) => Standing::Calm,
        }
    }
}
