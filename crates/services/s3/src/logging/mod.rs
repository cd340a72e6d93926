//! Server access logs: what was asked of a bucket, in another one.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>
//!
//! A record becomes a row as soon as its answer is ready. Nobody waits for that; it shares the next commit, so that a crash
//! takes at most the records of the last moment with it. Rows become objects a few minutes later, each in the commit that
//! removes it: no record is delivered twice.

mod deliver;
mod keys;
mod line;

use http::{Response, request::Parts};
use moln_kernel::Context;
use moln_store::Batch;
use moln_wire::{ByteStream, Operation};

use crate::{
    Buckets,
    bucket::Bucket,
    front::place,
    model::{BucketLoggingStatus, LoggingEnabled},
    tables::{
        configuration::Kind,
        log::{LOGS, LogRow},
    },
};

pub(crate) use deliver::LogDelivery;
pub(crate) use line::Aside;

/// Records in one batch: with the longest keys they stay within the store's limits.
const AT_ONCE: usize = 200;

/// In the extensions of a request that S3 makes of itself: there is no record of it.
#[derive(Clone, Copy)]
pub(crate) struct Unrecorded;

impl Buckets {
    /// Notes an answer, where the bucket wants it.
    pub(crate) fn note(
        &self,
        operation: Option<&'static Operation>,
        ctx: &Context,
        head: &Parts,
        response: &Response<ByteStream>,
        code: Option<&str>,
    ) {
        if head.extensions.get::<Unrecorded>().is_none()
            && let Ok(Some(bucket)) = self.find(place(head).0)
        {
            self.note_request(&bucket, line::Asked::Operation(operation), ctx, head, response, code);
        }
    }

    /// Notes a page of a bucket's website, where the bucket wants it.
    pub(crate) fn note_page(
        &self,
        bucket: &Bucket,
        key: &str,
        ctx: &Context,
        head: &Parts,
        response: &Response<ByteStream>,
        code: Option<&str>,
    ) {
        self.note_request(bucket, line::Asked::Page(key), ctx, head, response, code);
    }

    fn note_request(
        &self,
        bucket: &Bucket,
        asked: line::Asked<'_>,
        ctx: &Context,
        head: &Parts,
        response: &Response<ByteStream>,
        code: Option<&str>,
    ) {
        let Some(logging) = logging_of(bucket) else { return };
        let took = self.clock.now().since(ctx.now);
        let line = line::of(&line::Request { asked, ctx, head, response, code, bucket, took });
        self.keep_records(ctx, bucket, &logging, vec![line]);
    }

    /// Notes what happened besides what was asked for, where the bucket wants it.
    pub(crate) fn note_asides<'a>(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        asides: impl IntoIterator<Item = Aside<'a>>,
    ) {
        let Some(logging) = logging_of(bucket) else { return };
        let lines = asides.into_iter().map(|aside| line::of_aside(ctx, bucket, &aside)).collect();
        self.keep_records(ctx, bucket, &logging, lines);
    }

    fn keep_records(&self, ctx: &Context, bucket: &Bucket, logging: &LoggingEnabled, lines: Vec<String>) {
        let beginning = keys::beginning(logging, bucket, ctx.now);
        let mut lines = lines.into_iter().peekable();
        while lines.peek().is_some() {
            let mut batch = Batch::default();
            for line in lines.by_ref().take(AT_ONCE) {
                let row = LogRow { bucket: bucket.name.clone(), account: bucket.row.account.clone(), line };
                let stamp = self.store.stamp();
                let key = (logging.target_bucket.clone(), beginning.clone(), bucket.row.number, stamp);
                if let Err(why) = LOGS.put(&mut batch, &key, &row) {
                    tracing::error!(%why, bucket = bucket.name, "a log record is lost");
                }
            }
            // Their place in the order is taken; nobody waits for it.
            drop(self.store.submit(batch));
        }
        self.records.notify_one();
    }
}

fn logging_of(bucket: &Bucket) -> Option<LoggingEnabled> {
    bucket.setting::<BucketLoggingStatus>(Kind::Logging).ok()??.logging_enabled
}
