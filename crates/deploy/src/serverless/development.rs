//! Which modules are only for development: installed for `devDependencies`, and needed by nothing else.
//!
//! What is on the disk decides, as for `npm ls`: from `package.json` the dependencies are followed through
//! `node_modules`, whichever program has put them there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// Modules followed in one service.
const MODULES: usize = 20_000;

/// Patterns of what is left out: each module's files and its commands in `.bin`.
pub(super) fn patterns(dir: &Path) -> Vec<String> {
    let mut patterns = Vec::new();
    for package in packages(dir, 0) {
        let Some(json) = manifest(&package) else { continue };
        let needed =
            reach(dir, &package, &json, &["dependencies", "optionalDependencies", "peerDependencies"]);
        let mut developing = reach(dir, &package, &json, &["devDependencies"]);
        developing.retain(|module| !needed.contains(module));
        for module in developing {
            let Some(name) = module.strip_prefix(dir).ok().and_then(Path::to_str) else { continue };
            patterns.push(format!("{}/**", literal(name)));
            patterns.extend(commands(name, &module));
        }
    }
    patterns
}

/// A name in which nothing is a pattern.
fn literal(name: &str) -> String {
    name.chars()
        .flat_map(|c| if "*?[]{}()!+@\\".contains(c) && c != '@' { vec!['\\', c] } else { vec![c] })
        .collect()
}

fn manifest(dir: &Path) -> Option<Json> {
    serde_json::from_slice(&fs::read(dir.join("package.json")).ok()?).ok()
}

/// The directories below with a package.json, `node_modules` apart.
fn packages(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        dir.join("package.json").is_file().then(|| dir.to_owned()).into_iter().collect();
    if depth > 8 {
        return found;
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let hidden = entry.file_name().to_str().is_none_or(|n| n.starts_with('.') || n == "node_modules");
        if !hidden && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(packages(&entry.path(), depth + 1));
        }
    }
    found
}

/// The modules that are reached from a package's dependencies of some kinds, and from there by all that are needed to run.
fn reach(top: &Path, package: &Path, json: &Json, kinds: &[&str]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open: Vec<(PathBuf, String)> =
        kinds.iter().flat_map(|kind| names(json, kind)).map(|name| (package.to_owned(), name)).collect();
    while let Some((from, name)) = open.pop() {
        let Some(module) = resolve(top, &from, &name) else { continue };
        if found.len() >= MODULES || !found.insert(module.clone()) {
            continue;
        }
        if let Some(json) = manifest(&module) {
            for kind in ["dependencies", "optionalDependencies", "peerDependencies"] {
                open.extend(names(&json, kind).into_iter().map(|name| (module.clone(), name)));
            }
        }
    }
    found
}

fn names(json: &Json, kind: &str) -> Vec<String> {
    json.get(kind).and_then(Json::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Where a module lies that is asked for from a directory: in the nearest `node_modules` above.
fn resolve(top: &Path, from: &Path, name: &str) -> Option<PathBuf> {
    from.ancestors()
        .take_while(|dir| dir.starts_with(top))
        .filter(|dir| !dir.ends_with("node_modules"))
        .map(|dir| dir.join("node_modules").join(name))
        .find(|module| module.join("package.json").is_file())
}

/// A module's commands in the `.bin` beside it.
fn commands(name: &str, module: &Path) -> Vec<String> {
    let Some((parent, own)) = name.rsplit_once('/') else { return Vec::new() };
    let bin = manifest(module).and_then(|json| json.get("bin").cloned());
    let commands = match bin {
        Some(Json::Object(commands)) => commands.into_iter().map(|(command, _)| command).collect(),
        Some(Json::String(_)) => vec![own.to_owned()],
        _ => Vec::new(),
    };
    commands.into_iter().map(|command| literal(&format!("{parent}/.bin/{command}"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn module(dir: &Path, path: &str, json: &Json) {
        let dir = dir.join(path);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("package.json"), json.to_string()).unwrap();
    }

    #[test]
    fn what_only_development_needs_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        module(
            dir,
            "",
            &json!({"dependencies": {"axios": "1"}, "devDependencies": {"jest": "1", "shared": "1"}}),
        );
        module(dir, "node_modules/axios", &json!({"dependencies": {"shared": "1", "debug": "4"}}));
        module(dir, "node_modules/shared", &json!({}));
        module(dir, "node_modules/debug", &json!({"dependencies": {"ms": "2"}}));
        module(dir, "node_modules/ms", &json!({}));
        module(
            dir,
            "node_modules/jest",
            &json!({"bin": {"jest": "x"}, "dependencies": {"ms": "2", "@jest/core": "1"}}),
        );
        module(dir, "node_modules/@jest/core", &json!({}));
        module(dir, "node_modules/jest/node_modules/ms", &json!({}));
        let mut found = patterns(dir);
        found.sort();
        assert_eq!(
            found,
            [
                "node_modules/.bin/jest",
                "node_modules/@jest/core/**",
                "node_modules/jest/**",
                "node_modules/jest/node_modules/ms/**",
            ]
        );
    }
}
