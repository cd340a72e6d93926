//! Puts versions on top and takes them away. Everything a change entails (the older version that makes room, the bytes
//! that go, what others are told) is in one batch.

use moln_kernel::{ApiError, Context, Principal};
use moln_store::{Batch, CommitError, Snapshot, StoreError, key::Inverse};

use super::{
    conditions::WriteConditions,
    find::{self, Newest},
};
use crate::{
    Buckets,
    bucket::Bucket,
    content::receive::Put,
    errors, limits,
    notification::{Event, Happening, ObjectFacts, tell},
    tables::{
        bucket::Versioning,
        configuration::Kind,
        object::{
            self, CURRENT, Content, EncryptionRow, LockRow, NULLS, OLDER, ObjectRow, OriginRow, PARTS,
            StampRow, WASTE, WasteRow,
        },
        upload::{SHAKEN, UPLOADS},
    },
};

/// Who does this, and why.
pub(crate) fn origin(ctx: &Context, operation: &str) -> OriginRow {
    OriginRow {
        principal: match &ctx.principal {
            Principal::Anonymous => "anonymous".into(),
            Principal::Account(account) => account.as_str().into(),
            Principal::Arn(arn) => arn.to_string(),
        },
        request_id: ctx.request_id.as_str().into(),
        operation: operation.into(),
        cause: ctx.lineage.hops.last().map(ToString::to_string),
        address: ctx.source.map(|address| address.to_string()),
    }
}

/// The name under which a blob is linked.
pub(crate) fn blob_owner(bucket: u64, data: u64, part: u32) -> [u8; 20] {
    let mut owner = [0; 20];
    let bytes = bucket.to_be_bytes().into_iter().chain(data.to_be_bytes()).chain(part.to_be_bytes());
    owner.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    owner
}

/// Refers to received bytes, and says where they are.
pub(crate) fn keep(batch: &mut Batch, (bucket, data, part): (u64, u64, u32), bytes: &Put) -> Content {
    match bytes {
        Put::Small(bytes) if bytes.is_empty() => Content::None,
        Put::Small(bytes) => {
            object::put_bytes(batch, (bucket, data, part), bytes);
            Content::Row
        }
        Put::Blob(pinned) => {
            batch.link(pinned, &blob_owner(bucket, data, part));
            Content::Blob(pinned.sha256, pinned.len)
        }
    }
}

/// Lets go of a version's bytes. Those in many parts go in the background.
pub(crate) fn let_go(batch: &mut Batch, bucket: u64, row: &ObjectRow) -> Result<(), StoreError> {
    match &row.content {
        Content::None => {}
        Content::Row => object::remove_bytes(batch, bucket, row.data),
        Content::Blob(..) => {
            if let Some(blob) = row.content.blob() {
                batch.unlink(&blob, &blob_owner(bucket, row.data, 0));
            }
        }
        Content::Parts(_) => WASTE.put(batch, &(bucket, row.data), &WasteRow)?,
    }
    Ok(())
}

/// A version that was put on top.
pub(crate) struct Placed {
    pub(crate) row: ObjectRow,
    /// In a bucket that keeps or kept versions.
    pub(crate) version_id: Option<String>,
}

/// What was deleted.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    /// The version that is gone, or the marker that was made.
    pub(crate) version_id: Option<String>,
    /// A marker was made, or was what is gone.
    pub(crate) marker: bool,
}

/// A key as it stands while its lock is held, and what a batch makes of it.
#[allow(clippy::struct_field_names)] // a key has a key
struct Key<'a> {
    snapshot: &'a dyn Snapshot,
    bucket: &'a Bucket,
    key: &'a str,
}

impl Key<'_> {
    fn at(&self) -> (u64, String) {
        (self.bucket.row.number, self.key.to_owned())
    }

    /// Makes room on top: the newest becomes an older version, or goes when a null version takes its place.
    fn make_room(
        &self,
        batch: &mut Batch,
        current: Option<&ObjectRow>,
        null: bool,
    ) -> Result<(), StoreError> {
        let (number, at) = (self.bucket.row.number, self.at());
        match current {
            Some(row) if null && row.null => let_go(batch, number, row)?,
            Some(row) => {
                OLDER.put(batch, &(number, self.key.to_owned(), Inverse(row.stamp)), row)?;
                if row.null {
                    NULLS.put(batch, &at, &StampRow(row.stamp))?;
                }
            }
            None => {}
        }
        if null && self.bucket.row.versioning != Versioning::Off {
            self.remove_older_null(batch)?;
        }
        Ok(())
    }

    fn remove_older_null(&self, batch: &mut Batch) -> Result<(), StoreError> {
        let (number, at) = (self.bucket.row.number, self.at());
        let Some((StampRow(stamp), _)) = NULLS.get(self.snapshot, &at)? else { return Ok(()) };
        let place = (number, self.key.to_owned(), Inverse(stamp));
        if let Some((row, _)) = OLDER.get(self.snapshot, &place)? {
            let_go(batch, number, &row)?;
        }
        OLDER.delete(batch, &place);
        NULLS.delete(batch, &at);
        Ok(())
    }

    /// After the newest is gone: the newest of the older ones takes its place, unless it is a marker. `gone`: the stamp
    /// that the batch removes.
    fn promote(&self, batch: &mut Batch, gone: u64) -> Result<(), StoreError> {
        let (number, at) = (self.bucket.row.number, self.at());
        let range = OLDER.within(&at);
        let two = moln_store::Scan { limit: 2, ..moln_store::Scan::default() };
        let page = OLDER.scan(self.snapshot, &range, two)?;
        let next = page.rows.into_iter().map(|(_, row, _)| row).find(|row| row.stamp != gone);
        if let Some(row) = next.filter(|row| !row.marker) {
            CURRENT.put(batch, &at, &row)?;
            OLDER.delete(batch, &(number, self.key.to_owned(), Inverse(row.stamp)));
            if row.null {
                NULLS.delete(batch, &at);
            }
        }
        Ok(())
    }
}

