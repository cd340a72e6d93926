//! Process 1 of a sandbox (or, without process numbers of its own, its supervisor): builds the file system, starts what
//! the server asks for, reaps, watches memory where the kernel does not, and takes everything along when it ends.

pub(crate) mod filter;
pub(crate) mod processes;
pub(crate) mod root;
pub(crate) mod rules;
mod spawn;
mod watch;

pub(crate) use watch::look_away;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, TcpListener},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    time::{Duration, Instant},
};

use landlock::RulesetCreated;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
    process::{DumpableBehavior, Signal, WaitOptions},
};

use self::{processes::Processes, root::Machine, spawn::Request, watch::Watch};
use crate::{
    Bind, Network, SandboxSpec, channel,
    daemon::groups,
    limits::SUPERVISOR_END,
    means::{Means, Namespaces},
    messages::{Ask, Begin, Ended, Failure, Groups, Prepare, Tell},
    sys,
};

/// What a sandbox is and is for.
pub(crate) struct Inside {
    pub(crate) means: Means,
    /// Whether processes are to be confined at all.
    pub(crate) sandboxed: bool,
    pub(crate) spec: SandboxSpec,
    /// Whether a control group limits memory.
    pub(crate) memory_limited: bool,
    /// User and group of the processes; `None`: they stay as this one is.
    pub(crate) user: Option<(u32, u32)>,
    /// What stands in for `/tmp` where there are no mounts.
    pub(crate) tmp: PathBuf,
}

/// A running one.
struct Init {
    inside: Inside,
    channel: OwnedFd,
    signals: OwnedFd,
    machine: Option<Machine>,
    rules: Option<RulesetCreated>,
    /// Number in this namespace → the server's number.
    running: HashMap<i32, u32>,
    processes: Processes,
    watch: Watch,
    /// Memory ran out: whatever ends now ends because of that.
    out_of_memory: bool,
    frozen: bool,
    /// Whether the view of control groups was narrowed.
    narrowed: bool,
}

/// What is ready before anything runs.
struct Started {
    inside: Inside,
    signals: OwnedFd,
    machine: Option<Machine>,
    rules: Option<RulesetCreated>,
    listeners: Vec<TcpListener>,
}

/// The whole life of the process.
pub(crate) fn run(means: Means, sandboxed: bool, channel: OwnedFd) -> ! {
    let Started { inside, signals, machine, rules, listeners } = match begin(means, sandboxed, &channel) {
        Ok(begun) => begun,
        Err(why) => {
            // Without a server there is nobody to tell.
            let _ = channel::send(&channel, &Tell::Broken { why }, &[]);
            sys::exit_now(1)
        }
    };
    let descriptors: Vec<_> = listeners.iter().map(AsFd::as_fd).collect();
    let told = channel::send(&channel, &Tell::Ready, &descriptors);
    drop(listeners);
    let mut init = Init {
        processes: Processes { own_numbers: inside.means.own_pids() },
        watch: Watch::new(&inside),
        inside,
        channel,
        signals,
        machine,
        rules,
        running: HashMap::new(),
        out_of_memory: false,
        frozen: false,
        narrowed: false,
    };
    if told.is_ok() {
        init.serve();
    }
    init.end()
}

/// As soon as it has its users it builds what every sandbox has; the rest when it hears what it is for.
fn begin(means: Means, sandboxed: bool, channel: &OwnedFd) -> Result<Started, Failure> {
    let signals = enter(&means, channel.as_fd())?;
    let Prepare { groups } = hear(channel)?;
    let machine = prepare(&means, &groups)?;
    let Begin { spec, memory_limited, user, tmp } = hear(channel)?;
    let inside = Inside { means, sandboxed, spec, memory_limited, user, tmp };
    let listeners = network(&inside.spec)?;
    if let Some(machine) = &machine {
        machine.furnish(&inside)?;
    }
    let rules = rules(&inside)?;
    Ok(Started { inside, signals, machine, rules, listeners })
}

/// What the launcher says. When it has ended, or does not need this process any more, this is its end.
fn hear<M: serde::de::DeserializeOwned>(launcher: &OwnedFd) -> Result<M, Failure> {
    match channel::receive(launcher, &mut Vec::new()) {
        Ok(Some((message, _))) => Ok(message),
        Ok(None) => sys::exit_now(0),
        Err(why) => Err(Failure::system("hearing the launcher", why)),
    }
}

