//! With what a sandbox is built on this machine: the outcome of the probe.

use std::{path::PathBuf, sync::Arc};

use seccompiler::BpfProgram;

use crate::peers::Kind;

/// The user and group a function's processes have inside, as on AWS.
pub(crate) const USER: u32 = 993;
/// See [`USER`].
pub(crate) const GROUP: u32 = 990;
/// Its name.
pub(crate) const USER_NAME: &str = "sbx_user1051";

/// How namespaces are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// In a user namespace in which two users of the machine are known: the launcher's own, and one for the function.
    /// Needs the privilege to become other users.
    Mapped,
    /// With the machine's privileges, without a user namespace.
    Privileged,
    /// In a user namespace in which only the launcher's own user is known. Needs no privilege.
    Own,
    /// Not at all.
    Absent,
}

/// How `/proc` is had inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proc {
    /// A new one, of the sandbox's own processes.
    Fresh,
    /// The machine's, read-only. Then processes are not in a namespace of their own either.
    Bound,
}

/// What is seen of connections on the machine's loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The kernel does not tell whose they are.
    Nothing,
    /// Whose they are; other users' processes cannot be looked into.
    Users,
    /// Every process's.
    Everything,
}

/// Everything that is known about how to build a sandbox here.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) namespaces: Namespaces,
    pub(crate) proc: Proc,
    /// First of the machine's users that stand for functions, one each; `None`: they stay the launcher's user.
    pub(crate) users: Option<u32>,
    pub(crate) landlock: bool,
    /// Filters of system calls, in the order they are installed.
    pub(crate) filters: Arc<Vec<BpfProgram>>,
    /// Whether the kernel's count of a user's processes is a sandbox's count.
    pub(crate) counted: bool,
    /// What is seen of connections.
    pub(crate) seen: Seen,
    /// The launcher's directory.
    pub(crate) run: PathBuf,
}

impl Means {
    /// Whether a sandbox has its own view of the file system.
    pub(crate) fn mounts(&self) -> bool {
        self.namespaces != Namespaces::Absent
    }

    /// Whether a sandbox has its own process numbers.
    pub(crate) fn own_pids(&self) -> bool {
        self.mounts() && self.proc == Proc::Fresh
    }

    /// How connections of a sandbox are known: of the one at `slot`, whose first process is `pid` and whose functions
    /// have this user of theirs.
    pub(crate) fn peers(&self, user: Option<(u32, u32)>, slot: u32, pid: i32) -> Kind {
        match (self.namespaces, self.user(slot), user) {
            _ if self.seen == Seen::Nothing => Kind::Everybody,
            (Namespaces::Mapped, Some(user), _) | (Namespaces::Absent, _, Some((user, _))) => {
                Kind::User(user)
            }
            (Namespaces::Privileged, ..) if self.seen == Seen::Users => Kind::Everybody,
            _ => Kind::Below(pid),
        }
    }

    /// The machine's user for the sandbox at `slot`.
    pub(crate) fn user(&self, slot: u32) -> Option<u32> {
        self.users.map(|base| base.saturating_add(slot))
    }
}
