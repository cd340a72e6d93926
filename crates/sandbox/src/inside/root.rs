//! The file system of a sandbox.

use std::{
    fs, io,
    os::fd::{AsFd, OwnedFd},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2},
    mount::{
        MountFlags as Kernel, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount,
        mount_bind_recursive, mount_change, mount_remount, move_mount, open_tree,
    },
};

use super::Inside;
use crate::{
    Bind, limits,
    means::{Means, Namespaces, Proc},
    messages::Failure,
    sys::{self, MountFlags},
};

/// Directories of the machine that are seen as they are.
const SYSTEM: &[&str] = &["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix/store"];
/// Devices that are seen.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];
/// Where something is usually bound, so that a late bind finds its place.
const PLACES: &[&str] = &[
    "var/task",
    "var/runtime",
    "var/lang",
    "var/node_modules",
    "node_modules",
    "opt",
    "home/sbx_user1051",
    "run",
];
/// What container images of functions begin with, and functions look for: hands on to the runtime.
const ENTRYPOINT: &str = "#!/bin/sh\nexport _HANDLER=\"${1:-$_HANDLER}\"\nexec /var/runtime/bootstrap\n";
/// Covered: writing there would act on the machine where users are not mapped, reading tells of it.
const COVERED_FILES: &[&str] = &["proc/kcore", "proc/sysrq-trigger", "proc/keys", "proc/timer_list"];
/// The same, whole directories are read-only.
const LOCKED: &[&str] = &["proc/sys", "proc/irq", "proc/bus", "proc/fs"];
/// Where the machine's root stays, covered: binds come from there.
const OLD: &str = ".machine";

/// The machine's file system: reachable for this process, under no path.
pub(super) struct Machine(OwnedFd);

fn failed(step: impl Into<String>) -> impl FnOnce(rustix::io::Errno) -> Failure {
    let step = step.into();
    move |why| Failure::system(step, why)
}

fn failed_io(step: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
    let step = step.into();
    move |why| Failure::system(step, why)
}

/// Builds what is the same in all sandboxes, and moves into it. The process is in its own mount namespace. What a sandbox
/// has for itself comes with [`Machine::furnish`]; nothing may run before.
pub(super) fn build(means: &Means) -> Result<Machine, Failure> {
    // What is unmounted outside goes away here too; nothing goes the other way.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(failed("mounts apart from the machine's"))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let machine = Machine(open("/", flags, Mode::empty()).map_err(failed("the machine's root"))?);
    let base = means.run.join("root");
    let options = format!("size={},mode=755", limits::ROOT);
    tmpfs(&base, &options, Kernel::NOSUID | Kernel::NODEV).map_err(failed("a root"))?;
    rustix::process::chdir(base.as_path()).map_err(failed("the new root"))?;

    for name in SYSTEM {
        system(&machine, name)?;
    }
    machine.bind(&means.run.join("etc"), Path::new("etc"), READ_ONLY)?;
    for name in super::rules::ETC {
        let place = Path::new("etc").join(name);
        let here = Path::new("/").join(&place);
        // The rest was written as files; links of the machine were copied as links.
        if is_bound(&here) && place.symlink_metadata().is_ok() {
            machine.bind(&here, &place, READ_ONLY)?;
        }
    }
    devices(&machine)?;
    proc(means, &machine)?;
    directory("tmp")?;
    for place in PLACES {
        directory(place)?;
    }
    entrypoint().map_err(failed_io("/lambda-entrypoint.sh"))?;
    leave(&base)?;
    Ok(machine)
}

const READ_ONLY: MountFlags = MountFlags { read_only: true, no_exec: false, devices: false };

