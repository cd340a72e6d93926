//! An invocation's way through the pool.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moln_kernel::{Carried, ids::hex_id, ports::LogTarget};

use super::{Claim, Pool, Resident, Seat, seats::Permit};
use crate::{
    Family, Finished, Invocation, Revision, Unavailable,
    capture::{Log, LogFacts, Phase, Platform},
    environment::{Begun, Failure, Invoked, NotStarted, Prepared, Start, Then, fingerprint, prepare, start},
    runtime_api::Stream,
    time::{day, iso},
};

impl Pool {
    /// Runs an invocation to its end. What was started goes on when the future is dropped.
    pub(crate) async fn run(
        self: &Arc<Self>,
        revision: &Arc<Revision>,
        invocation: Invocation,
        stream: Option<Stream>,
    ) -> Result<Finished, Unavailable> {
        Carried::new(Arc::clone(self).drive(Arc::clone(revision), invocation, stream)).await
    }

    async fn drive(
        self: Arc<Self>,
        revision: Arc<Revision>,
        invocation: Invocation,
        stream: Option<Stream>,
    ) -> Result<Finished, Unavailable> {
        let seen = self.fingerprint(&revision).await;
        let claim = self.claim(&revision, seen).await?;
        let busy = Busy { pool: Arc::clone(&self), revision: Arc::clone(&revision) };
        let (resident, begun) = match claim {
            Claim::Ready(resident) => (resident, Begun { at: Instant::now(), init: None }),
            Claim::Place(seat, permit) => {
                match self.start_for(&revision, &invocation, (seat, permit), seen).await? {
                    Ok(started) => started,
                    Err(finished) => return Ok(finished),
                }
            }
        };
        let Invoked { finished, then } = resident.environment.invoke(invocation, stream, begun).await;
        match then {
            Then::Keep => {
                let environment = Arc::clone(&resident.environment);
                self.keep(resident);
                // Runs on this thread when the answer has left.
                tokio::spawn(async move { environment.tell() });
            }
            Then::End(reason) => self.end(resident, reason),
            // Extensions work on, without the caller.
            Then::Wait(unrested) => drop(tokio::spawn(async move {
                match resident.environment.come_to_rest(*unrested).await {
                    None => self.keep(resident),
                    Some(reason) => self.end(resident, reason),
                }
                drop(busy);
            })),
        }
        Ok(finished)
    }

    pub(super) async fn fingerprint(&self, revision: &Arc<Revision>) -> Option<u64> {
        let changeable = std::iter::once(&revision.code)
            .chain(&revision.layers)
            .any(|code| matches!(code, crate::Code::Directory(_)));
        if !changeable {
            return None;
        }
        let revision = Arc::clone(revision);
        tokio::task::spawn_blocking(move || fingerprint(&revision)).await.ok().flatten()
    }

    /// A new environment for an invocation: initialised ahead of it, or within it when that failed. `Err`: it failed again,
    /// and this is the answer.
    async fn start_for(
        self: &Arc<Self>,
        revision: &Arc<Revision>,
        invocation: &Invocation,
        (mut seat, permit): (Seat, Permit),
        seen: Option<u64>,
    ) -> Result<Result<(Arc<Resident>, Begun), Finished>, Unavailable> {
        let settings = &self.host.settings;
        let prepared = Arc::new(prepare(settings, revision, seen).await?);
        let log = self.open_log(revision, false);
        log.due_to(invocation.lineage.clone());
        announce(&log, Phase::Init, revision, &prepared);
        let ready = self.warmth.take(revision, &prepared).map(|(warm, place)| {
            // The process has a place already.
            seat = place;
            warm
        });
        let wanted = Start {
            revision,
            prepared: &prepared,
            log: &log,
            phase: Phase::Init,
            limit: settings.limits.init,
            provisioned: false,
        };
        let begun = Instant::now();
        let started = match start(&self.host, wanted, ready).await {
            Ok(environment) => Ok((environment, Begun { at: Instant::now(), init: Some(begun.elapsed()) })),
            Err(NotStarted::Unavailable(why)) => return Err(why),
            Err(NotStarted::Failed(..)) => {
                let at = Instant::now();
                let again = Start {
                    revision,
                    prepared: &prepared,
                    log: &log,
                    phase: Phase::Invoke,
                    limit: revision.timeout,
                    provisioned: false,
                };
                match start(&self.host, again, None).await {
                    Ok(environment) => Ok((environment, Begun { at, init: None })),
                    Err(NotStarted::Unavailable(why)) => return Err(why),
                    Err(NotStarted::Failed(failure, took)) => Err((failure, took)),
                }
            }
        };
        drop(permit);
        self.warm_up(revision, &prepared);
        Ok(match started {
            Ok((environment, begun)) => Ok((self.settle(environment, seat), begun)),
            Err((failure, took)) => Err(failed(revision, invocation, &log, &failure, took)),
        })
    }

