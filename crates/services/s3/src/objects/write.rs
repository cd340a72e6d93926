//! Puts versions on top. Everything a change entails (the older version that makes room, the bytes that go, what others are
//! told) is in one batch.

use moln_kernel::{ApiError, Context, Principal};
use moln_store::{Batch, CommitError, Snapshot, StoreError, key::Inverse};

use super::{conditions::WriteConditions, find};
use crate::{
    Buckets,
    bucket::Bucket,
    content::receive::Put,
    errors, limits,
    notification::{Event, Happening, ObjectFacts, tell},
    replication::{self, Why},
    tables::{
        bucket::Versioning,
        object::{
            self, CURRENT, Content, NULLS, OLDER, ObjectRow, OriginRow, PARTS, StampRow, WASTE, WasteRow,
        },
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
        // Known by its key: a range would have to be read through.
        Content::Row => object::remove_part_bytes(batch, (bucket, row.data, 0)),
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

/// A key as it stands while its lock is held, and what a batch makes of it.
#[allow(clippy::struct_field_names)] // a key has a key
pub(super) struct Key<'a> {
    pub(super) snapshot: &'a dyn Snapshot,
    pub(super) bucket: &'a Bucket,
    pub(super) key: &'a str,
}

impl Key<'_> {
    pub(super) fn at(&self) -> (u64, String) {
        (self.bucket.row.number, self.key.to_owned())
    }

    /// Makes room on top: the newest becomes an older version, or goes when a null version takes its place.
    pub(super) fn make_room(
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
    pub(super) fn promote(&self, batch: &mut Batch, gone: u64) -> Result<(), StoreError> {
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
        mut row: ObjectRow,
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
            row.stamp = self.store.stamp();
            row.null = bucket.row.versioning != Versioning::Enabled;
            if let Some(bytes) = bytes {
                row.data = row.stamp;
                row.content = keep(&mut batch, (number, row.data, 0), bytes);
            }
            replication::order(&mut batch, ctx, &bucket, key, &mut row, Why::New)?;
            let written = (|| {
                here.make_room(&mut batch, current.as_ref(), row.null)?;
                CURRENT.put(&mut batch, &here.at(), &row)?;
                also(&mut batch)
            })();
            written.map_err(unreadable)?;
            let version_id = (bucket.row.versioning != Versioning::Off).then(|| find::id_of(&row));
            let object = ObjectFacts {
                key,
                size: row.size,
                etag: Some(&row.etag),
                version_id: version_id.as_deref().filter(|_| !row.null),
                sequence: row.stamp,
            };
            let what = Happening { object, ..Happening::of(event, ctx.now) };
            tell(&mut batch, ctx, &bucket, &what)?;
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Placed { row, version_id }),
                Err(CommitError::Conflict { .. }) => self.pictures.forget(bucket_name),
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
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