/// What of `/etc` is the machine's own: directories of certificates and the like, too large to copy.
pub(crate) fn is_bound(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

fn directory(path: impl AsRef<Path>) -> Result<(), Failure> {
    let path = path.as_ref();
    fs::create_dir_all(path).map_err(failed_io(format!("a directory /{}", path.display())))
}

fn entrypoint() -> io::Result<()> {
    fs::write("lambda-entrypoint.sh", ENTRYPOINT)?;
    fs::set_permissions("lambda-entrypoint.sh", fs::Permissions::from_mode(0o755))
}

fn tmpfs(place: impl rustix::path::Arg, options: &str, flags: Kernel) -> rustix::io::Result<()> {
    let options = std::ffi::CString::new(options).map_err(|_| rustix::io::Errno::INVAL)?;
    mount("tmpfs", place, "tmpfs", flags, Some(options.as_c_str()))
}

/// A directory of the machine; where it is a link there (`/bin` → `usr/bin`), it is one here.
fn system(machine: &Machine, name: &str) -> Result<(), Failure> {
    let from = Path::new("/").join(name);
    let Ok(found) = from.symlink_metadata() else { return Ok(()) };
    if found.is_symlink() {
        let target = fs::read_link(&from).map_err(failed_io(name))?;
        return symlink(target, name).map_err(failed_io(name));
    }
    machine.bind(&from, Path::new(name), READ_ONLY)
}

fn devices(machine: &Machine) -> Result<(), Failure> {
    directory("dev/shm")?;
    for name in DEVICES {
        let flags = MountFlags { read_only: false, no_exec: true, devices: true };
        let place = Path::new("dev").join(name);
        if Path::new("/").join(&place).exists() {
            machine.bind(&Path::new("/").join(&place), &place, flags)?;
        }
    }
    let options = format!("size={},mode=1777", limits::SHARED_MEMORY);
    tmpfs("dev/shm", &options, Kernel::NOSUID | Kernel::NODEV | Kernel::NOEXEC)
        .map_err(failed("/dev/shm"))?;
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, Path::new("dev").join(name)).map_err(failed_io(name))?;
    }
    Ok(())
}

fn proc(means: &Means, machine: &Machine) -> Result<(), Failure> {
    directory("proc")?;
    let flags = Kernel::NOSUID | Kernel::NODEV | Kernel::NOEXEC;
    match means.proc {
        // Others' processes, this one above all, are not even named to the function (hidepid); old kernels do not know it.
        Proc::Fresh => mount("proc", "proc", "proc", flags, Some(c"hidepid=2"))
            .or_else(|_| mount("proc", "proc", "proc", flags, None))
            .map_err(failed("/proc"))?,
        Proc::Bound => {
            return machine.bind(Path::new("/proc"), Path::new("proc"), READ_ONLY);
        }
    }
    if means.namespaces == Namespaces::Privileged {
        // Elsewhere the machine's root, whose these are, is nobody inside.
        for name in LOCKED {
            let name = Path::new(name);
            if name.exists() {
                bind_tree(machine_open(CWD.as_fd(), name)?.as_fd(), name, READ_ONLY)?;
            }
        }
    }
    for name in COVERED_FILES {
        let place = Path::new(name);
        if place.exists() {
            let flags = MountFlags { read_only: true, no_exec: true, devices: true };
            machine.bind(Path::new("/dev/null"), place, flags)?;
        }
    }
    Ok(())
}

/// Makes the new root the root. The machine's stays mounted, for binds, but something empty covers it.
fn leave(base: &Path) -> Result<(), Failure> {
    directory(OLD)?;
    rustix::process::pivot_root(base, base.join(OLD).as_path())
        .map_err(failed("moving into the new root"))?;
    rustix::process::chdir("/").map_err(failed("the new root"))?;
    tmpfs(
        OLD,
        "size=4k,nr_inodes=1,mode=000",
        Kernel::NOSUID | Kernel::NODEV | Kernel::NOEXEC | Kernel::RDONLY,
    )
    .map_err(failed("covering the machine's root"))
}

/// Makes the root itself (not what is mounted in it) read-only or writable.
fn lock_root(locked: bool) -> Result<(), Failure> {
    let mut flags = Kernel::BIND | Kernel::NOSUID | Kernel::NODEV;
    flags.set(Kernel::RDONLY, locked);
    mount_remount("/", flags, c"").map_err(failed("the root's protection"))
}

