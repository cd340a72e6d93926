//! What the admin API can do to this process.

use std::{sync::Arc, time::Duration};

use http::Method;
use moln_fabric::{Advance, Workers, advance::AdvanceError, worker::Phase};
use moln_gateway::{
    admin::{Control, Pieces},
    metrics::Exposition,
};
use moln_kernel::{ApiError, MovableClock, Timestamp, clock::BoxFuture};
use moln_s3::Buckets;
use moln_store::{Blobs, Stats, Store, stats::SYNC_BUCKETS_MICROS};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{blobs, compose, figures::Figures, pieces};

/// Operates the process.
pub(crate) struct Operator {
    pub(crate) clock: Arc<dyn MovableClock>,
    pub(crate) advance: Advance,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) buckets: Arc<Buckets>,
    pub(crate) workers: Workers,
    pub(crate) figures: Arc<Figures>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Operator {
    /// Looks through all files of large values at once, which otherwise takes an hour, and removes those nobody refers to.
    async fn collect(&self) -> Result<Value, ApiError> {
        let (blobs, store, now) = (self.blobs.clone(), self.store.clone(), self.clock.now());
        let all = tokio::task::spawn_blocking(move || blobs::collect_all(&blobs, &store, now)).await;
        match all {
            Ok(Ok(done)) => {
                Ok(json!({ "seen": done.seen, "waiting": done.waiting, "removed": done.removed }))
            }
            Ok(Err(why)) => {
                tracing::error!(%why, "files cannot be looked through");
                Err(ApiError::internal("The files of the data directory cannot be looked through."))
            }
            Err(_) => Err(ApiError::internal("The look through the files broke off.")),
        }
    }
}

impl Control for Operator {
    fn clock(&self) -> (Timestamp, Duration) {
        (self.clock.now(), self.clock.offset())
    }

    fn advance(&self, by: Duration) -> BoxFuture<'_, Result<Timestamp, ApiError>> {
        Box::pin(async move {
            match self.advance.by(by).await {
                Ok(done) => Ok(done.to),
                // Tells how far it went, and what to do; nothing about the inside but workers' names.
                Err(AdvanceError::Store { .. }) => {
                    Err(ApiError::internal("The moved clock could not be stored."))
                }
                Err(why) => Err(ApiError::sender("Conflict", why.to_string()).with_status(409)),
            }
        })
    }

    fn backup(&self) -> Result<Pieces, ApiError> {
        let (mut writer, pieces) = pieces::channel();
        let (store, blobs) = (self.store.clone(), self.blobs.clone());
        // Reads the whole store, and waits for the client: on a thread that may.
        tokio::task::spawn_blocking(move || match compose::backup(&store, &blobs, &mut writer) {
            Ok(()) => {
                if let Err(error) = writer.finish() {
                    tracing::warn!(%error, "a backup was not fetched to its end");
                }
            }
            Err(why) => tracing::error!(%why, "a backup failed"),
        });
        Ok(pieces)
    }

    fn metrics(&self, out: &mut Exposition) {
        store_metrics(&self.store.stats(), out);
        worker_metrics(&self.workers, out);
        self.figures.write(out);
    }

    fn details(&self) -> Value {
        let stats = self.store.stats();
        let workers: Vec<Value> = self
            .workers
            .report()
            .into_iter()
            .map(|report| {
                json!({
                    "name": &*report.name,
                    "state": phase(report.phase),
                    "doing": report.info,
                    "steps": report.steps,
                    "errors": report.errors,
                })
            })
            .collect();
        json!({
            "store": { "commits": stats.commits, "queue": stats.queue, "diskBytes": stats.disk_bytes },
            "workers": workers,
        })
    }

    fn page<'a>(
        &'a self,
        method: &'a Method,
        path: &'a str,
        query: &'a [(String, String)],
    ) -> BoxFuture<'a, Option<Result<Value, ApiError>>> {
        let of = |name: &str| query.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
        Box::pin(async move {
            match path {
                "/_moln/s3/why" if method == Method::GET => {
                    Some(self.buckets.why(of("bucket"), of("key")).await)
                }
                "/_moln/blobs/collect" if method == Method::POST => Some(self.collect().await),
                _ => None,
            }
        })
    }

    fn stopping(&self) -> bool {
        *self.stop.borrow()
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Running => "running",
        Phase::Idle { .. } => "idle",
        Phase::Throttled { .. } => "throttled",
        Phase::Failed { .. } => "failed",
        Phase::Done => "done",
    }
}

fn worker_metrics(workers: &Workers, out: &mut Exposition) {
    let reports = workers.report();
    out.family("moln_worker_steps_total", "counter", "Steps of background workers.");
    for report in &reports {
        out.sample("moln_worker_steps_total", &[("worker", &report.name)], report.steps);
    }
    out.family("moln_worker_errors_total", "counter", "Errors and panics of background workers.");
    for report in &reports {
        out.sample("moln_worker_errors_total", &[("worker", &report.name)], report.errors);
    }
    out.family("moln_worker_failing", "gauge", "Failures in a row of a background worker; 0 is well.");
    for report in &reports {
        out.sample("moln_worker_failing", &[("worker", &report.name)], report.failures);
    }
}

fn store_metrics(stats: &Stats, out: &mut Exposition) {
    for (name, kind, help, value) in [
        ("moln_store_commits_total", "counter", "Commits applied.", stats.commits),
        ("moln_store_conflicts_total", "counter", "Commits refused for a precondition.", stats.conflicts),
        (
            "moln_store_turned_away_total",
            "counter",
            "Commits turned away: the backlog was full.",
            stats.turned_away,
        ),
        ("moln_store_groups_total", "counter", "Groups of commits written, one sync each.", stats.groups),
        ("moln_store_rows_total", "counter", "Rows written.", stats.rows),
        ("moln_store_bytes_total", "counter", "Bytes of keys and values written.", stats.bytes),
        ("moln_store_queue", "gauge", "Commits waiting for their group.", stats.queue),
        ("moln_store_queue_bytes", "gauge", "Bytes of those commits.", stats.queue_bytes),
        (
            "moln_store_sweeping_ranges",
            "gauge",
            "Removed ranges not yet swept from the disk.",
            stats.sweeping_ranges,
        ),
        ("moln_store_disk_bytes", "gauge", "Bytes on disk.", stats.disk_bytes),
    ] {
        out.single(name, kind, help, value);
    }
    out.family("moln_store_sync_seconds", "histogram", "Time of a group's sync to disk.");
    let mut sum = 0;
    for (bound, count) in SYNC_BUCKETS_MICROS.iter().zip(&stats.sync_histogram) {
        sum += count;
        let bound = Duration::from_micros(*bound).as_secs_f64().to_string();
        out.sample("moln_store_sync_seconds_bucket", &[("le", &bound)], sum);
    }
    let count: u64 = stats.sync_histogram.iter().sum();
    out.sample("moln_store_sync_seconds_bucket", &[("le", "+Inf")], count);
    out.sample("moln_store_sync_seconds_sum", &[], stats.sync_time.as_secs_f64());
    out.sample("moln_store_sync_seconds_count", &[], count);
}
