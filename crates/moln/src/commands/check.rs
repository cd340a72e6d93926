//! `moln check`: traps in a deployment file and the code it names, before anything is deployed.

use std::process::ExitCode;

use moln_deploy::{
    check::{self, Finding},
    document,
};
use serde_json::json;

use super::say;
use crate::{cli::Deploy, client::Server, deploy::directory, failure::Failure};

pub(super) fn run(options: &Deploy) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.of.target)?;
    let project = directory::project(&options.of, &server)?;
    let file = directory::template_file(&options.of.directory);
    let source = file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
    let source = source.and_then(|text| document::read(&text).ok());
    let findings = check::project(&project, source.as_ref())
        .map_err(|problem| Failure::usage(problem.to_string()))?
        .into_iter()
        .map(|finding| match &file {
            Some(file) if finding.problem.place.is_some() => {
                Finding { problem: finding.problem.in_file(file), ..finding }
            }
            _ => finding,
        });
    let mut found = false;
    for Finding { rule, problem, mend } in findings {
        found = true;
        if options.json {
            say(&json!({
                "rule": rule, "file": problem.file, "line": problem.place.map(|place| place.line),
                "path": problem.path, "why": problem.text, "mend": mend,
            })
            .to_string());
        } else {
            say(&format!("{problem}\n    {mend} [{rule}: docs/checks/{rule}.md]"));
        }
    }
    if !found && !options.json {
        say("No trap was found.");
    }
    Ok(ExitCode::from(u8::from(found)))
}
