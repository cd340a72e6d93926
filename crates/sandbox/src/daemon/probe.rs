//! Finds out how sandboxes are built here, by building some.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::Arc,
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    thread::CapabilitySet,
};

use super::{Daemon, Etc, capable, place};
use crate::{
    Mode, Network, Report, SandboxSpec, Step, Tier, channel,
    inside::{filter, rules},
    limits,
    means::{Means, Namespaces, Proc, Seen},
    messages::{Ask, Ended, Failure, Tell},
    peers::{self, Kind},
};

/// One way to build.
pub(super) type Attempt = (Namespaces, Proc);

/// Programs that do nothing, one of which most machines have.
const NOTHING: [&str; 2] = ["/usr/bin/true", "/bin/true"];

impl Daemon {
    /// Fills in `means`, and says what was found.
    pub(super) fn probe(&mut self, mode: Mode) -> Result<Report, Failure> {
        let mut steps = Steps::default();
        let becomes_others = capable(&[
            CapabilitySet::SETUID,
            CapabilitySet::SETGID,
            CapabilitySet::CHOWN,
            CapabilitySet::KILL,
        ]);
        if self.sandboxed {
            self.means.users = becomes_others.then(|| users(place::hash(&self.means.run))).flatten();
            self.means.landlock = rules::supported();
            match filter::programs() {
                Ok(programs) => self.means.filters = Arc::new(programs),
                Err(why) => steps.fails("system calls", format!("no filter: {why}")),
            }
            let etc = Etc::write(self.means.run.join("etc"), self.means.users);
            self.etc = Some(etc.map_err(|why| Failure::system("a made-up /etc", why))?);
            self.namespaces_that_hold(&mut steps);
        } else {
            steps.fails("namespaces", "switched off: --sandbox=off".into());
        }
        self.means.counted = self.counts();
        self.connections(&mut steps);
        let isolated_network = self.means.mounts() && self.network(&mut steps);
        self.describe(&mut steps);
        let confined = !self.means.filters.is_empty() && (self.means.landlock || self.means.users.is_some());
        let tier = match self.means.mounts() {
            true if self.hierarchy.limits_memory() && self.hierarchy.freezes() => Tier::A,
            true => Tier::B,
            false if confined => Tier::C,
            false => Tier::D,
        };
        if mode == Mode::Require && tier < Tier::B {
            return Err(Failure::Unsupported(format!(
                "this machine gives no sandbox, and one is required (--sandbox=require): {}",
                steps.why("namespaces")
            )));
        }
        let late_binds = self.means.mounts() || !self.means.landlock;
        Ok(Report { tier, steps: steps.0, late_binds, isolated_network })
    }

    /// The first way that works, best first.
    fn namespaces_that_hold(&mut self, steps: &mut Steps) {
        let mut failures = Vec::new();
        for (namespaces, proc) in attempts(self.means.users.is_some()) {
            self.means.namespaces = namespaces;
            self.means.proc = proc;
            self.means.counted = self.counts();
            match self.attempt(Network::Host) {
                Ok(()) => {
                    let how = match namespaces {
                        Namespaces::Mapped => "in a user namespace, functions with a user of their own",
                        Namespaces::Privileged => {
                            "with the machine's privileges; user namespaces are not to be had"
                        }
                        Namespaces::Own => "in a user namespace, functions with the server's user",
                        Namespaces::Absent => return without_namespaces(steps, &failures),
                    };
                    steps.holds("namespaces", how.into());
                    match proc {
                        Proc::Fresh => steps.holds("processes", "their own numbers and /proc".into()),
                        Proc::Bound => steps.fails(
                            "processes",
                            "/proc cannot be mounted here: functions see the machine's, processes are followed instead"
                                .into(),
                        ),
                    }
                    return;
                }
                Err(why) if namespaces == Namespaces::Absent => {
                    steps.fails("system calls", format!("no confinement works: {why}"));
                    self.means.filters = Arc::default();
                    self.means.landlock = false;
                    self.means.users = None;
                    return without_namespaces(steps, &failures);
                }
                Err(why) => failures.push(format!("{namespaces:?}/{proc:?}: {why}")),
            }
        }
    }

