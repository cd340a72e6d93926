//! Control groups, of both versions: a directory of ours, one below it per sandbox.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    SandboxSpec, limits,
    messages::{Failure, Groups},
};

/// Where groups can be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hierarchy {
    unified: bool,
    memory: Option<PathBuf>,
    freezer: Option<PathBuf>,
    cpu: Option<PathBuf>,
    /// Version 2 only: no second attachment is needed for it.
    pids: bool,
    /// Why something is missing.
    pub(crate) missing: Vec<String>,
}

/// A mounted hierarchy and the launcher's place in it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    controllers: Vec<String>,
    directory: PathBuf,
    /// The root of what is visible: nothing above it can be used.
    top: PathBuf,
}

/// The hierarchies of this process. `mounts` is `/proc/self/mountinfo`, `own` is `/proc/self/cgroup`.
fn places(mounts: &str, own: &str) -> Vec<Place> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(names), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let controllers: Vec<String> =
            names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let mounted = mounts.lines().find_map(|mount| {
            let (left, right) = mount.split_once(" - ")?;
            let mut right = right.split(' ');
            let (kind, options) = (right.next()?, right.nth(1)?);
            let fits = if controllers.is_empty() {
                kind == "cgroup2"
            } else {
                kind == "cgroup"
                    && controllers.iter().all(|name| options.split(',').any(|option| option == name))
            };
            let mut left = left.split(' ').skip(3);
            let (root, point) = (left.next()?, left.next()?);
            fits.then(|| (root.to_owned(), PathBuf::from(point)))
        });
        let Some((root, top)) = mounted else { continue };
        let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path);
        let directory = top.join(below.trim_start_matches('/'));
        found.push(Place { controllers, directory, top });
    }
    found
}

impl Hierarchy {
    /// Finds where groups can be made, and makes our own there; what a dead predecessor left in it is ended and removed.
    pub(crate) fn find(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::among(&places(&mounts, &own), name)
    }

    fn among(places: &[Place], name: &str) -> Self {
        let mut found = Self::default();
        for place in places {
            if place.controllers.is_empty() {
                if found.memory.is_none() && found.unified(place, name) {
                    return found;
                }
                continue;
            }
            for controller in &place.controllers {
                let slot = match controller.as_str() {
                    "memory" => &mut found.memory,
                    "freezer" => &mut found.freezer,
                    "cpu" => &mut found.cpu,
                    _ => continue,
                };
                match own_group(&place.directory, name) {
                    Ok(directory) => *slot = Some(directory),
                    Err(why) => found.missing.push(format!("{controller}: {why}")),
                }
            }
        }
        found
    }

    /// Version 2: the nearest group, from ours upwards, that lets us make one with a memory limit.
    fn unified(&mut self, place: &Place, name: &str) -> bool {
        let offered = fs::read_to_string(place.top.join("cgroup.controllers")).unwrap_or_default();
        if !offered.split_whitespace().any(|controller| controller == "memory") {
            self.missing.push("cgroup v2 has no memory controller here".into());
            return false;
        }
        let mut why = String::from("no cgroup of this process may be divided (systemd: Delegate=yes)");
        for parent in place.directory.ancestors().take_while(|parent| parent.starts_with(&place.top)) {
            match divide(parent, parent == place.directory, name) {
                Ok((directory, controllers)) => {
                    let has = |name: &str| controllers.iter().any(|controller| controller == name);
                    self.unified = true;
                    self.cpu = has("cpu").then(|| directory.clone());
                    self.pids = has("pids");
                    self.freezer = Some(directory.clone());
                    self.memory = Some(directory);
                    return true;
                }
                Err(error) => why = format!("{}: {error}", parent.display()),
            }
        }
        self.missing.push(why);
        false
    }

    pub(crate) fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    pub(crate) fn freezes(&self) -> bool {
        self.freezer.is_some()
    }

    pub(crate) fn limits_cpu(&self) -> bool {
        self.cpu.is_some()
    }

