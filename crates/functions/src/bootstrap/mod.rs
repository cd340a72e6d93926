//! Our bootstraps for Node.js and Python, and how a runtime's process is started.
//!
//! Inside a sandbox a runtime lies as on AWS: interpreter under `/var/lang`, SDK under `/var/runtime`, code under
//! `/var/task`, layers under `/opt`; our bootstrap under [`BOOTSTRAP`]. Without mounts the process is told the real places
//! instead (`visible`).
//!
//! **The channel.** A process of our bootstraps inherits a socket ([`CHANNEL`] tells its number), over which it speaks the
//! Runtime API: nobody else can. The listener is there all the same, for extensions and for whoever else asks. Behind a
//! wrapper, which may do with descriptors what it likes, bootstraps use the listener too.
//!
//! **Pre-warmed processes.** Started with [`Start::Generic`], a bootstrap loads what is common, then reads one
//! [`Assignment`] from the channel: a length (4 bytes, big endian) and as many bytes of JSON. It takes over
//! the environment in it (the whole: nothing of the old one stays), changes directory, loads
//! the handler and asks for the first invocation. Functions whose variables an interpreter reads as it starts get a process
//! of their own ([`can_be_assigned`]); search paths (`NODE_PATH`, `PYTHONPATH`) are applied late. End of file instead of an assignment ends it with status 0. Nothing of
//! `/var/task` and `/opt` is touched before, so both can be bound late.

mod early;
mod files;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    provision::Installed,
    runtime::{Family, Runtime},
};

pub use early::can_be_assigned;
pub use files::write_files;

/// Where the bootstrap lies in a sandbox.
pub const BOOTSTRAP: &str = "/var/moln";
/// Where the interpreter lies in a sandbox, unless it is part of the system (`/usr`).
pub const LANGUAGE: &str = "/var/lang";
/// Where the SDK lies in a sandbox; `LAMBDA_RUNTIME_DIR`.
pub const RUNTIME: &str = "/var/runtime";
/// Where the code lies; `LAMBDA_TASK_ROOT`.
pub const TASK: &str = "/var/task";
/// The variable that tells a bootstrap the number of the channel it inherits; the function does not see it.
pub const CHANNEL: &str = "MOLN_CHANNEL_FD";
/// The same in a process that waits for its assignment.
const ASSIGNMENT: &str = "MOLN_ASSIGNMENT_FD";
/// Where layers lie.
pub const LAYERS: &str = "/opt";

/// Something to be shown in a sandbox, read-only and executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Directory of this machine.
    pub from: PathBuf,
    /// Where it is seen.
    pub to: &'static str,
}

/// How a runtime's process is to be started.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// With the function's environment, code and layers in place; it starts at once.
    Assigned {
        /// The function's memory, MB: Node.js sizes its heap by it.
        memory_mb: u32,
        /// `AWS_LAMBDA_EXEC_WRAPPER` of the function: this program is started, with the runtime's command as arguments.
        /// Not used by `provided` runtimes.
        wrapper: Option<&'a str>,
    },
    /// Without a function: it waits for an [`Assignment`].
    Generic {
        /// The number under which the process inherits the channel.
        channel: i32,
        /// Memory of the functions it may be assigned to, MB.
        memory_mb: u32,
    },
}

/// A command and the part of its environment that belongs to the runtime. The caller adds what belongs to the function
/// and to the environment (`_HANDLER`, `AWS_LAMBDA_*`, credentials, the function's own variables), the function's own last.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// Variables of the runtime, such as `PATH`, `LD_LIBRARY_PATH`, `NODE_PATH`, `AWS_EXECUTION_ENV`.
    pub env: Vec<(String, String)>,
    /// Working directory, as seen by the process.
    pub cwd: String,
    /// It speaks over a channel when it inherits one.
    pub speaks: bool,
}

