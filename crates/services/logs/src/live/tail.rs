//! Live tails: who listens to groups while events come in. Nothing is kept for a listener that is slow beyond a bounded
//! number of batches; it is told that what it sees is sampled.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Group;

/// Batches that wait for one listener.
const WAITING: usize = 256;

/// Events as they came in.
#[derive(Clone)]
pub(crate) struct TailBatch {
    pub(crate) group: Arc<Group>,
    pub(crate) stream: Arc<str>,
    pub(crate) ingested: u64,
    pub(crate) events: Vec<(u64, Bytes)>,
}

struct Listener {
    groups: Vec<u64>,
    to: mpsc::Sender<Arc<TailBatch>>,
}

/// Who listens.
#[derive(Default)]
pub(crate) struct Tails {
    listeners: Mutex<HashMap<u64, Listener>>,
}

impl Tails {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Listener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to listen; `None` when `most` do already.
    pub(crate) fn listen(&self, groups: Vec<u64>, most: usize) -> Option<mpsc::Receiver<Arc<TailBatch>>> {
        let (to, from) = mpsc::channel(WAITING);
        let mut listeners = self.lock();
        listeners.retain(|_, listener| !listener.to.is_closed());
        if listeners.len() >= most {
            return None;
        }
        let id = listeners.keys().max().map_or(0, |id| id + 1);
        listeners.insert(id, Listener { groups, to });
        Some(from)
    }

    /// Whether anybody listens to a group.
    pub(crate) fn listened(&self, group: u64) -> bool {
        self.lock().values().any(|listener| listener.groups.contains(&group))
    }

    /// Ends all live tails: the server stops.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    /// Hands events to those who listen.
    pub(crate) fn send(&self, batch: TailBatch) {
        let batch = Arc::new(batch);
        let mut listeners = self.lock();
        listeners.retain(|_, listener| !listener.to.is_closed());
        for listener in listeners.values().filter(|l| l.groups.contains(&batch.group.id)) {
            // A full queue drops the batch: a live tail shows a sample of what it cannot keep up with.
            let _ = listener.to.try_send(Arc::clone(&batch));
        }
    }
}
