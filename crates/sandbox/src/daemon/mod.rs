//! The launcher's process: one thread, one loop. It makes sandboxes, ends them, and removes what they leave; when the
//! server goes away, however it goes, it ends everything and itself.

mod etc;
pub(crate) mod groups;
mod place;
mod probe;

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, WaitOptions, pidfd_send_signal},
    thread::CapabilitySet,
};

use self::{etc::Etc, groups::Hierarchy};
use crate::{
    Mode, Network, Peers, Report, SandboxSpec, channel,
    inside::{self, processes::descendants},
    limits,
    means::{GROUP, Means, Namespaces, USER},
    messages::{Begin, Failure, Groups, Made, News, Order, Prepare, Tell},
    peers::Kind,
    sys::{self, Cloned, namespace},
};

/// A sandbox, as the launcher keeps it.
struct Kept {
    pid: Pid,
    pidfd: OwnedFd,
    groups: Groups,
    /// Its number among all processes cloned here, and its groups' name.
    serial: u64,
    /// Its directory, where it has no mounts.
    directory: Option<PathBuf>,
    slot: u32,
    /// Its first process has ended and was reaped.
    dead: bool,
    /// The server wants to hear of its end.
    ordered: bool,
    /// A supervisor that does not end its processes by then is ended itself.
    patience: Option<Instant>,
}

/// A first process that has made ready what every sandbox has, and waits.
struct Spare {
    kept: Kept,
    channel: OwnedFd,
}

/// The launcher.
struct Daemon {
    server: OwnedFd,
    sandboxed: bool,
    means: Means,
    hierarchy: Hierarchy,
    etc: Option<Etc>,
    kept: BTreeMap<u64, Kept>,
    spares: Vec<Spare>,
    serial: u64,
    /// When a sandbox was last asked for.
    created: Instant,
}

/// The whole life of the process. `keep`: descriptors that stay open, the run directory's lock.
pub(crate) fn run(server: OwnedFd, mode: Mode, run: PathBuf, keep: BorrowedFd<'_>) -> ! {
    sys::close_all_but(&[server.as_fd(), keep]);
    settle();
    let mut daemon = Daemon {
        server,
        sandboxed: mode != Mode::Off,
        means: Means::unknown(run),
        hierarchy: Hierarchy::default(),
        etc: None,
        kept: BTreeMap::new(),
        spares: Vec::new(),
        serial: 0,
        created: Instant::now(),
    };
    let hello = match daemon.open(mode) {
        Ok(report) => News::Hello { report },
        Err(why) => News::Failed { why },
    };
    let works = matches!(hello, News::Hello { .. });
    if channel::send(&daemon.server, &hello, &[]).is_ok() && works {
        daemon.serve();
    }
    daemon.finish()
}

/// Apart from the server's terminal: its signals are the server's business, and so is its output.
fn settle() {
    // Each of these makes it better; without them it works too.
    let _ = rustix::process::setsid();
    let _ = rustix::thread::set_name(c"moln-launcher");
    let _ = sys::signals(&[libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT]);
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
    if let Ok(null) = fs::File::options().read(true).write(true).open("/dev/null") {
        for number in 0..2 {
            let _ = sys::duplicate_to(null.as_fd(), number);
        }
    }
}

impl Daemon {
    /// Prepares everything and finds out what holds here.
    fn open(&mut self, mode: Mode) -> Result<Report, Failure> {
        let name = place::group_name(&self.means.run);
        place::clear_groups(&self.means.run, &name);
        place::clear(&self.means.run)?;
        self.hierarchy = Hierarchy::find(&name);
        place::note_groups(&self.means.run, self.hierarchy.directories())?;
        self.probe(mode)
    }

