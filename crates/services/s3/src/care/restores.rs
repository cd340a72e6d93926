//! Restored copies come and go by the clock: each such moment is a durable timer, which looks at the version again and
//! does nothing when another request has changed what is to happen.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use moln_fabric::{Timer, TimerHandler, Timers, WorkerError};
use moln_kernel::{ApiError, Timestamp, clock::BoxFuture};
use moln_store::Batch;

use super::{context, ignore_gone};
use crate::{
    Buckets,
    bucket::Bucket,
    errors,
    notification::Event,
    objects::{amend::Amendment, find},
    tables::object::{ObjectRow, RestoreRow},
};

/// The timers' kind.
pub(super) const KIND: &str = "s3/restore";

/// What comes to pass with a restored copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It is there.
    Ready,
    /// It goes.
    Expires,
}

impl Moment {
    fn of(self, restore: &RestoreRow) -> u64 {
        match self {
            Self::Ready => restore.ready,
            Self::Expires => restore.expires,
        }
    }

    /// Lets it come to pass, when the batch is committed.
    pub(crate) fn schedule(
        self,
        timers: &Timers,
        batch: &mut Batch,
        bucket: &Bucket,
        key: &str,
        stamp: u64,
        restore: &RestoreRow,
    ) -> Result<(), ApiError> {
        let due = self.of(restore);
        let id = [&stamp.to_be_bytes(), bucket.name.as_bytes(), &[0], key.as_bytes()].concat();
        let payload = [&[u8::from(self == Self::Expires)][..], &due.to_be_bytes()].concat();
        let scheduled = timers.schedule(batch, KIND, id, Timestamp(due), payload);
        scheduled.map(drop).map_err(|why| {
            tracing::error!(%why, "a restore cannot be scheduled");
            errors::internal()
        })
    }
}

/// What a timer says.
struct Said<'a> {
    bucket: &'a str,
    key: &'a str,
    stamp: u64,
    moment: Moment,
    due: u64,
}

impl<'a> Said<'a> {
    fn read(id: &'a Bytes, payload: &Bytes) -> Option<Self> {
        let (stamp, names) = id.split_first_chunk::<8>()?;
        let (bucket, key) = std::str::from_utf8(names).ok()?.split_once('\0')?;
        let (kind, due) = payload.split_first()?;
        let moment = if *kind == 0 { Moment::Ready } else { Moment::Expires };
        let due = u64::from_be_bytes(due.try_into().ok()?);
        Some(Self { bucket, key, stamp: u64::from_be_bytes(*stamp), moment, due })
    }
}

/// Carries the moments out.
pub(super) struct Restores(pub(super) Weak<Buckets>);

impl Restores {
    async fn carry_out(&self, buckets: &Buckets, said: &Said<'_>) -> Result<(), ApiError> {
        let Some(bucket) = buckets.find(said.bucket)? else { return Ok(()) };
        let snapshot = buckets.store.snapshot();
        // The null version goes by a name that another one may have by now.
        let id = match find::by_stamp(&*snapshot, bucket.row.number, said.key, said.stamp)? {
            Some(row) => find::id_of(&row),
            None => return Ok(()),
        };
        drop(snapshot);
        let ctx = context(&bucket, buckets.clock.now());
        let Some(timers) = &buckets.ports.timers else { return Ok(()) };
        let event = match said.moment {
            Moment::Ready => Event::RestoreCompleted,
            Moment::Expires => Event::RestoreDelete,
        };
        let change = |bucket: &Bucket, row: &mut ObjectRow, batch: &mut Batch| {
            let as_said = |restore: &&RestoreRow| said.moment.of(restore) == said.due;
            let restore = row.restore.as_ref().filter(as_said).filter(|_| row.stamp == said.stamp);
            let Some(restore) = restore else { return Err(find::no_such_key(said.key)) };
            match said.moment {
                Moment::Ready => {
                    Moment::Expires.schedule(timers, batch, bucket, said.key, said.stamp, restore)
                }
                Moment::Expires => {
                    row.restore = None;
                    Ok(())
                }
            }
        };
        let amendment = Amendment::own("POST", event);
        ignore_gone(buckets.amend(&ctx, said.bucket, said.key, Some(&id), amendment, change).await.map(drop))
    }
}

impl TimerHandler for Restores {
    /// It commits by itself, under the key's lock, as every other writer does; after a crash in between it is told twice.
    fn fire<'a>(&'a self, timer: &'a Timer) -> BoxFuture<'a, Result<Batch, WorkerError>> {
        Box::pin(async move {
            if let (Some(buckets), Some(said)) = (self.0.upgrade(), Said::read(&timer.key.id, &timer.payload))
            {
                self.carry_out(&buckets, &said).await?;
            }
            Ok(Batch::default())
        })
    }
}

/// Registers with the timers.
pub(super) fn register(buckets: &Arc<Buckets>) {
    if let Some(timers) = &buckets.ports.timers {
        timers.register(KIND, Arc::new(Restores(Arc::downgrade(buckets))));
    }
}