/// Sets up what needs no users; gives where signals are read.
fn enter(means: &Means, channel: rustix::fd::BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    sys::close_all_but(&[channel]);
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    quiet()?;
    if means.own_pids() {
        die_with_launcher()?;
    } else {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|why| Failure::system("adopting orphans", why))?;
    }
    sys::signals(&[libc::SIGCHLD, libc::SIGTERM]).map_err(|why| Failure::system("hearing of signals", why))
}

/// With it goes everything in its namespace.
fn die_with_launcher() -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|why| Failure::system("dying with the launcher", why))
}

/// Builds what all sandboxes have.
fn prepare(means: &Means, groups: &Groups) -> Result<Option<Machine>, Failure> {
    groups::enter(groups)?;
    // Nobody with our user may look into this process.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if means.namespaces == Namespaces::Mapped {
        let (user, group) = (rustix::thread::Uid::ROOT, rustix::thread::Gid::ROOT);
        rustix::thread::set_thread_res_gid(group, group, group)
            .and_then(|()| rustix::thread::set_thread_res_uid(user, user, user))
            .map_err(|why| Failure::system("becoming root inside", why))?;
        if means.own_pids() {
            // Changing users cleared it.
            die_with_launcher()?;
        }
    }
    if !means.mounts() {
        return Ok(None);
    }
    // Taken from the machine's name: nothing inside needs it, and it tells where the function runs.
    rustix::system::sethostname(b"sandbox").map_err(|why| Failure::system("the host's name", why))?;
    let machine = root::build(means)?;
    // The one inside, from now on.
    quiet()?;
    Ok(Some(machine))
}

/// Nothing to read and nowhere to write: what processes inherit.
fn quiet() -> Result<(), Failure> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(|why| Failure::system("/dev/null", why))?;
    for number in 0..3 {
        sys::duplicate_to(null.as_fd(), number).map_err(|why| Failure::system("/dev/null", why))?;
    }
    Ok(())
}

/// The loopback of an own network, and who listens there.
fn network(spec: &SandboxSpec) -> Result<Vec<TcpListener>, Failure> {
    if spec.network == Network::Host {
        return Ok(Vec::new());
    }
    sys::own_network().map_err(|why| Failure::system("an own network", why))?;
    socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .map_err(io::Error::from)
        .and_then(|socket| sys::loopback_up(socket.as_fd()))
        .map_err(|why| Failure::system("an own network", why))?;
    let listen = |port: &u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port))
            .map_err(|why| Failure::system(format!("listening at port {port} inside"), why))
    };
    spec.listen.iter().map(listen).collect()
}

fn rules(inside: &Inside) -> Result<Option<RulesetCreated>, Failure> {
    if !inside.sandboxed || !inside.means.landlock {
        return Ok(None);
    }
    let binds = &inside.spec.binds;
    let view = if inside.means.mounts() {
        rules::View::Own { writable: binds }
    } else {
        rules::View::Machine { binds, tmp: &inside.tmp }
    };
    rules::rules(&view).map(Some).map_err(Failure::Unsupported)
}

