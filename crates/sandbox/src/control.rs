//! A sandbox's control groups, as the server uses them: measuring and freezing.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{Error, limits, messages::Groups};

/// Open files of the groups.
#[derive(Debug)]
pub(crate) struct Control {
    unified: bool,
    memory: Option<Memory>,
    freezer: Option<PathBuf>,
}

#[derive(Debug)]
struct Memory {
    /// Everything charged, caches and `/tmp` too, in bytes.
    charged: File,
    stat: File,
    /// Where the kernel counts processes it ended for want of memory.
    events: Option<File>,
    /// The most that was ever charged.
    peak: Option<File>,
    members: PathBuf,
}

/// What the kernel counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Memory of processes.
    pub(crate) memory: u64,
    /// The most, as well as the kernel tells it.
    pub(crate) peak: u64,
    pub(crate) processes: u32,
}

impl Control {
    /// Opens the files of a new sandbox's groups.
    pub(crate) fn open(groups: &Groups) -> io::Result<Self> {
        let memory = groups
            .memory
            .as_ref()
            .map(|group| {
                let [charged, events, peak, members] = if groups.unified {
                    ["memory.current", "memory.events", "memory.peak", "cgroup.threads"]
                } else {
                    ["memory.usage_in_bytes", "memory.oom_control", "memory.max_usage_in_bytes", "tasks"]
                };
                Ok::<_, io::Error>(Memory {
                    charged: File::open(group.join(charged))?,
                    stat: File::open(group.join("memory.stat"))?,
                    // Older kernels lack them.
                    events: File::open(group.join(events)).ok(),
                    peak: File::options().read(true).write(true).open(group.join(peak)).ok(),
                    members: group.join(members),
                })
            })
            .transpose()?;
        Ok(Self { unified: groups.unified, memory, freezer: groups.freezer.clone() })
    }

    pub(crate) fn measures(&self) -> bool {
        self.memory.is_some()
    }

    pub(crate) fn freezes(&self) -> bool {
        self.freezer.is_some()
    }

    /// How much is charged: cheap, and never less than what processes hold.
    pub(crate) fn charged(&self) -> io::Result<u64> {
        self.memory.as_ref().map_or(Ok(0), |memory| number(&memory.charged))
    }

    /// Memory that processes hold, without caches and files in memory.
    pub(crate) fn held(&self) -> io::Result<u64> {
        let name = if self.unified { "anon " } else { "total_rss " };
        self.memory.as_ref().map_or(Ok(0), |memory| field(&memory.stat, name))
    }

    /// How many processes the kernel ended for want of memory.
    pub(crate) fn out_of_memory(&self) -> u64 {
        let events = self.memory.as_ref().and_then(|memory| memory.events.as_ref());
        events.map_or(0, |events| field(events, "oom_kill ").unwrap_or(0))
    }

    pub(crate) fn measure(&self) -> io::Result<Measured> {
        let Some(memory) = &self.memory else { return Ok(Measured::default()) };
        let held = self.held()?;
        let charged = number(&memory.charged)?;
        // The kernel's maximum holds caches and files, too: what there is of them now is taken off.
        let peak = memory.peak.as_ref().map_or(Ok(held), number).unwrap_or(held);
        let members = fs::read_to_string(&memory.members)?.lines().count();
        Ok(Measured {
            memory: held,
            peak: peak.saturating_sub(charged.saturating_sub(held)).max(held),
            // The sandbox's first process is ours.
            processes: u32::try_from(members).unwrap_or(u32::MAX).saturating_sub(1),
        })
    }

    /// Starts a new maximum, where the kernel can (6.12 with version 2, all with version 1).
    pub(crate) fn reset_peak(&self) -> bool {
        let peak = self.memory.as_ref().and_then(|memory| memory.peak.as_ref());
        peak.is_some_and(|peak| peak.write_at(b"0", 0).is_ok())
    }

    /// Stops every process, and waits until all stand.
    pub(crate) async fn freeze(&self) -> Result<(), Error> {
        let Some(group) = &self.freezer else { return Ok(()) };
        let failed = |why| Error::system("freezing a sandbox", why);
        let deadline = Instant::now() + limits::FREEZING;
        loop {
            let frozen = if self.unified {
                fs::write(group.join("cgroup.freeze"), "1").map_err(failed)?;
                fs::read_to_string(group.join("cgroup.events")).map_err(failed)?.contains("frozen 1")
            } else {
                fs::write(group.join("freezer.state"), "FROZEN").map_err(failed)?;
                fs::read_to_string(group.join("freezer.state")).map_err(failed)?.starts_with("FROZEN")
            };
            if frozen {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn thaw(&self) -> Result<(), Error> {
        let Some(group) = &self.freezer else { return Ok(()) };
        let (file, word) = if self.unified { ("cgroup.freeze", "0") } else { ("freezer.state", "THAWED") };
        fs::write(group.join(file), word).map_err(|why| Error::system("thawing a sandbox", why))
    }
}

fn text(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    file.read_at(buffer, 0)
}

fn number(file: &File) -> io::Result<u64> {
    let mut buffer = [0; 64];
    let read = text(file, &mut buffer)?;
    let found = buffer.get(..read).and_then(|bytes| std::str::from_utf8(bytes).ok());
    found.and_then(|text| text.trim().parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A number behind a name at a line's beginning.
fn field(file: &File, name: &str) -> io::Result<u64> {
    let mut buffer = [0; 8_192];
    let read = text(file, &mut buffer)?;
    let found = buffer.get(..read).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let value = found.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|text| text.trim().parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
