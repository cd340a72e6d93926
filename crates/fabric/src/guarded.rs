//! Runs somebody else's code without letting it take the worker down or hold it up.

use std::{
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
    time::Duration,
};

use moln_kernel::clock::BoxFuture;

/// Why it gave no answer.
#[derive(Debug)]
pub(crate) enum Gone {
    Panicked(String),
    TimedOut(Duration),
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(why) => write!(f, "panicked: {why}"),
            Self::TimedOut(limit) => write!(f, "no answer within {} s", limit.as_secs_f32()),
        }
    }
}

/// Waits for at most `limit` of real time; a panic becomes an error. Whatever the future had in hand is dropped.
pub(crate) async fn guarded<T>(mut work: BoxFuture<'_, T>, limit: Duration) -> Result<T, Gone> {
    let caught = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Err(panic) => Poll::Ready(Err(Gone::Panicked(crate::worker::panic_text(&*panic).to_owned()))),
    });
    tokio::time::timeout(limit, caught).await.unwrap_or(Err(Gone::TimedOut(limit)))
}
