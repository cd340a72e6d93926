//! Processes of an environment, watched to their end.

use moln_sandbox::{Exit, Process};
use tokio::sync::mpsc;

/// A process that somebody watches.
pub(crate) struct Watched {
    signals: mpsc::UnboundedSender<i32>,
}

/// Watches; calls `ended` with how it ended, once.
pub(crate) fn watch(mut process: Process, ended: impl FnOnce(Exit) + Send + 'static) -> Watched {
    let (signals, mut wanted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let exit = loop {
            tokio::select! {
                exit = process.exited() => break exit,
                Some(signal) = wanted.recv() => process.signal(signal).await,
            }
        };
        ended(exit);
    });
    Watched { signals }
}

impl Watched {
    /// Sends a signal; nothing happens when it has ended.
    pub(crate) fn signal(&self, signal: i32) {
        let _ = self.signals.send(signal);
    }
}
