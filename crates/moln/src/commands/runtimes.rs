//! `moln runtimes`: the languages that functions run in.

use std::process::ExitCode;

use moln_functions::{
    Family, Runtime,
    provision::{Installed, Missing, Part, Runtimes, Settings},
};
use serde_json::{Value, json};

use super::say;
use crate::{
    cli::{Languages, RuntimesCommand},
    failure::Failure,
};

pub(super) fn run(what: RuntimesCommand) -> Result<ExitCode, Failure> {
    match what {
        RuntimesCommand::List { json: true, languages } => list_json(&languages),
        RuntimesCommand::List { json: false, languages } => list(&languages),
        RuntimesCommand::Install { names, all, languages } => install(&names, all, &languages),
    }
}

/// What a server and these commands look in.
pub(crate) fn settings(languages: &Languages) -> Result<Settings, Failure> {
    let directory = languages.runtimes.clone().or_else(Settings::default_directory).ok_or_else(|| {
        Failure::usage("this user has no home to keep runtimes in.").next("Name a directory: --runtimes DIR.")
    })?;
    let directory = std::path::absolute(&directory)
        .map_err(|why| Failure::usage(format!("{} is no directory: {why}.", directory.display())))?;
    Ok(Settings { directory, python: languages.python.clone(), fetch: !languages.offline })
}

/// Every runtime, and where it is or why it is not.
pub(super) type Found = Vec<(Runtime, Result<Installed, Missing>)>;

/// Every runtime that Moln runs, and whether it is there. Nothing is fetched.
pub(super) fn found(languages: &Languages) -> Result<Found, Failure> {
    let runtimes = Runtimes::new(settings(languages)?);
    Ok(Runtime::all()
        .filter(|runtime| runtime.runnable())
        .map(|runtime| (runtime, runtimes.find(runtime)))
        .collect())
}

fn list(languages: &Languages) -> Result<ExitCode, Failure> {
    for (runtime, found) in found(languages)? {
        let text = match found {
            Ok(_) if runtime.family() == Family::Provided => "ready".to_owned(),
            Ok(installed) => {
                format!("ready         {:<9} {}", installed.version, installed.program().display())
            }
            Err(missing) if missing.installable => format!("installable   {}", missing.reason),
            Err(missing) => format!("missing       {}", missing.reason),
        };
        say(&format!("{:<17} {text}", runtime.name()));
    }
    Ok(ExitCode::SUCCESS)
}

fn list_json(languages: &Languages) -> Result<ExitCode, Failure> {
    let shown: Vec<Value> = found(languages)?
        .into_iter()
        .map(|(runtime, found)| match found {
            Ok(installed) if runtime.family() == Family::Provided => {
                json!({"runtime": runtime.name(), "state": "ready", "version": installed.version})
            }
            Ok(installed) => json!({
                "runtime": runtime.name(),
                "state": "ready",
                "version": installed.version,
                "program": installed.program(),
                "sdk": installed.sdk,
                "bootstrap": installed.bootstrap,
            }),
            Err(missing) => json!({
                "runtime": runtime.name(),
                "state": if missing.installable { "installable" } else { "missing" },
                "reason": missing.reason,
            }),
        })
        .collect();
    say(&serde_json::to_string_pretty(&shown).unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}

fn install(names: &[String], all: bool, languages: &Languages) -> Result<ExitCode, Failure> {
    let runtimes = Runtimes::new(settings(languages)?);
    let mut wanted = Vec::new();
    for name in names {
        let runtime = name.parse::<Runtime>().map_err(|_| {
            Failure::usage(format!("no runtime has the name '{name}'."))
                .next("`moln runtimes list` prints the names.")
        })?;
        wanted.push(runtime);
    }
    if all {
        wanted.extend(Runtime::all().filter(|runtime| runtime.runnable()));
    }
    let mut failed = false;
    for runtime in wanted {
        let outcome = runtimes.install(runtime, &mut |part| match part {
            Part::Fetching { name } => say(&format!("{runtime}: fetching {name} …")),
            Part::Fetched { name, took, bytes } => {
                say(&format!(
                    "{runtime}: {name} is there ({} MB, {:.1} s)",
                    bytes / 1_000_000,
                    took.as_secs_f64()
                ));
            }
        });
        match outcome {
            Ok(_) => say(&format!("{runtime}: ready")),
            // With --all an interpreter that this machine lacks is no failure.
            Err(missing) if all && !missing.installable => {
                say(&format!("{runtime}: skipped. {}", missing.reason));
            }
            Err(missing) => {
                failed = true;
                eprintln!("moln: {}", missing.reason);
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