impl Buckets {
    /// Puts a version on top of a key. `row` has all but stamp, data number and content, which are given here (a row
    /// whose content is parts keeps its data number). `also` adds to the batch.
    #[allow(clippy::too_many_arguments)] // what a version is, each of its own kind
    pub(crate) async fn place(
        &self,
        ctx: &Context,
        bucket_name: &str,
        key: &str,
        row: ObjectRow,
        bytes: Option<&Put>,
        conditions: WriteConditions<'_>,
        event: Event,
        also: impl Fn(&mut Batch) -> Result<(), StoreError>,
    ) -> Result<Placed, ApiError> {
        for _ in 0..limits::ATTEMPTS {
            let bucket = self.bucket(bucket_name, None)?;
            let number = bucket.row.number;
            let _alone = self.locks.lock(number, key).await;
            let snapshot = self.store.snapshot();
            let here = Key { snapshot: &*snapshot, bucket: &bucket, key };
            let unreadable = |why| errors::unreadable(&why);
            let current = CURRENT.get(&*snapshot, &here.at()).map_err(unreadable)?.map(|(row, _)| row);
            conditions.judge(key, current.as_ref())?;
            let mut batch = Batch::default();
            bucket.guard(&mut batch);
            let mut row = row.clone();
            row.stamp = self.store.stamp();
            row.null = bucket.row.versioning != Versioning::Enabled;
            if let Some(bytes) = bytes {
                row.data = row.stamp;
                row.content = keep(&mut batch, (number, row.data, 0), bytes);
            }
            let written = (|| {
                here.make_room(&mut batch, current.as_ref(), row.null)?;
                CURRENT.put(&mut batch, &here.at(), &row)?;
                also(&mut batch)
            })();
            written.map_err(unreadable)?;
            let version_id = (bucket.row.versioning != Versioning::Off).then(|| find::id_of(&bucket, &row));
            let object = ObjectFacts {
                key,
                size: row.size,
                etag: Some(&row.etag),
                version_id: version_id.as_deref().filter(|_| !row.null),
                sequence: row.stamp,
            };
            let what = Happening { event, when: ctx.now, object, storage_class: None };
            tell(&mut batch, ctx, &bucket, &what)?;
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Placed { row, version_id }),
                Err(CommitError::Conflict { .. }) => self.pictures.forget(bucket_name),
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
    }

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
            let what = Happening { event, when: ctx.now, object, storage_class: None };
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
            let deleted = Deleted { version_id: Some(find::id_of(here.bucket, &row)), marker: row.marker };
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
        let marker = marker(ctx, self.store.stamp(), null, deletion.operation);
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
        let deleted = Deleted { version_id: Some(find::id_of(here.bucket, &marker)), marker: true };
        Ok(Some((deleted, deletion.events.1, marker.stamp)))
    }

    /// Changes a version in place (tags, lists, locks: what makes no new version).
    pub(crate) async fn amend(
        &self,
        ctx: &Context,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
        (method, event): (&'static str, Option<Event>),
        change: impl Fn(&Bucket, &mut ObjectRow) -> Result<(), ApiError>,
    ) -> Result<Placed, ApiError> {
        for _ in 0..limits::ATTEMPTS {
            let bucket = self.bucket(bucket_name, None)?;
            let number = bucket.row.number;
            let _alone = self.locks.lock(number, key).await;
            let snapshot = self.store.snapshot();
            let unreadable = |why| errors::unreadable(&why);
            let mut row = match (find::newest(&*snapshot, number, key)?, version_id) {
                (Newest::Marker(marker), None) => return Err(is_marker(&bucket, &marker, method)),
                _ => self.version_of(&*snapshot, &bucket, key, version_id, method)?,
            };
            change(&bucket, &mut row)?;
            let mut batch = Batch::default();
            bucket.guard(&mut batch);
            let at = (number, key.to_owned());
            let current = CURRENT.get(&*snapshot, &at).map_err(unreadable)?;
            if current.is_some_and(|(current, _)| current.stamp == row.stamp) {
                CURRENT.put(&mut batch, &at, &row).map_err(unreadable)?;
            } else {
                let place = (number, key.to_owned(), Inverse(row.stamp));
                OLDER.put(&mut batch, &place, &row).map_err(unreadable)?;
            }
            let version_id = (bucket.row.versioning != Versioning::Off).then(|| find::id_of(&bucket, &row));
            if let Some(event) = event {
                let object = ObjectFacts {
                    key,
                    size: row.size,
                    etag: Some(&row.etag),
                    version_id: version_id.as_deref().filter(|_| !row.null),
                    sequence: self.store.stamp(),
                };
                let what =
                    Happening { event, when: ctx.now, object, storage_class: Some(&row.storage_class) };
                tell(&mut batch, ctx, &bucket, &what)?;
            }
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Placed { row, version_id }),
                Err(CommitError::Conflict { .. }) => self.pictures.forget(bucket_name),
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
    }

    /// The version a request is about: an object, not a marker. `method` is the request's.
    #[allow(clippy::unused_self)] // a step of every operation, like the ones beside it
    pub(crate) fn version_of(
        &self,
        snapshot: &dyn Snapshot,
        bucket: &Bucket,
        key: &str,
        version_id: Option<&str>,
        method: &'static str,
    ) -> Result<ObjectRow, ApiError> {
        let number = bucket.row.number;
        let Some(id) = version_id else {
            return match find::newest(snapshot, number, key)? {
                Newest::Object(row) => Ok(*row),
                Newest::Marker(row) => {
                    let error = errors::with(find::no_such_key(key), "x-amz-delete-marker", "true");
                    Err(errors::with(error, "x-amz-version-id", find::id_of(bucket, &row)))
                }
                Newest::Nothing => Err(find::no_such_key(key)),
            };
        };
        match find::version(snapshot, number, key, id)? {
            Some(row) if row.marker => Err(is_marker(bucket, &row, method)),
            Some(row) => Ok(row),
            None if id != crate::versions::NULL && crate::versions::stamp(number, id).is_none() => {
                Err(find::invalid_version_id(id))
            }
            None => Err(find::no_such_version(key, id)),
        }
    }

    /// Makes a deletion of the bucket rest on its being empty.
    pub(crate) fn empty(&self, bucket: &Bucket, batch: &mut Batch) -> Result<(), ApiError> {
        let snapshot = self.store.snapshot();
        let version = snapshot.version();
        let unreadable = |why| errors::unreadable(&why);
        let one = || moln_store::Scan { limit: 1, keys_only: true, ..moln_store::Scan::default() };
        let (objects, older) = (CURRENT.within(&bucket.row.number), OLDER.within(&bucket.row.number));
        let versioned = bucket.row.versioning != Versioning::Off;
        if !snapshot.scan(&objects, one()).map_err(unreadable)?.rows.is_empty() {
            return Err(if versioned {
                errors::versioned_bucket_not_empty(&bucket.name)
            } else {
                errors::bucket_not_empty(&bucket.name)
            });
        }
        if !snapshot.scan(&older, one()).map_err(unreadable)?.rows.is_empty() {
            return Err(errors::versioned_bucket_not_empty(&bucket.name));
        }
        batch.range_unchanged(objects, version);
        batch.range_unchanged(older, version);
        Ok(())
    }

    /// Removes parts that nothing refers to any more, a bounded number at a time. `true`: there is more.
    pub(crate) async fn sweep(&self) -> Result<bool, ApiError> {
        let unreadable = |why| errors::unreadable(&why);
        let snapshot = self.store.snapshot();
        let one = moln_store::Scan { limit: 1, ..moln_store::Scan::default() };
        let page = WASTE.scan(&*snapshot, &WASTE.all(), one).map_err(unreadable)?;
        let Some(((bucket, data), _, _)) = page.rows.into_iter().next() else { return Ok(false) };
        let some = moln_store::Scan { limit: 500, ..moln_store::Scan::default() };
        let parts = PARTS.scan(&*snapshot, &PARTS.within(&(bucket, data)), some).map_err(unreadable)?;
        let mut batch = Batch::default();
        for ((_, _, part), row, _) in &parts.rows {
            if let Some(blob) = row.content.blob() {
                batch.unlink(&blob, &blob_owner(bucket, data, *part));
            }
            PARTS.delete(&mut batch, &(bucket, data, *part));
        }
        if parts.rest.is_none() {
            object::remove_bytes(&mut batch, bucket, data);
            WASTE.delete(&mut batch, &(bucket, data));
        }
        self.store.commit(batch).await.map_err(|why| errors::uncommitted(&why))?;
        Ok(true)
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

/// `MethodNotAllowed`, because the version is a marker.
pub(crate) fn is_marker(bucket: &Bucket, row: &ObjectRow, method: &'static str) -> ApiError {
    let error =
        errors::other(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
    let error = errors::with(error, "Method", method);
    let error = errors::with(error, "ResourceType", "DeleteMarker");
    let error = errors::with(error, "allow", "DELETE");
    let error = errors::with(error, "x-amz-delete-marker", "true");
    errors::with(error, "x-amz-version-id", find::id_of(bucket, row))
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
