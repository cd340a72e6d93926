//! What a function's code needs to be there before it is deployed: the handler's file, and the modules that it asks for.
//!
//! A simple reading of the source, not a run of it: `require('x')`, `import … from 'x'` and `import('x')` of Node.js with
//! plain strings, followed through the package's own files. What stands in a `try` block may be missing. Of other
//! languages only the handler's file is looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::check::Finding;
use crate::document::{Place, Problem};
use crate::javascript::{Asked, line_and_column, requires};
use crate::project::{Content, Package};

/// Files that are read for one handler, and bytes of one file.
const FILES: usize = 2_000;
const BYTES: u64 = 2 * 1024 * 1024;

/// A handler and where its code is.
#[derive(Clone, Debug)]
pub struct Handler<'a> {
    /// `nodejs18.x`.
    pub runtime: &'a str,
    /// `src/index.handler`.
    pub handler: &'a str,
    /// The function's package.
    pub package: &'a Package,
    /// The layers that can be looked into.
    pub layers: &'a [&'a Package],
    /// Whether there are other layers: they may hold anything.
    pub foreign_layers: bool,
    /// Where the document names it: `functions.api.handler`.
    pub path: String,
    /// The same in the text.
    pub place: Place,
}

type Files<'f> = BTreeMap<&'f str, &'f Path>;

/// Looks whether everything is there. What is missing is named with what to do next; of a module, the line that asks for it.
pub fn check(handler: &Handler<'_>) -> Vec<Finding> {
    let Some(files) = files(handler.package) else { return Vec::new() };
    let start = match entry(handler, &files) {
        Ok(Some(start)) => start,
        Ok(None) => return Vec::new(),
        Err(_) if handler.foreign_layers => return Vec::new(),
        Err((what, mend)) => {
            let problem = Problem::new(what).code("handler-missing").placed(handler.place);
            return vec![Finding {
                rule: "handler-missing",
                problem: problem.path(handler.path.clone()),
                mend: mend.to_owned(),
            }];
        }
    };
    if !handler.runtime.starts_with("nodejs") {
        return Vec::new();
    }
    let mut lacks = Vec::new();
    follow(&files, start, |name, path, source, asked| {
        let missing = asked.iter().filter(|asked| !is_there(handler, &files, name, asked.module));
        lacks.extend(
            missing.map(|asked| lack(handler, name, asked.module, path, line_and_column(source, asked.at))),
        );
    });
    lacks.dedup_by(|a, b| a.problem.file == b.problem.file && a.problem.text == b.problem.text);
    lacks
}

/// The sources that a handler's file leads to within its package, itself first: name, where it lies, text. Those of other
/// languages than JavaScript lead nowhere.
pub(crate) fn sources<'p>(
    runtime: &str,
    handler: &str,
    package: &'p Package,
) -> Vec<(&'p str, &'p Path, String)> {
    let Some(files) = files(package) else { return Vec::new() };
    let named = Handler {
        runtime,
        handler,
        package,
        layers: &[],
        foreign_layers: false,
        path: String::new(),
        place: Place::default(),
    };
    let mut found = Vec::new();
    if let Ok(Some(start)) = entry(&named, &files) {
        follow(&files, start, |name, path, source, _| found.push((name, path, source.to_owned())));
    }
    found
}

fn files(package: &Package) -> Option<Files<'_>> {
    match &package.content {
        Content::Files(files) => {
            Some(files.iter().map(|(name, path)| (name.as_str(), path.as_path())).collect())
        }
        Content::File(_) | Content::Template(_) => None,
    }
}

