//! Putting a runtime together from its parts.

use std::{io, path::PathBuf, time::Duration};

use super::{Installed, Missing, Settings, npm, python, python::Interpreter};
use crate::{
    bootstrap,
    runtime::{Family, Runtime, Sdk},
};

/// A part of a runtime that is being fetched or was.
#[derive(Clone, Debug)]
pub enum Part {
    /// It is missing and is being fetched.
    Fetching {
        /// `Node.js 20.20.2`
        name: String,
    },
    /// It is there now.
    Fetched {
        /// As before.
        name: String,
        /// How long it took.
        took: Duration,
        /// Its size on disk, bytes.
        bytes: u64,
    },
}

pub(super) fn find(settings: &Settings, runtime: Runtime) -> Result<Installed, Missing> {
    look(settings, runtime).map_err(|absent| match absent {
        Absent::For(reason) => Missing { runtime, reason, installable: false },
        Absent::Part(part) => Missing {
            runtime,
            reason: format!(
                "{runtime} needs {}, which is not installed. Run `moln runtimes install {runtime}`.",
                part.name()
            ),
            installable: true,
        },
    })
}

pub(super) fn install(
    settings: &Settings,
    runtime: Runtime,
    tell: &mut dyn FnMut(&Part),
) -> Result<Installed, Missing> {
    // Each round finds one part more; a part that does not appear ends it.
    for _ in 0..3 {
        let part = match look(settings, runtime) {
            Ok(installed) => {
                compile(&installed, false);
                return Ok(installed);
            }
            Err(Absent::For(reason)) => return Err(Missing { runtime, reason, installable: false }),
            Err(Absent::Part(part)) => part,
        };
        let name = part.name();
        tell(&Part::Fetching { name: name.clone() });
        let begun = std::time::Instant::now();
        part.fetch(settings).map_err(|error| Missing {
            runtime,
            reason: format!(
                "{runtime} needs {name}, and fetching it failed ({error}). \
                 `moln runtimes install {runtime}` tries again; a copy of another machine's {} does as well.",
                settings.directory.display()
            ),
            installable: true,
        })?;
        tell(&Part::Fetched {
            name,
            took: begun.elapsed(),
            bytes: super::place::size(&part.place(settings)),
        });
    }
    find(settings, runtime)
}

/// Why a runtime is not there.
enum Absent {
    /// Nothing that could be fetched would help.
    For(String),
    /// This part can be fetched.
    Part(Piece),
}

enum Piece {
    Node(&'static super::versions::Node),
    JavaScript(Sdk),
    Boto3 { minor: u16, interpreter: Interpreter },
}

impl Piece {
    fn name(&self) -> String {
        match self {
            Self::Node(node) => format!("Node.js {}", node.version),
            Self::JavaScript(Sdk::JavaScriptV2) => "the AWS SDK for JavaScript, version 2".into(),
            Self::JavaScript(_) => "the AWS SDK for JavaScript, version 3".into(),
            Self::Boto3 { .. } => "boto3".into(),
        }
    }

    fn place(&self, settings: &Settings) -> PathBuf {
        match self {
            Self::Node(node) => npm::node_place(&settings.directory, node),
            Self::JavaScript(sdk) => npm::sdk_place(&settings.directory, *sdk),
            Self::Boto3 { minor, .. } => python::sdk_place(&settings.directory, *minor),
        }
    }

