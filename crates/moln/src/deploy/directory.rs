//! Which deployment file a directory holds, and what it comes to.

use std::path::{Path, PathBuf};

use moln_deploy::{project::Project, sam, serverless};
use moln_kernel::{Clock as _, SystemClock};

use super::outside::Running;
use crate::{
    aws::region_of_environment,
    cli::{Application, Choices, Deploy},
    client::{Server, signer},
    failure::Failure,
};

/// What a directory comes to that can be deployed: nothing is missing that its code asks for.
pub(crate) fn deployable(options: &Deploy, server: &Server) -> Result<Project, Failure> {
    let mut project = project(&options.shown.of, server)?;
    if !project.lacks.is_empty() {
        return Err(lines(&project.lacks));
    }
    project.disable_rollback |= options.disable_rollback;
    Ok(project)
}

/// Reads what a directory, or a deployment file, comes to. The server is asked only where the file asks for what runs.
pub(crate) fn project(application: &Application, server: &Server) -> Result<Project, Failure> {
    let Application { directory, choices, .. } = application;
    if let Some(service) = service_directory(directory) {
        return service_project(&service, choices, server);
    }
    judge(directory)?;
    template(directory, choices)
}

/// The directory of a `serverless.yml`: the one that was given, or that of the file that was given.
fn service_directory(given: &Path) -> Option<PathBuf> {
    let directory = if given.is_file() { given.parent()?.to_owned() } else { given.to_owned() };
    // A path of one name has an empty parent.
    let directory = if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory };
    let file = serverless::find(&directory)?;
    let same = given.is_dir() || given.file_name() == file.file_name();
    same.then_some(directory)
}

/// A service of the Serverless framework.
fn service_project(directory: &Path, choices: &Choices, server: &Server) -> Result<Project, Failure> {
    let options = serverless::Options {
        stage: choices.stage.clone(),
        region: choices.region.clone(),
        params: parameters(choices)?.into_iter().collect(),
        env: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        ignore_plugins: choices.ignore_plugins.clone(),
        account: account_of_environment(),
        instance: format!("{:x}", SystemClock::default().now().millis()),
        outside: Some(&Running(server)),
        ..serverless::Options::default()
    };
    let mut project = serverless::project(directory, &options).map_err(|found| lines(&found))?;
    if let Some(stack) = &choices.stack {
        project.stack.clone_from(stack);
    }
    Ok(project)
}

/// The account that a development server takes a key for: the key itself if it is twelve digits.
pub(crate) fn account_of_environment() -> String {
    let key = signer().map(|signer| signer.access_key).unwrap_or_default();
    let account = key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit());
    if account { key } else { "000000000000".to_owned() }
}

/// The stack's name and region: what the command line says, else what the files say.
pub(crate) fn stack(application: &Application, server: &Server) -> Result<(String, String), Failure> {
    if let Some(name) = &application.choices.stack {
        return Ok((name.clone(), region(&application.choices, None)));
    }
    let project = project(application, server)?;
    let region = region(&application.choices, project.region.as_deref());
    Ok((project.stack, region))
}

/// Where to deploy.
pub(crate) fn region(choices: &Choices, of_file: Option<&str>) -> String {
    let of_file = of_file.map(str::to_owned);
    choices
        .region
        .clone()
        .or(of_file)
        .or_else(region_of_environment)
        .unwrap_or_else(|| "us-east-1".to_owned())
}

/// Says so where there is nothing to be deployed.
fn judge(given: &Path) -> Result<(), Failure> {
    if given.is_file() || sam::find(given).is_some() || given.join("samconfig.toml").is_file() {
        return Ok(());
    }
    if !given.is_dir() {
        return Err(Failure::usage(format!("there is no directory {}.", given.display())));
    }
    Err(Failure::usage(format!("{} holds nothing that can be deployed.", given.display()))
        .next("It would be a serverless.yml, a template.yaml or a template.json; or give the file itself."))
}

/// A plain or a SAM template, with the local files that it names.
fn template(given: &Path, choices: &Choices) -> Result<Project, Failure> {
    let options = sam::Options {
        stack: choices.stack.clone(),
        region: choices.region.clone(),
        environment: choices.stage.clone(),
        parameters: parameters(choices)?,
    };
    sam::project(given, &options).map_err(|found| lines(&found))
}

fn parameters(choices: &Choices) -> Result<Vec<(String, String)>, Failure> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!("'{text}' is no parameter.")).next("Write --param NAME=VALUE.")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    choices.params.iter().map(pair).collect()
}

/// Everything that is wrong, a line each.
fn lines(problems: &[impl ToString]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::usage(lines.join("\n      "))
}
