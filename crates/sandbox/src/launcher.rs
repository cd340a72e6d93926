//! The launcher, seen from the server.

use std::{
    collections::HashMap,
    fs::{DirBuilder, File},
    io,
    net::{Ipv4Addr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    Bind, Error, Listening, Network, Report, Sandbox, SandboxSpec, channel, daemon, limits,
    link::Link,
    messages::{News, Order},
    sys,
};

/// How much of a sandbox is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Namespaces at least (tiers A and B), or nothing runs.
    Require,
    /// The best this machine gives.
    #[default]
    Best,
    /// Plain processes: functions may do whatever the server may.
    Off,
}

/// How the launcher works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much of a sandbox is demanded.
    pub mode: Mode,
    /// A directory for what environments need while they run. It is made, and emptied at start; one server uses it.
    pub run: PathBuf,
}

/// The launcher's process, before anybody talks to it.
#[derive(Debug)]
pub struct LauncherProcess {
    socket: OwnedFd,
}

impl LauncherProcess {
    /// Forks it. To be called before the process has threads: a fork takes only the calling one along. Waits a few
    /// seconds for the launcher of a server that was just killed; a living one is [`Error::InUse`].
    pub fn fork(settings: Settings) -> Result<Self, Error> {
        let Settings { mode, run } = settings;
        let run = directory(&run)?;
        let lock = lock(&run)?;
        let (ours, theirs) =
            channel::pair().map_err(|why| Error::system("a channel to the launcher", why))?;
        match sys::fork().map_err(|why| Error::system("forking the launcher", why))? {
            None => daemon::run(theirs, mode, run, lock.as_fd()),
            // The launcher keeps the lock, until everything of its server is gone.
            Some(_) => Ok(Self { socket: ours }),
        }
    }

    /// Waits for the probe and gives the way to talk to it. To be called within a tokio runtime; blocks it for the time
    /// of a few trial sandboxes, some milliseconds.
    pub fn attach(self) -> Result<Launcher, Error> {
        let handle = Handle::try_current().map_err(|_| Error::Unsupported("there is no runtime".into()))?;
        let report = match channel::receive::<News>(&self.socket, &mut Vec::new()) {
            Ok(Some((News::Hello { report }, _))) => report,
            Ok(Some((News::Failed { why }, _))) => return Err(why.into()),
            Ok(_) => return Err(Error::Gone),
            Err(why) => return Err(Error::system("hearing the launcher", why)),
        };
        let link = Link::new(self.socket).map_err(|why| Error::system("hearing the launcher", why))?;
        let link = Arc::new(link);
        let waiting = Arc::new(Waiting::default());
        handle.spawn(hear(Arc::clone(&link), Arc::clone(&waiting)));
        let shared = Shared { report, link, waiting, next: AtomicU64::new(1), handle };
        Ok(Launcher(Arc::new(shared)))
    }
}

/// Makes the run directory, for this user alone.
fn directory(run: &Path) -> Result<PathBuf, Error> {
    let failed = |why| Error::system(format!("the run directory {}", run.display()), why);
    DirBuilder::new().recursive(true).mode(0o711).create(run).map_err(failed)?;
    run.canonicalize().map_err(failed)
}

fn lock(run: &Path) -> Result<File, Error> {
    let path = run.join("lock");
    let failed = |why| Error::system(path.display().to_string(), why);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    let started = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if started.elapsed() < limits::PREDECESSOR => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::InUse(format!("another server runs functions in {}", run.display())));
            }
            Err(why) => return Err(failed(why.into())),
        }
    }
}

type Answer = (News, Vec<OwnedFd>);

/// Who waits for news of which sandbox. `None`: the launcher has ended.
#[derive(Debug)]
struct Waiting(Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }
}

impl Waiting {
    fn add(&self, id: u64) -> Result<oneshot::Receiver<Answer>, Error> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.as_mut().ok_or(Error::Gone)?.insert(id, sender);
        Ok(receiver)
    }

    fn tell(&self, id: u64, answer: Answer) {
        let sender = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.as_mut().and_then(|waiting| waiting.remove(&id))
        };
        if let Some(sender) = sender {
            // Whoever waited may have given up; what was made for it is killed by its guard.
            let _ = sender.send(answer);
        }
    }
}

