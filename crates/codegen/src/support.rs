//! Which operations are built: a table in Markdown, from the models and the services' own sources.

use std::{fmt::Write as _, path::Path};

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
    for name in trim::present(&models)? {
        let sources = root.join("crates/services").join(&name).join("src");
        if !sources.is_dir() {
            continue;
        }
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