impl Init {
    /// Until the server or the launcher ends it.
    fn serve(&mut self) {
        let mut buffer = Vec::new();
        loop {
            let timeout = self.watch.next(self.watching()).map(|due| {
                let left = due.saturating_duration_since(Instant::now());
                Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() }
            });
            let mut events =
                [PollFd::new(&self.channel, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
            match poll(&mut events, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            let [asked, signalled] = events.map(|event| !event.revents().is_empty());
            if signalled && self.terminated() {
                return;
            }
            self.reap();
            if asked {
                match channel::receive::<Ask>(&self.channel, &mut buffer) {
                    Ok(Some((ask, descriptors))) => {
                        if self.answer(ask, descriptors).is_err() {
                            return;
                        }
                    }
                    Ok(None) | Err(_) => return,
                }
            }
            if self.watching() && self.watch.look(&self.inside, self.processes) {
                self.run_out_of_memory();
            }
        }
    }

    /// Looks are needed while something runs that the kernel does not limit.
    fn watching(&self) -> bool {
        !self.frozen && !self.running.is_empty()
    }

    fn answer(&mut self, ask: Ask, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let (id, result) = match ask {
            Ask::Bind { id, binds } => (id, self.bind(binds)),
            Ask::Spawn { id, process, argv, env, cwd, extra } => {
                (id, self.spawn(process, argv, env, cwd, &extra, descriptors))
            }
            Ask::Signal { process, signal } => {
                if let Some((pid, _)) = self.running.iter().find(|(_, known)| **known == process) {
                    // It may have ended, and wait to be reaped by us: then nobody else has its number.
                    let _ = sys::kill(*pid, signal);
                }
                return Ok(());
            }
            Ask::OutOfMemory => {
                self.run_out_of_memory();
                return Ok(());
            }
            Ask::Freeze { id } => {
                self.frozen = true;
                self.processes.signal(libc::SIGSTOP);
                (id, Ok(()))
            }
            Ask::Thaw { id } => {
                self.frozen = false;
                self.processes.signal(libc::SIGCONT);
                (id, Ok(()))
            }
            Ask::Usage { id, reset } => {
                let sum = self.processes.sum();
                let peak = self.watch.peak(sum.memory, reset);
                let used = Tell::Used { id, memory: sum.memory, peak, processes: sum.tasks };
                return channel::send(&self.channel, &used, &[]);
            }
        };
        let told = match result {
            Ok(()) => Tell::Done { id },
            Err(why) => Tell::Failed { id, why },
        };
        channel::send(&self.channel, &told, &[])
    }

    fn bind(&mut self, binds: Vec<Bind>) -> Result<(), Failure> {
        match &self.machine {
            Some(machine) => {
                for bind in &binds {
                    machine.bind_inside(bind)?;
                }
            }
            None if self.rules.is_some() && !self.running.is_empty() => {
                return Err(Failure::Unsupported(
                    "a running process cannot be shown more where sandboxes have no mounts".into(),
                ));
            }
            None => {}
        }
        self.inside.spec.binds.extend(binds);
        // Writable places, and without mounts all, are named in the rules of processes to come.
        self.rules = rules(&self.inside)?;
        Ok(())
    }

    fn spawn(
        &mut self,
        process: u32,
        argv: Vec<String>,
        mut env: Vec<String>,
        cwd: String,
        extra: &[i32],
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        if self.inside.means.mounts() && !self.narrowed {
            // Not before the last group was entered; where it fails, the names of groups are seen, no more.
            let _ = sys::own_cgroup_view();
            self.narrowed = true;
        }
        if !self.inside.means.mounts() && !env.iter().any(|variable| variable.starts_with("TMPDIR=")) {
            env.push(format!("TMPDIR={}", self.inside.tmp.display()));
        }
        let mut descriptors = descriptors.into_iter();
        let (Some(stdout), Some(stderr)) = (descriptors.next(), descriptors.next()) else {
            return Err(Failure::Invalid("the standard output is missing".into()));
        };
        let extra = descriptors.zip(extra.iter().copied()).collect();
        let request = Request { argv, env, cwd, stdout, stderr, extra };
        let pid = spawn::spawn(&self.inside, &mut self.rules, &request)?;
        self.running.insert(pid.as_raw_nonzero().get(), process);
        self.out_of_memory = false;
        Ok(())
    }

    fn run_out_of_memory(&mut self) {
        self.out_of_memory = true;
        self.processes.signal(libc::SIGKILL);
    }

    /// Reads the signals that came; whether the launcher wants the end.
    fn terminated(&self) -> bool {
        // One structure of signalfd_siginfo is 128 bytes and begins with the number.
        let mut information = [0_u8; 128];
        let mut terminated = false;
        while rustix::io::read(&self.signals, &mut information).is_ok_and(|read| read > 0) {
            let number = information.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
            terminated |= number == libc::SIGTERM.cast_unsigned();
        }
        terminated
    }

    /// Everything that ended, orphans too.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let Some(process) = self.running.remove(&pid.as_raw_nonzero().get()) else { continue };
            let status = match (status.exit_status(), status.terminating_signal()) {
                (_, Some(libc::SIGKILL)) if self.out_of_memory => Ended::OutOfMemory,
                (_, Some(signal)) => Ended::Signal(signal),
                (code, None) => Ended::Code(code.unwrap_or(-1)),
            };
            // A server that cannot be told is gone; the next look at the channel says so.
            let _ = channel::send(&self.channel, &Tell::Exited { process, status }, &[]);
        }
    }

    /// Ends everything. In an own namespace of process numbers the kernel does it.
    fn end(self) -> ! {
        if !self.inside.means.own_pids() {
            self.processes.end(SUPERVISOR_END + Duration::from_secs(1));
        }
        sys::exit_now(0)
    }
}