    /// Builds a sandbox, runs something in it, ends it.
    fn attempt(&mut self, network: Network) -> Result<(), Failure> {
        let built = self.build_one(network);
        self.end_all();
        built
    }

    fn build_one(&mut self, network: Network) -> Result<(), Failure> {
        let listen = if network == Network::Isolated { vec![9_001] } else { Vec::new() };
        let spec = SandboxSpec {
            name: "probe".into(),
            binds: Vec::new(),
            tmp_bytes: 1 << 20,
            memory_bytes: 128 << 20,
            cpus: None,
            processes: 64,
            open_files: 64,
            network,
            listen,
        };
        let (made, channel) = self.create(u64::MAX, spec)?;
        match wait(&channel)? {
            Tell::Ready => {}
            Tell::Broken { why } => return Err(why),
            _ => return Err(Failure::Unsupported("a sandbox answered out of turn".into())),
        }
        let Some(program) = NOTHING.into_iter().find(|program| Path::new(program).exists()) else {
            return Ok(());
        };
        let null = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())
            .map_err(|why| Failure::system("/dev/null", why))?;
        let cwd = if made.plain { made.tmp.display().to_string() } else { "/tmp".into() };
        let argv = vec![program.to_owned()];
        let ask = Ask::Spawn { id: 0, process: 0, argv, env: Vec::new(), cwd, extra: Vec::new() };
        channel::send(&channel, &ask, &[null.as_fd(), null.as_fd()])
            .map_err(|why| Failure::system("asking a sandbox", why))?;
        let (mut started, mut ended) = (false, None);
        while !started || ended.is_none() {
            match wait(&channel)? {
                Tell::Done { .. } => started = true,
                Tell::Failed { why, .. } => return Err(why),
                Tell::Exited { status, .. } => ended = Some(status),
                _ => return Err(Failure::Unsupported("a sandbox answered out of turn".into())),
            }
        }
        match ended {
            Some(Ended::Code(0)) => Ok(()),
            other => Err(Failure::Unsupported(format!("a program that does nothing ended with {other:?}"))),
        }
    }

    /// Whether a sandbox's processes are all that the kernel counts for their user.
    fn counts(&self) -> bool {
        match self.means.namespaces {
            Namespaces::Mapped => true,
            Namespaces::Privileged => false,
            Namespaces::Own => kernel_at_least(5, 14),
            Namespaces::Absent => self.means.users.is_some(),
        }
    }

    /// Whether functions that share the machine's network can be kept from each other's Runtime API.
    fn connections(&mut self, steps: &mut Steps) {
        let told = peers::told();
        if self.sandboxed && told.is_ok() {
            let everything = capable(&[CapabilitySet::SYS_PTRACE]);
            self.means.seen = if everything { Seen::Everything } else { Seen::Users };
        }
        let shared = match told {
            Err(why) => format!("the kernel does not tell whose they are: {why}"),
            Ok(()) if !self.sandboxed => "switched off: --sandbox=off".into(),
            Ok(()) if self.means.peers(None, 0, 0) == Kind::Everybody => "functions share a user".into(),
            Ok(()) => {
                return steps
                    .holds("connections", "a function's Runtime API answers that function only".into());
            }
        };
        steps.fails("connections", format!("{shared}; functions may reach each other's Runtime API"));
    }

    fn network(&mut self, steps: &mut Steps) -> bool {
        match self.attempt(Network::Isolated) {
            Ok(()) => {
                steps.holds("isolated network", "can be had".into());
                true
            }
            Err(why) => {
                steps.fails("isolated network", format!("{why}; functions share the machine's"));
                false
            }
        }
    }

    /// The steps that need no further trial.
    fn describe(&self, steps: &mut Steps) {
        let (means, hierarchy) = (&self.means, &self.hierarchy);
        if means.mounts() {
            steps.holds(
                "file system",
                "an own root, the machine's programs read-only, /tmp of limited size".into(),
            );
        } else {
            steps.fails(
                "file system",
                "no mounts: real paths, /tmp is a directory whose size is watched".into(),
            );
        }
        if !means.filters.is_empty() {
            steps.holds("system calls", "filtered".into());
        } else if steps.why("system calls").is_empty() {
            steps.fails("system calls", "not filtered".into());
        }
        if means.landlock {
            steps.holds("file rules", "Landlock".into());
        } else {
            steps.fails("file rules", "no Landlock in this kernel; users and mounts only".into());
        }
        let missing = if hierarchy.missing.is_empty() {
            "no control groups".into()
        } else {
            hierarchy.missing.join("; ")
        };
        let version = hierarchy.version();
        let mut group = |name, holds, instead: &str| {
            if holds {
                steps.holds(name, version.into());
            } else {
                steps.fails(name, format!("{instead} ({missing})"));
            }
        };
        group("memory limit", hierarchy.limits_memory(), "watched, every 5 to 50 ms");
        group("freezing", hierarchy.freezes(), "with signals");
        group("processor limit", hierarchy.limits_cpu(), "none");
        if means.counted {
            steps.holds("process limit", "by the kernel".into());
        } else {
            steps.fails("process limit", "watched, every 5 to 50 ms".into());
        }
    }
}

