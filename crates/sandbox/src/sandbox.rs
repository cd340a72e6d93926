//! A sandbox, seen from the server.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use crate::{
    Bind, Error, Peers, ProcessSpec, SandboxSpec,
    control::Control,
    launcher::{Guard, checked, unsent},
    limits,
    link::Link,
    memory,
    messages::{Ask, Ended, Made, Tell},
};

/// A port of the sandbox's loopback at which the server listens.
#[derive(Debug)]
pub struct Listening {
    /// The port that was asked for.
    pub port: u16,
    /// The address processes inside must be told: with the host's network another free port of 127.0.0.1.
    pub address: SocketAddr,
    /// The listening socket. It blocks: set it non-blocking before a runtime takes it.
    pub listener: TcpListener,
}

/// What a sandbox uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory of all processes now, in bytes. `/tmp` does not count.
    pub memory: u64,
    /// The most there was since the start or the last [`Sandbox::reset_peak`], in bytes; at least `memory`, at most the
    /// limit.
    pub peak: u64,
    /// Processes and threads now.
    pub processes: u32,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Killed because the sandbox's memory limit was crossed.
    OutOfMemory,
}

/// A running sandbox. Dropping it kills it in the background.
#[derive(Debug)]
pub struct Sandbox {
    live: Arc<Live>,
    guard: Guard,
    listening: Vec<Listening>,
}

/// Whether processes run, for the memory watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Frozen,
    Ended,
}

