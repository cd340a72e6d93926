//! The launcher: runs functions' processes in sandboxes, with nothing installed.
//!
//! [`LauncherProcess::fork`] makes a small single-threaded process before the server has threads; [`Launcher::create`]
//! asks it for a [`Sandbox`]: an own process tree, file system, `/tmp`, limits and, if asked for, network. What the
//! machine does not offer has a fallback, step by step; [`Report`] says which steps hold and why others do not, and its
//! [`Tier`] sums them up. A sandbox ends with everything in it: when it is killed, when it is dropped, and when the server
//! dies, however it dies.

mod channel;
mod control;
mod daemon;
mod error;
mod inside;
mod launcher;
mod limits;
mod link;
mod means;
mod memory;
mod messages;
mod peers;
mod report;
mod sandbox;
mod spec;
mod sys;

pub use error::Error;
pub use launcher::{Launcher, LauncherProcess, Mode, Settings};
pub use peers::{Ends, Peers};
pub use report::{Report, Step, Tier};
pub use sandbox::{Exit, Listening, Process, Sandbox, Usage};
pub use spec::{Bind, Network, ProcessSpec, SandboxSpec};
