//! `moln deploy`, `moln info`, `moln remove`, `moln template`.

use std::process::ExitCode;

use super::say;
use crate::{
    aws::Aws,
    cli::{Application, Deploy},
    client::Server,
    deploy::{self, directory, progress::Progress, stack::Stack, summary::Summary},
    failure::Failure,
};

pub(super) async fn run(options: &Deploy) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.of.target)?;
    let project = directory::project(&options.of, &server)?;
    let aws =
        Aws { server: &server, region: directory::region(&options.of.choices, project.region.as_deref()) };
    let mut progress = Progress::new(options.json);
    let deployed = deploy::deploy(&aws, project, &mut progress).await?;
    show(&aws, &deployed.project.stack, &progress).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn info(options: &Deploy) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.of.target)?;
    let (name, region) = directory::stack(&options.of, &server)?;
    let aws = Aws { server: &server, region };
    show(&aws, &name, &Progress::new(options.json)).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn remove(options: &Deploy) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.of.target)?;
    let (name, region) = directory::stack(&options.of, &server)?;
    let aws = Aws { server: &server, region };
    let mut progress = Progress::new(options.json);
    let stack = Stack { aws: &aws, name: &name };
    if stack.state().await?.is_none() {
        return Err(missing(&name, &aws));
    }
    progress.say(&format!("Removing {name} from {} ({})", server.url(), aws.region));
    stack.remove(&mut progress).await?;
    progress.say("Removed.");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn template(options: &Application) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.target)?;
    let project = directory::project(options, &server)?;
    let text = serde_json::to_string_pretty(&project.template);
    say(&text.map_err(|why| Failure::new(format!("the template cannot be written: {why}.")))?);
    Ok(ExitCode::SUCCESS)
}

/// Shows what a stack offers.
pub(super) async fn show(aws: &Aws<'_>, name: &str, progress: &Progress) -> Result<Summary, Failure> {
    let stack = Stack { aws, name };
    let state = stack.state().await?.ok_or_else(|| missing(name, aws))?;
    let summary = Summary::of(aws, &stack, &state).await?;
    summary.show(name, &state.status, progress);
    Ok(summary)
}

fn missing(name: &str, aws: &Aws<'_>) -> Failure {
    Failure::new(format!("there is no stack {name} in {}.", aws.region))
        .next("Is the stage or the region another? --stage and --region say so.")
}
