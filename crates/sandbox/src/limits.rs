//! The numbers.

use std::time::Duration;

/// Sandboxes at once. Each takes a handful of descriptors and processes.
pub(crate) const SANDBOXES: usize = 4_096;
/// Descriptors a process can be given beside the standard ones.
pub(crate) const EXTRA_DESCRIPTORS: usize = 16;
/// Ports a sandbox can listen at.
pub(crate) const LISTENERS: usize = 8;
/// Binds of one sandbox, late ones included in each call.
pub(crate) const BINDS: usize = 256;
/// `/dev/shm`, in bytes. AWS has none; programs that expect one get a little.
pub(crate) const SHARED_MEMORY: u64 = 64 << 20;
/// The root file system itself, in bytes: directories on which something is mounted.
pub(crate) const ROOT: u64 = 1 << 20;
/// How fast a process can take memory, in bytes a second: tells how long a watcher may look away.
pub(crate) const MEMORY_GROWTH: u64 = 4 << 30;
/// A watcher never looks away longer than this.
pub(crate) const LONGEST_LOOK_AWAY: Duration = Duration::from_millis(50);
/// A watcher never looks more often than this.
pub(crate) const SHORTEST_LOOK_AWAY: Duration = Duration::from_millis(5);
/// Between two looks at how much a directory that stands in for `/tmp` holds.
pub(crate) const DISK_LOOK: Duration = Duration::from_secs(1);
/// How many entries such a look visits.
pub(crate) const DISK_ENTRIES: usize = 100_000;
/// How long a probe of one way to build a sandbox may take: long, because a machine that is busy at the moment must not
/// be taken for one that gives less. What is not to be had says so at once.
pub(crate) const PROBE: Duration = Duration::from_secs(20);
/// How long a start waits for the launcher of a server that was just killed to clean up.
pub(crate) const PREDECESSOR: Duration = Duration::from_secs(3);
/// How long freezing may take before it is given up.
pub(crate) const FREEZING: Duration = Duration::from_secs(2);
/// Between two attempts to remove what is still busy.
pub(crate) const RETRY: Duration = Duration::from_millis(2);
/// How long a supervisor without a pid namespace has for ending its processes before the launcher does it.
pub(crate) const SUPERVISOR_END: Duration = Duration::from_secs(2);
/// First processes of sandboxes that wait for their purpose, in their namespaces and control groups, with everything built
/// that all sandboxes have: most of what a sandbox costs.
pub(crate) const SPARES: usize = 2;
/// How long after a sandbox was asked for the next spare is made, if there is one left: until its process has started.
pub(crate) const UNDISTURBED: Duration = Duration::from_millis(40);
