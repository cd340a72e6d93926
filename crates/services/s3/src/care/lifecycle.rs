//! Carries out life cycles: once a day, after midnight UTC as S3 does, over every bucket that has rules, a page at a time.

use std::{collections::VecDeque, sync::Arc};

use moln_fabric::worker::{Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Context, Timestamp, clock::BoxFuture};
use moln_store::{Batch, Scan};

use super::{context, ignore_gone};
use crate::{
    Buckets,
    api::objects::uploads::Upload,
    bucket::Bucket,
    errors,
    logging::Aside,
    model::{GetBucketLifecycleConfigurationOutput, LifecycleRule, Tag},
    notification::Event,
    objects::{
        amend::Amendment,
        delete::{DeleteConditions, Deletion},
        find,
        list::{self, Entry, Query, Version, VersionMarker},
    },
    rules::lifecycle::{self, DAY, Seen},
    tables::{bucket::BUCKETS, configuration::Kind, object::ObjectRow, upload::UPLOADS},
    versions,
};

/// Versions looked at in one step.
const PAGE: usize = 200;

/// The worker.
pub(super) struct LifeCycles {
    buckets: Arc<Buckets>,
    /// The day that is done with, in days since 1970.
    done: Option<u64>,
    /// Buckets that are left of today's round; `None`: the round has not begun.
    left: Option<VecDeque<String>>,
    /// Where the first of them goes on.
    place: Option<Place>,
    /// The bucket's smallest size for transitions.
    smallest: String,
}

/// A version that was looked at last: the next one of the same key is noncurrent since then.
#[derive(Clone)]
struct Place {
    key: String,
    stamp: u64,
    since: Timestamp,
    /// Noncurrent versions of this key so far.
    noncurrent: usize,
    /// The newest of the key, when it is a marker that nothing stood under so far.
    lone_marker: Option<String>,
}

impl LifeCycles {
    pub(super) fn new(buckets: Arc<Buckets>) -> Self {
        Self { buckets, done: None, left: None, place: None, smallest: String::new() }
    }

    /// The names of all buckets with rules.
    fn names(&self) -> Result<VecDeque<String>, ApiError> {
        let snapshot = self.buckets.store.snapshot();
        let mut names = VecDeque::new();
        let mut rest = Some(BUCKETS.all());
        while let Some(range) = rest {
            let page = BUCKETS.scan(&*snapshot, &range, Scan::default());
            let page = page.map_err(|why| errors::unreadable(&why))?;
            for (name, _, _) in page.rows {
                if self.buckets.find(&name)?.is_some_and(|bucket| bucket.has(Kind::Lifecycle)) {
                    names.push_back(name);
                }
            }
            rest = page.rest;
        }
        Ok(names)
    }

    async fn page(&mut self, name: &str, now: Timestamp) -> Result<bool, ApiError> {
        let Some(bucket) = self.buckets.find(name)? else { return Ok(false) };
        let Some(set) = bucket.setting::<GetBucketLifecycleConfigurationOutput>(Kind::Lifecycle)? else {
            return Ok(false);
        };
        let rules = set.rules.unwrap_or_default();
        self.smallest = set
            .transition_default_minimum_object_size
            .unwrap_or_else(|| lifecycle::DEFAULT_MINIMUM_SIZE.to_owned());
        let ctx = context(&bucket, now);
        if self.place.is_none() {
            self.abort_uploads(&ctx, &bucket, &rules).await?;
        }
        let marker =
            self.place.as_ref().map(|place| VersionMarker { key: &place.key, stamp: Some(place.stamp) });
        let query = Query { max: PAGE, ..Query::default() };
        let (entries, more) =
            list::versions(&*self.buckets.store.snapshot(), bucket.row.number, &query, marker)?;
        for entry in entries {
            if let Entry::Key(key, version) = entry {
                self.look_at(&ctx, &bucket, &rules, key, version).await?;
            }
        }
        if !more {
            self.end_key(&ctx, &bucket, &rules).await?;
            self.place = None;
        }
        Ok(more)
    }

