//! Starting: the sandbox, its extensions, its runtime, until all of them have initialised.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Write as _,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moln_sandbox::{Bind, Exit, Listening, Network, ProcessSpec, Sandbox, SandboxSpec};
use tokio::{sync::Mutex, time::timeout_at};

use crate::{
    Family, Revision, Runtime, Settings, Unavailable,
    bootstrap::{self, Assignment, Launch},
    capture::{Form, Log, Phase, Pipe, Platform, Source, Status, Writer, drain, pipe},
    environment::{Alarm, Environment, Failure, Held, Prepared, Watched, variables, watch},
    limits::{OPEN_FILES, PROCESSES},
    provision::Installed,
    runtime_api::{Api, Serving},
};

/// The port of the Runtime API inside.
const RUNTIME_API: u16 = 9001;
/// The telemetry descriptor's number in a runtime's process.
const TELEMETRY: i32 = 3;
/// The channel's number in a process of our bootstraps.
const CHANNEL: i32 = 4;

/// Where environments run.
pub(crate) struct Host {
    pub(crate) settings: Settings,
    numbers: AtomicU64,
}

impl Host {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, numbers: AtomicU64::new(1) }
    }

    fn network(&self) -> Network {
        if self.settings.isolated { Network::Isolated } else { Network::Host }
    }

    /// The port of the Runtime API inside, beside the platform's.
    fn runtime_api(&self) -> u16 {
        if self.settings.platform.port() == RUNTIME_API { RUNTIME_API + 1 } else { RUNTIME_API }
    }
}

/// What is to be started.
pub(crate) struct Start<'a> {
    pub(crate) revision: &'a Arc<Revision>,
    pub(crate) prepared: &'a Arc<Prepared>,
    pub(crate) log: &'a Arc<Log>,
    pub(crate) phase: Phase,
    /// When initialisation must be over.
    pub(crate) limit: Duration,
    pub(crate) provisioned: bool,
}

/// Why nothing was started.
pub(crate) enum NotStarted {
    /// It is not the function's fault.
    Unavailable(Unavailable),
    /// The function failed to initialise; after this long.
    Failed(Failure, Duration),
}

/// A process that waits to be told which function it is.
pub(crate) struct Warm {
    sandbox: Sandbox,
    runtime: Watched,
    ended: Arc<Mutex<Option<Exit>>>,
    gone: Arc<tokio::sync::Notify>,
    channel: UnixStream,
    pipes: Vec<Pipe>,
    installed: Arc<Installed>,
}

impl Warm {
    /// Whether it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.ended.try_lock().is_ok_and(|ended| ended.is_none())
    }

    /// Ends it.
    pub(crate) async fn kill(self) {
        let _ = self.sandbox.kill().await;
    }
}