    /// For people: what is used.
    pub(crate) fn version(&self) -> &'static str {
        if self.unified { "cgroup v2" } else { "cgroup v1" }
    }

    /// Makes the groups of a sandbox, without limits yet.
    pub(crate) fn make(&self, serial: u64) -> Result<Groups, Failure> {
        let groups = Groups {
            unified: self.unified,
            memory: below(self.memory.as_deref(), serial)?,
            freezer: below(self.freezer.as_deref(), serial)?,
            cpu: None,
        };
        Ok(groups)
    }

    /// Sets the limits of a sandbox whose first process has this number.
    pub(crate) fn restrict(
        &self,
        groups: &mut Groups,
        serial: u64,
        pid: i32,
        spec: &SandboxSpec,
    ) -> Result<(), Failure> {
        if spec.cpus.is_some() {
            groups.cpu = below(self.cpu.as_deref(), serial)?;
            if !self.unified
                && let Some(group) = &groups.cpu
            {
                fs::write(group.join("cgroup.procs"), pid.to_string())
                    .map_err(|why| Failure::system("entering a control group", why))?;
            }
        }
        self.limit(groups, spec).map_err(|why| Failure::system("limits of a control group", why))
    }

    fn limit(&self, groups: &Groups, spec: &SandboxSpec) -> io::Result<()> {
        // `/tmp` and shared memory live in memory and are charged here too, but do not count for the function: the exact
        // limit is watched from outside, this one holds whatever happens.
        let bytes = spec.memory_bytes.saturating_add(spec.tmp_bytes).saturating_add(limits::SHARED_MEMORY);
        let period = 100_000_u32;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // clamped to the period's multiples
        let quota = spec.cpus.map(|cpus| (cpus.clamp(0.01, 1_024.0) * f64::from(period)) as u64);
        if self.unified {
            let Some(group) = &groups.memory else { return Ok(()) };
            fs::write(group.join("memory.max"), bytes.to_string())?;
            // Not every kernel counts swap.
            let _ = fs::write(group.join("memory.swap.max"), "0");
            if self.pids {
                fs::write(group.join("pids.max"), spec.processes.saturating_add(1).to_string())?;
            }
            if let (Some(group), Some(quota)) = (&groups.cpu, quota) {
                fs::write(group.join("cpu.max"), format!("{quota} {period}"))?;
            }
            return Ok(());
        }
        if let Some(group) = &groups.memory {
            fs::write(group.join("memory.limit_in_bytes"), bytes.to_string())?;
            // Not every kernel counts swap.
            let _ = fs::write(group.join("memory.memsw.limit_in_bytes"), bytes.to_string());
        }
        if let (Some(group), Some(quota)) = (&groups.cpu, quota) {
            fs::write(group.join("cpu.cfs_period_us"), period.to_string())?;
            fs::write(group.join("cpu.cfs_quota_us"), quota.to_string())?;
        }
        Ok(())
    }
}

/// Makes a directory below `parent`; what is in it already is ended and removed.
fn own_group(parent: &Path, name: &str) -> io::Result<PathBuf> {
    let directory = parent.join(name);
    clear(&directory);
    make(&directory)?;
    // Whether a process may be put there tells only trying.
    let trial = directory.join("trial");
    make(&trial)?;
    let tried = try_out(&trial);
    // Empty by now, or busy for a moment: the next start removes it.
    let _ = fs::remove_dir(&trial);
    tried.map(|()| directory)
}

/// Version 2: a group below `parent` whose own children can have limits; and with which controllers.
fn divide(parent: &Path, ours: bool, name: &str) -> io::Result<(PathBuf, Vec<String>)> {
    let handed_down =
        |group: &Path| fs::read_to_string(group.join("cgroup.subtree_control")).unwrap_or_default();
    let has_memory = |group: &Path| handed_down(group).split_whitespace().any(|one| one == "memory");
    if !has_memory(parent) {
        // A group with processes hands nothing down: if they are all ours, they move.
        if ours && fs::write(parent.join("cgroup.subtree_control"), "+memory").is_err() {
            move_aside(parent)?;
        }
        fs::write(parent.join("cgroup.subtree_control"), "+memory")?;
    }
    for controller in ["+pids", "+cpu"] {
        // Without them fewer limits hold.
        let _ = fs::write(parent.join("cgroup.subtree_control"), controller);
    }
    let directory = own_group(parent, name)?;
    for controller in ["+memory", "+pids", "+cpu"] {
        let written = fs::write(directory.join("cgroup.subtree_control"), controller);
        if controller == "+memory" {
            written?;
        }
    }
    let controllers = handed_down(&directory).split_whitespace().map(str::to_owned).collect();
    Ok((directory, controllers))
}

/// Moves server and launcher to a leaf, if nobody else lives in the group.
fn move_aside(group: &Path) -> io::Result<()> {
    let ours = [rustix::process::getppid(), Some(rustix::process::getpid())]
        .map(|pid| pid.map_or(0, |pid| pid.as_raw_nonzero().get()));
    let members = fs::read_to_string(group.join("cgroup.procs"))?;
    let members: Vec<i32> = members.lines().filter_map(|line| line.parse().ok()).collect();
    if members.iter().any(|member| !ours.contains(member)) {
        return Err(io::Error::other("other processes live in this cgroup"));
    }
    let leaf = group.join("moln");
    make(&leaf)?;
    for member in members {
        fs::write(leaf.join("cgroup.procs"), member.to_string())?;
    }
    Ok(())
}