/// What the sandbox, its processes and its tasks share.
#[derive(Debug)]
pub(crate) struct Live {
    link: Link,
    made: Made,
    binds: Mutex<Vec<Bind>>,
    pub(crate) control: Control,
    pub(crate) memory_bytes: u64,
    pub(crate) state: watch::Sender<State>,
    /// The most memory the watcher saw since the last reset.
    pub(crate) seen: AtomicU64,
    /// The watcher found more memory than allowed and ended everything.
    out_of_memory: AtomicBool,
    /// The kernel's count of processes it ended, as far as exits were explained by it.
    explained: AtomicU64,
    next: AtomicU64,
    next_process: AtomicU32,
    answers: Mutex<HashMap<u64, oneshot::Sender<Tell>>>,
    exits: Mutex<HashMap<u32, watch::Sender<Option<Exit>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sandbox {
    /// Waits until a sandbox is built, and takes it over.
    pub(crate) async fn open(
        guard: Guard,
        handle: &Handle,
        spec: SandboxSpec,
        made: Made,
        channel: OwnedFd,
        mut listening: Vec<Listening>,
    ) -> Result<Self, Error> {
        let link = Link::new(channel).map_err(|why| Error::system("a channel to the sandbox", why))?;
        let control =
            Control::open(&made.groups).map_err(|why| Error::system("the sandbox's control group", why))?;
        match link.receive::<Tell>(&mut Vec::new()).await {
            Ok(Some((Tell::Ready, descriptors))) => {
                for (port, descriptor) in spec.listen.iter().zip(descriptors) {
                    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                    listening.push(Listening {
                        port: *port,
                        address,
                        listener: TcpListener::from(descriptor),
                    });
                }
            }
            Ok(Some((Tell::Broken { why }, _))) => return Err(why.into()),
            Ok(_) => return Err(Error::Gone),
            Err(why) => return Err(Error::system("hearing the sandbox", why)),
        }
        let live = Arc::new(Live {
            link,
            made,
            binds: Mutex::new(spec.binds),
            control,
            memory_bytes: spec.memory_bytes,
            state: watch::Sender::new(State::Running),
            seen: AtomicU64::new(0),
            out_of_memory: AtomicBool::new(false),
            explained: AtomicU64::new(0),
            next: AtomicU64::new(0),
            next_process: AtomicU32::new(0),
            answers: Mutex::default(),
            exits: Mutex::default(),
        });
        handle.spawn(hear(Arc::clone(&live)));
        if live.control.measures() {
            handle.spawn(memory::watch(Arc::clone(&live)));
        }
        Ok(Self { live, guard, listening })
    }

    /// The listeners that were asked for; empty the second time.
    pub fn take_listeners(&mut self) -> Vec<Listening> {
        std::mem::take(&mut self.listening)
    }

    /// Who is inside, for listeners on the machine's loopback.
    pub fn peers(&self) -> Peers {
        self.live.made.peers
    }

    /// Shows more of the machine inside, now. Unsupported where [`crate::Report::late_binds`] is false and a process was
    /// started already. A frozen sandbox does it when it is thawed.
    pub async fn bind(&self, mut binds: Vec<Bind>) -> Result<(), Error> {
        checked(&mut binds)?;
        let id = self.live.number();
        self.live.ask_done(id, &Ask::Bind { id, binds: binds.clone() }, &[]).await?;
        lock(&self.live.binds).extend(binds);
        Ok(())
    }

    /// What a process must be told for a path inside: the path itself, or the real place where the tier has no mounts. Such
    /// a place stays what it is.
    pub fn visible(&self, path: &str) -> PathBuf {
        if !self.live.made.plain {
            return PathBuf::from(path);
        }
        let binds = lock(&self.live.binds);
        let mut real = binds.iter().map(|bind| &bind.from).chain([&self.live.made.tmp]);
        if real.any(|place| Path::new(path).starts_with(place)) {
            return PathBuf::from(path);
        }
        let places = binds.iter().rev().map(|bind| (Path::new(&bind.to), bind.from.as_path()));
        let places = places.chain([(Path::new("/tmp"), self.live.made.tmp.as_path())]);
        let found = places
            .filter_map(|(to, from)| {
                Some((to.components().count(), from, Path::new(path).strip_prefix(to).ok()?))
            })
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        found.map_or_else(
            || PathBuf::from(path),
            |(_, from, rest)| if rest.as_os_str().is_empty() { from.to_path_buf() } else { from.join(rest) },
        )
    }

    /// Starts a process. Returns when its program runs; a program that cannot be executed is [`Error::System`]. The
    /// program's path and the working directory are taken as seen inside in every tier; arguments and variables are not
    /// touched (see [`Sandbox::visible`]). A frozen sandbox does it when it is thawed.
    pub async fn spawn(&self, process: ProcessSpec) -> Result<Process, Error> {
        let ProcessSpec { argv, env, cwd, stdout, stderr, extra } = process;
        if extra.len() > limits::EXTRA_DESCRIPTORS
            || extra.iter().any(|(_, number)| !(3..256).contains(number))
        {
            return Err(Error::Invalid("at most 16 more descriptors, numbered from 3 to 255".into()));
        }
        let text = |text: std::ffi::OsString| {
            text.into_string().map_err(|_| Error::Invalid("an argument or a variable is not UTF-8".into()))
        };
        let mut argv = argv.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        if let Some(program) = argv.first_mut().filter(|program| program.starts_with('/')) {
            *program = text(self.visible(program).into_os_string())?;
        }
        let env = env
            .into_iter()
            .map(|(name, value)| Ok(format!("{}={}", text(name)?, text(value)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let cwd = text(self.visible(&cwd).into_os_string())?;
        let live = &self.live;
        let number = live.next_process.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = watch::channel(None);
        lock(&live.exits).insert(number, sender);
        let id = live.number();
        let numbers = extra.iter().map(|(_, number)| *number).collect();
        let ask = Ask::Spawn { id, process: number, argv, env, cwd, extra: numbers };
        let descriptors: Vec<_> =
            [&stdout, &stderr].into_iter().chain(extra.iter().map(|(fd, _)| fd)).map(AsFd::as_fd).collect();
        if let Err(why) = live.ask_done(id, &ask, &descriptors).await {
            lock(&live.exits).remove(&number);
            return Err(why);
        }
        Ok(Process { live: Arc::clone(live), number, exit: receiver })
    }

    /// Stops all processes where they are; they use no processor time until [`Sandbox::thaw`].
    pub async fn freeze(&self) -> Result<(), Error> {
        self.live.set_state(State::Frozen);
        if self.live.control.freezes() {
            return self.live.control.freeze().await;
        }
        let id = self.live.number();
        self.live.ask_done(id, &Ask::Freeze { id }, &[]).await
    }

    /// Lets frozen processes go on.
    pub async fn thaw(&self) -> Result<(), Error> {
        if self.live.control.freezes() {
            self.live.control.thaw()?;
        } else {
            let id = self.live.number();
            self.live.ask_done(id, &Ask::Thaw { id }, &[]).await?;
        }
        self.live.set_state(State::Running);
        Ok(())
    }

    /// What is used now.
    pub async fn usage(&self) -> Result<Usage, Error> {
        self.used(false).await
    }

    /// Starts a new measurement of [`Usage::peak`].
    pub async fn reset_peak(&self) -> Result<(), Error> {
        self.used(true).await.map(drop)
    }

    async fn used(&self, reset: bool) -> Result<Usage, Error> {
        let live = &self.live;
        if live.control.measures() {
            let failed = |why| Error::system("measuring a sandbox", why);
            let measured = live.control.measure().map_err(failed)?;
            if reset {
                live.control.reset_peak();
                live.seen.store(measured.memory, Ordering::Relaxed);
            }
            let peak = measured.peak.max(live.seen.load(Ordering::Relaxed));
            let peak = peak.min(live.memory_bytes).max(measured.memory);
            return Ok(Usage { memory: measured.memory, peak, processes: measured.processes });
        }
        let id = live.number();
        match live.ask(id, &Ask::Usage { id, reset }, &[]).await? {
            Tell::Used { memory, peak, processes, .. } => {
                Ok(Usage { memory, peak: peak.min(live.memory_bytes).max(memory), processes })
            }
            _ => Err(Error::Gone),
        }
    }

    /// Ends everything inside and removes every trace. Returns when nothing is left.
    pub async fn kill(self) -> Result<(), Error> {
        self.live.set_state(State::Ended);
        self.guard.end().await
    }
}

impl Live {
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn set_state(&self, state: State) {
        self.state.send_if_modified(|now| {
            let changed = *now != state && *now != State::Ended;
            if changed {
                *now = state;
            }
            changed
        });
    }

    async fn ask(&self, id: u64, ask: &Ask, fds: &[rustix::fd::BorrowedFd<'_>]) -> Result<Tell, Error> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.answers).insert(id, sender);
        if *self.state.borrow() == State::Ended {
            lock(&self.answers).remove(&id);
            return Err(Error::Gone);
        }
        if let Err(why) = self.link.send(ask, fds).await {
            lock(&self.answers).remove(&id);
            return Err(unsent(&why));
        }
        receiver.await.map_err(|_| Error::Gone)
    }

    async fn ask_done(&self, id: u64, ask: &Ask, fds: &[rustix::fd::BorrowedFd<'_>]) -> Result<(), Error> {
        match self.ask(id, ask, fds).await? {
            Tell::Done { .. } => Ok(()),
            Tell::Failed { why, .. } => Err(why.into()),
            _ => Err(Error::Gone),
        }
    }

    /// Ends every process because memory ran out.
    pub(crate) async fn run_out_of_memory(&self) -> io::Result<()> {
        self.out_of_memory.store(true, Ordering::Relaxed);
        self.link.send(&Ask::OutOfMemory, &[]).await
    }

    fn exit(&self, status: Ended) -> Exit {
        match status {
            Ended::Code(code) => Exit::Code(code),
            Ended::OutOfMemory => Exit::OutOfMemory,
            Ended::Signal(libc::SIGKILL) => {
                let count = self.control.out_of_memory();
                let new = self.explained.swap(count, Ordering::Relaxed) < count;
                if new || self.out_of_memory.load(Ordering::Relaxed) {
                    Exit::OutOfMemory
                } else {
                    Exit::Signal(libc::SIGKILL)
                }
            }
            Ended::Signal(signal) => Exit::Signal(signal),
        }
    }

    fn tell_exit(&self, process: u32, exit: Exit) {
        if let Some(sender) = lock(&self.exits).remove(&process) {
            sender.send_replace(Some(exit));
        }
    }
}

async fn hear(live: Arc<Live>) {
    let mut buffer = Vec::new();
    loop {
        match live.link.receive::<Tell>(&mut buffer).await {
            Ok(Some((tell, _))) => match tell {
                Tell::Done { id } | Tell::Failed { id, .. } | Tell::Used { id, .. } => {
                    let sender = lock(&live.answers).remove(&id);
                    if let Some(sender) = sender {
                        // Whoever asked may have given up.
                        let _ = sender.send(tell);
                    }
                }
                Tell::Exited { process, status } => live.tell_exit(process, live.exit(status)),
                Tell::Ready | Tell::Broken { .. } => {}
            },
            Ok(None) => break,
            Err(why) => {
                tracing::error!(%why, "a sandbox is not understood any more");
                live.link.close();
                break;
            }
        }
    }
    // Everything in it has ended, or is about to: whoever waits hears of it.
    let exit = live.exit(Ended::Signal(libc::SIGKILL));
    live.set_state(State::Ended);
    lock(&live.answers).clear();
    let running: Vec<u32> = lock(&live.exits).keys().copied().collect();
    for process in running {
        live.tell_exit(process, exit);
    }
}

/// A process in a sandbox. Dropping it leaves it running: it ends with its sandbox.
#[derive(Debug)]
pub struct Process {
    live: Arc<Live>,
    number: u32,
    exit: watch::Receiver<Option<Exit>>,
}

impl Process {
    /// Its place among the processes started in the sandbox, from 0 on.
    pub fn id(&self) -> u32 {
        self.number
    }

    /// Waits until it has ended. May be called again: the answer stays. A sandbox that is killed answers `Signal(9)`.
    pub async fn exited(&mut self) -> Exit {
        let exit = self.exit.wait_for(Option::is_some).await.map(|exit| *exit);
        exit.ok().flatten().unwrap_or(Exit::Signal(libc::SIGKILL))
    }

    /// Sends it a signal; nothing happens when it has ended.
    pub async fn signal(&self, signal: i32) {
        if let Err(why) = self.live.link.send(&Ask::Signal { process: self.number, signal }, &[]).await {
            tracing::debug!(%why, "a signal was for a sandbox that has ended");
        }
    }
}
