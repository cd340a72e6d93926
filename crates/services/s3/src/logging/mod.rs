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
    model::BucketLoggingStatus,
    tables::{
        configuration::Kind,
        log::{LOGS, LogRow},
    },
};

pub(crate) use deliver::LogDelivery;

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
        let Ok(Some(set)) = bucket.setting::<BucketLoggingStatus>(Kind::Logging) else { return };
        let Some(logging) = set.logging_enabled else { return };
        let took = self.clock.now().since(ctx.now);
        let line = line::of(&line::Request { operation, ctx, head, response, code, bucket: &bucket, took });
        let beginning = keys::beginning(&logging, &bucket, ctx.now);
        self.keep_record(&bucket, logging.target_bucket, beginning, line);
    }

    fn keep_record(&self, bucket: &Bucket, target: String, beginning: String, line: String) {
        let (name, account) = (bucket.name.clone(), bucket.row.account.clone());
        let row = LogRow { bucket: name, account, line };
        let mut batch = Batch::default();
        let key = (target, beginning, bucket.row.number, self.store.stamp());
        match LOGS.put(&mut batch, &key, &row) {
            // Its place in the order is taken; nobody waits for it.
            Ok(()) => drop(self.store.submit(batch)),
            Err(why) => tracing::error!(%why, bucket = bucket.name, "a log record is lost"),
        }
        self.records.notify_one();
    }
}