/// Puts a short-lived process there.
fn try_out(group: &Path) -> io::Result<()> {
    match crate::sys::clone_process(0)? {
        crate::sys::Cloned::Child => {
            let entered = fs::write(group.join("cgroup.procs"), "0");
            crate::sys::exit_now(i32::from(entered.is_err()))
        }
        crate::sys::Cloned::Parent { pid, .. } => {
            let ended = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty())?;
            if ended.is_some_and(|(_, status)| status.exit_status() == Some(0)) {
                return Ok(());
            }
            Err(io::Error::other("a process may not be put into a cgroup there"))
        }
    }
}

fn make(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn each(groups: &Groups) -> Vec<&PathBuf> {
    let mut list: Vec<&PathBuf> =
        [&groups.memory, &groups.freezer, &groups.cpu].into_iter().flatten().collect();
    list.dedup();
    list
}

/// A sandbox's group below ours.
fn below(directory: Option<&Path>, serial: u64) -> Result<Option<PathBuf>, Failure> {
    let Some(directory) = directory else { return Ok(None) };
    let directory = directory.join(serial.to_string());
    make(&directory).map_err(|why| Failure::system("a control group", why))?;
    Ok(Some(directory))
}

/// Puts this process, which has one thread, and what it starts from now on, into its groups. In version 1 a thread that moves
/// itself is the one way that does not hold up every fork and exec of the machine for milliseconds.
pub(crate) fn enter(groups: &Groups) -> Result<(), Failure> {
    let members = if groups.unified { "cgroup.procs" } else { "tasks" };
    each(groups).into_iter().try_for_each(|group| {
        fs::write(group.join(members), "0").map_err(|why| Failure::system("entering a control group", why))
    })
}

/// Lets everything go on that is frozen: signals do not reach it otherwise (version 1).
pub(crate) fn thaw(groups: &Groups) {
    let Some(group) = &groups.freezer else { return };
    let (file, word) = if groups.unified { ("cgroup.freeze", "0") } else { ("freezer.state", "THAWED") };
    // It may be gone already.
    let _ = fs::write(group.join(file), word);
}

/// Removes the groups. Whether nothing is left: what still has a dying process cannot be removed yet.
pub(crate) fn remove(groups: &Groups) -> bool {
    let mut gone = true;
    for group in each(groups) {
        match fs::remove_dir(group) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => gone = false,
            _ => {}
        }
    }
    gone
}

/// Ends every process in a group and below it, and removes all of it.
pub(crate) fn clear(group: &Path) {
    let started = Instant::now();
    while group.exists() && started.elapsed() < Duration::from_secs(2) {
        sweep(group);
        if group.exists() {
            std::thread::sleep(limits::RETRY);
        }
    }
}

fn sweep(group: &Path) {
    for child in fs::read_dir(group).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep(&child.path());
        }
    }
    // Whichever of these files there are.
    for (file, word) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0"), ("cgroup.kill", "1")] {
        if group.join(file).exists() {
            let _ = fs::write(group.join(file), word);
        }
    }
    for pid in fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default().lines() {
        if let Some(pid) = pid.parse().ok().filter(|pid| *pid > 0) {
            // It may have ended since. Zero stands for a process that has no number here.
            let _ = crate::sys::kill(pid, libc::SIGKILL);
        }
    }
    // Busy while they die: swept again.
    let _ = fs::remove_dir(group);
}

impl Hierarchy {
    /// Removes our own directories, when the last sandbox is gone.
    pub(crate) fn dissolve(&self) {
        self.directories().for_each(clear);
    }

    /// Our own directories; those of sandboxes are below.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        [&self.memory, &self.freezer, &self.cpu].into_iter().flatten().map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

    #[test]
    fn places_are_found_by_controller_and_through_containers() {
        let found = places(MOUNTS, "4:memory:/docker/abc/x\n3:cpu,cpuacct:/\n2:pids:/\n0::/user.slice");
        let directories: Vec<_> =
            found.iter().map(|place| place.directory.to_str().unwrap().trim_end_matches('/')).collect();
        assert_eq!(
            directories,
            ["/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/unified/user.slice"]
        );
    }

    #[test]
    fn a_version_without_memory_is_not_taken() {
        let dir = std::env::temp_dir().join(format!("moln-groups-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("cgroup.controllers"), "hugetlb\n").unwrap();
        let place = Place { controllers: Vec::new(), directory: dir.clone(), top: dir.clone() };
        let found = Hierarchy::among(&[place], "x");
        assert!(!found.limits_memory() && found.missing[0].contains("no memory controller"));
        fs::remove_dir_all(dir).unwrap();
    }
}