async fn hear(link: Arc<Link>, waiting: Arc<Waiting>) {
    let mut buffer = Vec::new();
    loop {
        match link.receive::<News>(&mut buffer).await {
            Ok(Some((news, descriptors))) => match news {
                News::Created { id, .. } | News::Refused { id, .. } | News::Ended { id } => {
                    waiting.tell(id, (news, descriptors));
                }
                News::Hello { .. } | News::Failed { .. } => {}
            },
            Ok(None) => break,
            Err(why) => {
                tracing::error!(%why, "the launcher is not understood any more; functions cannot start");
                break;
            }
        }
    }
    waiting.0.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// Makes sandboxes. A cheap handle; when the last one and the last sandbox are gone, the launcher ends.
#[derive(Clone, Debug)]
pub struct Launcher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    report: Report,
    link: Arc<Link>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    handle: Handle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl Launcher {
    /// What holds on this machine.
    pub fn report(&self) -> &Report {
        &self.0.report
    }

    /// Makes a sandbox. Nothing runs in it yet.
    pub async fn create(&self, mut spec: SandboxSpec) -> Result<Sandbox, Error> {
        if spec.network == Network::Isolated && !self.report().isolated_network {
            return Err(Error::Unsupported("this machine gives no isolated network".into()));
        }
        if spec.listen.len() > limits::LISTENERS {
            return Err(Error::Invalid(format!("at most {} ports can be listened at", limits::LISTENERS)));
        }
        checked(&mut spec.binds)?;
        let mut listening = Vec::new();
        if spec.network == Network::Host {
            for port in &spec.listen {
                listening.push(listen(*port).map_err(|why| Error::system("a free port", why))?);
            }
        }
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let guard = Guard { launcher: self.clone(), id: Some(id) };
        let answer = self.0.waiting.add(id)?;
        let order = Order::Create { id, spec };
        self.0.link.send(&order, &[]).await.map_err(|why| unsent(&why))?;
        let (made, channel) = match answer.await.map_err(|_| Error::Gone)? {
            (News::Created { made, .. }, mut descriptors) => (made, descriptors.pop().ok_or(Error::Gone)?),
            (News::Refused { why, .. }, _) => {
                guard.disarm();
                return Err(why.into());
            }
            _ => return Err(Error::Gone),
        };
        let Order::Create { spec, .. } = order else { return Err(Error::Gone) };
        Sandbox::open(guard, &self.0.handle, spec, made, channel, listening).await
    }

    /// Ends a sandbox; returns when nothing of it is left.
    async fn end(&self, id: u64) -> Result<(), Error> {
        let answer = self.0.waiting.add(id)?;
        self.0.link.send(&Order::Kill { id }, &[]).await.map_err(|why| unsent(&why))?;
        match answer.await.map_err(|_| Error::Gone)? {
            (News::Ended { .. }, _) => Ok(()),
            _ => Err(Error::Gone),
        }
    }
}

/// A message that could not be sent: too long, or nobody is there.
pub(crate) fn unsent(why: &io::Error) -> Error {
    if why.kind() == io::ErrorKind::InvalidInput { Error::Invalid(why.to_string()) } else { Error::Gone }
}

/// Makes sure that a sandbox the launcher may have made is ended, whatever becomes of the future that asked for it.
#[derive(Debug)]
pub(crate) struct Guard {
    launcher: Launcher,
    id: Option<u64>,
}

impl Guard {
    /// There is nothing to end.
    fn disarm(mut self) {
        self.id = None;
    }

    /// Ends it now, and says when nothing is left.
    pub(crate) async fn end(mut self) -> Result<(), Error> {
        let launcher = self.launcher.clone();
        let Some(id) = self.id else { return Ok(()) };
        let ended = launcher.end(id).await;
        self.id = None;
        ended
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let launcher = self.launcher.clone();
        self.launcher.0.handle.spawn(async move {
            if let Err(why) = launcher.end(id).await {
                tracing::debug!(%why, id, "a sandbox was dropped, and its end could not be waited for");
            }
        });
    }
}

/// The real places of binds; refuses those that make no sense.
pub(crate) fn checked(binds: &mut [Bind]) -> Result<(), Error> {
    if binds.len() > limits::BINDS {
        return Err(Error::Invalid(format!("at most {} places can be shown at once", limits::BINDS)));
    }
    for bind in binds {
        bind.from =
            bind.from.canonicalize().map_err(|why| Error::system(bind.from.display().to_string(), why))?;
        let parts = Path::new(&bind.to).components().skip(1);
        let plain = parts.clone().all(|part| matches!(part, std::path::Component::Normal(_)));
        let first = parts.clone().next().and_then(|part| part.as_os_str().to_str());
        let taken = matches!(first, None | Some("proc" | "dev" | "tmp" | ".machine"));
        if !bind.to.starts_with('/') || !plain || taken || bind.to.contains('\0') {
            return Err(Error::Invalid(format!("nothing can be shown at '{}' in a sandbox", bind.to)));
        }
    }
    Ok(())
}

fn listen(port: u16) -> io::Result<Listening> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(Listening { port, address: listener.local_addr()?, listener })
}
