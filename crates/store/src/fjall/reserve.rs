//! Numbers that never come twice, over restarts too: versions and stamps are handed out of blocks whose ends are on disk.

use std::sync::{
    Condvar, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{StoreError, Version, limits::RESERVED};

/// Numbers reserved at once.
pub(crate) const BLOCK: u64 = 1 << 20;

/// What is on disk: no version or stamp above was ever handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) versions: Version,
    pub(crate) stamps: u64,
}

impl Reserved {
    /// Key of the row.
    pub(crate) fn key() -> Bytes {
        let mut key = BytesMut::from(RESERVED);
        key.put_slice(b"reserved");
        key.freeze()
    }
    /// Value of the row.
    pub(crate) fn encode(self) -> Bytes {
        let mut val = BytesMut::with_capacity(16);
        val.put_u64(self.versions);
        val.put_u64(self.stamps);
        val.freeze()
    }
    /// Reads the row.
    pub(crate) fn decode(mut val: Bytes) -> Result<Self, StoreError> {
        let corrupt = |_| StoreError::Corrupt("the row of reserved numbers cannot be read".into());
        let versions = val.try_get_u64().map_err(corrupt)?;
        let stamps = val.try_get_u64().map_err(corrupt)?;
        Ok(Self { versions, stamps })
    }
}

/// Hands out stamps; the sequencer extends the block when half of it is used up.
pub(crate) struct Stamps {
    last: AtomicU64,
    /// Up to here they may be handed out.
    end: AtomicU64,
    /// More were asked for.
    wanted: AtomicBool,
    /// Nobody extends the block any more, and nobody can store a stamp either.
    closed: AtomicBool,
    extended: (Mutex<()>, Condvar),
}

impl Stamps {
    /// Hands out what lies above `last`, up to `end`.
    pub(crate) fn new(last: u64, end: u64) -> Self {
        Self {
            last: last.into(),
            end: end.into(),
            wanted: false.into(),
            closed: false.into(),
            extended: <_>::default(),
        }
    }

    /// The next stamp. Calls `ask` when the block should be extended. Waits only if half a block was used up within the
    /// time of one commit.
    pub(crate) fn next(&self, ask: impl Fn()) -> u64 {
        let stamp = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let end = self.end.load(Ordering::Acquire);
        if end.saturating_sub(stamp) < BLOCK / 2 && !self.wanted.swap(true, Ordering::AcqRel) {
            ask();
        }
        if stamp > end {
            let mut guard = self.extended.0.lock().unwrap_or_else(PoisonError::into_inner);
            while stamp > self.end.load(Ordering::Acquire) && !self.closed.load(Ordering::Acquire) {
                guard = self.extended.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
        }
        stamp
    }

    /// The end of the block to reserve, if more is wanted.
    pub(crate) fn wanted(&self) -> Option<u64> {
        let wanted = self.wanted.load(Ordering::Acquire);
        wanted.then(|| self.last.load(Ordering::Relaxed).max(self.end.load(Ordering::Relaxed)) + BLOCK)
    }

    /// The block is on disk up to `end`.
    pub(crate) fn extend(&self, end: u64) {
        self.end.fetch_max(end, Ordering::AcqRel);
        self.wanted.store(false, Ordering::Release);
        self.wake();
    }

    /// No more will be reserved.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        let _guard = self.extended.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.extended.1.notify_all();
    }
}