    async fn look_at(
        &mut self,
        ctx: &Context,
        bucket: &Bucket,
        rules: &[LifecycleRule],
        key: String,
        version: Version,
    ) -> Result<(), ApiError> {
        let (row, now) = (version.row, ctx.now);
        let same = self.place.as_ref().is_some_and(|place| place.key == key);
        if !same {
            self.end_key(ctx, bucket, rules).await?;
        }
        let before = self.place.take().filter(|_| same);
        let tags: Vec<Tag> =
            row.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
        let seen = Seen { key: &key, size: row.size, tags: &tags, modified: row.modified() };
        let mut noncurrent = before.as_ref().map_or(0, |before| before.noncurrent);
        let mut lone_marker = None;
        match &before {
            None if version.latest && row.marker => lone_marker = Some(find::id_of(&row)),
            None => self.current(ctx, bucket, rules, seen, &row).await?,
            Some(before) => {
                let (id, newer) = (find::id_of(&row), noncurrent);
                noncurrent += 1;
                if lifecycle::outlived(rules, seen, before.since, newer, now) {
                    self.remove(ctx, bucket, &key, Some(&id), DeleteConditions::default()).await?;
                } else if !row.marker {
                    let place = (before.since, newer);
                    let class = row.storage_class.as_str();
                    let to = lifecycle::noncurrent_class_due(rules, seen, place, now, class, &self.smallest);
                    self.move_to(ctx, bucket, &key, &row, to).await?;
                }
            }
        }
        self.place = Some(Place { key, stamp: row.stamp, since: row.modified(), noncurrent, lone_marker });
        Ok(())
    }

    /// The current version expires, or changes its class.
    async fn current(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        rules: &[LifecycleRule],
        seen: Seen<'_>,
        row: &ObjectRow,
    ) -> Result<(), ApiError> {
        if lifecycle::expires(rules, seen).is_some_and(|(when, _)| when <= ctx.now) {
            // Not what somebody writes in this moment.
            let unchanged = DeleteConditions {
                if_match: Some(&row.etag),
                modified: Some(row.modified()),
                size: i64::try_from(row.size).ok(),
            };
            return self.remove(ctx, bucket, seen.key, None, unchanged).await;
        }
        let class = row.storage_class.as_str();
        let to = lifecycle::class_due(rules, seen, ctx.now, class, &self.smallest);
        self.move_to(ctx, bucket, seen.key, row, to).await
    }

    /// A version changes its class.
    async fn move_to(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        key: &str,
        row: &ObjectRow,
        to: Option<&str>,
    ) -> Result<(), ApiError> {
        let Some(to) = to else { return Ok(()) };
        let change = |_: &Bucket, now: &mut ObjectRow, _: &mut Batch| {
            // Another null version than the one that was looked at.
            if now.stamp != row.stamp {
                return Err(find::no_such_key(key));
            }
            to.clone_into(&mut now.storage_class);
            Ok(())
        };
        let (id, amendment) = (find::id_of(row), Amendment::own("PUT", Event::Transition));
        let moved = self.buckets.amend(ctx, &bucket.name, key, Some(&id), amendment, change).await;
        if moved.is_ok() {
            self.note(ctx, bucket, transition(to), key, Some(&id), Some(row.size));
        }
        ignore_gone(moved.map(drop))
    }

    /// All versions of a key were seen: a marker over nothing may go.
    async fn end_key(&self, ctx: &Context, bucket: &Bucket, rules: &[LifecycleRule]) -> Result<(), ApiError> {
        let Some(place) = &self.place else { return Ok(()) };
        let Some(id) = &place.lone_marker else { return Ok(()) };
        let seen = Seen { key: &place.key, size: 0, tags: &[], modified: place.since };
        let goes = rules.iter().filter(|rule| lifecycle::concerns(rule, seen)).any(|rule| {
            let expiration = rule.expiration.as_ref();
            let by_days =
                lifecycle::expires(std::slice::from_ref(rule), seen).is_some_and(|(when, _)| when <= ctx.now);
            expiration
                .is_some_and(|expiration| expiration.expired_object_delete_marker == Some(true) || by_days)
        });
        if goes {
            self.remove(ctx, bucket, &place.key, Some(id), DeleteConditions::default()).await?;
        }
        Ok(())
    }

