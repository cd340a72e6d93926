//! The launcher's directories.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use crate::{SandboxSpec, messages::Failure};

/// The lock's file in the run directory.
pub(crate) const LOCK: &str = "lock";

/// Where our control groups are noted: a start in other groups than the last one's finds what that one left.
const GROUPS: &str = "groups";

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let text = path.display().to_string();
    move |why| Failure::system(text, why)
}

/// Empties the run directory: what is there is a dead predecessor's.
pub(super) fn clear(run: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(run).map_err(failed(run))?.flatten() {
        if entry.file_name() == LOCK {
            continue;
        }
        let path = entry.path();
        let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(failed(&path))?;
    }
    let root = run.join("root");
    fs::create_dir(&root).map_err(failed(&root))?;
    // Functions' users pass through, and see no names.
    fs::set_permissions(run, fs::Permissions::from_mode(0o711)).map_err(failed(run))
}

/// Ends and removes what a predecessor's groups hold. Nothing but groups of our name.
pub(super) fn clear_groups(run: &Path, name: &str) {
    let noted = fs::read_to_string(run.join(GROUPS)).unwrap_or_default();
    noted.lines().map(Path::new).filter(|group| group.ends_with(name)).for_each(super::groups::clear);
}

/// Notes where our groups are.
pub(super) fn note_groups<'a>(run: &Path, groups: impl Iterator<Item = &'a Path>) -> Result<(), Failure> {
    let lines: Vec<String> = groups.map(|group| format!("{}\n", group.display())).collect();
    fs::write(run.join(GROUPS), lines.concat()).map_err(failed(run))
}

/// Removes what was made at the start.
pub(super) fn leave(run: &Path) {
    let _ = fs::remove_file(run.join(GROUPS));
    // What stays is removed by the next start.
    let _ = fs::remove_dir(run.join("root"));
    let _ = fs::remove_dir_all(run.join("etc"));
}

/// Our group's name: the same at every start, so that a start finds what its predecessor left.
pub(super) fn group_name(run: &Path) -> String {
    format!("moln-{:016x}", hash(run))
}

/// FNV-1a of a path.
pub(super) fn hash(run: &Path) -> u64 {
    use std::os::unix::ffi::OsStrExt as _;
    run.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A sandbox's place in the machine's file system, where it has no root of its own.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) tmp: PathBuf,
    /// Whether the function's user can get to everything.
    pub(super) reachable: bool,
}

/// Makes it.
pub(super) fn make(
    run: &Path,
    id: u64,
    spec: &SandboxSpec,
    user: Option<(u32, u32)>,
) -> Result<Place, Failure> {
    let directory = run.join(format!("sandbox-{id}"));
    let tmp = directory.join("tmp");
    fs::create_dir(&directory).and_then(|()| fs::create_dir(&tmp)).map_err(failed(&tmp))?;
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o700)).map_err(failed(&tmp))?;
    let Some((user, group)) = user else {
        return Ok(Place { directory, tmp, reachable: true });
    };
    let reachable =
        spec.binds.iter().map(|bind| bind.from.as_path()).chain([directory.as_path()]).all(open_to_all);
    if reachable {
        chown(&tmp, Some(user), Some(group)).map_err(failed(&tmp))?;
    }
    Ok(Place { directory, tmp, reachable })
}

/// Whether every directory above can be entered by everybody.
fn open_to_all(path: &Path) -> bool {
    path.ancestors().skip(1).all(|above| above.metadata().is_ok_and(|found| found.mode() & 0o001 != 0))
}

/// Ends what is left in a group of a sandbox without process numbers of its own.
pub(super) fn end_group(group: &Path) {
    for pid in fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default().lines() {
        if let Some(pid) = pid.parse().ok().filter(|pid| *pid > 0) {
            // It may have ended since. Zero stands for a process that has no number here.
            let _ = crate::sys::kill(pid, libc::SIGKILL);
        }
    }
}
