//! The commands, one file each.

mod backup;
mod check;
mod clock;
mod deploy;
mod doctor;
mod env;
mod health;
mod invoke;
mod logs;
pub(crate) mod runtimes;
pub(crate) mod s3;
mod serve;
mod up;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    cli::{Cli, Command},
    failure::Failure,
};

/// Runs a command.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    // Data and backups hold everybody's messages: what is made here is for this user alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match cli.command {
        Command::Up(options) => blocking(up::run(&options)),
        Command::Deploy(options) => blocking(deploy::run(&options)),
        Command::Remove(options) => blocking(deploy::remove(&options)),
        Command::Info(options) => blocking(deploy::info(&options)),
        Command::Template(options) => blocking(deploy::template(&options)),
        Command::Check(options) => check::run(&options),
        Command::Serve(options) => serve::run(*options),
        Command::Env(options) => env::run(&options),
        Command::Clock(options) => blocking(clock::run(&options.what)),
        Command::Doctor(options) => Ok(doctor::run(&options)),
        Command::Backup(options) => blocking(backup::save(&options)),
        Command::Restore(options) => backup::restore(&options),
        Command::Invoke(options) => blocking(invoke::run(&options)),
        Command::Logs(options) => blocking(logs::run(&options)),
        Command::S3(options) => blocking(s3::run(&options)),
        Command::Health(options) => blocking(health::run(&options)),
        Command::Runtimes(options) => runtimes::run(options.what),
    }
}

/// Runs a command that waits for a server, on this thread.
fn blocking<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|why| Failure::new(format!("the system gives no event queue: {why}")))?.block_on(work)
}

/// Prints a line. A reader that went away (`moln env | head -1`) is no failure.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