    async fn remove(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        key: &str,
        version_id: Option<&str>,
        conditions: DeleteConditions<'_>,
    ) -> Result<(), ApiError> {
        let deletion = Deletion {
            key,
            version_id,
            bypass: false,
            conditions,
            events: (Event::ExpirationDelete, Event::ExpirationMarker),
            operation: "Lifecycle",
        };
        let deleted = self.buckets.delete(ctx, &bucket.name, deletion).await;
        if let Ok(deleted) = &deleted {
            let made_marker = deleted.marker && version_id.is_none();
            let operation = if made_marker { "S3.CREATE.DELETEMARKER" } else { "S3.EXPIRE.OBJECT" };
            self.note(ctx, bucket, operation, key, deleted.version_id.as_deref(), None);
        }
        ignore_gone(deleted.map(drop))
    }

    /// Notes what was done in the bucket's access log.
    fn note(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        operation: &str,
        key: &str,
        version: Option<&str>,
        size: Option<u64>,
    ) {
        let version = version.filter(|id| *id != versions::NULL);
        let aside = Aside { operation, key, size, version, ..Aside::default() };
        self.buckets.note_asides(ctx, bucket, [aside]);
    }

    async fn abort_uploads(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        rules: &[LifecycleRule],
    ) -> Result<(), ApiError> {
        let mut rest = Some(UPLOADS.within(&bucket.row.number));
        while let Some(range) = rest {
            let page = UPLOADS.scan(
                &*self.buckets.store.snapshot(),
                &range,
                Scan { limit: PAGE, ..Scan::default() },
            );
            let page = page.map_err(|why| errors::unreadable(&why))?;
            for ((_, key, number), row, version) in page.rows {
                let initiated = Timestamp(row.initiated);
                let seen = Seen { key: &key, size: 0, tags: &[], modified: initiated };
                let due = rules.iter().filter(|rule| lifecycle::concerns(rule, seen)).any(|rule| {
                    let days = rule.abort_incomplete_multipart_upload.as_ref();
                    days.and_then(|abort| abort.days_after_initiation)
                        .is_some_and(|days| lifecycle::after(initiated, days) <= ctx.now)
                });
                if due {
                    let upload = Upload { number, row, version };
                    let ended = self.buckets.end_upload(bucket, &key, &upload).await;
                    if ended.is_ok() {
                        self.note(ctx, bucket, "S3.DELETE.UPLOAD", &key, None, None);
                    }
                    ignore_gone(ended)?;
                }
            }
            rest = page.rest;
        }
        Ok(())
    }
}

/// What a move to a class is called in access logs.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-and-other-bucket-config.html>
fn transition(class: &str) -> &'static str {
    match class {
        "STANDARD_IA" => "S3.TRANSITION_SIA.OBJECT",
        "ONEZONE_IA" => "S3.TRANSITION_ZIA.OBJECT",
        "INTELLIGENT_TIERING" => "S3.TRANSITION_INT.OBJECT",
        "GLACIER_IR" => "S3.TRANSITION_GIR.OBJECT",
        "DEEP_ARCHIVE" => "S3.TRANSITION_GDA.OBJECT",
        _ => "S3.TRANSITION.OBJECT",
    }
}

impl Worker for LifeCycles {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            let now = self.buckets.clock.now();
            let today = now.millis() / DAY;
            if self.done == Some(today) {
                return Ok(WorkerState::Idle { until: Some(Timestamp((today + 1) * DAY)) });
            }
            if self.left.is_none() {
                self.left = Some(self.names()?);
                self.place = None;
            }
            let Some(name) = self.left.as_ref().and_then(|left| left.front().cloned()) else {
                (self.left, self.done) = (None, Some(today));
                return Ok(WorkerState::Idle { until: Some(Timestamp((today + 1) * DAY)) });
            };
            match self.page(&name, now).await {
                Ok(true) => {}
                Ok(false) => drop(self.left.as_mut().and_then(VecDeque::pop_front)),
                Err(why) => {
                    // One bucket's trouble is not the others': it is tried again tomorrow.
                    tracing::error!(bucket = name, %why, "a life cycle cannot be carried out");
                    self.place = None;
                    drop(self.left.as_mut().and_then(VecDeque::pop_front));
                }
            }
            Ok(WorkerState::Busy)
        })
    }

    fn info(&self) -> String {
        let left = self.left.as_ref().map_or(0, VecDeque::len);
        if left == 0 { "waits for midnight".into() } else { format!("{left} buckets left") }
    }
}