/// Reads a file and those that it asks for by relative paths, each once.
fn follow<'f>(
    files: &Files<'f>,
    start: &'f str,
    mut each: impl FnMut(&'f str, &'f Path, &str, &[Asked<'_>]),
) {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(name) = open.pop() {
        let Some(path) = files.get(name).copied() else { continue };
        if fs::metadata(path).is_ok_and(|facts| facts.len() > BYTES) {
            continue;
        }
        let Ok(source) = fs::read_to_string(path) else { continue };
        let asked = if is_source(name) { requires(&source) } else { Vec::new() };
        each(name, path, &source, &asked);
        let own = asked.iter().filter(|asked| asked.module.starts_with('.'));
        for next in own.filter_map(|asked| file(files, &resolved(name, asked.module)?)) {
            if is_source(next) && seen.len() < FILES && seen.insert(next) {
                open.push(next);
            }
        }
    }
}

/// What a handler's package lacks.
fn lack(handler: &Handler<'_>, name: &str, module: &str, path: &Path, at: (usize, usize)) -> Finding {
    let package = package_name(module);
    let is_left_out = handler.package.root.join("node_modules").join(package).is_dir();
    let what = if module.starts_with('.') {
        format!("{name} asks for {module}, and there is no such file in the package")
    } else if is_left_out {
        format!(
            "{name} asks for the module {module}, which lies in node_modules and is left out of the package"
        )
    } else {
        format!("{name} asks for the module {module}, which is not in the package")
    };
    let (rule, mend) = if module.starts_with('.') {
        ("module-missing", "is it excluded by package.patterns?".to_owned())
    } else if is_left_out {
        ("module-left-out", format!("is {package} under devDependencies, or excluded by package.patterns?"))
    } else if package == "aws-sdk" {
        let runtime = handler.runtime;
        let mend =
            format!("{runtime} has version 3 of the SDK only: npm install aws-sdk, or use @aws-sdk/client-…");
        ("module-missing", mend)
    } else {
        ("module-missing", format!("npm install {package}"))
    };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let place = Place { line: number(at.0), column: number(at.1) };
    let problem = Problem::new(what).code(rule).path(handler.path.clone()).placed(place).in_file(path);
    Finding { rule, problem, mend }
}

/// The handler's file; none if the language has no such file to look for.
fn entry<'f>(handler: &Handler<'_>, files: &Files<'f>) -> Result<Option<&'f str>, (String, &'static str)> {
    let name = handler.handler.strip_prefix("./").unwrap_or(handler.handler);
    let (dir, base) = name.rsplit_once('/').map_or(("", name), |(dir, base)| (dir, base));
    let within = |base: &str| if dir.is_empty() { base.to_owned() } else { format!("{dir}/{base}") };
    let candidates: Vec<String> = if handler.runtime.starts_with("nodejs") {
        let stem = within(base.split('.').next().unwrap_or_default());
        ["", ".js", ".mjs", ".cjs"].iter().map(|end| format!("{stem}{end}")).collect()
    } else if handler.runtime.starts_with("python") {
        let Some((module, _)) = name.rsplit_once('.') else {
            return Err((format!("the handler {name} names no function"), "it is written file.function"));
        };
        let stem = module.replace('.', "/");
        vec![format!("{stem}.py"), format!("{stem}/__init__.py"), format!("{stem}.so")]
    } else if handler.runtime.starts_with("ruby") {
        vec![within(&format!("{}.rb", base.split('.').next().unwrap_or_default()))]
    } else if handler.runtime.starts_with("provided") || handler.runtime == "go1.x" {
        vec!["bootstrap".to_owned(), name.to_owned()]
    } else {
        return Ok(None);
    };
    if name.starts_with("/opt/") {
        return Ok(None);
    }
    if let Some((found, _)) = candidates.iter().find_map(|name| files.get_key_value(name.as_str())) {
        return Ok(Some(found));
    }
    if handler.layers.iter().any(|layer| holds(layer, &candidates)) {
        return Ok(None);
    }
    let missing = candidates.get(1).filter(|_| handler.runtime.starts_with("nodejs")).or(candidates.first());
    let missing = missing.cloned().unwrap_or_default();
    let stem = missing.rsplit_once('.').map_or(missing.as_str(), |(stem, _)| stem);
    if [".ts", ".mts", ".cts"].iter().any(|end| files.contains_key(format!("{stem}{end}").as_str())) {
        let what = format!("the handler's file {missing} is not there, and {stem}.ts is");
        return Err((what, "compile it before it is deployed"));
    }
    if handler.package.root.join(&missing).is_file() {
        return Err((
            format!("the handler's file {missing} is left out of the package"),
            "look at package.patterns",
        ));
    }
    let root = handler.package.root.display();
    Err((
        format!("the handler's file {missing} does not exist in {root}"),
        "is the name right? it is written file.function",
    ))
}

fn holds(package: &Package, names: &[String]) -> bool {
    match &package.content {
        Content::Files(files) => files.iter().any(|(file, _)| {
            let file = file.strip_prefix("nodejs/").or_else(|| file.strip_prefix("python/")).unwrap_or(file);
            names.iter().any(|name| name == file)
        }),
        // Nobody looks into a finished zip.
        Content::File(_) | Content::Template(_) => true,
    }
}

/// Whether a module is there that a file asks for.
fn is_there(handler: &Handler<'_>, files: &Files<'_>, from: &str, module: &str) -> bool {
    if module.starts_with('.') {
        // What leads out of the package is not looked for.
        return resolved(from, module).is_none_or(|path| file(files, &path).is_some());
    }
    let package = package_name(module);
    let old =
        handler.runtime.trim_start_matches("nodejs").split('.').next().and_then(|n| n.parse::<u32>().ok());
    let provided = match package {
        "aws-sdk" => old.is_some_and(|version| version < 18),
        _ => package.starts_with("@aws-sdk/") || package.starts_with("@smithy/"),
    };
    let by_runtime = provided && (package == "aws-sdk" || old.is_none_or(|version| version >= 18));
    // Absolute paths, subpaths of the package itself and URLs are not looked for.
    if module.starts_with('/')
        || module.starts_with('#')
        || module.contains(':')
        || is_builtin(package)
        || by_runtime
    {
        return true;
    }
    let mut dir = from;
    loop {
        dir = dir.rsplit_once('/').map_or("", |(dir, _)| dir);
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let place = format!("{prefix}node_modules/{package}/");
        if files.range(place.as_str()..).next().is_some_and(|(name, _)| name.starts_with(&place)) {
            return true;
        }
        if dir.is_empty() {
            break;
        }
    }
    handler.foreign_layers
        || handler.layers.iter().any(|layer| match &layer.content {
            Content::Files(files) => {
                let place = format!("node_modules/{package}/");
                files
                    .iter()
                    .any(|(name, _)| name.strip_prefix("nodejs/").is_some_and(|name| name.contains(&place)))
            }
            Content::File(_) | Content::Template(_) => true,
        })
}

fn is_source(name: &str) -> bool {
    [".js", ".mjs", ".cjs"].iter().any(|end| name.ends_with(end))
}

/// The file of the package that a path means, with whatever ending.
fn file<'f>(files: &Files<'f>, path: &str) -> Option<&'f str> {
    let ends = ["", ".js", ".mjs", ".cjs", ".json", ".node", "/index.js", "/index.json", "/package.json"];
    let named = |end: &&str| files.get_key_value(format!("{path}{end}").as_str()).map(|(name, _)| *name);
    ends.iter().find_map(named)
}

