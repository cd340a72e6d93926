//! `moln`: the serverless cloud you own, as one program. This crate reads the command line and the configuration, puts the
//! parts together ([`compose`], the only place that knows every service), and runs.

mod aws;
mod blobs;
mod cli;
mod client;
mod commands;
mod compose;
mod config;
mod control;
mod deploy;
mod failure;
mod figures;
mod functions;
mod keys;
mod logging;
mod pieces;
mod sandbox;
mod tail;

use std::process::ExitCode;

use clap::Parser;

/// See `Cargo.toml` for what it is worth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("moln: {failure}");
            failure.code()
        }
    }
}