    fn fetch(&self, settings: &Settings) -> io::Result<()> {
        match self {
            Self::Node(node) => npm::fetch_node(&settings.directory, node),
            Self::JavaScript(sdk) => npm::fetch_sdk(&settings.directory, *sdk),
            Self::Boto3 { minor, interpreter } => {
                python::fetch_sdk(&settings.directory, *minor, interpreter, &settings.python)
            }
        }
    }
}

fn look(settings: &Settings, runtime: Runtime) -> Result<Installed, Absent> {
    if let Some(instead) = runtime.refused() {
        return Err(Absent::For(format!("{runtime} is no longer supported; use {instead}.")));
    }
    match runtime.family() {
        Family::Node => node(settings, runtime),
        Family::Python => python(settings, runtime),
        Family::Provided => Ok(Installed {
            runtime,
            version: String::new(),
            home: None,
            interpreter: PathBuf::new(),
            sdk: None,
            bootstrap: None,
        }),
        Family::Java | Family::DotNet | Family::Ruby | Family::Go => Err(Absent::For(format!(
            "Functions with {runtime} can be created, but this version of Moln does not run them: \
             it runs Node.js, Python and provided.al2/al2023."
        ))),
    }
}

fn node(settings: &Settings, runtime: Runtime) -> Result<Installed, Absent> {
    let (major, _) = runtime.version();
    let node = npm::node(major).ok_or_else(|| Absent::For(format!("There is no Node.js for {runtime}.")))?;
    let fetched = npm::node_place(&settings.directory, node);
    let home = if fetched.join("bin/node").is_file() { Some(fetched) } else { npm::node_of_machine(node) };
    let home = home.ok_or(Absent::Part(Piece::Node(node)))?;
    let sdk = runtime.sdk().unwrap_or(Sdk::JavaScriptV3);
    let place = npm::sdk_place(&settings.directory, sdk);
    if !place.is_dir() {
        return Err(Absent::Part(Piece::JavaScript(sdk)));
    }
    placed(settings, runtime, node.version.to_owned(), home, "bin/node".into(), place)
}

fn python(settings: &Settings, runtime: Runtime) -> Result<Installed, Absent> {
    let (_, minor) = runtime.version();
    let interpreter = python::find(minor, &settings.python).ok_or_else(|| {
        Absent::For(format!(
            "{runtime} needs a Python 3.{minor}, and this machine has none {}. Install one, for example with \
             `pyenv install 3.{minor}` or `uv python install 3.{minor}`.",
            python::PLACES
        ))
    })?;
    let place = python::sdk_place(&settings.directory, minor);
    if !place.is_dir() {
        return Err(Absent::Part(Piece::Boto3 { minor, interpreter }));
    }
    let Interpreter { version, prefix, program } = interpreter;
    placed(settings, runtime, version, prefix, program, place)
}

fn placed(
    settings: &Settings,
    runtime: Runtime,
    version: String,
    home: PathBuf,
    program: PathBuf,
    sdk: PathBuf,
) -> Result<Installed, Absent> {
    let bootstrap = bootstrap::write_files(&settings.directory).map_err(|error| {
        Absent::For(format!(
            "The bootstraps cannot be written to {}: {error}. `--runtimes DIR` or MOLN_RUNTIMES names another directory.",
            settings.directory.display()
        ))
    })?;
    // What lies in /usr is seen by every sandbox as it is.
    let of_system = home.starts_with("/usr");
    let interpreter = if of_system { home.join(&program) } else { program };
    Ok(Installed {
        runtime,
        version,
        home: (!of_system).then_some(home),
        interpreter,
        sdk: Some(sdk),
        bootstrap: Some(bootstrap),
    })
}

/// Compiles what an interpreter will load. The bootstrap is small; the SDK takes some seconds of a processor, once for each
/// minor version, and is compiled aside when `soon` is enough.
pub(super) fn compile(installed: &Installed, soon: bool) {
    if installed.runtime.family() != Family::Python {
        return;
    }
    let minor = installed.runtime.version().1;
    let program = installed.program();
    if let Some(bootstrap) = &installed.bootstrap {
        python::compile(&program, minor, bootstrap);
    }
    let Some(sdk) = installed.sdk.clone() else { return };
    if soon {
        std::thread::spawn(move || python::compile(&program, minor, &sdk));
    } else {
        python::compile(&program, minor, &sdk);
    }
}
