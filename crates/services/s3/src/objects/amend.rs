//! Changes versions in place: what makes no new version.

use moln_kernel::{ApiError, Context, Timestamp};
use moln_store::{Batch, CommitError, Snapshot, key::Inverse};

use super::{
    find::{self, Newest},
    write::Placed,
};
use crate::{
    Buckets,
    bucket::Bucket,
    errors, limits,
    notification::{Event, Happening, ObjectFacts, tell},
    replication::{self, Why},
    tables::{
        bucket::Versioning,
        object::{CURRENT, OLDER, ObjectRow},
    },
};

/// What a change in place is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amendment {
    /// The request's, for the words of refusals.
    pub(crate) method: &'static str,
    /// What it is to those who listen.
    pub(crate) event: Option<Event>,
    /// A request asked for it, so that it is replicated.
    pub(crate) asked: bool,
}

impl Amendment {
    /// What a request changes about a version.
    pub(crate) fn asked(method: &'static str, event: impl Into<Option<Event>>) -> Self {
        Self { method, event: event.into(), asked: true }
    }

    /// What is the bucket's own affair (archives, life cycles).
    pub(crate) fn own(method: &'static str, event: Event) -> Self {
        Self { method, event: Some(event), asked: false }
    }
}

impl Buckets {
    /// Changes a version in place (tags, lists, locks, class). `change` may add to the batch; when it refuses, nothing
    /// happens.
    pub(crate) async fn amend(
        &self,
        ctx: &Context,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
        amendment: Amendment,
        change: impl Fn(&Bucket, &mut ObjectRow, &mut Batch) -> Result<(), ApiError>,
    ) -> Result<Placed, ApiError> {
        for _ in 0..limits::ATTEMPTS {
            let bucket = self.bucket(bucket_name, None)?;
            let number = bucket.row.number;
            let _alone = self.locks.lock(number, key).await;
            let snapshot = self.store.snapshot();
            let unreadable = |why| errors::unreadable(&why);
            let mut row = match (find::newest(&*snapshot, number, key)?, version_id) {
                (Newest::Marker(marker), None) => return Err(is_marker(&marker, amendment.method)),
                _ => self.version_of(&*snapshot, &bucket, key, version_id, amendment.method)?,
            };
            let mut batch = Batch::default();
            let before = row.restore.clone();
            change(&bucket, &mut row, &mut batch)?;
            if amendment.asked {
                replication::order(&mut batch, ctx, &bucket, key, &mut row, Why::Amended)?;
            }
            bucket.guard(&mut batch);
            let at = (number, key.to_owned());
            let current = CURRENT.get(&*snapshot, &at).map_err(unreadable)?;
            if current.is_some_and(|(current, _)| current.stamp == row.stamp) {
                CURRENT.put(&mut batch, &at, &row).map_err(unreadable)?;
            } else {
                let place = (number, key.to_owned(), Inverse(row.stamp));
                OLDER.put(&mut batch, &place, &row).map_err(unreadable)?;
            }
            let version_id = (bucket.row.versioning != Versioning::Off).then(|| find::id_of(&row));
            if let Some(event) = amendment.event {
                let object = ObjectFacts {
                    key,
                    size: row.size,
                    etag: Some(&row.etag),
                    version_id: version_id.as_deref().filter(|_| !row.null),
                    sequence: self.store.stamp(),
                };
                let restored = row.restore.as_ref().or(before.as_ref());
                let what = Happening {
                    object,
                    storage_class: Some(&row.storage_class),
                    restored_until: restored.map(|restored| Timestamp(restored.expires)),
                    ..Happening::of(event, ctx.now)
                };
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
                    Err(errors::with(error, "x-amz-version-id", find::id_of(&row)))
                }
                Newest::Nothing => Err(find::no_such_key(key)),
            };
        };
        match find::version(snapshot, number, key, id)? {
            Some(row) if row.marker => Err(is_marker(&row, method)),
            Some(row) => Ok(row),
            None if id != crate::versions::NULL && crate::versions::stamp(number, id).is_none() => {
                Err(find::invalid_version_id(id))
            }
            None => Err(find::no_such_version(key, id)),
        }
    }
}

/// `MethodNotAllowed`, because the version is a marker.
pub(crate) fn is_marker(row: &ObjectRow, method: &'static str) -> ApiError {
    let error =
        errors::other(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
    let error = errors::with(error, "Method", method);
    let error = errors::with(error, "ResourceType", "DeleteMarker");
    let error = errors::with(error, "allow", "DELETE");
    let error = errors::with(error, "x-amz-delete-marker", "true");
    errors::with(error, "x-amz-version-id", find::id_of(row))
}
