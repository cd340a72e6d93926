//! What a server process costs, read from `/proc` (proc(5)): CPU time and resident memory of it and its descendants.

use std::fs;

/// A process, by its id.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pid: u32,
    /// Whether its descendants count too.
    family: bool,
}

/// One reading of a process tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system CPU time since start, in milliseconds; the kernel counts in ticks (10 ms as a rule).
    pub cpu_ms: f64,
    /// Resident memory in bytes.
    pub rss: u64,
}

/// The fields of `/proc/PID/stat` that are used here.
struct Stat {
    parent: u32,
    ticks: u64,
    resident_pages: u64,
}

impl Process {
    /// The process with this id, and all that it started.
    pub fn new(pid: u32) -> Self {
        Self { pid, family: true }
    }

    /// This process alone: the servers that it starts are not its own work.
    pub fn this() -> Self {
        Self { pid: std::process::id(), family: false }
    }

    /// CPU time and memory now; `None` when it has ended.
    pub fn usage(self) -> Option<Usage> {
        let own = stat(self.pid)?;
        if !self.family {
            return Some(own.usage());
        }
        let mut members = vec![self.pid];
        let mut sum = own;
        // A parent is listed before its children in most cases, but not after ids wrapped: repeat until nothing is new.
        let others = all();
        loop {
            let before = members.len();
            for (pid, stat) in &others {
                if members.contains(&stat.parent) && !members.contains(pid) {
                    members.push(*pid);
                    sum.ticks += stat.ticks;
                    sum.resident_pages += stat.resident_pages;
                }
            }
            if members.len() == before {
                break;
            }
        }
        Some(sum.usage())
    }
}

impl Stat {
    #[allow(clippy::cast_precision_loss)]
    fn usage(&self) -> Usage {
        let ticks_per_ms = rustix::param::clock_ticks_per_second() as f64 / 1000.0;
        Usage {
            cpu_ms: self.ticks as f64 / ticks_per_ms,
            rss: self.resident_pages * rustix::param::page_size() as u64,
        }
    }
}

/// CPU time that all processes of the machine, and other machines on the same processor (steal), took since it was
/// started, in milliseconds. Interrupts are left out: those of a load on loopback are its own.
#[allow(clippy::cast_precision_loss)]
pub fn machine_cpu_ms() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> =
        text.lines().next()?.split_ascii_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let ticks: u64 = [0, 1, 2, 7].into_iter().filter_map(|index| fields.get(index)).sum();
    Some(ticks as f64 * 1000.0 / rustix::param::clock_ticks_per_second() as f64)
}

fn all() -> Vec<(u32, Stat)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect()
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command's name stands in parentheses and may hold anything, parentheses too: count from the last one.
fn parse(text: &str) -> Option<Stat> {
    let rest = text.get(text.rfind(')')? + 1..)?;
    let field = |index: usize| rest.split_ascii_whitespace().nth(index);
    Some(Stat {
        parent: field(1)?.parse().ok()?,
        ticks: field(11)?.parse::<u64>().ok()? + field(12)?.parse::<u64>().ok()?,
        resident_pages: field(21)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) b) (c)) S 7 42 42 0 -1 4194304 1 2 3 4 50 60 5 6 20 0 3 0 99 1000000 321 18446744073709551615 1";
        let stat = parse(text).unwrap();
        assert_eq!((stat.parent, stat.ticks, stat.resident_pages), (7, 110, 321));
        assert!(parse("nonsense").is_none());
    }

    #[test]
    fn the_machine_has_done_something() {
        assert!(machine_cpu_ms().unwrap() >= Process::this().usage().unwrap().cpu_ms);
    }

    #[test]
    fn this_process_uses_memory_and_an_ended_one_is_none() {
        assert!(Process::this().usage().unwrap().rss > 100_000);
        assert!(Process::new(u32::MAX - 1).usage().is_none());
    }
}
