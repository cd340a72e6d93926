//! What holds on this machine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much of a sandbox this machine gives, in one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tier {
    /// No sandbox: plain processes with resource limits.
    D,
    /// No namespaces: processes under Landlock, a system call filter and resource limits; they see real paths.
    C,
    /// Namespaces; memory is watched, freezing is done with signals.
    B,
    /// Namespaces and control groups: everything.
    A,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        })
    }
}

/// One step of building a sandbox, as the probe found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is about: `namespaces`, `memory limit`, `system call filter`, …
    pub name: String,
    /// Whether it is as it should be.
    pub holds: bool,
    /// How it is done here; if it does not hold: why, and what is done instead.
    pub how: String,
}

/// What the probe found by really building a sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The sum.
    pub tier: Tier,
    /// Every step.
    pub steps: Vec<Step>,
    /// Whether a running sandbox can get more binds ([`crate::Sandbox::bind`] after a spawn): what a pool of pre-warmed
    /// processes needs.
    pub late_binds: bool,
    /// Whether [`crate::Network::Isolated`] can be had.
    pub isolated_network: bool,
}
