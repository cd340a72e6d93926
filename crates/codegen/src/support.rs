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

/// The table.
pub fn table(services: &[Support]) -> String {
    let mut out = String::from("| Service | Operations | Not yet (they answer 501) |\n|---|---|---|\n");
    for service in services {
        let total = service.built.len() + service.missing.len();
        let missing = if service.missing.is_empty() { "none".to_owned() } else { service.missing.join(", ") };
        let _ = writeln!(out, "| {} | {} of {total} | {missing} |", service.service_id, service.built.len());
    }
    out
}
