//! Starting a process in the sandbox: everything between fork and exec.

use std::{
    ffi::CString,
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use landlock::RulesetCreated;
use rustix::{
    fs::Mode,
    pipe::{PipeFlags, pipe_with},
    process::{Pid, Resource, Rlimit, Signal},
    thread::{CapabilitySet, CapabilitySets, Gid, Uid},
};

use super::Inside;
use crate::{
    messages::Failure,
    sys::{self, Cloned},
};

/// A process to start, as the server asked for it.
pub(super) struct Request {
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) cwd: String,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) extra: Vec<(OwnedFd, i32)>,
}

/// What a failing child was about; its place in the list is what it tells.
const STEPS: [&str; 8] = [
    "the descriptors",
    "the working directory",
    "the resource limits",
    "the user",
    "the capabilities",
    "the file rules",
    "the system call filter",
    "the program",
];
const DESCRIPTORS: u8 = 0;
const DIRECTORY: u8 = 1;
const LIMITS: u8 = 2;
const USER: u8 = 3;
const CAPABILITIES: u8 = 4;
const RULES: u8 = 5;
const FILTER: u8 = 6;
const PROGRAM: u8 = 7;

type Step<T> = Result<T, (u8, io::Error)>;

/// Starts it. Returns when the program runs.
pub(super) fn spawn(
    inside: &Inside,
    rules: &mut Option<RulesetCreated>,
    request: &Request,
) -> Result<Pid, Failure> {
    let text = |text: &String| {
        CString::new(text.as_str())
            .map_err(|_| Failure::Invalid("a zero byte in an argument or a variable".into()))
    };
    let arguments = request.argv.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let environment = request.env.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let Some(program) = arguments.first() else {
        return Err(Failure::Invalid("the command line is empty".into()));
    };
    let (reader, writer) =
        pipe_with(PipeFlags::CLOEXEC).map_err(|why| Failure::system("a pipe to the new process", why))?;
    match sys::clone_process(0).map_err(|why| Failure::system("a new process", why))? {
        Cloned::Child => {
            let (step, why, writer) = match out_of_the_way(request, writer) {
                Ok((descriptors, writer)) => {
                    let failed = prepare(inside, rules, &request.cwd, &descriptors)
                        .map(|()| (PROGRAM, sys::execute(program, &arguments, &environment)));
                    match failed {
                        Ok((step, why)) | Err((step, why)) => (step, why, writer),
                    }
                }
                Err((why, writer)) => (DESCRIPTORS, why, writer),
            };
            let code = why.raw_os_error().unwrap_or(libc::EIO);
            let mut told = vec![step];
            told.extend(code.to_le_bytes());
            // Nobody is left to hear of a failure here.
            let _ = File::from(writer).write_all(&told);
            sys::exit_now(127)
        }
        Cloned::Parent { pid, pidfd } => {
            drop((writer, pidfd));
            let mut told = Vec::new();
            // An error reading is an end: then the process is as good as started, and its exit is reported.
            let _ = File::from(reader).read_to_end(&mut told);
            let Some((step, code)) = told.split_first() else { return Ok(pid) };
            let code = code.try_into().map_or(libc::EIO, i32::from_le_bytes);
            // It is ours and about to end.
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            let name = STEPS.get(usize::from(*step)).copied().unwrap_or("a step");
            let step = match *step {
                PROGRAM => format!("{} cannot be started", request.argv.first().map_or("", String::as_str)),
                DIRECTORY => format!("{} cannot be the working directory", request.cwd),
                _ => format!("a process cannot be started ({name})"),
            };
            Err(Failure::System { step, code })
        }
    }
}

