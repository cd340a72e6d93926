//! `moln-bench`: see `bench/README.md`.

use std::{process::ExitCode, sync::Arc};

use clap::Parser as _;
use moln_bench::{
    body::Bodies,
    cli::{Cli, Command, CompareArgs, FunctionsArgs, LimitArgs, RunArgs},
    client::Endpoint,
    compare::SUBJECT,
    error::{Error, Result},
    functions, limit,
    load::{self, Dialect, Target},
    process::Process,
    report,
};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Limit(arguments) => serve(&arguments),
        Command::Compare(arguments) => compare(&arguments),
        Command::Functions(arguments) => measure_functions(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("moln-bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// The client's runtime: one thread serves hundreds of connections, and leaves the other cores to the server.
fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = if threads > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.worker_threads(threads.max(1)).enable_all().build().map_err(Error::io("start the runtime"))
}

fn run(arguments: &RunArgs) -> Result<bool> {
    let target = Target {
        name: SUBJECT.to_owned(),
        endpoint: Endpoint::parse(&arguments.url, arguments.credentials.credentials())?,
        process: arguments.pid.map(Process::new),
        dialect: if arguments.echo { Dialect::Echo } else { Dialect::Aws },
    };
    if !target.endpoint.address.ip().is_loopback() {
        return Err(Error::usage(format!("{}: loads are for servers on this machine", arguments.url)));
    }
    let (sizes, bodies) = (arguments.sizes.sizes()?, Bodies::new(arguments.sizes.body_bytes));
    let runtime = runtime(arguments.sizes.threads)?;
    let outcome = runtime.block_on(load::run(arguments.workload, &target, &sizes, &bodies));
    for (figure, value) in &outcome.values {
        println!("{figure:>16} {value:.2}");
    }
    if let Some(trouble) = &outcome.trouble {
        eprintln!("moln-bench: {trouble}");
    }
    Ok(outcome.trouble.is_none())
}

fn serve(arguments: &LimitArgs) -> Result<bool> {
    let options = limit::Options {
        limit: arguments.limit,
        listen: arguments.listen,
        workers: arguments.workers.max(1),
        dir: arguments.dir.clone(),
        secret_key: Arc::unwrap_or_clone(arguments.credentials.credentials()).secret_key,
    };
    limit::serve(&options).map(|()| true)
}

fn compare(arguments: &CompareArgs) -> Result<bool> {
    let (comparison, promises) = (arguments.comparison()?, arguments.promises()?);
    let compared = runtime(arguments.sizes.threads)?.block_on(comparison.run())?;
    let text = report::markdown(&compared, &promises);
    println!("{text}");
    for path in &arguments.out {
        let content = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => format!("{:#}\n", report::json(&compared, &promises)),
            _ => text.clone(),
        };
        std::fs::write(path, content).map_err(Error::io(format!("write {}", path.display())))?;
    }
    let kept = promises.iter().all(|promise| !promise.check(&compared.results, SUBJECT).failed());
    Ok(kept && !compared.results.failed(SUBJECT))
}

fn measure_functions(arguments: &FunctionsArgs) -> Result<bool> {
    let (report, kept) = runtime(1)?.block_on(functions::run(&arguments.plan()?))?;
    println!("{report}");
    Ok(kept)
}
