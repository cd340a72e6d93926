//! How many bytes of bodies queues keep in memory: each a bounded number, and all of them together, too.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::limits::{ALL_WINDOW_BYTES, WINDOW_BYTES, WINDOW_FLOOR_BYTES};

/// What all queues share.
#[derive(Debug)]
pub struct Pool {
    used: AtomicUsize,
    most: usize,
}

impl Pool {
    /// Room for about this many bytes: a queue that finds some may go over it by one row.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), most })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// A queue's part of the pool; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    pool: Arc<Pool>,
    bytes: usize,
}

impl Default for Share {
    fn default() -> Self {
        Self::of(&Pool::new(ALL_WINDOW_BYTES))
    }
}

impl Share {
    /// A queue's part, nothing so far.
    pub fn of(pool: &Arc<Pool>) -> Self {
        Self { pool: Arc::clone(pool), bytes: 0 }
    }

    /// The same for another state of the queue, empty.
    pub fn anew(&self) -> Self {
        Self::of(&self.pool)
    }

    /// Bytes of this queue.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a row may be kept. A few bytes always may, so that a queue goes on when others use the pool up.
    pub fn has_room(&self, row: usize) -> bool {
        (self.bytes < WINDOW_BYTES && self.pool.used() < self.pool.most)
            || self.bytes.saturating_add(row) < WINDOW_FLOOR_BYTES
    }

    /// A row is kept.
    pub fn take(&mut self, row: usize) {
        self.bytes += row;
        self.pool.used.fetch_add(row, Ordering::Relaxed);
    }

    /// A row is kept no longer.
    pub fn give(&mut self, row: usize) {
        self.bytes -= row;
        self.pool.used.fetch_sub(row, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
