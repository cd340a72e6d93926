//! `moln check`: traps in a deployment file and the code it names, before anything is deployed.

use std::process::ExitCode;

use moln_deploy::check::{self, Finding, RULES};
use serde_json::json;

use super::say;
use crate::{
    cli::{Check, Shown},
    client::Server,
    deploy::directory,
    failure::Failure,
};

pub(super) fn run(options: &Check) -> Result<ExitCode, Failure> {
    let Shown { of, json } = &options.shown;
    if let Some(unknown) = options.ignored.iter().find(|name| RULES.iter().all(|(rule, _)| rule != name)) {
        let rules: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
        return Err(Failure::usage(format!("there is no rule {unknown}."))
            .next(format!("There are {}.", rules.join(", "))));
    }
    let project = directory::project(of, &Server::find(&of.target)?)?;
    let findings = check::project(&project).map_err(|problem| Failure::usage(problem.to_string()))?;
    let mut found = false;
    for Finding { rule, problem, mend } in findings {
        if options.ignored.iter().any(|ignored| ignored == rule) {
            continue;
        }
        found = true;
        if *json {
            say(&json!({
                "rule": rule, "file": problem.file, "line": problem.place.map(|place| place.line),
                "path": problem.path, "why": problem.text, "mend": mend, "page": format!("docs/checks/{rule}.md"),
            })
            .to_string());
        } else {
            say(&format!("{problem}\n    {mend} [{rule}: docs/checks/{rule}.md]"));
        }
    }
    if !found && !json {
        say("No trap was found.");
    }
    Ok(ExitCode::from(u8::from(found)))
}
