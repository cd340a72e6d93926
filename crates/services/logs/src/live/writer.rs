//! The background job that writes what waits in the buffer: many streams in one commit, groups and streams made when they
//! are not there.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use moln_fabric::{Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Lineage, clock::BoxFuture};
use moln_store::{Batch, CommitError};

use super::{
    Core, Group,
    buffer::Taken,
    ingest::{self, Effects, Incoming},
};
use crate::{
    errors,
    limits::{COMMIT_BYTES, COMMIT_STREAMS, GATHER_MS},
    tables::GroupRow,
};

/// How often a commit is tried anew when a group or stream came or went meanwhile.
const ATTEMPTS: usize = 5;

/// The worker.
pub(crate) struct Writer(Arc<Core>);

impl Writer {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    /// Writes one commit's worth.
    async fn write_some(&self) {
        let taken = self.0.buffer.take(COMMIT_BYTES, COMMIT_STREAMS);
        let lines: usize = taken.iter().map(|taken| taken.lines.len()).sum();
        let streams: Vec<Stream> = taken.into_iter().map(Stream::from).collect();
        for attempt in 1..=ATTEMPTS {
            match self.try_write(&streams).await {
                Ok(()) => return,
                Err(Refused::Conflict) if attempt < ATTEMPTS => {}
                Err(why) => {
                    self.0.lost.fetch_add(lines as u64, Ordering::Relaxed);
                    let why = match why {
                        Refused::Conflict => "groups or streams come and go too fast".to_owned(),
                        Refused::Failed(why) => why.to_string(),
                    };
                    tracing::error!(lines, error = why, "log lines could not be written and are lost");
                    return;
                }
            }
        }
    }

    async fn try_write(&self, streams: &[Stream]) -> Result<(), Refused> {
        let core = &*self.0;
        let (mut batch, mut effects) = (Batch::default(), Effects::default());
        for stream in streams {
            let group = self.group(stream).await?;
            let now = core.clock.now().millis();
            let snapshot = core.store.snapshot();
            let found = Core::stream(&*snapshot, group.id, &stream.name).map_err(|why| unread(&why))?;
            let row = if let Some((row, version)) = found {
                batch.unchanged(crate::tables::keys::stream(group.id, &stream.name), version);
                row
            } else {
                core.demand_group(&mut batch, &group).map_err(|why| unread(&why))?;
                core.new_stream(&mut batch, group.id, &stream.name, now).map_err(|why| unread(&why))?
            };
            let incoming = Incoming {
                group: &group,
                stream: row.id,
                stream_name: &stream.name,
                now,
                events: &stream.events,
                chain: &stream.chain,
            };
            ingest::write(core, &mut batch, &incoming, &mut effects).map_err(|why| unread(&why))?;
        }
        match core.store.commit(batch).await {
            Ok(_) => effects.apply(core),
            Err(CommitError::Conflict { .. }) => return Err(Refused::Conflict),
            Err(why) => return Err(Refused::Failed(errors::uncommitted(&why))),
        }
        Ok(())
    }

    async fn group(&self, stream: &Stream) -> Result<Arc<Group>, Refused> {
        let target = &stream.target;
        let (account, region) = (target.account.as_str(), target.region.as_str());
        if let Some(group) = self.0.find(account, region, &target.group) {
            return Ok(group);
        }
        let row = GroupRow { class: "STANDARD".into(), ..GroupRow::default() };
        match self.0.create_group(&target.account, &target.region, &target.group, row).await {
            Ok(group) => Ok(group),
            Err(why) if why.code == "ResourceAlreadyExistsException" => Err(Refused::Conflict),
            Err(why) => Err(Refused::Failed(why)),
        }
    }
}

enum Refused {
    Conflict,
    Failed(ApiError),
}

fn unread(why: &moln_store::StoreError) -> Refused {
    Refused::Failed(errors::unread(why))
}

/// A stream's lines as events.
struct Stream {
    target: moln_kernel::ports::LogTarget,
    name: Arc<str>,
    events: Vec<(u64, Bytes)>,
    chain: Lineage,
}

impl From<Taken> for Stream {
    fn from(taken: Taken) -> Self {
        let chains = taken.lines.iter().filter_map(|line| line.chain.as_deref());
        let chain = chains.max_by_key(|chain| chain.hops.len()).cloned().unwrap_or_default();
        let mut events: Vec<_> =
            taken.lines.into_iter().map(|line| (line.time.millis(), line.message)).collect();
        events.sort_by_key(|(time, _)| *time);
        let name = Arc::clone(&taken.target.stream);
        Self { target: taken.target, name, events, chain }
    }
}

impl Worker for Writer {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            if self.0.buffer.is_empty() {
                return Ok(WorkerState::Idle { until: None });
            }
            tokio::time::sleep(std::time::Duration::from_millis(GATHER_MS)).await;
            self.write_some().await;
            // What came meanwhile gathers again, unless it fills a commit already.
            while self.0.buffer.fills(COMMIT_BYTES, COMMIT_STREAMS) {
                self.write_some().await;
            }
            Ok(WorkerState::Busy)
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.buffer.ready())
    }

    fn info(&self) -> String {
        match self.0.lost.load(Ordering::Relaxed) {
            0 => String::new(),
            lost => format!("{lost} lines lost"),
        }
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while !self.0.buffer.is_empty() {
                self.write_some().await;
            }
        })
    }
}
