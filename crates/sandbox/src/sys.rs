//! System calls that rustix does not wrap. All `unsafe` of the project is in this file.
#![allow(unsafe_code)]

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use rustix::process::Pid;
use tokio::io::unix::AsyncFd;

/// Namespaces for [`clone_process`], as clone(2) names them.
pub(crate) mod namespace {
    pub(crate) const USER: i32 = libc::CLONE_NEWUSER;
    pub(crate) const MOUNT: i32 = libc::CLONE_NEWNS;
    pub(crate) const PID: i32 = libc::CLONE_NEWPID;
    pub(crate) const IPC: i32 = libc::CLONE_NEWIPC;
    pub(crate) const UTS: i32 = libc::CLONE_NEWUTS;
}

/// Where [`clone_process`] returned.
pub(crate) enum Cloned {
    /// In the new process.
    Child,
    /// In the old one.
    Parent {
        /// The child's number, as the parent sees it.
        pid: Pid,
        /// A descriptor of it, readable once it has ended.
        pidfd: OwnedFd,
    },
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Forks, into new namespaces if asked for. The caller must have a single thread: then the child may run any code.
pub(crate) fn clone_process(namespaces: i32) -> io::Result<Cloned> {
    let mut pidfd: RawFd = -1;
    let flags = namespaces | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: without CLONE_VM this is a fork: the child has its own copy of all memory and goes on with the same stack
    // (a null stack pointer means that). `pidfd` outlives the call and is what CLONE_PIDFD writes to. The launcher and its
    // inits have one thread, so no lock can be held by a thread that is missing in the child. The remaining arguments are
    // unused and zero, which makes their order, that differs between processors, irrelevant.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::c_long::from(flags),
            std::ptr::null_mut::<libc::c_void>(),
            &raw mut pidfd,
            0_usize,
            0_usize,
        )
    };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(Cloned::Child) };
    // SAFETY: the call succeeded, so the kernel stored a new descriptor there that nobody else owns.
    Ok(Cloned::Parent { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })
}

/// Forks with the C library's knowledge: for a process that may have more threads (tests do); the child must not rely on
/// them. `None` in the child.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the C library makes its own state (its allocator's locks) consistent in the child; the child uses nothing
    // that another thread of the parent could have locked, because the server forks before it has other threads.
    let pid = check(unsafe { libc::fork() })?;
    Ok(Pid::from_raw(pid))
}

/// Leaves the process at once: no destructors, no buffers. For children that share their parent's memory image.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no requirements.
    unsafe { libc::_exit(code) }
}

/// Replaces the process's program. Returns only when that failed.
pub(crate) fn execute(program: &CString, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both arrays are terminated by null, their strings and `program` live longer than the call.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// A descriptor on which these signals are read; they are blocked from now on.
pub(crate) fn signals(list: &[i32]) -> io::Result<OwnedFd> {
    // SAFETY: `set` is initialised by sigemptyset before it is read; all pointers live during the calls.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        for signal in list {
            libc::sigaddset(&raw mut set, *signal);
        }
        check(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()))?;
        let descriptor = check(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))?;
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Unblocks all signals and gives each its default meaning, as a new program expects them.
pub(crate) fn reset_signals() {
    // SAFETY: the set is initialised by sigemptyset; SIG_DFL installs no handler. Numbers that cannot be changed (KILL,
    // STOP, the C library's own) fail harmlessly.
    unsafe {
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// Sends a signal. −1: to every process this one may signal, except itself and process 1.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill has no memory requirements.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Marks every descriptor from `first` on to be closed by the next program. Not every kernel can (5.11 can).
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: only flags of descriptors change; none is closed in this process.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes every descriptor except these, in a fresh child.
pub(crate) fn close_all_but(keep: &[BorrowedFd<'_>]) {
    let mut keep: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).collect();
    keep.sort_unstable();
    let mut first = 3;
    for fd in keep.into_iter().chain([u32::MAX]) {
        let last = fd.saturating_sub(1);
        if first <= last {
            // SAFETY: the child was just forked and only keeps using what the caller named; the Rust values that own the
            // closed descriptors are the parent's, whose copies in this child are never dropped.
            let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
            if done < 0 {
                // Before 5.9: one by one, as far as descriptors go by default.
                for one in first..=last.min(4_096) {
                    // SAFETY: as above.
                    unsafe { libc::close(one.cast_signed()) };
                }
            }
        }
        first = fd.saturating_add(1);
    }
}

/// Makes descriptor `number` the same file as `fd`; it stays open over an exec.
pub(crate) fn duplicate_to(fd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    // SAFETY: the caller is a fresh child about to exec: whatever owned `number` is not used any more.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) }).map(drop)
}

/// Attributes of a mount and all mounts below it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MountFlags {
    pub(crate) read_only: bool,
    pub(crate) no_exec: bool,
    pub(crate) devices: bool,
}

/// Sets attributes of the tree at `fd` (no set-uid programs ever) and cuts it off from the machine's later mounts.
pub(crate) fn set_mount_flags(fd: BorrowedFd<'_>, flags: MountFlags) -> io::Result<()> {
    let mut set = libc::MOUNT_ATTR_NOSUID;
    for (wanted, flag) in [
        (flags.read_only, libc::MOUNT_ATTR_RDONLY),
        (flags.no_exec, libc::MOUNT_ATTR_NOEXEC),
        (!flags.devices, libc::MOUNT_ATTR_NODEV),
    ] {
        if wanted {
            set |= flag;
        }
    }
    let attributes =
        libc::mount_attr { attr_set: set, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    // SAFETY: the path is an empty, terminated string, the structure is whole and its size is given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Brings the loopback interface of this network namespace up.
pub(crate) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: an all-zero ifreq is valid; name and flags are the members this request reads.
    unsafe {
        let mut request = std::mem::zeroed::<libc::ifreq>();
        for (to, from) in request.ifr_name.iter_mut().zip(*b"lo") {
            *to = libc::c_char::from_ne_bytes([from]);
        }
        request.ifr_ifru.ifru_flags = 0x1; // IFF_UP
        check(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request)).map(drop)
    }
}

/// Leaves the cgroup namespace for one whose root is the process's own groups.
pub(crate) fn own_cgroup_view() -> io::Result<()> {
    // SAFETY: no memory is involved, and the process has one thread.
    check(unsafe { libc::unshare(libc::CLONE_NEWCGROUP) }).map(drop)
}

/// Leaves the machine's network for an empty one.
pub(crate) fn own_network() -> io::Result<()> {
    // SAFETY: no memory is involved, and the process has one thread.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// Whether the calling process has this capability (by number) now.
pub(crate) fn capable(capability: rustix::thread::CapabilitySet) -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(capability))
}

/// Lets the runtime watch a descriptor.
pub(crate) fn register(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, and stays the same, until it is dropped; the `AsyncFd` owns it.
    unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)
}