/// Starts and initialises an environment, in a pre-warmed process when there is one.
pub(crate) async fn start(
    host: &Host,
    start: Start<'_>,
    ready: Option<Warm>,
) -> Result<Environment, NotStarted> {
    let Start { revision, prepared, log, phase, limit, provisioned } = start;
    let begun = Instant::now();
    let unavailable =
        |error: &dyn std::fmt::Display| NotStarted::Unavailable(Unavailable::Sandbox(error.to_string()));
    let (mut sandbox, warm) = place(host, revision, prepared, ready).await?;
    let api = Api::new(Arc::clone(revision), Arc::clone(log), !host.settings.isolated);
    let mut serving = Vec::new();
    let mut address = None;
    let mut endpoint = host.settings.endpoint.to_string();
    for Listening { port, address: seen, listener } in sandbox.take_listeners() {
        if port == host.runtime_api() {
            address = Some(seen);
            serving.push(api.serve(listener, sandbox.peers()).map_err(|error| unavailable(&error))?);
        } else {
            let scheme = endpoint.split_once("://").map_or("http", |(scheme, _)| scheme);
            endpoint = format!("{scheme}://{seen}");
            let to = host.settings.platform;
            serving.push(Serving::forward(listener, to).map_err(|error| unavailable(&error))?);
        }
    }
    let Some(address) = address else {
        return Err(unavailable(&"The sandbox gave no listener for the Runtime API."));
    };
    let assembled = Assembly { revision, prepared, log, api: &api, sandbox: &sandbox };
    let told = variables::Told {
        revision,
        keys: &prepared.keys,
        api: address.to_string(),
        endpoint: &endpoint,
        stream: log.stream(),
        provisioned,
        telemetry: (revision.runtime.family() != Family::Provided).then_some(TELEMETRY),
    };
    let until = tokio::time::Instant::from_std(begun + limit);
    let outcome = initialise(&assembled, &told, warm, until).await?;
    let took = begun.elapsed();
    let status = outcome.as_ref().map_or_else(|(failure, _)| failure.status(), |_| Status::Success);
    close_registration(&api, log);
    match outcome {
        Ok(running) => {
            log.platform(&Platform::InitRuntimeDone { phase, status: &status });
            log.platform(&Platform::InitReport { phase, status: &status, duration: took });
            log.close_subscription();
            Ok(Environment {
                id: host.numbers.fetch_add(1, Ordering::Relaxed),
                revision: Arc::clone(revision),
                provisioned,
                api,
                log: Arc::clone(log),
                untold: std::sync::Mutex::default(),
                sandbox: Mutex::new(Held { sandbox: Some(sandbox), frozen: false }),
                runtime: running.runtime,
                pipes: running.pipes,
                prepared: Arc::clone(prepared),
                turns: AtomicU64::new(1),
                resting: Arc::new(tokio::sync::Notify::new()),
                watched: std::sync::atomic::AtomicBool::new(false),
                memory: AtomicU64::new(0),
                looked: AtomicU64::new(0),
                born: begun,
                alarm: Alarm::new(),
                _serving: serving,
            })
        }
        Err((failure, running)) => {
            // What it printed before it failed belongs before the report.
            drain(running.iter().flat_map(|running| &running.pipes), log);
            log.platform(&Platform::InitRuntimeDone { phase, status: &status });
            log.platform(&Platform::InitReport { phase, status: &status, duration: took });
            log.push_subscribers();
            log.flush();
            let _ = sandbox.kill().await;
            log.reset_subscribers();
            Err(NotStarted::Failed(failure, took))
        }
    }
}

/// A sandbox with everything the function sees: that of the pre-warmed process, or a new one.
async fn place(
    host: &Host,
    revision: &Revision,
    prepared: &Prepared,
    ready: Option<Warm>,
) -> Result<(Sandbox, Option<Waiting>), NotStarted> {
    if let Some(Warm { sandbox, runtime, ended, gone, channel, pipes, .. }) = ready {
        // One that has just ended is no reason to fail.
        if sandbox.bind(function_binds(revision, prepared)).await.is_ok() {
            return Ok((sandbox, Some((runtime, ended, gone, channel, pipes))));
        }
    }
    let mut binds = runtime_binds(&prepared.installed);
    binds.extend(function_binds(revision, prepared));
    let name = format!("{}:{}", revision.function, revision.version);
    let spec = spec(host, name, revision.memory_mb, revision.tmp_mb, binds);
    match host.settings.launcher.create(spec).await {
        Ok(sandbox) => Ok((sandbox, None)),
        Err(error) => Err(NotStarted::Unavailable(Unavailable::Sandbox(error.to_string()))),
    }
}

