//! A bucket and what is set for it, as one consistent picture.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use moln_kernel::{AccountId, ApiError, Context, Principal};
use moln_store::{Batch, Snapshot, Version};
use moln_wire::Shape;

use crate::{
    Buckets, errors, limits,
    tables::{
        bucket::{BUCKETS, BucketRow},
        configuration::{self, Kind},
    },
};

/// A bucket as it was at some moment. Batches that rest on it say so with [`Bucket::guard`].
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Its name.
    pub(crate) name: String,
    /// The row.
    pub(crate) row: BucketRow,
    /// The row's version.
    version: Version,
    settings: HashMap<u8, Bytes>,
    /// The rule of ownership, once it was asked for: every upload does.
    pub(crate) rule: OnceLock<String>,
}

impl Bucket {
    fn read(from: &dyn Snapshot, name: &str) -> Result<Option<Self>, ApiError> {
        let unreadable = |why| errors::unreadable(&why);
        let Some((row, version)) = BUCKETS.get(from, &name.to_owned()).map_err(unreadable)? else {
            return Ok(None);
        };
        let stored = configuration::single(from, row.number).map_err(unreadable)?;
        let settings = stored.into_iter().map(|stored| (stored.kind, stored.content)).collect();
        Ok(Some(Self { name: name.to_owned(), row, version, settings, rule: OnceLock::new() }))
    }

    /// What is set of a kind.
    pub(crate) fn setting<T: Shape>(&self, kind: Kind) -> Result<Option<T>, ApiError> {
        let Some(bytes) = self.settings.get(&(kind as u8)) else { return Ok(None) };
        configuration::decode(bytes).map(Some).map_err(|why| errors::unreadable(&why))
    }

    /// What is set of a kind that is not a shape.
    pub(crate) fn bytes(&self, kind: Kind) -> Option<&Bytes> {
        self.settings.get(&(kind as u8))
    }

    /// Whether something of a kind is set.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.settings.contains_key(&(kind as u8))
    }

    /// The commit happens only when the bucket is still there and its row as it is here.
    pub(crate) fn guard(&self, batch: &mut Batch) {
        batch.unchanged(BUCKETS.key(&self.name), self.version);
    }

    /// Whether the caller owns it.
    pub(crate) fn is_owned_by(&self, ctx: &Context) -> bool {
        // Whoever did not sign has an account only for want of another.
        ctx.principal != Principal::Anonymous && self.row.account == ctx.account.as_str()
    }
}

/// Pictures of the buckets in use. A change of a bucket's row or settings forgets the picture after its commit; a reader
/// that was in the middle of reading then does not put an old one back.
#[derive(Default)]
pub(crate) struct Pictures(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    pictures: HashMap<String, Arc<Bucket>>,
    /// Counts the changes: what was read before one of them is not kept.
    changes: u64,
}

impl Pictures {
    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bucket was changed.
    pub(crate) fn forget(&self, name: &str) {
        let mut shelf = self.shelf();
        shelf.changes += 1;
        shelf.pictures.remove(name);
    }
}

impl Buckets {
    /// The bucket of a name, whoever owns it.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Arc<Bucket>>, ApiError> {
        let before = {
            let shelf = self.pictures.shelf();
            if let Some(bucket) = shelf.pictures.get(name) {
                return Ok(Some(Arc::clone(bucket)));
            }
            shelf.changes
        };
        let Some(bucket) = Bucket::read(&*self.store.snapshot(), name)? else { return Ok(None) };
        let bucket = Arc::new(bucket);
        let mut shelf = self.pictures.shelf();
        if shelf.changes == before {
            if shelf.pictures.len() >= limits::BUCKETS_IN_MEMORY {
                shelf.pictures.clear();
            }
            shelf.pictures.insert(name.to_owned(), Arc::clone(&bucket));
        }
        Ok(Some(bucket))
    }

    /// The bucket of a name; `NoSuchBucket` when there is none. `expected_owner` is `x-amz-expected-bucket-owner`.
    pub(crate) fn bucket(&self, name: &str, expected_owner: Option<&str>) -> Result<Arc<Bucket>, ApiError> {
        if let Some(owner) = expected_owner.filter(|owner| AccountId::parse(owner).is_none()) {
            let words = format!(
                "The value of the expected bucket owner parameter must be an AWS Account ID... [{owner}]"
            );
            return Err(errors::other(400, "InvalidBucketOwnerAWSAccountID", words));
        }
        let bucket = self.find(name)?.ok_or_else(|| errors::no_such_bucket(name))?;
        if expected_owner.is_some_and(|owner| owner != bucket.row.account) {
            return Err(errors::access_denied());
        }
        Ok(bucket)
    }

    /// The bucket of a name for a setting that only its owner may see or change, unless its policy says otherwise.
    pub(crate) fn own_bucket(
        &self,
        ctx: &Context,
        name: &str,
        expected_owner: Option<&str>,
    ) -> Result<Arc<Bucket>, ApiError> {
        let bucket = self.bucket(name, expected_owner)?;
        if bucket.is_owned_by(ctx) { Ok(bucket) } else { Err(errors::access_denied()) }
    }

    /// Sets, replaces or (with `None`) takes away what is set of a kind. Durable and seen by all once it resolves.
    pub(crate) async fn set<T: Shape>(
        &self,
        bucket: &Bucket,
        kind: Kind,
        value: Option<&T>,
    ) -> Result<(), ApiError> {
        self.set_bytes(bucket, kind, "", value.map(configuration::encode)).await
    }

    /// The same for a configuration with a name, and for one that is already bytes.
    pub(crate) async fn set_bytes(
        &self,
        bucket: &Bucket,
        kind: Kind,
        name: &str,
        value: Option<Bytes>,
    ) -> Result<(), ApiError> {
        let mut batch = Batch::default();
        // The bucket may be changed meanwhile, but must not be deleted: what is set for it would stay behind.
        let number = bucket.row.number;
        match value {
            Some(value) => configuration::put(&mut batch, number, kind, name, &value)
                .map_err(|why| errors::unreadable(&why))?,
            None => configuration::remove(&mut batch, number, kind, name),
        }
        self.change(&bucket.name, number, batch).await
    }

    /// Commits a change of what is set for a bucket, as long as the bucket is there; tried again when the bucket's row
    /// changed meanwhile.
    pub(crate) async fn change(&self, name: &str, number: u64, batch: Batch) -> Result<(), ApiError> {
        for _ in 0..limits::ATTEMPTS {
            let Some(now) = self.find(name)?.filter(|now| now.row.number == number) else {
                return Err(errors::no_such_bucket(name));
            };
            let mut guarded = batch.clone();
            now.guard(&mut guarded);
            let committed = self.store.commit(guarded).await;
            self.pictures.forget(name);
            match committed {
                Ok(_) => return Ok(()),
                Err(moln_store::CommitError::Conflict { .. }) => {}
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
    }
}
