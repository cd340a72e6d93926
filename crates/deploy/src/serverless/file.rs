//! The file of a service.

use std::path::{Path, PathBuf};

use crate::document::{Dialect, Node, Problem, read_as};

/// The names that the framework looks for, in its order.
const NAMES: [&str; 4] = ["serverless.yml", "serverless.yaml", "serverless.json", "serverless.js"];

/// The service's file in a directory, if there is one.
pub fn find(dir: &Path) -> Option<PathBuf> {
    let more = ["serverless.ts", "serverless.cjs", "serverless.mjs"];
    NAMES.iter().chain(&more).map(|name| dir.join(name)).find(|path| path.is_file())
}

/// Reads it.
pub(super) fn read(dir: &Path) -> Result<(PathBuf, Node), Problem> {
    let Some(path) = find(dir) else {
        return Err(Problem::new(format!(
            "there is no serverless.yml, serverless.yaml or serverless.json in {}",
            dir.display()
        )));
    };
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if !matches!(extension, "yml" | "yaml" | "json") {
        let text = "a service whose file is a program is not read: Moln runs no program to find out what to deploy. \
                    `serverless print` writes it as yml";
        return Err(Problem::new(text).in_file(&path));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Problem::new(format!("cannot be read: {error}")).in_file(&path))?;
    let root = read_as(&text, Dialect::Js).map_err(|problem| problem.in_file(&path))?;
    if root.as_mapping().is_none() {
        return Err(Problem::new("a service is a mapping: service, provider, functions…").in_file(&path));
    }
    Ok((path, root))
}
