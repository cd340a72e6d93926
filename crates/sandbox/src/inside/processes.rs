//! All processes of a sandbox: counted, measured, stopped, ended. Used where no control group does it.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::param::page_size;

use crate::sys;

/// Whose processes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processes {
    /// Whether this process is number 1 of its own numbers: then all others are its.
    pub(crate) own_numbers: bool,
}

/// What they use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    /// Memory that is theirs alone (not files'), in bytes.
    pub(crate) memory: u64,
    /// Processes and threads.
    pub(crate) tasks: u32,
}

impl Processes {
    /// The numbers of all.
    pub(crate) fn list(self) -> Vec<i32> {
        if self.own_numbers {
            let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
            entries
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .filter(|pid| *pid != 1)
                .collect()
        } else {
            descendants(std::process::id().cast_signed())
        }
    }

    /// Adds up what they use.
    pub(crate) fn sum(self) -> Sum {
        let mut sum = Sum::default();
        for pid in self.list() {
            let process = format!("/proc/{pid}");
            // It may have ended since.
            let Ok(statm) = fs::read_to_string(format!("{process}/statm")) else { continue };
            let pages = |field: usize| {
                statm.split(' ').nth(field).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
            };
            let page = u64::try_from(page_size()).unwrap_or(4_096);
            sum.memory = sum.memory.saturating_add(pages(1).saturating_sub(pages(2)).saturating_mul(page));
            sum.tasks = sum.tasks.saturating_add(threads(&process));
        }
        sum
    }

    /// Sends all of them a signal, those that appear meanwhile too.
    pub(crate) fn signal(self, signal: i32) {
        if self.own_numbers {
            // One call under the kernel's lock: no fork escapes it. It fails when there is none.
            let _ = sys::kill(-1, signal);
            return;
        }
        let mut done = BTreeSet::new();
        for _ in 0..64 {
            let new: Vec<i32> = self.list().into_iter().filter(|pid| !done.contains(pid)).collect();
            if new.is_empty() {
                return;
            }
            for pid in new {
                // It may have ended since.
                let _ = sys::kill(pid, signal);
                done.insert(pid);
            }
        }
    }

    /// Ends all of them, and returns when none is left (or after `patience`). They must be reaped by the caller's death
    /// or by this: orphans come to this process.
    pub(crate) fn end(self, patience: Duration) {
        let started = Instant::now();
        while started.elapsed() < patience {
            // Stopped first: what is stopped does not fork any more.
            self.signal(libc::SIGSTOP);
            self.signal(libc::SIGKILL);
            let mut left = false;
            loop {
                match rustix::process::wait(rustix::process::WaitOptions::NOHANG) {
                    Ok(Some(_)) => {}
                    Ok(None) => {
                        left = true;
                        break;
                    }
                    Err(_) => break,
                }
            }
            if !left {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn threads(process: &str) -> u32 {
    // Hard links of `task` are its entries, `.` and `..`; reading `status` would cost ten times as much.
    let entries = rustix::fs::stat(format!("{process}/task").as_str()).map_or(0, |stat| stat.st_nlink);
    u32::try_from(entries).unwrap_or(u32::MAX).saturating_sub(2)
}

/// All processes below one, nearest first.
pub(crate) fn descendants(root: i32) -> Vec<i32> {
    let mut found = children(root);
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        found.extend(children(pid));
    }
    found
}

pub(crate) fn children(pid: i32) -> Vec<i32> {
    let tasks = format!("/proc/{pid}/task");
    let mut found = Vec::new();
    for task in fs::read_dir(&tasks).into_iter().flatten().flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(text) => found.extend(text.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok())),
            Err(_) if Path::new("/proc/self/task").exists() && task.path().exists() => {
                return children_by_search(pid);
            }
            Err(_) => {}
        }
    }
    found
}

/// For kernels that keep no list of children.
fn children_by_search(parent: i32) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The name before it is in parentheses and may hold anything.
            let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            after.split_whitespace().nth(1).and_then(|text| text.parse().ok()) == Some(parent)
        })
        .collect()
}
