//! What a function's code needs to be there before it is deployed: the handler's file, and the modules that it asks for.
//!
//! A simple reading of the source, not a run of it: `require('x')`, `import … from 'x'` and `import('x')` of Node.js with
//! plain strings, followed through the package's own files. What stands in a `try` block may be missing. Of other
//! languages only the handler's file is looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::project::{Content, Package};

/// Files that are read for one handler, and bytes of one file.
const FILES: usize = 2_000;
const BYTES: u64 = 2 * 1024 * 1024;

/// A handler and where its code is.
#[derive(Clone, Copy, Debug)]
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
}

/// Looks whether everything is there.
///
/// # Errors
/// What is missing, each with what to do next.
pub fn check(handler: &Handler<'_>) -> Result<(), Vec<String>> {
    let Content::Files(files) = &handler.package.content else { return Ok(()) };
    let files: BTreeMap<&str, &Path> =
        files.iter().map(|(name, path)| (name.as_str(), path.as_path())).collect();
    let start = match entry(handler, &files) {
        Ok(Some(start)) => start,
        Ok(None) => return Ok(()),
        Err(_) if handler.foreign_layers => return Ok(()),
        Err(lack) => return Err(vec![lack]),
    };
    if !handler.runtime.starts_with("nodejs") {
        return Ok(());
    }
    let mut lacks = BTreeSet::new();
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(name) = open.pop() {
        let Some(path) = files.get(name) else { continue };
        let small = fs::metadata(path).is_ok_and(|facts| facts.len() <= BYTES);
        let Ok(source) = fs::read_to_string(path) else { continue };
        if !small {
            continue;
        }
        for module in requires(&source) {
            match find(handler, &files, name, module) {
                Found::File(next) if seen.len() < FILES && seen.insert(next) => open.push(next),
                Found::File(_) | Found::Elsewhere => {}
                Found::Nowhere => {
                    lacks.insert(lack(name, module, handler));
                }
            }
        }
    }
    if lacks.is_empty() { Ok(()) } else { Err(lacks.into_iter().collect()) }
}

fn lack(name: &str, module: &str, handler: &Handler<'_>) -> String {
    let package = package_name(module);
    let what = if module.starts_with('.') {
        format!("{name} asks for {module}, and there is no such file in the package")
    } else {
        format!("{name} asks for the module {module}, which is not in the package")
    };
    let next = if module.starts_with('.') {
        "is it excluded by package.patterns?".to_owned()
    } else if package == "aws-sdk" {
        format!(
            "{} has version 3 of the SDK only: npm install aws-sdk, or use @aws-sdk/client-…",
            handler.runtime
        )
    } else if handler.package.root.join("node_modules").join(package).is_dir() {
        format!(
            "it lies in node_modules and is left out: is {package} under devDependencies, or excluded by package.patterns?"
        )
    } else {
        format!("npm install {package}")
    };
    format!("{what}: {next}")
}

