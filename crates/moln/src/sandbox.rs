//! Functions' sandboxes, as the command line and the configuration have them.

use std::path::Path;

use moln_sandbox::{Error, Launcher, LauncherProcess, Mode, Report, Settings, Step, Tier};

use crate::{cli::Sandbox, config::Config, failure::Failure};

/// What to do where namespaces are not to be had.
const NAMESPACES: &str = "Run moln as root, or allow unprivileged user namespaces (sysctl user.max_user_namespaces, \
                          kernel.apparmor_restrict_unprivileged_userns=0). In a container: --privileged, or \
                          --security-opt seccomp=unconfined --security-opt systempaths=unconfined.";
/// What to do where control groups are not to be had.
const GROUPS: &str = "Run moln as root, or under systemd with Delegate=yes.";
/// What to do about the rest.
const OTHERS: &str = "A newer kernel may have it.";

/// Forks the launcher. Nothing may have started a thread before.
pub(crate) fn fork(config: &Config) -> Result<LauncherProcess, Failure> {
    let mode = match config.sandbox {
        Sandbox::Require => Mode::Require,
        Sandbox::Best => Mode::Best,
        Sandbox::Off => Mode::Off,
    };
    LauncherProcess::fork(Settings { mode, run: config.data.join("run") }).map_err(|why| failure(&why))
}

/// Takes the launcher over, and says how well functions are confined. `isolated`: they must have networks of their own.
pub(crate) fn attach(process: LauncherProcess, isolated: bool) -> Result<Launcher, Failure> {
    let launcher = process.attach().map_err(|why| failure(&why))?;
    let Report { tier, steps, isolated_network, .. } = launcher.report();
    if isolated && !isolated_network {
        let found = steps
            .iter()
            .find(|step| ["isolated network", "namespaces"].contains(&&*step.name) && !step.holds);
        let why = found.map_or("no namespaces", |step| &step.how);
        let what =
            format!("functions cannot be isolated on this machine, as --isolate-functions demands: {why}.");
        return Err(Failure::new(what).next(NAMESPACES));
    }
    if *tier >= Tier::B {
        tracing::debug!(%tier, "functions run in sandboxes");
    } else {
        let why = steps.iter().find(|step| step.name == "namespaces").map_or("", |step| &step.how);
        tracing::warn!(%tier, why, "functions are not well confined (see `moln doctor`)");
    }
    Ok(launcher)
}

fn failure(why: &Error) -> Failure {
    let failure = Failure::new(format!("functions cannot be run: {why}."));
    match why {
        Error::InUse(_) => {
            failure.next("Another moln uses this data directory. Stop that one, or take another --data DIR.")
        }
        Error::Unsupported(_) => failure.next(NAMESPACES),
        _ => failure.next("`moln doctor` looks closer."),
    }
}

/// What this machine gives; found out in a directory that is removed again.
pub(crate) fn probe(directory: &Path) -> Result<Report, Error> {
    let process = LauncherProcess::fork(Settings { mode: Mode::Best, run: directory.to_path_buf() })?;
    let report = process.attach().map(|launcher| launcher.report().clone());
    // The launcher ends by itself; what it still holds is an empty directory.
    let _ = std::fs::remove_dir_all(directory);
    report
}

/// What to do about a step that does not hold.
pub(crate) fn hint(step: &Step) -> &'static str {
    match step.name.as_str() {
        "namespaces" | "file system" | "processes" | "connections" | "isolated network" => NAMESPACES,
        "memory limit" | "freezing" | "processor limit" => GROUPS,
        _ => OTHERS,
    }
}