    /// Until the server is gone.
    fn serve(&mut self) {
        let mut buffer = Vec::new();
        // Spares cannot be had at the moment: tried again with the next order.
        let mut failing = false;
        loop {
            let mut idle = false;
            let (asked, ended) = {
                let mut events = vec![PollFd::new(&self.server, PollFlags::IN)];
                let waiting: Vec<(u64, &OwnedFd)> = self
                    .kept
                    .iter()
                    .filter(|(_, kept)| !kept.dead)
                    .map(|(id, kept)| (*id, &kept.pidfd))
                    .collect();
                events.extend(waiting.iter().map(|(_, pidfd)| PollFd::new(*pidfd, PollFlags::IN)));
                let busy = self.kept.values().any(|kept| kept.dead || kept.patience.is_some());
                let short = self.spares.len() < limits::SPARES && !failing;
                let spare = short.then(|| self.rest());
                let timeout = spare.into_iter().chain(busy.then_some(limits::RETRY)).min();
                let timespec =
                    timeout.map(|left| Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() });
                match poll(&mut events, timespec.as_ref()) {
                    Ok(0) => idle = spare.is_some() && spare == timeout,
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => return,
                }
                let mut events = events.into_iter().map(|event| !event.revents().is_empty());
                let asked = events.next().unwrap_or(false);
                let ended: Vec<u64> =
                    waiting.iter().zip(events).filter(|(_, ended)| *ended).map(|((id, _), _)| *id).collect();
                (asked, ended)
            };
            if idle {
                match self.spare() {
                    Ok(spare) => self.spares.push(spare),
                    Err(_) => failing = true,
                }
            }
            if asked {
                failing = false;
                match channel::receive::<Order>(&self.server, &mut buffer) {
                    Ok(Some((order, _))) => {
                        if self.obey(order).is_err() {
                            return;
                        }
                    }
                    Ok(None) | Err(_) => return,
                }
            }
            for id in ended {
                self.reap(id);
            }
            if self.tidy().is_err() {
                return;
            }
        }
    }

    fn obey(&mut self, order: Order) -> std::io::Result<()> {
        match order {
            Order::Create { id, spec } => match self.create(id, spec) {
                Ok((made, channel)) => {
                    let made = News::Created { id, made };
                    channel::send(&self.server, &made, &[channel.as_fd()])
                }
                Err(why) => channel::send(&self.server, &News::Refused { id, why }, &[]),
            },
            Order::Kill { id } => {
                self.kill(id);
                match self.kept.get_mut(&id) {
                    Some(kept) => {
                        kept.ordered = true;
                        Ok(())
                    }
                    // It ended by itself, and everything was removed.
                    None => channel::send(&self.server, &News::Ended { id }, &[]),
                }
            }
        }
    }

    /// How long it is until the next spare may be made: what was asked for last starts undisturbed, unless another one
    /// would find none.
    fn rest(&self) -> Duration {
        if self.spares.is_empty() {
            return Duration::ZERO;
        }
        limits::UNDISTURBED.saturating_sub(self.created.elapsed())
    }

    /// Puts a first process under its limits, and tells it what it is for.
    fn create(&mut self, id: u64, spec: SandboxSpec) -> Result<(Made, OwnedFd), Failure> {
        self.created = Instant::now();
        if self.kept.len() >= limits::SANDBOXES {
            return Err(Failure::Unsupported(format!("{} sandboxes run already", self.kept.len())));
        }
        if let Some(etc) = &mut self.etc {
            etc.refresh();
        }
        let spare = match self.spares.pop() {
            Some(spare) => spare,
            None => self.spare()?,
        };
        let plain = !self.means.mounts();
        let mut user = self.user(spare.kept.slot);
        let begun = if plain {
            let confined = self.means.landlock;
            place::make(&self.means.run, spare.kept.serial, &spec, user).and_then(|place| {
                if !place.reachable && !confined {
                    return Err(Failure::Unsupported(
                        "the function's user may not enter a directory above its code; make the data directory \
                         accessible (chmod o+x)"
                            .into(),
                    ));
                }
                Ok(Some(place))
            })
        } else {
            Ok(None)
        };
        let Spare { mut kept, channel } = spare;
        let begun = begun.and_then(|place| {
            let tmp = place.as_ref().map_or_else(PathBuf::new, |place| place.tmp.clone());
            if place.as_ref().is_some_and(|place| !place.reachable) {
                // Landlock alone confines it, with our user.
                user = None;
            }
            kept.directory = place.map(|place| place.directory);
            let pid = kept.pid.as_raw_nonzero().get();
            self.hierarchy.restrict(&mut kept.groups, kept.serial, pid, &spec)?;
            let memory_limited = kept.groups.memory.is_some();
            let kind = if spec.network == Network::Isolated {
                Kind::Everybody
            } else {
                self.means.peers(user, kept.slot, pid)
            };
            let begin = Begin { spec, memory_limited, user, tmp: tmp.clone() };
            channel::send(&channel, &begin, &[]).map_err(|why| {
                // It may have told why it ended.
                match channel::receive::<Tell>(&channel, &mut Vec::new()) {
                    Ok(Some((Tell::Broken { why }, _))) => why,
                    _ => Failure::system("starting a sandbox", why),
                }
            })?;
            Ok(Made { groups: kept.groups.clone(), plain, tmp, peers: Peers(kind) })
        });
        self.kept.insert(id, kept);
        match begun {
            Ok(made) => Ok((made, channel)),
            Err(why) => {
                self.kill(id);
                Err(why)
            }
        }
    }

    /// Clones a sandbox's first process, and gives it its users and control groups; it builds what every sandbox has, and
    /// waits for its purpose.
    fn spare(&mut self) -> Result<Spare, Failure> {
        let (ours, theirs) = channel::pair().map_err(|why| Failure::system("a channel", why))?;
        self.serial += 1;
        let serial = self.serial;
        let groups = self.hierarchy.make(serial)?;
        let (pid, pidfd) = match sys::clone_process(self.namespaces()) {
            Ok(Cloned::Child) => inside::run(self.means.clone(), self.sandboxed, theirs),
            Ok(Cloned::Parent { pid, pidfd }) => (pid, pidfd),
            Err(why) => {
                groups::remove(&groups);
                return Err(Failure::system("namespaces", why));
            }
        };
        drop(theirs);
        let number = pid.as_raw_nonzero().get();
        let slot = self.free_slot();
        // The kernel is to take a function's processes before this one; without the right to say so it chooses.
        let _ = fs::write(format!("/proc/{number}/oom_score_adj"), "-500");
        let prepare = Prepare { groups: groups.clone() };
        let begun = self.map_users(number, slot).and_then(|()| {
            channel::send(&ours, &prepare, &[]).map_err(|why| Failure::system("starting a sandbox", why))
        });
        let kept = Kept {
            pid,
            pidfd,
            groups,
            serial,
            directory: None,
            slot,
            dead: false,
            ordered: false,
            patience: None,
        };
        match begun {
            Ok(()) => Ok(Spare { kept, channel: ours }),
            Err(why) => {
                let id = u64::MAX - serial;
                self.kept.insert(id, kept);
                self.kill(id);
                Err(why)
            }
        }
    }

    fn namespaces(&self) -> i32 {
        let mut flags = 0;
        if self.means.mounts() {
            flags |= namespace::MOUNT | namespace::IPC | namespace::UTS;
            if self.means.namespaces != Namespaces::Privileged {
                flags |= namespace::USER;
            }
            if self.means.own_pids() {
                flags |= namespace::PID;
            }
        }
        flags
    }

    /// User and group of a function's processes, as they see it.
    fn user(&self, slot: u32) -> Option<(u32, u32)> {
        match self.means.namespaces {
            Namespaces::Mapped => Some((USER, GROUP)),
            Namespaces::Own => None,
            Namespaces::Privileged => self.means.user(0).map(|user| (user, user)),
            Namespaces::Absent => self.means.user(slot).map(|user| (user, user)),
        }
    }

    /// Says who users of the sandbox are outside.
    fn map_users(&self, pid: i32, slot: u32) -> Result<(), Failure> {
        let (us, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let maps = match self.means.namespaces {
            Namespaces::Absent | Namespaces::Privileged => return Ok(()),
            Namespaces::Mapped => {
                let user = self.means.user(slot).unwrap_or(us);
                [
                    ("uid_map", format!("0 {us} 1\n{USER} {user} 1\n")),
                    ("gid_map", format!("0 {group} 1\n{GROUP} {user} 1\n")),
                ]
            }
            Namespaces::Own => {
                fs::write(format!("/proc/{pid}/setgroups"), "deny")
                    .map_err(|why| Failure::system("groups of the sandbox", why))?;
                [("uid_map", format!("{USER} {us} 1\n")), ("gid_map", format!("{GROUP} {group} 1\n"))]
            }
        };
        for (file, text) in maps {
            fs::write(format!("/proc/{pid}/{file}"), text)
                .map_err(|why| Failure::system("users of the sandbox", why))?;
        }
        Ok(())
    }

    /// Everything that was cloned and is not gone.
    fn every(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values().chain(self.spares.iter().map(|spare| &spare.kept))
    }

    fn free_slot(&self) -> u32 {
        let mut taken: Vec<u32> = self.every().map(|kept| kept.slot).collect();
        taken.sort_unstable();
        let gap = (0_u32..).zip(&taken).find(|(slot, taken)| slot != *taken);
        gap.map_or(u32::try_from(taken.len()).unwrap_or(u32::MAX), |(slot, _)| slot)
    }

    /// Begins the end of a sandbox.
    fn kill(&mut self, id: u64) {
        let own_pids = self.means.own_pids();
        let Some(kept) = self.kept.get_mut(&id) else { return };
        groups::thaw(&kept.groups);
        // With process 1 the kernel ends all others of its namespace; a supervisor does it itself when asked.
        let signal = if own_pids { Signal::KILL } else { Signal::TERM };
        // It may have ended since.
        let _ = pidfd_send_signal(&kept.pidfd, signal);
        if !own_pids && kept.patience.is_none() {
            kept.patience = Some(Instant::now() + limits::SUPERVISOR_END);
        }
    }

    fn reap(&mut self, id: u64) {
        let own_pids = self.means.own_pids();
        let Some(kept) = self.kept.get_mut(&id) else { return };
        // Reaped already, if anything.
        let _ = rustix::process::waitpid(Some(kept.pid), WaitOptions::empty());
        kept.dead = true;
        kept.patience = None;
        if !own_pids {
            self.sweep();
        }
    }

    /// Removes what dead sandboxes left, and tells the server.
    fn tidy(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        for kept in self.kept.values_mut().filter(|kept| kept.patience.is_some_and(|end| end <= now)) {
            kept.patience = None;
            // Its processes come to this one, and are swept.
            let _ = pidfd_send_signal(&kept.pidfd, Signal::KILL);
        }
        let mut gone = Vec::new();
        for (id, kept) in self.kept.iter().filter(|(_, kept)| kept.dead) {
            let removed = kept
                .directory
                .as_ref()
                .is_none_or(|directory| fs::remove_dir_all(directory).is_ok() || !directory.exists());
            if groups::remove(&kept.groups) && removed {
                gone.push((*id, kept.ordered));
            } else if !self.means.own_pids() {
                for group in [&kept.groups.memory, &kept.groups.freezer].into_iter().flatten() {
                    place::end_group(group);
                }
            }
        }
        for (id, ordered) in gone {
            self.kept.remove(&id);
            if ordered {
                channel::send(&self.server, &News::Ended { id }, &[])?;
            }
        }
        Ok(())
    }

    /// Ends processes whose supervisor ended without them: they came to this process.
    fn sweep(&self) {
        let known: Vec<i32> =
            self.every().filter(|kept| !kept.dead).map(|kept| kept.pid.as_raw_nonzero().get()).collect();
        for _ in 0..1_000 {
            let me = std::process::id().cast_signed();
            let orphans: Vec<i32> =
                inside::processes::children(me).into_iter().filter(|pid| !known.contains(pid)).collect();
            if orphans.is_empty() {
                return;
            }
            for orphan in orphans {
                for pid in descendants(orphan).into_iter().chain([orphan]) {
                    // It may have ended since.
                    let _ = sys::kill(pid, libc::SIGKILL);
                }
                if let Some(orphan) = Pid::from_raw(orphan) {
                    let _ = rustix::process::waitpid(Some(orphan), WaitOptions::empty());
                }
            }
        }
    }

    /// Ends every sandbox and waits for it.
    fn end_all(&mut self) {
        for Spare { kept, channel } in std::mem::take(&mut self.spares) {
            drop(channel);
            self.kept.insert(u64::MAX - kept.serial, kept);
        }
        let ids: Vec<u64> = self.kept.keys().copied().collect();
        for id in &ids {
            self.kill(*id);
        }
        let deadline = Instant::now() + limits::SUPERVISOR_END + Duration::from_secs(3);
        while !self.kept.is_empty() && Instant::now() < deadline {
            for id in self.kept.keys().copied().collect::<Vec<_>>() {
                let ended = self.kept.get(&id).is_some_and(|kept| {
                    !kept.dead
                        && matches!(
                            rustix::process::waitpid(Some(kept.pid), WaitOptions::NOHANG),
                            Ok(Some(_)) | Err(_)
                        )
                });
                if ended {
                    self.reap(id);
                }
            }
            // Telling the server fails when it is gone; tidying goes on.
            let _ = self.tidy();
            if !self.kept.is_empty() {
                std::thread::sleep(Duration::from_micros(500));
            }
        }
    }

    /// The end: nothing of us is left.
    fn finish(mut self) -> ! {
        self.end_all();
        self.hierarchy.dissolve();
        place::leave(&self.means.run);
        sys::exit_now(0)
    }
}

/// Whether the launcher has these privileges.
fn capable(list: &[CapabilitySet]) -> bool {
    list.iter().all(|capability| sys::capable(*capability))
}