/// The handler's file; none if the language has no such file to look for.
fn entry<'f>(handler: &Handler<'_>, files: &BTreeMap<&'f str, &Path>) -> Result<Option<&'f str>, String> {
    let name = handler.handler.strip_prefix("./").unwrap_or(handler.handler);
    let (dir, base) = name.rsplit_once('/').map_or(("", name), |(dir, base)| (dir, base));
    let within = |base: &str| if dir.is_empty() { base.to_owned() } else { format!("{dir}/{base}") };
    let candidates: Vec<String> = if handler.runtime.starts_with("nodejs") {
        let stem = within(base.split('.').next().unwrap_or_default());
        ["", ".js", ".mjs", ".cjs"].iter().map(|end| format!("{stem}{end}")).collect()
    } else if handler.runtime.starts_with("python") {
        let Some((module, _)) = name.rsplit_once('.') else {
            return Err(format!("the handler {name} names no function: it is written file.function"));
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
        return Err(format!(
            "the handler's file {missing} is not there, and {stem}.ts is: compile it before it is deployed"
        ));
    }
    if handler.package.root.join(&missing).is_file() {
        return Err(format!(
            "the handler's file {missing} is left out of the package: look at package.patterns"
        ));
    }
    Err(format!("the handler's file {missing} does not exist in {}", handler.package.root.display()))
}

fn holds(package: &Package, names: &[String]) -> bool {
    match &package.content {
        Content::Files(files) => files.iter().any(|(file, _)| {
            let file = file.strip_prefix("nodejs/").or_else(|| file.strip_prefix("python/")).unwrap_or(file);
            names.iter().any(|name| name == file)
        }),
        // Nobody looks into a finished zip.
        Content::File(_) => true,
    }
}

enum Found<'f> {
    File(&'f str),
    Elsewhere,
    Nowhere,
}

/// Where a module is that a file asks for.
fn find<'f>(handler: &Handler<'_>, files: &BTreeMap<&'f str, &Path>, from: &str, module: &str) -> Found<'f> {
    if module.starts_with('.') {
        let Some(path) = resolved(from, module) else { return Found::Elsewhere };
        let ends = ["", ".js", ".mjs", ".cjs", ".json", ".node", "/index.js", "/index.json", "/package.json"];
        return ends.iter().find_map(|end| files.get_key_value(format!("{path}{end}").as_str())).map_or(
            Found::Nowhere,
            |(found, _)| if is_source(found) { Found::File(found) } else { Found::Elsewhere },
        );
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
        return Found::Elsewhere;
    }
    let mut dir = from;
    loop {
        dir = dir.rsplit_once('/').map_or("", |(dir, _)| dir);
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let place = format!("{prefix}node_modules/{package}/");
        if files.range(place.as_str()..).next().is_some_and(|(name, _)| name.starts_with(&place)) {
            return Found::Elsewhere;
        }
        if dir.is_empty() {
            break;
        }
    }
    let in_layer = handler.foreign_layers
        || handler.layers.iter().any(|layer| match &layer.content {
            Content::Files(files) => {
                let place = format!("node_modules/{package}/");
                files
                    .iter()
                    .any(|(name, _)| name.strip_prefix("nodejs/").is_some_and(|name| name.contains(&place)))
            }
            Content::File(_) => true,
        });
    if in_layer { Found::Elsewhere } else { Found::Nowhere }
}

fn is_source(name: &str) -> bool {
    [".js", ".mjs", ".cjs"].iter().any(|end| name.ends_with(end))
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

/// The modules that a source asks for by a plain string, outside of comments, strings and `try` blocks.
fn requires(source: &str) -> Vec<&str> {
    let code = code(source);
    let mut found = Vec::new();
    for (at, string) in &code.strings {
        let before = code.text.get(..*at).unwrap_or_default();
        let before = before.trim_end();
        // The quote is what follows: `require(`, `import(`, `from`, `import`.
        let asks = match before.strip_suffix('(') {
            Some(call) => word_at_end(call.trim_end(), "require") || word_at_end(call.trim_end(), "import"),
            None => {
                (word_at_end(before, "from") || word_at_end(before, "import"))
                    && !before.trim_end_matches("from").trim_end().ends_with('.')
            }
        };
        if asks && !code.in_try(*at) {
            found.push(*string);
        }
    }
    found
}

fn word_at_end(text: &str, word: &str) -> bool {
    text.strip_suffix(word)
        .is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.')))
}

/// A source in which comments and the insides of strings are blank, and its strings.
struct Code<'s> {
    text: String,
    strings: Vec<(usize, &'s str)>,
    tries: Vec<(usize, usize)>,
}

impl Code<'_> {
    fn in_try(&self, at: usize) -> bool {
        self.tries.iter().any(|(from, to)| (*from..*to).contains(&at))
    }
}

fn code(source: &str) -> Code<'_> {
    let bytes = source.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut strings = Vec::new();
    let mut tries = Vec::new();
    let mut blocks: Vec<Option<usize>> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let end = match (byte, bytes.get(at + 1)) {
            (b'/', Some(b'/')) => {
                source.get(at..).and_then(|rest| rest.find('\n')).map_or(bytes.len(), |n| at + n)
            }
            (b'/', Some(b'*')) => {
                source.get(at + 2..).and_then(|rest| rest.find("*/")).map_or(bytes.len(), |n| at + n + 4)
            }
            (b'/', _) if text.trim_ascii_end().last().is_none_or(|c| b"(,=:[!&|?{};".contains(c)) => {
                regex_end(bytes, at)
            }
            (b'"' | b'\'' | b'`', _) => {
                let end = string_end(bytes, at);
                if byte != b'`' || !source.get(at..end).unwrap_or_default().contains("${") {
                    strings.push((at, source.get(at + 1..end.saturating_sub(1)).unwrap_or_default()));
                }
                end
            }
            _ => {
                match byte {
                    b'{' => {
                        let before = std::str::from_utf8(&text).unwrap_or_default().trim_end();
                        blocks.push(
                            word_at_end(
                                before.get(before.len().saturating_sub(8)..).unwrap_or_default(),
                                "try",
                            )
                            .then_some(at),
                        );
                    }
                    b'}' => {
                        if let Some(Some(from)) = blocks.pop() {
                            tries.push((from, at));
                        }
                    }
                    _ => {}
                }
                text.push(if byte.is_ascii() { byte } else { b'x' });
                at += 1;
                continue;
            }
        };
        // Same length, so that places stay what they are.
        text.resize(end.max(at + 1), b' ');
        at = end.max(at + 1);
    }
    Code { text: String::from_utf8(text).unwrap_or_default(), strings, tries }
}

/// The end of a regular expression: the slash that is neither escaped nor in a class.
fn regex_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    let mut class = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return start + 1,
            b'[' => class = true,
            b']' => class = false,
            b'/' if !class => return at + 1,
            _ => {}
        }
        at += 1;
    }
    start + 1
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mark = bytes.get(start).copied().unwrap_or_default();
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            // A quote that is not closed on its line is no string: a regular expression, most likely.
            b'\n' if mark != b'`' => return start + 1,
            _ if byte == mark => return at + 1,
            _ => {}
        }
        at += 1;
    }
    start + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_asks_for() {
        let source = r#"
            // const a = require('commented');
            /* import b from 'commented-too' */
            const c = require('one'), d = require("two/sub");
            import e, { f } from 'three';
            import 'four';
            const text = "require('in a string')";
            const g = await import(`five`);
            const h = await import(`six/${name}`);
            try { const i = require('maybe'); } catch {}
            const { SQSClient } = (() => { try { return require('perhaps'); } catch (e) { return {}; } })();
            obj.require('not'); Array.from('not');
            const r = /['"]/; export { x } from 'seven';
        "#;
        assert_eq!(requires(source), ["one", "two/sub", "three", "four", "five", "seven"]);
    }

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
        check(&Handler { runtime, handler, package: &package, layers: &[], foreign_layers: false })
            .err()
            .unwrap_or_default()
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
                "lib/help.js asks for ./missing, and there is no such file in the package: is it excluded by package.patterns?",
                "lib/help.js asks for the module axios/lib/x, which is not in the package: npm install axios",
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