    /// The log of a new environment, with a stream of its own.
    pub(super) fn open_log(&self, revision: &Arc<Revision>, provisioned: bool) -> Arc<Log> {
        let settings = &self.host.settings;
        let stream = hex_id(&format!("{}/[{}]", day(settings.clock.now()), revision.version), 32);
        let target = LogTarget {
            account: revision.account.clone(),
            region: revision.region.clone(),
            group: Arc::clone(&revision.logging.group),
            stream: stream.into(),
        };
        let facts = LogFacts { target, logging: revision.logging.clone(), provisioned };
        Arc::new(Log::new(facts, Arc::clone(&settings.logs), Arc::clone(&settings.clock)))
    }

    /// An environment that runs, in its place.
    pub(super) fn settle(&self, environment: crate::environment::Environment, seat: Seat) -> Arc<Resident> {
        let resident = Arc::new(Resident { environment: Arc::new(environment), _seat: seat });
        resident.environment.freeze_when_idle(self.host.settings.limits.freeze_after);
        self.lock().live.insert(resident.environment.id, Arc::downgrade(&resident));
        resident
    }
}

/// Counts an invocation as running.
struct Busy {
    pool: Arc<Pool>,
    revision: Arc<Revision>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pool.unbusy(&self.revision);
    }
}

/// Says that initialisation begins.
pub(super) fn announce(log: &Log, phase: Phase, revision: &Revision, prepared: &Prepared) {
    let family = match revision.runtime.family() {
        Family::Node => "nodejs",
        Family::Python => "python",
        _ => "",
    };
    // Custom runtimes have no version that the platform knows.
    let version = (!family.is_empty()).then(|| {
        let (major, minor) = revision.runtime.version();
        let number = if family == "nodejs" { major.to_string() } else { format!("{major}.{minor}") };
        format!("{family}:{number}.v{}", prepared.installed.version)
    });
    log.platform(&Platform::InitStart {
        phase,
        runtime: version.as_deref().map(|version| (version, &*revision.runtime_version)),
        function: &revision.function,
        version: &revision.version,
    });
}

/// The answer to an invocation whose environment could not be initialised, after saying so in the log.
fn failed(
    revision: &Revision,
    invocation: &Invocation,
    log: &Log,
    failure: &Failure,
    took: Duration,
) -> Finished {
    let request = invocation.request_id.as_str();
    if invocation.tail {
        log.start_tail();
    }
    let duration = if *failure == Failure::Timeout { took.max(revision.timeout) } else { took };
    let billed = crate::environment::billed(duration, None);
    let status = failure.status();
    log.platform(&Platform::Start { request, version: &revision.version, tracing: None });
    if let Some(line) = failure.log_line(request, &iso(log.now()), revision.timeout) {
        log.platform(&Platform::Failure { text: &line });
    }
    log.platform(&Platform::RuntimeDone {
        request,
        status: &status,
        duration,
        produced: None,
        tracing: None,
    });
    log.platform(&Platform::End { request });
    log.platform(&Platform::Report {
        request,
        status: &status,
        duration,
        billed,
        memory_mb: revision.memory_mb,
        used_mb: 0,
        init: None,
        tracing: None,
    });
    log.flush();
    Finished {
        payload: failure.payload(request, revision.timeout),
        error: Some(failure.function_error(true)),
        log_tail: log.take_tail(),
        duration,
        billed,
        init_duration: None,
        memory_used: 0,
    }
}
