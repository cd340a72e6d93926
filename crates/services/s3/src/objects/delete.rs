//! Takes versions away, or hides them under markers.

use moln_kernel::{ApiError, Context};
use moln_store::{Batch, CommitError, Snapshot, StoreError, key::Inverse};

use super::{
    find,
    write::{Key, let_go, origin},
};
use crate::{
    Buckets, errors, limits,
    notification::{Event, Happening, ObjectFacts, tell},
    replication::{self, Why},
    tables::{
        bucket::Versioning,
        configuration::Kind,
        object::{CURRENT, Content, EncryptionRow, LockRow, NULLS, OLDER, ObjectRow, StampRow, WasteRow},
        upload::{SHAKEN, UPLOADS},
    },
};

/// What was deleted.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    /// The version that is gone, or the marker that was made.
    pub(crate) version_id: Option<String>,
    /// A marker was made, or was what is gone.
    pub(crate) marker: bool,
}

impl Buckets {
    /// Deletes a key's newest (which may leave a marker), or one version for good. What is not there is no error.
    pub(crate) async fn delete(
        &self,
        ctx: &Context,
        bucket_name: &str,
        deletion: Deletion<'_>,
    ) -> Result<Deleted, ApiError> {
        for _ in 0..limits::ATTEMPTS {
            let bucket = self.bucket(bucket_name, None)?;
            let _alone = self.locks.lock(bucket.row.number, deletion.key).await;
            let snapshot = self.store.snapshot();
            let mut batch = Batch::default();
            let here = Key { snapshot: &*snapshot, bucket: &bucket, key: deletion.key };
            let Some((deleted, event, stamp)) = self.decide_deletion(ctx, &here, &deletion, &mut batch)?
            else {
                return Ok(Deleted { version_id: deletion.version_id.map(str::to_owned), marker: false });
            };
            bucket.guard(&mut batch);
            mark_uploads(&*snapshot, &mut batch, bucket.row.number, deletion.key)
                .map_err(|why| errors::unreadable(&why))?;
            let object = ObjectFacts {
                key: deletion.key,
                version_id: deleted.version_id.as_deref().filter(|id| *id != crate::versions::NULL),
                sequence: stamp,
                ..ObjectFacts::default()
            };
            let what = Happening { object, ..Happening::of(event, ctx.now) };
            tell(&mut batch, ctx, &bucket, &what)?;
            match self.store.commit(batch).await {
                Ok(_) => return Ok(deleted),
                Err(CommitError::Conflict { .. }) => self.pictures.forget(bucket_name),
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
    }

    /// What a deletion does; `None`: nothing.
    fn decide_deletion(
        &self,
        ctx: &Context,
        here: &Key<'_>,
        deletion: &Deletion<'_>,
        batch: &mut Batch,
    ) -> Result<Option<(Deleted, Event, u64)>, ApiError> {
        let unreadable = |why| errors::unreadable(&why);
        let (number, at) = (here.bucket.row.number, here.at());
        let current = CURRENT.get(here.snapshot, &at).map_err(unreadable)?.map(|(row, _)| row);
        if let Some(id) = deletion.version_id {
            let Some(row) = find::version(here.snapshot, number, deletion.key, id)? else { return Ok(None) };
            deletion.check(&row)?;
            check_locked(&row, ctx, deletion.bypass)?;
            let is_current = current.as_ref().is_some_and(|current| current.stamp == row.stamp);
            let removed = (|| {
                let_go(batch, number, &row)?;
                if is_current {
                    CURRENT.delete(batch, &at);
                } else {
                    OLDER.delete(batch, &(number, deletion.key.to_owned(), Inverse(row.stamp)));
                    if row.null {
                        NULLS.delete(batch, &at);
                    }
                }
                // With the newest (object or marker) gone, another one is the newest.
                if is_current || current.is_none() { here.promote_over(batch, &row) } else { Ok(()) }
            })();
            removed.map_err(unreadable)?;
            let deleted = Deleted { version_id: Some(find::id_of(&row)), marker: row.marker };
            return Ok(Some((deleted, deletion.events.0, self.store.stamp())));
        }
        if let Some(current) = &current {
            deletion.check(current)?;
        } else if deletion.conditions.if_match.is_some() {
            return Err(find::no_such_key(deletion.key));
        }
        let null = here.bucket.row.versioning != Versioning::Enabled;
        if here.bucket.row.versioning == Versioning::Off {
            match current {
                Some(current) => {
                    let_go(batch, number, &current).map_err(unreadable)?;
                    CURRENT.delete(batch, &at);
                }
                // S3 tells of deletions of what was not there, too; without a listener there is nothing to do.
                None if here.bucket.has(Kind::Notification) => {}
                None => return Ok(None),
            }
            return Ok(Some((Deleted::default(), deletion.events.0, self.store.stamp())));
        }
        let mut marker = marker(ctx, self.store.stamp(), null, deletion.operation);
        // Life cycles are each bucket's own.
        if deletion.events.1 == Event::RemovedMarker {
            replication::order(batch, ctx, here.bucket, deletion.key, &mut marker, Why::New)?;
        }
        let written = (|| {
            here.make_room(batch, current.as_ref(), null)?;
            CURRENT.delete(batch, &at);
            OLDER.put(batch, &(number, deletion.key.to_owned(), Inverse(marker.stamp)), &marker)?;
            if null {
                NULLS.put(batch, &at, &StampRow(marker.stamp))?;
            }
            Ok(())
        })();
        written.map_err(unreadable)?;
        let deleted = Deleted { version_id: Some(find::id_of(&marker)), marker: true };
        Ok(Some((deleted, deletion.events.1, marker.stamp)))
    }
}

impl Key<'_> {
    fn promote_over(&self, batch: &mut Batch, gone: &ObjectRow) -> Result<(), StoreError> {
        let range = OLDER.within(&self.at());
        let one = moln_store::Scan { limit: 1, ..moln_store::Scan::default() };
        let first = OLDER.scan(self.snapshot, &range, one)?.rows.into_iter().next();
        // An older version under a marker that stays: the marker is still the newest.
        let covered = first.is_some_and(|(_, row, _)| row.stamp > gone.stamp && row.marker);
        if covered { Ok(()) } else { self.promote(batch, gone.stamp) }
    }
}

/// Uploads that are under way for a key learn that it was deleted. (More than a few at once are not told: their conditions
/// are judged by what is there.)
fn mark_uploads(
    snapshot: &dyn Snapshot,
    batch: &mut Batch,
    bucket: u64,
    key: &str,
) -> Result<(), StoreError> {
    let some = moln_store::Scan { limit: 8, ..moln_store::Scan::default() };
    let page = UPLOADS.scan(snapshot, &UPLOADS.within(&(bucket, key.to_owned())), some)?;
    for ((_, _, number), _, _) in page.rows {
        SHAKEN.put(batch, &(bucket, number), &WasteRow)?;
    }
    Ok(())
}

/// A deletion, as asked for.
pub(crate) struct Deletion<'a> {
    pub(crate) key: &'a str,
    pub(crate) version_id: Option<&'a str>,
    /// `x-amz-bypass-governance-retention`
    pub(crate) bypass: bool,
    /// `If-Match` and its kin for deletions.
    pub(crate) conditions: DeleteConditions<'a>,
    /// What it is when something goes, and when a marker comes.
    pub(crate) events: (Event, Event),
    /// Whose doing it is.
    pub(crate) operation: &'a str,
}