fn machine_open(from: rustix::fd::BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Failure> {
    let relative: PathBuf = path.components().filter(|part| !matches!(part, Component::RootDir)).collect();
    let relative = if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat2(from, relative.as_path(), flags, Mode::empty(), ResolveFlags::IN_ROOT)
        // Before 5.6; the path has no links in it.
        .or_else(|why| match why {
            rustix::io::Errno::NOSYS | rustix::io::Errno::PERM => {
                rustix::fs::openat(from, relative.as_path(), flags, Mode::empty())
            }
            why => Err(why),
        })
        .map_err(failed(format!("{} of this machine", path.display())))
}

impl Machine {
    /// Gives a sandbox what is its own, and finishes the root.
    pub(super) fn furnish(&self, inside: &Inside) -> Result<(), Failure> {
        let (user, group) = inside.user.unwrap_or((crate::means::USER, crate::means::GROUP));
        let options = format!("size={},mode=700,uid={user},gid={group}", inside.spec.tmp_bytes);
        tmpfs("tmp", &options, Kernel::NOSUID | Kernel::NODEV).map_err(failed("/tmp"))?;
        for bind in &inside.spec.binds {
            self.bind_inside(bind)?;
        }
        lock_root(true)
    }

    /// Shows something inside, at any time.
    pub(super) fn bind_inside(&self, bind: &Bind) -> Result<(), Failure> {
        let to: PathBuf =
            Path::new(&bind.to).components().filter(|part| !matches!(part, Component::RootDir)).collect();
        let flags = MountFlags { read_only: !bind.writable, no_exec: !bind.executable, devices: false };
        self.bind(&bind.from, &to, flags)
    }

    /// As above; `to` is relative to the root, which is the working directory.
    fn bind(&self, from: &Path, to: &Path, flags: MountFlags) -> Result<(), Failure> {
        let source = machine_open(self.0.as_fd(), from)?;
        let found = fstat(&source).map_err(failed(from.display().to_string()))?;
        let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        place(to, is_directory)?;
        bind_tree(source.as_fd(), to, flags)
    }
}

/// Makes what is mounted on, where it is missing.
fn place(to: &Path, is_directory: bool) -> Result<(), Failure> {
    if to.symlink_metadata().is_ok() {
        return Ok(());
    }
    let make = || {
        if is_directory {
            return fs::create_dir_all(to);
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::File::create_new(to).map(drop)
    };
    let made = match make() {
        Err(why) if why.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            // The root was finished already. While it is open a process inside could fill its one megabyte, no more.
            lock_root(false)?;
            let made = make();
            lock_root(true)?;
            made
        }
        made => made,
    };
    made.map_err(|why| {
        Failure::Invalid(format!("/{} cannot be made, and nothing can be shown there: {why}", to.display()))
    })
}

fn bind_tree(source: rustix::fd::BorrowedFd<'_>, to: &Path, flags: MountFlags) -> Result<(), Failure> {
    let step = || format!("showing /{}", to.display());
    let how = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let whole = open_tree(source, c"", how)
        .map_err(io::Error::from)
        .and_then(|tree| sys::set_mount_flags(tree.as_fd(), flags).map(|()| tree));
    match whole {
        Ok(tree) => {
            move_mount(&tree, c"", CWD, to, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(failed(step()))
        }
        Err(why) if why.raw_os_error() == Some(libc::ENOSYS) => bind_as_before(source, to, flags),
        Err(why) => Err(Failure::system(step(), why)),
    }
}

/// For kernels before 5.12. What is mounted below the source keeps its own attributes there.
fn bind_as_before(source: rustix::fd::BorrowedFd<'_>, to: &Path, flags: MountFlags) -> Result<(), Failure> {
    use std::os::fd::AsRawFd as _;
    let step = || format!("showing /{}", to.display());
    let from = format!("/proc/self/fd/{}", source.as_raw_fd());
    mount_bind_recursive(from.as_str(), to).map_err(failed(step()))?;
    let mut kernel = Kernel::BIND | Kernel::NOSUID;
    kernel.set(Kernel::RDONLY, flags.read_only);
    kernel.set(Kernel::NOEXEC, flags.no_exec);
    kernel.set(Kernel::NODEV, !flags.devices);
    mount_remount(to, kernel, c"").map_err(failed(step()))
}
