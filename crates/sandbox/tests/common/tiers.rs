//! Running a test as somebody who may do less: a user without privileges, a container.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use moln_sandbox::Tier;
use seccompiler::{SeccompAction, SeccompFilter, TargetArch, apply_filter};

use super::Directory;

/// Names the tier to a test that was started again; such a test does nothing without it.
const TIER: &str = "MOLN_TEST_TIER";

/// The tier this process is to test; `None`: it is the outer one.
pub fn asked() -> Option<Tier> {
    match std::env::var(TIER).ok()?.as_str() {
        "A" => Some(Tier::A),
        "B" => Some(Tier::B),
        "C" => Some(Tier::C),
        _ => Some(Tier::D),
    }
}

/// Somebody to run as.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// As we are.
    Us,
    /// A user without any privilege.
    Nobody,
    /// Root in a container as Docker makes them by default: few capabilities, no namespaces, no mounts.
    Container,
    /// A user without any privilege in such a container.
    NobodyInContainer,
}

/// What Docker leaves to root in a container.
const LEFT: &str = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,\
                    +sys_chroot,+mknod,+audit_write,+setfcap";

/// Held while a copy is written and started: a process that another thread starts meanwhile would hold the copy open for
/// writing until its own program runs, and the copy could not be started ("text file busy").
static STARTING: Mutex<()> = Mutex::new(());

/// Runs one test of this file again, as somebody else and for a tier. It must pass.
pub fn again(test: &str, who: Who, tier: Tier) {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can become somebody else");
        return;
    }
    if matches!(who, Who::Nobody) && !namespaces_for_everybody() {
        println!("skipped: this kernel gives no user namespaces to users without privileges");
        return;
    }
    let alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Directory::new();
    let exe = place.0.join("test");
    fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    fs::set_permissions(&exe, fs::Permissions::from_mode(0o755)).unwrap();
    let tmp = place.0.join("tmp");
    fs::create_dir(&tmp).unwrap();
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777)).unwrap();

    let mut command = Command::new("setpriv");
    match who {
        Who::Us => {}
        Who::Container => {
            command.arg(format!("--bounding-set={LEFT}"));
        }
        Who::Nobody | Who::NobodyInContainer => {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]);
        }
    }
    command.arg(&exe).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(TIER, tier.to_string()).env("TMPDIR", &tmp).current_dir("/");
    if matches!(who, Who::Container | Who::NobodyInContainer) {
        let program = container();
        // SAFETY: between fork and exec only the two system calls that install the filter are made; it was compiled before.
        unsafe {
            command.pre_exec(move || apply_filter(&program).map_err(std::io::Error::other));
        }
    }
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(alone);
    let output = started.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success(), "{who:?} in tier {tier}");
    assert!(text.contains("1 passed"), "the test was not run");
}

fn namespaces_for_everybody() -> bool {
    let number = |file: &str| fs::read_to_string(file).ok().and_then(|text| text.trim().parse::<u64>().ok());
    number("/proc/sys/user/max_user_namespaces").unwrap_or(0) > 0
        && number("/proc/sys/kernel/unprivileged_userns_clone") != Some(0)
        && number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != Some(1)
}

/// What a container's filter refuses to those without `CAP_SYS_ADMIN`.
fn container() -> seccompiler::BpfProgram {
    use seccompiler::{SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq, SeccompCondition, SeccompRule};
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> = [
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_pivot_root,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_fsopen,
        libc::SYS_bpf,
        libc::SYS_keyctl,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    let flags =
        [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWPID, libc::CLONE_NEWIPC, libc::CLONE_NEWUTS];
    let clone = flags.map(|flag| {
        let flag = u64::from(flag.cast_unsigned());
        SeccompRule::new(vec![SeccompCondition::new(0, Dword, MaskedEq(flag), flag).unwrap()]).unwrap()
    });
    rules.insert(libc::SYS_clone, clone.into());
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let action = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, action, arch).unwrap().try_into().unwrap()
}

/// This test program, at a place that can be shown in a sandbox.
pub fn myself(directory: &Directory) -> PathBuf {
    let path = directory.0.join("attempts/attempt");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}