/// In the child: makes it what the program is to find.
fn prepare(
    inside: &Inside,
    rules: &mut Option<RulesetCreated>,
    cwd: &str,
    descriptors: &[(OwnedFd, i32)],
) -> Step<()> {
    // A failure to become a session's leader would mean that it is one.
    let _ = rustix::process::setsid();
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    // Without the right to, it keeps what it inherited.
    let _ = std::fs::write("/proc/self/oom_score_adj", "0");
    rustix::process::chdir(cwd).map_err(|why| (DIRECTORY, why.into()))?;
    limits(inside).map_err(|why| (LIMITS, why))?;
    if inside.sandboxed {
        drop_capabilities().map_err(|why| (CAPABILITIES, why))?;
        become_user(inside).map_err(|why| (USER, why))?;
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        rustix::thread::set_capabilities(None, none).map_err(|why| (CAPABILITIES, why.into()))?;
        rustix::thread::set_no_new_privs(true).map_err(|why| (CAPABILITIES, why.into()))?;
        if let Some(rules) = rules.take() {
            rules.restrict_self().map_err(|why| (RULES, io::Error::other(why)))?;
        }
    }
    if !inside.means.own_pids() {
        // After the change of user, which clears it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|why| (LIMITS, why.into()))?;
    }
    sys::reset_signals();
    if inside.sandboxed {
        for program in inside.means.filters.iter() {
            seccompiler::apply_filter(program).map_err(|why| (FILTER, io::Error::other(why)))?;
        }
    }
    // Last: whatever stands at their numbers, the rules for instance, is not needed any more.
    for (fd, number) in descriptors {
        sys::duplicate_to(fd.as_fd(), *number).map_err(|why| (DESCRIPTORS, why))?;
    }
    Ok(())
}

type Moved = (Vec<(OwnedFd, i32)>, OwnedFd);

/// Moves the descriptors asked for, and the pipe that tells of failures, above all numbers asked for. No other
/// descriptor survives the exec.
fn out_of_the_way(request: &Request, status: OwnedFd) -> Result<Moved, (io::Error, OwnedFd)> {
    // Descriptors of this crate are closed on exec anyway; this is for whatever was inherited from before.
    let _ = sys::close_on_exec_from(3);
    let mut wanted: Vec<(BorrowedFd<'_>, i32)> =
        vec![(request.stdout.as_fd(), 1), (request.stderr.as_fd(), 2)];
    wanted.extend(request.extra.iter().map(|(fd, number)| (fd.as_fd(), *number)));
    let above = wanted.iter().map(|(_, number)| *number).max().unwrap_or(2) + 1;
    let moved = |fd: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, above).map_err(io::Error::from);
    let all = wanted.iter().map(|(fd, number)| Ok((moved(*fd)?, *number))).collect();
    match (all, moved(status.as_fd())) {
        (Ok(all), Ok(moved)) => Ok((all, moved)),
        (Err(why), _) | (_, Err(why)) => Err((why, status)),
    }
}

fn limits(inside: &Inside) -> io::Result<()> {
    let set = |resource, wanted: u64| {
        let wanted = rustix::process::getrlimit(resource).maximum.map_or(wanted, |most| most.min(wanted));
        rustix::process::setrlimit(resource, Rlimit { current: Some(wanted), maximum: Some(wanted) })
    };
    set(Resource::Nofile, inside.spec.open_files)?;
    set(Resource::Core, 0)?;
    if inside.means.counted {
        // Where the function has our own user, this process counts too.
        set(Resource::Nproc, u64::from(inside.spec.processes).saturating_add(1))?;
    }
    if !inside.means.mounts() {
        set(Resource::Fsize, inside.spec.tmp_bytes)?;
    }
    Ok(())
}

/// No program that is executed can get them back.
fn drop_capabilities() -> io::Result<()> {
    if !sys::capable(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // No more capabilities in this kernel.
            Err(rustix::io::Errno::INVAL) => break,
            dropped => dropped?,
        }
    }
    Ok(())
}

fn become_user(inside: &Inside) -> io::Result<()> {
    let Some((user, group)) = inside.user else { return Ok(()) };
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    Ok(())
}
