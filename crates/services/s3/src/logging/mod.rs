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

/// Records in one batch: with the longest keys they stay within the store's limits.
const AT_ONCE: usize = 200;

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
        let Ok(Some(bucket)) = self.find(place(head).0) else { return };
        let Some(logging) = logging_of(&bucket) else { return };
        let took = self.clock.now().since(ctx.now);
        let line = line::of(&line::Request { operation, ctx, head, response, code, bucket: &bucket, took });
        self.keep_records(ctx, &bucket, &logging, vec![line]);
    }

    /// Notes what became of each key of a `DeleteObjects`, where the bucket wants it.
    pub(crate) fn note_deleted<'a>(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        keys: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) {
        let Some(logging) = logging_of(bucket) else { return };
        let lines = keys.map(|(key, code)| line::of_deleted(ctx, bucket, key, code)).collect();
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
