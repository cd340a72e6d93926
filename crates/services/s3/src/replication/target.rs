//! Brings versions to other buckets.

use std::sync::{Arc, Weak};

use moln_fabric::{Delivery, Target, outbox::Failure};
use moln_kernel::{
    ApiError, Context, Endpoint, Principal, RecursiveLoop, Region, Timestamp, clock::BoxFuture,
};
use moln_store::{Batch, CommitError, Snapshot, blobs::Pinned, key::Inverse};

use super::order::{COMPLETED, Destination, FAILED, Order, PENDING, REPLICA};
use crate::{
    Buckets,
    access::Asking,
    acl,
    bucket::Bucket,
    errors, limits,
    notification::{Event, Happening, ObjectFacts, Unreplicated, tell},
    objects::{
        find, read,
        write::{blob_owner, origin},
    },
    tables::{
        bucket::Versioning,
        object::{
            self, CURRENT, Content, EncryptionRow, LockRow, OLDER, ObjectRow, PARTS, PartRow, WASTE, WasteRow,
        },
    },
};

/// The outbox's kind.
pub(crate) const KIND: &str = "s3/replication";
/// Parts of a version that go in one batch.
const PARTS_AT_ONCE: usize = 200;

/// Why a version does not come to a bucket.
enum Refused {
    /// It never will.
    ForGood(&'static str),
    /// Not now.
    ForNow(ApiError),
    /// The other bucket changed meanwhile.
    Conflict,
}

impl From<ApiError> for Refused {
    fn from(why: ApiError) -> Self {
        Self::ForNow(why)
    }
}

/// Delivers orders.
pub(crate) struct Replicator(pub(crate) Weak<Buckets>);

impl Target for Replicator {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let order: Order = serde_json::from_slice(&delivery.payload)
                .map_err(|why| Failure::permanent("BadOrder", why.to_string()))?;
            // Without the buckets the process is about to end; the order stays.
            let buckets =
                self.0.upgrade().ok_or_else(|| Failure::passing("Stopping", "the server is stopping"))?;
            let done = buckets.carry_out(delivery, &order).await;
            done.map_err(|why| Failure::passing(why.code, why.message))
        })
    }

    fn recursive_loop(&self, _: &str) -> RecursiveLoop {
        // Replicas are not replicated: there is no loop to be stopped.
        RecursiveLoop::Allow
    }
}