fn without_namespaces(steps: &mut Steps, failures: &[String]) {
    let why = failures.first().map_or("", String::as_str);
    steps.fails(
        "namespaces",
        format!("not to be had ({why}); functions see the machine's files and processes"),
    );
}

/// Ways to build, best first.
fn attempts(users: bool) -> Vec<Attempt> {
    let privileged = capable(&[CapabilitySet::SYS_ADMIN]);
    let mut list = Vec::new();
    for proc in [Proc::Fresh, Proc::Bound] {
        if users {
            list.push((Namespaces::Mapped, proc));
        }
        if privileged {
            list.push((Namespaces::Privileged, proc));
        }
        list.push((Namespaces::Own, proc));
    }
    list.push((Namespaces::Absent, Proc::Fresh));
    list
}

/// A range of users for functions: far away from people's and services', and another one for another run directory.
fn users(hash: u64) -> Option<u32> {
    let size = u32::try_from(limits::SANDBOXES).unwrap_or(u32::MAX);
    let spread = u32::try_from(hash & 0xFFFF).unwrap_or_default();
    let far = 0x6000_0000 + spread * size;
    // In a container only some exist.
    let exists = |file: &str, first: u32| {
        let map = std::fs::read_to_string(file).unwrap_or_default();
        map.lines().any(|line| {
            let mut numbers = line.split_whitespace().filter_map(|text| text.parse::<u64>().ok());
            let (Some(start), Some(_), Some(count)) = (numbers.next(), numbers.next(), numbers.next()) else {
                return false;
            };
            start <= u64::from(first) && u64::from(first) + u64::from(size) <= start + count
        })
    };
    [far, 50_000]
        .into_iter()
        .find(|first| exists("/proc/self/uid_map", *first) && exists("/proc/self/gid_map", *first))
}

fn kernel_at_least(major: u32, minor: u32) -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_str().unwrap_or_default();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

/// The next thing a sandbox tells, if it comes in time.
fn wait(channel: &OwnedFd) -> Result<Tell, Failure> {
    let deadline = Instant::now() + limits::PROBE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) => return Err(Failure::Unsupported("a trial sandbox did not answer in time".into())),
            Ok(_) => break,
            Err(why) => return Err(Failure::system("waiting for a sandbox", why)),
        }
    }
    match channel::receive::<Tell>(channel, &mut Vec::new()) {
        Ok(Some((tell, _))) => Ok(tell),
        Ok(None) => Err(Failure::Unsupported("a trial sandbox ended at once".into())),
        Err(why) => Err(Failure::system("hearing a sandbox", why)),
    }
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn holds(&mut self, name: &str, how: String) {
        self.0.push(Step { name: name.into(), holds: true, how });
    }

    fn fails(&mut self, name: &str, how: String) {
        self.0.push(Step { name: name.into(), holds: false, how });
    }

    fn why(&self, name: &str) -> &str {
        self.0.iter().find(|step| step.name == name).map_or("", |step| &step.how)
    }
}

impl Means {
    /// Before the probe.
    pub(super) fn unknown(run: std::path::PathBuf) -> Self {
        Self {
            namespaces: Namespaces::Absent,
            proc: Proc::Fresh,
            users: None,
            landlock: false,
            filters: Arc::default(),
            counted: false,
            seen: Seen::Nothing,
            run,
        }
    }
}