/// The conditions of a deletion.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeleteConditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) modified: Option<moln_kernel::Timestamp>,
    pub(crate) size: Option<i64>,
}

impl Deletion<'_> {
    fn check(&self, row: &ObjectRow) -> Result<(), ApiError> {
        let conditions = self.conditions;
        let other_tag =
            conditions.if_match.is_some_and(|tag| tag != "*" && tag.trim_matches('"') != row.etag);
        let other_time = conditions.modified.is_some_and(|time| time.seconds() != row.modified().seconds());
        let other_size = conditions.size.is_some_and(|size| u64::try_from(size) != Ok(row.size));
        match (other_tag, other_time, other_size) {
            (true, ..) => Err(super::conditions::failed("If-Match")),
            (_, true, _) => Err(super::conditions::failed("x-amz-if-match-last-modified-time")),
            (.., true) => Err(super::conditions::failed("x-amz-if-match-size")),
            _ => Ok(()),
        }
    }
}

/// Refuses to remove a version that is locked.
fn check_locked(row: &ObjectRow, ctx: &Context, bypass: bool) -> Result<(), ApiError> {
    let locked = || errors::access_denied_because("Access Denied because object protected by object lock.");
    if row.lock.legal_hold == Some(true) {
        return Err(locked());
    }
    match &row.lock.retention {
        Some((mode, until)) if *until > ctx.now.millis() && (mode == "COMPLIANCE" || !bypass) => {
            Err(locked())
        }
        _ => Ok(()),
    }
}

fn marker(ctx: &Context, stamp: u64, null: bool, operation: &str) -> ObjectRow {
    ObjectRow {
        stamp,
        data: stamp,
        null,
        marker: true,
        owner: ctx.account.as_str().into(),
        modified: ctx.now.millis(),
        size: 0,
        etag: String::new(),
        content: Content::None,
        headers: std::collections::BTreeMap::new(),
        metadata: std::collections::BTreeMap::new(),
        storage_class: String::new(),
        encryption: EncryptionRow::Aes256,
        checksum: None,
        tags: Vec::new(),
        acl: None,
        lock: LockRow::default(),
        redirect: None,
        restore: None,
        replication: None,
        origin: origin(ctx, operation),
    }
}