/// `@scope/name/sub` is `@scope/name`.
fn package_name(module: &str) -> &str {
    let parts = if module.starts_with('@') { 2 } else { 1 };
    let end = module.match_indices('/').nth(parts - 1).map_or(module.len(), |(at, _)| at);
    module.get(..end).unwrap_or(module)
}

/// A relative path from a file; none if it leads out of the package.
fn resolved(from: &str, module: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in module.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The modules of Node.js itself.
fn is_builtin(module: &str) -> bool {
    const BUILTIN: [&str; 45] = [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "sea",
        "sqlite",
        "stream",
        "string_decoder",
        "sys",
        "test",
        "timers",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ];
    BUILTIN.contains(&module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(dir: &Path, files: &[(&str, &str)]) -> Package {
        let mut content = Vec::new();
        for (name, text) in files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            content.push(((*name).to_owned(), path));
        }
        Package { name: "p".into(), root: dir.to_owned(), content: Content::Files(content), places: vec![] }
    }

    fn lacks(runtime: &str, handler: &str, files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path(), files);
        let (path, place) = ("functions.f.handler".to_owned(), Place::default());
        let handler =
            Handler { runtime, handler, package: &package, layers: &[], foreign_layers: false, path, place };
        let root = format!("{}/", dir.path().display());
        check(&handler).iter().map(|lack| lack.to_string().replace(&root, "")).collect()
    }

    #[test]
    fn modules_are_followed_and_what_lacks_is_named() {
        let files = [
            (
                "src/index.js",
                "const h = require('../lib/help'); require('fs'); require('node:path'); require('@aws-sdk/client-sqs')",
            ),
            ("lib/help.js", "require('axios/lib/x'); require('./missing'); require('@scope/there')"),
            ("node_modules/@scope/there/package.json", "{}"),
        ];
        assert_eq!(
            lacks("nodejs18.x", "src/index.handler", &files),
            [
                "lib/help.js:1:9: functions.f.handler: lib/help.js asks for the module axios/lib/x, which is not in the package: npm install axios",
                "lib/help.js:1:33: functions.f.handler: lib/help.js asks for ./missing, and there is no such file in the package: is it excluded by package.patterns?",
            ]
        );
        assert_eq!(lacks("nodejs18.x", "index.handler", &[("index.mjs", "import 'aws-sdk'")]).len(), 1);
        assert_eq!(lacks("nodejs16.x", "index.handler", &[("index.js", "require('aws-sdk')")]), [""; 0]);
    }

    #[test]
    fn handlers_of_other_languages() {
        assert_eq!(lacks("python3.12", "app/main.handler", &[("app/main.py", "")]), [""; 0]);
        assert!(
            lacks("python3.12", "app.main.handler", &[("app.py", "")])[0]
                .contains("app/main.py does not exist")
        );
        assert!(lacks("provided.al2023", "x", &[("main", "")])[0].contains("bootstrap does not exist"));
        assert!(lacks("nodejs20.x", "index.handler", &[("index.ts", "")])[0].contains("compile it"));
        assert_eq!(lacks("java21", "com.x.Main::handle", &[("x.jar", "")]), [""; 0]);
    }
}