/// What a pre-warmed process is told.
#[derive(Clone, Debug, Serialize)]
pub struct Assignment {
    /// The whole environment: [`Launch::env`] and what the caller adds to it.
    pub env: BTreeMap<String, String>,
    /// `_HANDLER`
    pub handler: String,
    /// The working directory, as seen by the process.
    pub cwd: String,
}

impl Assignment {
    /// The bytes to write to the process' channel.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let json = serde_json::to_vec(self)?;
        let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(json.len() + 4);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&json);
        Ok(bytes)
    }
}

/// What must be shown in a sandbox before the process starts. Code and layers are the caller's.
pub fn shown(installed: &Installed) -> Vec<Shown> {
    let mut shown = Vec::with_capacity(4);
    if let Some(home) = &installed.home {
        shown.push(Shown { from: home.clone(), to: LANGUAGE });
    }
    if let Some(sdk) = &installed.sdk {
        shown.push(Shown { from: sdk.clone(), to: RUNTIME });
        if installed.runtime.family() == Family::Node {
            // Imports of ES modules look along the parents of /var/task, and nowhere else.
            shown.push(Shown { from: sdk.join("node_modules"), to: "/var/node_modules" });
        }
    }
    if let Some(bootstrap) = &installed.bootstrap {
        shown.push(Shown { from: bootstrap.clone(), to: BOOTSTRAP });
    }
    shown
}

/// What of merged layers must be shown beside `/opt` itself.
pub fn shown_of_layers(runtime: Runtime, layers: &Path) -> Option<Shown> {
    let modules = layers.join("nodejs/node_modules");
    (runtime.family() == Family::Node && modules.is_dir())
        .then_some(Shown { from: modules, to: "/node_modules" })
}

/// Where a `provided` runtime's program is: in the code, else in a layer; `None` where neither has one. Paths are of this
/// machine; the answer is the place inside.
pub fn provided_entry(task: &Path, layers: Option<&Path>) -> Option<&'static str> {
    if task.join("bootstrap").is_file() {
        Some("/var/task/bootstrap")
    } else if layers.is_some_and(|layers| layers.join("bootstrap").is_file()) {
        Some("/opt/bootstrap")
    } else {
        None
    }
}

/// The command that starts a runtime. `visible` tells what a process must be told for a path inside
/// ([`moln_sandbox::Sandbox::visible`]). For `provided` runtimes `entry` is [`provided_entry`]'s answer.
pub fn launch(
    installed: &Installed,
    visible: &dyn Fn(&str) -> PathBuf,
    start: Start<'_>,
    entry: Option<&str>,
) -> Launch {
    let seen = |path: &str| visible(path).to_string_lossy().into_owned();
    let memory_mb = match start {
        Start::Assigned { memory_mb, .. } | Start::Generic { memory_mb, .. } => memory_mb,
    };
    let mut env = common_environment(installed.runtime, &seen);
    let mut argv: Vec<OsString> = Vec::new();
    if let Start::Assigned { wrapper: Some(wrapper), .. } = start
        && installed.runtime.family() != Family::Provided
    {
        argv.push(wrapper.into());
    }
    let interpreter = match &installed.home {
        Some(_) => visible(LANGUAGE).join(&installed.interpreter),
        None => installed.interpreter.clone(),
    };
    match installed.runtime.family() {
        Family::Node => {
            argv.push(interpreter.into());
            argv.extend(node_flags(installed.runtime, memory_mb).into_iter().map(OsString::from));
            argv.push(visible(BOOTSTRAP).join("node/bootstrap.js").into());
            let major = installed.runtime.version().0;
            if matches!(major, 16 | 18)
                && installed.sdk.as_ref().is_some_and(|sdk| sdk.join("ca-cert.pem").is_file())
            {
                env.push(("NODE_EXTRA_CA_CERTS".into(), format!("{}/ca-cert.pem", seen(RUNTIME))));
            }
            let (layers, runtime) = (seen(LAYERS), seen(RUNTIME));
            env.push((
                "NODE_PATH".into(),
                format!(
                    "{layers}/nodejs/node{major}/node_modules:{layers}/nodejs/node_modules:{runtime}/node_modules:{runtime}:{}",
                    seen(TASK)
                ),
            ));
        }
        Family::Python => {
            argv.push(interpreter.into());
            // Without `site`: packages of this machine's interpreter are no part of the runtime.
            argv.push("-S".into());
            argv.push(visible(BOOTSTRAP).join("python/bootstrap.py").into());
            env.push(("PYTHONPATH".into(), seen(RUNTIME)));
            if installed.runtime.version() >= (3, 12) {
                env.push(("LC_CTYPE".into(), "C.UTF-8".into()));
            }
            let layers = seen(LAYERS);
            if layers != LAYERS {
                env.push(("MOLN_LAYERS".into(), layers));
            }
        }
        _ => argv.push(entry.map_or_else(|| visible("/var/task/bootstrap"), visible).into()),
    }
    if let Start::Generic { channel, .. } = start {
        env.push((ASSIGNMENT.into(), channel.to_string()));
    }
    let own = installed.runtime.family() != Family::Provided;
    let speaks = own && !matches!(start, Start::Assigned { wrapper: Some(_), .. });
    Launch { argv, env, cwd: seen(TASK), speaks }
}