/// Starts the processes and waits until all have initialised, one has failed, or the time is over.
async fn initialise(
    assembled: &Assembly<'_>,
    told: &variables::Told<'_>,
    warm: Option<Waiting>,
    until: tokio::time::Instant,
) -> Result<Result<Running, (Failure, Option<Running>)>, NotStarted> {
    let running = match timeout_at(until, assembled.run(told, warm)).await {
        Ok(Ok(running)) => running,
        Ok(Err(Broken::Unavailable(why))) => return Err(NotStarted::Unavailable(why)),
        Ok(Err(Broken::Failed(failure))) => return Ok(Err((failure, None))),
        Err(_) => return Ok(Err((Failure::Timeout, None))),
    };
    let initialised = assembled.api.until(|state| {
        if state.is_initialised() {
            return Some(Ok(()));
        }
        if let Some(reported) = &state.init_error {
            return Some(Err(Failure::Reported(reported.clone())));
        }
        if let Some((name, reported)) = state.failed_extension() {
            return Some(Err(Failure::Extension { name: name.to_string(), kind: reported.kind }));
        }
        state.exit.map(|exit| Err(Failure::Exit(exit)))
    });
    Ok(match timeout_at(until, initialised).await {
        Ok(Ok(())) => Ok(running),
        Ok(Err(failure)) => Err((failure, Some(running))),
        Err(_) => Err((Failure::Timeout, Some(running))),
    })
}

/// No extension registers any more; the log says which ones did.
fn close_registration(api: &Api, log: &Log) {
    api.with(|state| {
        state.open = false;
        for extension in &state.extensions {
            let events: Vec<&'static str> = extension.events.iter().map(|event| event.name()).collect();
            let failure = extension.failure.as_ref().map(|failure| failure.kind.as_str());
            let error = failure.or(extension.exit.map(|_| "Extension.Crash"));
            let state = match (error, &extension.id) {
                (Some(_), _) => "Failed",
                (None, Some(_)) => "Ready",
                (None, None) => "Started",
            };
            log.platform(&Platform::Extension { name: &extension.name, state, events: &events, error });
        }
    });
}

/// Starts a process that waits for its function.
pub(crate) async fn warm(
    host: &Host,
    installed: &Arc<Installed>,
    runtime: Runtime,
    memory_mb: u32,
    tmp_mb: u32,
) -> Result<Warm, moln_sandbox::Error> {
    let system = |error: std::io::Error| moln_sandbox::Error::Invalid(format!("a pipe: {error}"));
    let name = format!("warm:{runtime}");
    let sandbox =
        host.settings.launcher.create(spec(host, name, memory_mb, tmp_mb, runtime_binds(installed))).await?;
    let (output, stdout) = pipe(Form::Lines, Source::Function).map_err(system)?;
    let (frames, telemetry) = pipe(Form::Frames, Source::Function).map_err(system)?;
    let (channel, theirs) = UnixStream::pair().map_err(system)?;
    let stderr = stdout.try_clone().map_err(system)?;
    let generic = bootstrap::Start::Generic { channel: CHANNEL, memory_mb };
    let launch = bootstrap::launch(installed, &|path| sandbox.visible(path), generic, None);
    let env = launch.env.iter().cloned().collect();
    let extra = vec![(telemetry, TELEMETRY), (OwnedFd::from(theirs), CHANNEL)];
    let process = sandbox.spawn(process_spec(launch, &env, "/".into(), stdout, stderr, extra)).await?;
    let (ended, gone) = (Arc::new(Mutex::new(None)), Arc::new(tokio::sync::Notify::new()));
    let (told, notify) = (Arc::clone(&ended), Arc::clone(&gone));
    let runtime = watch(process, move |exit| {
        if let Ok(mut ended) = told.try_lock() {
            *ended = Some(exit);
        }
        notify.notify_one();
    });
    Ok(Warm {
        sandbox,
        runtime,
        ended,
        gone,
        channel,
        pipes: vec![output, frames],
        installed: Arc::clone(installed),
    })
}

impl Warm {
    /// What it runs.
    pub(crate) fn installed(&self) -> &Arc<Installed> {
        &self.installed
    }
}

type Waiting = (Watched, Arc<Mutex<Option<Exit>>>, Arc<tokio::sync::Notify>, UnixStream, Vec<Pipe>);

/// What runs.
struct Running {
    runtime: Watched,
    pipes: Vec<Arc<Pipe>>,
}

