//! Which operations are built: a table in Markdown, from the models and the services' own sources.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::{Failure, load, models_directory, names, scan, trim};

/// One service's coverage.
pub struct Support {
    /// `SQS`
    pub service_id: String,
    /// Operations built.
    pub built: Vec<String>,
    /// Operations that answer 501.
    pub missing: Vec<String>,
}

/// Coverage of every service of the workspace at `root`.
pub fn survey(root: &Path) -> Result<Vec<Support>, Failure> {
    let models = models_directory(root)?;
    let mut found = Vec::new();
    let crates = crates_of_models(root)?;
    for name in trim::present(&models)? {
        let Some(home) = crates.get(&name) else { continue };
        let sources = home.join("src");
        let (model, _) = load(&models, &name)?;
        let methods = scan::overridden(&sources, &names::pascal(&name))?;
        let mut all: Vec<String> = model.operations.iter().map(|(name, _)| name.to_owned()).collect();
        all.sort();
        let (built, missing) =
            all.into_iter().partition(|operation| methods.contains(&names::snake(operation)));
        found.push(Support { service_id: model.metadata.service_id, built, missing });
    }
    Ok(found)
}

/// The service crates by the model that their `build.rs` names: `apigateway` builds `apigatewayv2`.
fn crates_of_models(root: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let services = root.join("crates/services");
    let unreadable = |why: std::io::Error| Failure(format!("{}: {why}", services.display()));
    let mut crates = BTreeMap::new();
    for entry in fs::read_dir(&services).map_err(unreadable)? {
        let home = entry.map_err(unreadable)?.path();
        let Ok(script) = fs::read_to_string(home.join("build.rs")) else { continue };
        let name = script.split("moln_codegen::build(\"").nth(1).and_then(|rest| rest.split('"').next());
        crates.extend(name.map(|name| (name.to_owned(), home.clone())));
    }
    Ok(crates)
}

/// So many names stand in the table itself; more are listed below it.
const NAMED_IN_TABLE: usize = 6;

/// The table, and below it the operations of services that lack many.
pub fn table(services: &[Support]) -> String {
    let mut out = String::from("| Service | Operations | Not yet (they answer 501) |\n|---|---|---|\n");
    let mut below = String::new();
    for Support { service_id, built, missing } in services {
        let total = built.len() + missing.len();
        let told = match missing.len() {
            0 => "none".to_owned(),
            1..=NAMED_IN_TABLE => missing.join(", "),
            many => {
                let _ = writeln!(below, "- {service_id}: {}", missing.join(", "));
                format!("{many}, listed below")
            }
        };
        let _ = writeln!(out, "| {service_id} | {} of {total} | {told} |", built.len());
    }
    if !below.is_empty() {
        let _ = write!(out, "\n<details><summary>What answers 501</summary>\n\n{below}\n</details>\n");
    }
    out
}