fn common_environment(runtime: Runtime, seen: &dyn Fn(&str) -> String) -> Vec<(String, String)> {
    let (language, runtime_dir, task, layers) = (seen(LANGUAGE), seen(RUNTIME), seen(TASK), seen(LAYERS));
    let mut env: Vec<(String, String)> = vec![
        ("LANG".into(), "en_US.UTF-8".into()),
        ("TZ".into(), ":UTC".into()),
        ("LAMBDA_TASK_ROOT".into(), task.clone()),
        ("LAMBDA_RUNTIME_DIR".into(), runtime_dir.clone()),
    ];
    if runtime.family() == Family::Provided {
        env.push(("PATH".into(), format!("/usr/local/bin:/usr/bin/:/bin:{layers}/bin")));
        env.push((
            "LD_LIBRARY_PATH".into(),
            format!("/lib64:/usr/lib64:{runtime_dir}:{runtime_dir}/lib:{task}:{task}/lib:{layers}/lib"),
        ));
    } else {
        env.push(("PATH".into(), format!("{language}/bin:/usr/local/bin:/usr/bin/:/bin:{layers}/bin")));
        env.push((
            "LD_LIBRARY_PATH".into(),
            format!(
                "{language}/lib:/lib64:/usr/lib64:{runtime_dir}:{runtime_dir}/lib:{task}:{task}/lib:{layers}/lib"
            ),
        ));
    }
    if runtime.family() != Family::Provided {
        // AWS starts these through a shell.
        env.push(("PWD".into(), task));
        env.push(("SHLVL".into(), "0".into()));
    }
    if let Some(name) = runtime.execution_env() {
        env.push(("AWS_EXECUTION_ENV".into(), name));
    }
    env
}

/// As AWS starts Node.js: nine tenths of the memory for the old heap, a twentieth for the young one.
fn node_flags(runtime: Runtime, memory_mb: u32) -> Vec<String> {
    let major = runtime.version().0;
    let mut flags = vec![
        "--expose-gc".to_owned(),
        "--max-http-header-size=81920".to_owned(),
        format!("--max-semi-space-size={}", (memory_mb * 5 / 100).max(1)),
        format!("--max-old-space-size={}", memory_mb * 90 / 100),
    ];
    // `require` of an ES module and guessing a file's kind are switched off where AWS switches them off.
    if matches!(major, 20 | 22) {
        flags.push("--no-experimental-require-module".to_owned());
    }
    if major == 22 {
        flags.push("--no-experimental-detect-module".to_owned());
    }
    flags
}