enum Broken {
    Unavailable(Unavailable),
    Failed(Failure),
}

struct Assembly<'a> {
    revision: &'a Arc<Revision>,
    prepared: &'a Arc<Prepared>,
    log: &'a Arc<Log>,
    api: &'a Arc<Api>,
    sandbox: &'a Sandbox,
}

impl Assembly<'_> {
    /// Starts the extensions, waits until they have registered, starts the runtime.
    async fn run(&self, told: &variables::Told<'_>, warm: Option<Waiting>) -> Result<Running, Broken> {
        let broken =
            |error: &dyn std::fmt::Display| Broken::Unavailable(Unavailable::Sandbox(error.to_string()));
        let start = bootstrap::Start::Assigned {
            memory_mb: self.revision.memory_mb,
            wrapper: self.revision.environment.get("AWS_LAMBDA_EXEC_WRAPPER").map(String::as_str),
        };
        let launch = bootstrap::launch(
            &self.prepared.installed,
            &|path| self.sandbox.visible(path),
            start,
            self.prepared.entry,
        );
        let mut env = variables::of_runtime(&launch.env, told);
        let mut pipes = self.extensions(&env).await?;
        if let Some((runtime, ended, gone, mut channel, waiting)) = warm {
            for pipe in waiting {
                pipes.push(self.follow(pipe).map_err(|error| broken(&error))?);
            }
            let api = Arc::clone(self.api);
            tokio::spawn(async move {
                loop {
                    if let Some(exit) = *ended.lock().await {
                        return api.runtime_exited(exit);
                    }
                    gone.notified().await;
                }
            });
            let assigned = Assignment { env, handler: self.revision.handler.clone(), cwd: launch.cwd };
            let bytes = assigned.encode().map_err(|error| broken(&error))?;
            // At most 4 KiB of variables: a socket takes it without waiting. A process that has ended is seen by its end.
            let _ = channel.write_all(&bytes);
            self.api.speak(channel).map_err(|error| broken(&error))?;
            return Ok(Running { runtime, pipes });
        }
        if self.revision.runtime.family() == Family::Provided && self.prepared.entry.is_none() {
            return Err(Broken::Failed(Failure::Launch {
                kind: "Runtime.InvalidEntrypoint",
                message: "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".into(),
            }));
        }
        let (output, stdout) = pipe(Form::Lines, Source::Function).map_err(|error| broken(&error))?;
        let stderr = stdout.try_clone().map_err(|error| broken(&error))?;
        pipes.push(self.follow(output).map_err(|error| broken(&error))?);
        let mut extra = Vec::new();
        if self.revision.runtime.family() != Family::Provided {
            let (frames, telemetry) = pipe(Form::Frames, Source::Function).map_err(|error| broken(&error))?;
            pipes.push(self.follow(frames).map_err(|error| broken(&error))?);
            extra.push((telemetry, TELEMETRY));
        }
        if launch.speaks {
            let (channel, theirs) = UnixStream::pair().map_err(|error| broken(&error))?;
            extra.push((OwnedFd::from(theirs), CHANNEL));
            env.insert(bootstrap::CHANNEL.into(), CHANNEL.to_string());
            self.api.speak(channel).map_err(|error| broken(&error))?;
        }
        let program =
            launch.argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
        let cwd = launch.cwd.clone();
        let spec = process_spec(launch, &env, cwd, stdout, stderr, extra);
        let process = match self.sandbox.spawn(spec).await {
            Ok(process) => process,
            Err(moln_sandbox::Error::System { source, .. }) => {
                return Err(Broken::Failed(Failure::Launch {
                    kind: "Runtime.InvalidEntrypoint",
                    message: format!("fork/exec {program}: {}", reason(&source)),
                }));
            }
            Err(error) => return Err(broken(&error)),
        };
        let api = Arc::clone(self.api);
        Ok(Running { runtime: watch(process, move |exit| api.runtime_exited(exit)), pipes })
    }

    fn follow(&self, pipe: Pipe) -> std::io::Result<Arc<Pipe>> {
        let pipe = Arc::new(pipe);
        pipe.follow(Arc::clone(self.log))?;
        Ok(pipe)
    }

    async fn extensions(&self, env: &BTreeMap<String, String>) -> Result<Vec<Arc<Pipe>>, Broken> {
        let mut pipes = Vec::new();
        if self.prepared.extensions.is_empty() {
            return Ok(pipes);
        }
        let env = variables::of_extension(env);
        for name in &self.prepared.extensions {
            let broken =
                |error: &dyn std::fmt::Display| Broken::Unavailable(Unavailable::Sandbox(error.to_string()));
            let (output, stdout) = pipe(Form::Lines, Source::Extension).map_err(|error| broken(&error))?;
            let stderr = stdout.try_clone().map_err(|error| broken(&error))?;
            pipes.push(self.follow(output).map_err(|error| broken(&error))?);
            self.api.with(|state| state.expect(name));
            let program = self.sandbox.visible("/opt/extensions").join(name);
            let argv = vec![program.into()];
            let launch = Launch { argv, env: Vec::new(), cwd: "/".into(), speaks: false };
            let spec = process_spec(launch, &env, "/".into(), stdout, stderr, Vec::new());
            let process = self.sandbox.spawn(spec).await.map_err(|error| match error {
                moln_sandbox::Error::System { .. } => Broken::Failed(Failure::Extension {
                    name: name.clone(),
                    kind: "Extension.LaunchError".into(),
                }),
                other => broken(&other),
            })?;
            let (api, own) = (Arc::clone(self.api), name.clone());
            watch(process, move |exit| api.extension_exited(&own, exit));
        }
        let registered = self.api.until(|state| {
            if let Some((name, reported)) = state.failed_extension() {
                return Some(Err(Broken::Failed(Failure::Extension {
                    name: name.to_string(),
                    kind: reported.kind,
                })));
            }
            state.extensions.iter().all(|extension| extension.id.is_some()).then_some(Ok(()))
        });
        registered.await?;
        Ok(pipes)
    }
}

fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory",
        std::io::ErrorKind::PermissionDenied => "permission denied",
        _ => "exec format error",
    }
}

fn process_spec(
    launch: Launch,
    env: &BTreeMap<String, String>,
    cwd: String,
    stdout: Writer,
    stderr: Writer,
    extra: Vec<(OwnedFd, i32)>,
) -> ProcessSpec {
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    ProcessSpec { argv: launch.argv, env, cwd, stdout, stderr, extra }
}

fn spec(host: &Host, name: String, memory_mb: u32, tmp_mb: u32, binds: Vec<Bind>) -> SandboxSpec {
    let mut listen = vec![host.runtime_api()];
    if host.settings.isolated {
        listen.push(host.settings.platform.port());
    }
    SandboxSpec {
        name,
        binds,
        tmp_bytes: u64::from(tmp_mb) << 20,
        memory_bytes: u64::from(memory_mb) << 20,
        // AWS: 1,769 MB are one processor.
        cpus: host.settings.limits.cpu_by_memory.then(|| f64::from(memory_mb) / 1_769.0),
        processes: PROCESSES,
        open_files: OPEN_FILES,
        network: host.network(),
        listen,
    }
}

fn runtime_binds(installed: &Installed) -> Vec<Bind> {
    bootstrap::shown(installed).into_iter().map(|shown| Bind::read_only(shown.from, shown.to)).collect()
}

fn function_binds(revision: &Revision, prepared: &Prepared) -> Vec<Bind> {
    let mut binds = vec![Bind::read_only(&prepared.task.path, bootstrap::TASK)];
    if let Some(layers) = &prepared.layers {
        binds.push(Bind::read_only(&layers.path, bootstrap::LAYERS));
        if let Some(shown) = bootstrap::shown_of_layers(revision.runtime, &layers.path) {
            binds.push(Bind::read_only(shown.from, shown.to));
        }
    }
    binds
}
