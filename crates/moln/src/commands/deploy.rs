//! `moln deploy`, `moln info`, `moln remove`, `moln template`.

use std::process::ExitCode;

use super::say;
use crate::{
    aws::Aws,
    cli::{Application, Deploy, Shown},
    client::Server,
    deploy::{self, directory, progress::Progress, stack::Stack, summary::Summary, upload::Uploads},
    failure::Failure,
};

pub(super) async fn run(options: &Deploy) -> Result<ExitCode, Failure> {
    let Shown { of, json } = &options.shown;
    let server = Server::find(&of.target)?;
    let project = directory::deployable(options, &server)?;
    let aws = Aws { server: &server, region: directory::region(&of.choices, project.region.as_deref()) };
    let mut progress = Progress::new(*json);
    let deployed = deploy::deploy(&aws, project, &mut progress).await?;
    show(&aws, &deployed.project.stack, &progress).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn info(options: &Shown) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.of.target)?;
    let (name, region) = directory::stack(&options.of, &server)?;
    let aws = Aws { server: &server, region };
    show(&aws, &name, &Progress::new(options.json)).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn remove(options: &Shown) -> Result<ExitCode, Failure> {
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

/// Prints the template as it is deployed: packages named as they will be, SAM, loops and included files written out.
pub(super) async fn template(options: &Application) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.target)?;
    let project = directory::project(options, &server)?;
    let region = directory::region(&options.choices, project.region.as_deref());
    let uploads = Uploads::planned(&directory::account_of_environment(), &region, &project.stack);
    let template = uploads.filled(&project).await?;
    let written = project.written_out(&template).map_err(|problem| Failure::usage(problem.to_string()))?;
    let text = serde_json::to_string_pretty(&written);
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