impl Buckets {
    async fn carry_out(&self, delivery: &Delivery, order: &Order) -> Result<(), ApiError> {
        let Some(from) = self.find(&order.bucket)?.filter(|from| from.row.number == order.number) else {
            return Ok(());
        };
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "localhost:4566".into() });
        let region = Region::new(from.row.region.as_str());
        let principal = Principal::Arn(order.role.as_str().into());
        let account = from.row.account.as_str().into();
        let mut ctx = Context::internal(account, region, principal, endpoint, self.clock.now());
        ctx.lineage = delivery.lineage.clone();
        ctx.trace.clone_from(&delivery.trace);
        let mut failed = Vec::new();
        for to in &order.to {
            match self.replicate(&ctx, &from, order, to).await {
                Ok(()) => {}
                Err(Refused::ForGood(reason)) => {
                    tracing::warn!(
                        bucket = order.bucket,
                        key = order.key,
                        to = to.bucket,
                        reason,
                        "not replicated"
                    );
                    failed.push((to, reason));
                }
                Err(Refused::ForNow(why)) => return Err(why),
                Err(Refused::Conflict) => return Err(errors::operation_aborted()),
            }
        }
        self.tell_status(&ctx, &from, order, (delivery.created, &failed)).await
    }

    /// Notes what became of it: where it does not come to, and why.
    async fn tell_status(
        &self,
        ctx: &Context,
        from: &Bucket,
        order: &Order,
        (since, failed): (Timestamp, &[(&Destination, &'static str)]),
    ) -> Result<(), ApiError> {
        let unreadable = |why| errors::unreadable(&why);
        let number = from.row.number;
        let _alone = self.locks.lock(number, &order.key).await;
        let found = find::by_stamp(&*self.store.snapshot(), number, &order.key, order.stamp)?;
        let Some(mut row) = found.filter(|row| row.replication.as_deref() == Some(PENDING)) else {
            return Ok(());
        };
        row.replication = Some(if failed.is_empty() { COMPLETED } else { FAILED }.to_owned());
        let mut batch = Batch::default();
        from.guard(&mut batch);
        let current = CURRENT.get(&*self.store.snapshot(), &(number, order.key.clone()));
        let current = current.map_err(unreadable)?.map(|(row, _)| row.stamp);
        put(&mut batch, number, &order.key, current == Some(row.stamp), &row)?;
        let id = find::id_of(&row);
        for (to, reason) in failed.iter().filter(|(to, _)| to.watched && !row.marker) {
            let object = ObjectFacts {
                key: &order.key,
                size: row.size,
                etag: Some(&row.etag),
                version_id: Some(&id),
                sequence: self.store.stamp(),
            };
            let unreplicated = Unreplicated { rule: &to.rule, bucket: &to.bucket, since, reason };
            let what = Happening {
                object,
                unreplicated: Some(unreplicated),
                ..Happening::of(Event::ReplicationFailed, ctx.now)
            };
            tell(&mut batch, ctx, from, &what)?;
        }
        match self.store.commit(batch).await {
            Ok(_) => Ok(()),
            Err(why) => {
                self.pictures.forget(&from.name);
                Err(errors::uncommitted(&why))
            }
        }
    }

    async fn replicate(
        &self,
        ctx: &Context,
        from: &Bucket,
        order: &Order,
        to: &Destination,
    ) -> Result<(), Refused> {
        // A bucket that parts were brought to.
        let mut begun = None;
        for _ in 0..limits::ATTEMPTS {
            match self.try_once(ctx, from, order, to, &mut begun).await {
                Err(Refused::Conflict) => self.pictures.forget(&to.bucket),
                Err(Refused::ForGood(reason)) => {
                    if let Some((number, data)) = begun {
                        self.leave(number, data).await?;
                    }
                    return Err(Refused::ForGood(reason));
                }
                other => return other,
            }
        }
        Err(errors::operation_aborted().into())
    }

    async fn try_once(
        &self,
        ctx: &Context,
        from: &Bucket,
        order: &Order,
        to: &Destination,
        begun: &mut Option<(u64, u64)>,
    ) -> Result<(), Refused> {
        let there = self.find(&to.bucket)?.ok_or(Refused::ForGood("DstBucketNotFound"))?;
        if there.row.versioning != Versioning::Enabled {
            return Err(Refused::ForGood("DstBucketUnversioned"));
        }
        if there.row.account != from.row.account {
            let asking = Asking::new("s3:ReplicateObject", Some(&order.key));
            self.permit(ctx, &there, asking).map_err(|_| Refused::ForGood("DstPutObjectNotPermitted"))?;
        }
        let _alone = self.locks.lock(there.row.number, &order.key).await;
        let snapshot = self.store.snapshot();
        // Gone meanwhile: deletions for good are not replicated, and there is nothing to bring.
        let Some(row) = find::by_stamp(&*snapshot, from.row.number, &order.key, order.stamp)? else {
            return Ok(());
        };
        if matches!(row.content, Content::Parts(_)) {
            *begun = Some((there.row.number, row.data));
        }
        let mut batch = Batch::default();
        there.guard(&mut batch);
        self.copy_version(ctx, &*snapshot, &mut batch, (from, &there), order, to, &row).await?;
        self.store.commit(batch).await.map(drop).map_err(|why| refused(&why))
    }

    /// Adds to the batch what makes the version one of the other bucket.
    #[allow(clippy::too_many_arguments)] // a version on its way, from where and to where
    async fn copy_version(
        &self,
        ctx: &Context,
        snapshot: &dyn Snapshot,
        batch: &mut Batch,
        (from, there): (&Bucket, &Bucket),
        order: &Order,
        to: &Destination,
        row: &ObjectRow,
    ) -> Result<(), Refused> {
        let unreadable = |why| errors::unreadable(&why);
        let (number, key) = (there.row.number, order.key.as_str());
        let at = (number, order.key.clone());
        let current = CURRENT.get(snapshot, &at).map_err(unreadable)?.map(|(row, _)| row);
        let is_current = |stamp| current.as_ref().is_some_and(|current| current.stamp == stamp);
        if let Some(mut known) = find::by_stamp(snapshot, number, key, order.stamp)? {
            known.tags.clone_from(&row.tags);
            if there.row.object_lock {
                known.lock.clone_from(&row.lock);
            }
            if known.owner == row.owner {
                known.acl.clone_from(&row.acl);
            }
            put(batch, number, key, is_current(known.stamp), &known)?;
            return Ok(());
        }
        if row.replication.as_deref() == Some(REPLICA) {
            // Only changes of replicas travel, to where their originals are.
            return Ok(());
        }
        let replica = self.replica(ctx, there, to, row, from)?;
        match &row.content {
            Content::None => {}
            Content::Row => {
                let bytes =
                    object::get_bytes(snapshot, (from.row.number, row.data, 0)).map_err(unreadable)?;
                object::put_bytes(batch, (number, row.data, 0), &bytes);
            }
            Content::Blob(..) => self.link(batch, &row.content, (number, row.data, 0))?,
            Content::Parts(_) => {
                let parts = read::parts_of(snapshot, from.row.number, row.data)?;
                self.copy_parts(snapshot, from.row.number, there, row.data, &parts).await?;
            }
        }
        let newest = match &current {
            Some(current) => Some(current.stamp),
            None => find::newest_older(snapshot, number, key)?.map(|row| row.stamp),
        };
        let on_top = newest.is_none_or(|newest| newest < replica.stamp);
        if on_top && let Some(current) = &current {
            OLDER
                .put(batch, &(number, order.key.clone(), Inverse(current.stamp)), current)
                .map_err(unreadable)?;
            if current.null {
                object::NULLS.put(batch, &at, &object::StampRow(current.stamp)).map_err(unreadable)?;
            }
            if replica.marker {
                CURRENT.delete(batch, &at);
            }
        }
        put(batch, number, key, on_top && !replica.marker, &replica)?;
        let id = find::id_of(&replica);
        let facts = ObjectFacts {
            key,
            size: replica.size,
            etag: (!replica.marker).then_some(replica.etag.as_str()),
            version_id: Some(&id),
            sequence: self.store.stamp(),
        };
        let event = if replica.marker { Event::RemovedMarker } else { Event::CreatedPut };
        tell(batch, ctx, there, &Happening { object: facts, ..Happening::of(event, ctx.now) })?;
        Ok(())
    }

    /// What the version is in the other bucket.
    #[allow(clippy::unused_self)] // a step of replicating, like the ones beside it
    fn replica(
        &self,
        ctx: &Context,
        there: &Bucket,
        to: &Destination,
        row: &ObjectRow,
        from: &Bucket,
    ) -> Result<ObjectRow, ApiError> {
        let owned_there = to.owned_there || there.ownership()? == acl::ENFORCED;
        let encryption = match (&row.encryption, &to.kms_key) {
            (EncryptionRow::Kms { algorithm, bucket_key, context, .. }, Some(key)) => EncryptionRow::Kms {
                algorithm: algorithm.clone(),
                key: Some(key.clone()),
                bucket_key: *bucket_key,
                context: context.clone(),
            },
            (encryption, _) => encryption.clone(),
        };
        let mut origin = origin(ctx, "Replication");
        origin.cause = Some(format!("arn:aws:s3:::{}", from.name));
        Ok(ObjectRow {
            owner: if owned_there { there.row.account.clone() } else { row.owner.clone() },
            acl: row.acl.clone().filter(|_| !owned_there),
            storage_class: to.class.clone().unwrap_or_else(|| row.storage_class.clone()),
            encryption,
            lock: if there.row.object_lock { row.lock.clone() } else { LockRow::default() },
            restore: None,
            replication: Some(REPLICA.to_owned()),
            origin,
            ..row.clone()
        })
    }

    fn link(
        &self,
        batch: &mut Batch,
        content: &Content,
        (bucket, data, part): (u64, u64, u32),
    ) -> Result<(), ApiError> {
        if let Some(pinned) = content.blob().map(|blob| self.blobs.pin(blob)).transpose().map_err(lost)? {
            batch.link(&pinned, &blob_owner(bucket, data, part));
        }
        Ok(())
    }

    /// Brings the parts in batches of their own; nothing refers to them before the version does.
    async fn copy_parts(
        &self,
        snapshot: &dyn Snapshot,
        from: u64,
        there: &Bucket,
        data: u64,
        parts: &[(u32, PartRow)],
    ) -> Result<(), Refused> {
        let unreadable = |why| errors::unreadable(&why);
        // All are held first: the original may be deleted while they are copied.
        let pins = parts.iter().filter_map(|(_, part)| part.content.blob()).map(|blob| self.blobs.pin(blob));
        let _pins: Vec<Pinned> = pins.collect::<Result<_, _>>().map_err(lost)?;
        let number = there.row.number;
        for some in parts.chunks(PARTS_AT_ONCE) {
            let mut batch = Batch::default();
            there.guard(&mut batch);
            for (part, row) in some {
                if row.content == Content::Row {
                    let bytes = object::get_bytes(snapshot, (from, data, *part)).map_err(unreadable)?;
                    object::put_bytes(&mut batch, (number, data, *part), &bytes);
                }
                self.link(&mut batch, &row.content, (number, data, *part))?;
                PARTS.put(&mut batch, &(number, data, *part), row).map_err(unreadable)?;
            }
            self.store.commit(batch).await.map_err(|why| refused(&why))?;
        }
        Ok(())
    }

    /// Parts that no version came to refer to are swept.
    async fn leave(&self, number: u64, data: u64) -> Result<(), ApiError> {
        let mut batch = Batch::default();
        WASTE.put(&mut batch, &(number, data), &WasteRow).map_err(|why| errors::unreadable(&why))?;
        self.store.commit(batch).await.map_err(|why| errors::uncommitted(&why))?;
        Ok(())
    }
}

fn refused(why: &CommitError) -> Refused {
    match why {
        CommitError::Conflict { .. } => Refused::Conflict,
        why => Refused::ForNow(errors::uncommitted(why)),
    }
}

fn put(batch: &mut Batch, number: u64, key: &str, on_top: bool, row: &ObjectRow) -> Result<(), ApiError> {
    let written = if on_top {
        CURRENT.put(batch, &(number, key.to_owned()), row)
    } else {
        OLDER.put(batch, &(number, key.to_owned(), Inverse(row.stamp)), row)
    };
    written.map_err(|why| errors::unreadable(&why))
}

fn lost(why: impl std::fmt::Display) -> ApiError {
    tracing::error!(%why, "the bytes of an object cannot be linked");
    errors::internal()
}
