//! Landlock's rules: what of the file system processes may use, even if a mount were wrong; in a tier without mounts, all
//! that keeps them from the machine's files.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, Scope,
};

use crate::Bind;

/// Places of the machine that a sandbox without mounts may read: programs, libraries, certificates, names.
const READABLE: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/proc",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];
/// The same, in `/etc`.
pub(crate) const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "gai.conf",
    "group",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "pki/tls",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
];
/// Devices that may be written to.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// What the rules are made for.
pub(crate) enum View<'a> {
    /// The sandbox's own root is in place; these binds may be written.
    Own { writable: &'a [Bind] },
    /// The machine's file system is seen: these binds, and a directory for temporary files.
    Machine { binds: &'a [Bind], tmp: &'a Path },
}

/// The version whose rights are handled; older kernels handle fewer.
const VERSION: ABI = ABI::V6;

/// Whether this kernel enforces any of it.
pub(crate) fn supported() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

/// The rules, ready to be put on a process.
pub(crate) fn rules(view: &View<'_>) -> Result<RulesetCreated, String> {
    build(view).map_err(|why| why.to_string())
}

fn build(view: &View<'_>) -> Result<RulesetCreated, landlock::RulesetError> {
    let all = AccessFs::from_all(VERSION);
    let read = AccessFs::from_read(VERSION);
    let scopes = match view {
        // Signals end at the process namespace there; between a sandbox's processes they are wanted.
        View::Own { .. } => BitFlags::from(Scope::AbstractUnixSocket),
        View::Machine { .. } => Scope::AbstractUnixSocket | Scope::Signal,
    };
    let mut rules = Rules(
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(scopes)?
            .create()?,
    );
    // What is already open, a pipe for instance, is not asked for again; `/proc/self/…` may be written.
    let proc = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile | AccessFs::Truncate;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    match view {
        View::Own { writable } => {
            rules.allow(Path::new("/"), read)?;
            for place in ["/tmp", "/dev/shm"] {
                rules.allow(Path::new(place), all)?;
            }
            for bind in writable.iter().filter(|bind| bind.writable) {
                rules.allow(Path::new(&bind.to), all)?;
            }
        }
        View::Machine { binds, tmp } => {
            for place in READABLE {
                rules.allow(Path::new(place), read)?;
            }
            for place in ETC {
                rules.allow(&PathBuf::from("/etc").join(place), read)?;
            }
            rules.allow(tmp, all)?;
            for bind in *binds {
                rules.allow(&bind.from, if bind.writable { all } else { read })?;
            }
        }
    }
    rules.allow(Path::new("/proc"), proc)?;
    for place in DEVICES {
        rules.allow(Path::new(place), device)?;
    }
    Ok(rules.0)
}

struct Rules(RulesetCreated);

impl Rules {
    /// Allows this below a place; nothing, when the machine does not have it.
    fn allow(&mut self, place: &Path, access: BitFlags<AccessFs>) -> Result<(), landlock::RulesetError> {
        let Ok(fd) = PathFd::new(place) else { return Ok(()) };
        // A file takes only the rights that files have.
        let access = if place.is_dir() { access } else { access & AccessFs::from_file(VERSION) };
        (&mut self.0).add_rule(PathBeneath::new(fd, access)).map(drop)
    }
}
