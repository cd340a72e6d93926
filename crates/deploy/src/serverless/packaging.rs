//! Which files travel with which function.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::functions::base64;
use super::glob::Glob;
use super::service::{Function, Service, get, problem, text, texts, truthy};
use super::{development, walk};
use crate::document::{Node, Problem};
use crate::project::{Content, Package};

/// What no package has, unless a pattern asks for it.
const EXCLUDED: [&str; 7] = [
    ".git/**",
    ".gitignore",
    ".DS_Store",
    "npm-debug.log",
    "yarn-*.log",
    ".serverless/**",
    ".serverless_plugins/**",
];

/// The packages of a service.
pub(super) struct Packaging {
    packages: Vec<Package>,
    functions: BTreeMap<String, usize>,
    layers: BTreeMap<String, usize>,
    fingerprints: RefCell<BTreeMap<usize, String>>,
}

impl Packaging {
    /// Chooses the files.
    pub(super) fn new(service: &mut Service<'_>) -> Result<Self, Vec<Problem>> {
        let mut packaging = Self {
            packages: Vec::new(),
            functions: BTreeMap::new(),
            layers: BTreeMap::new(),
            fingerprints: RefCell::default(),
        };
        let mut tree = Tree::new(service);
        let mut problems = Vec::new();
        let mut unused = false;
        let mut shared = None;
        for function in &service.functions {
            if function.get("image").is_some() {
                continue;
            }
            let apart = truthy(&function.node, "package.individually")
                || truthy(&service.root, "package.individually");
            unused |= !apart && function.get("package.patterns").is_some();
            let outcome = packaging.function(service, function, apart, &mut tree, &mut shared);
            match outcome {
                Ok(index) => {
                    packaging.functions.insert(function.key.clone(), index);
                }
                Err(problem) => problems.push(problem),
            }
        }
        for entry in service.root.get("layers").and_then(Node::as_mapping).into_iter().flatten() {
            match packaging.layer(service, &entry.key, &entry.value) {
                Ok(index) => {
                    packaging.layers.insert(entry.key.clone(), index);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if unused {
            service.notices.push(
                "patterns of a function's package count only with package.individually: true; they are ignored, as the \
                 framework ignores them"
                    .to_owned(),
            );
        }
        problems.dedup();
        if problems.is_empty() { Ok(packaging) } else { Err(problems) }
    }

    fn function(
        &mut self,
        service: &Service<'_>,
        function: &Function,
        apart: bool,
        tree: &mut Tree,
        shared: &mut Option<usize>,
    ) -> Result<usize, Problem> {
        if let Some(artifact) = function.text("package.artifact") {
            return self
                .artifact(service.dir, &artifact)
                .map_err(|why| function.problem("package.artifact", why));
        }
        let artifact = text(&service.root, "package.artifact");
        if let (Some(artifact), false) = (&artifact, truthy(&function.node, "package.individually")) {
            return self
                .artifact(service.dir, artifact)
                .map_err(|why| problem(&service.root, "package.artifact", why));
        }
        if let (Some(index), false) = (*shared, apart) {
            return Ok(index);
        }
        let (name, at, more) = if apart {
            (function.key.clone(), function.path.clone(), get(&function.node, "package"))
        } else {
            (service.name.clone(), "package".to_owned(), None)
        };
        let patterns = Patterns::of(service, more, true, &tree.development);
        let content = tree.select(service, &patterns).map_err(|why| {
            let place =
                if apart { function.problem("package", why) } else { problem(&service.root, "package", why) };
            place.path(at.clone())
        })?;
        let index = self.push(Package { name, root: service.dir.to_owned(), content, places: Vec::new() });
        if !apart {
            *shared = Some(index);
        }
        Ok(index)
    }

    fn layer(&mut self, service: &Service<'_>, key: &str, layer: &Node) -> Result<usize, Problem> {
        let at = format!("layers.{key}");
        if let Some(artifact) = text(layer, "package.artifact") {
            return self
                .artifact(service.dir, &artifact)
                .map_err(|why| problem(&service.root, &format!("{at}.package.artifact"), why));
        }
        let Some(path) = text(layer, "path") else {
            return Err(problem(&service.root, &at, "a layer needs path, the directory of what is in it"));
        };
        let root = service.dir.join(&path);
        let wrong = |why: String| problem(&service.root, &format!("{at}.path"), why);
        if !root.is_dir() {
            return Err(wrong(format!("there is no directory {path}")));
        }
        let patterns = Patterns::of(service, get(layer, "package"), false, &[]);
        let mut tree = Tree { root: root.clone(), files: None, development: Vec::new() };
        let content = tree.select(service, &patterns).map_err(wrong)?;
        Ok(self.push(Package { name: key.to_owned(), root, content, places: Vec::new() }))
    }

    fn artifact(&mut self, dir: &Path, artifact: &str) -> Result<usize, String> {
        if artifact.starts_with("s3://") || artifact.starts_with("https://") {
            return Err(format!("{artifact} is not fetched: a package is a file here"));
        }
        let path = dir.join(artifact);
        if !path.is_file() {
            return Err(format!("there is no file {artifact}"));
        }
        let known =
            self.packages.iter().position(|p| matches!(&p.content, Content::File(there) if *there == path));
        Ok(known.unwrap_or_else(|| {
            self.push(Package {
                name: artifact.to_owned(),
                root: dir.to_owned(),
                content: Content::File(path),
                places: Vec::new(),
            })
        }))
    }

    fn push(&mut self, package: Package) -> usize {
        self.packages.push(package);
        self.packages.len() - 1
    }

    /// The package of a function.
    pub(super) fn of(&self, function: &str) -> Option<usize> {
        self.functions.get(function).copied()
    }

    /// The package of a layer.
    pub(super) fn layer_of(&self, layer: &str) -> Option<usize> {
        self.layers.get(layer).copied()
    }

    /// All packages.
    pub(super) fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// What stands for the code of a function: changes when a file does.
    pub(super) fn fingerprint(&self, function: &str) -> Result<String, String> {
        self.of(function).map_or_else(|| Ok(String::new()), |index| self.fingerprint_of(index))
    }

    /// What stands for the content of a package.
    pub(super) fn fingerprint_of(&self, index: usize) -> Result<String, String> {
        if let Some(known) = self.fingerprints.borrow().get(&index) {
            return Ok(known.clone());
        }
        let mut hash = Sha256::new();
        let Some(package) = self.packages.get(index) else { return Ok(String::new()) };
        match &package.content {
            Content::File(path) => add_file(&mut hash, "", path)?,
            // A service has no nested templates.
            Content::Template(_) => {}
            Content::Files(files) => {
                for (name, path) in files {
                    add_file(&mut hash, name, path)?;
                }
            }
        }
        let fingerprint = base64(&hash.finalize());
        self.fingerprints.borrow_mut().insert(index, fingerprint.clone());
        Ok(fingerprint)
    }
}

fn add_file(hash: &mut Sha256, name: &str, path: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let mut file = fs::File::open(path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    hash.update(format!("{name}\0{}\0{}\0", facts.len(), walk::is_executable(&facts)));
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

/// What is out and what is in, in the order in which it counts.
struct Patterns(Vec<(bool, Glob)>);

impl Patterns {
    /// Those of the service and of a function's or layer's own `package`.
    fn of(service: &Service<'_>, own: Option<&Node>, without_layers: bool, development: &[String]) -> Self {
        let owned = |key: &str| own.map(|own| texts(own, key)).unwrap_or_default();
        let mut out: Vec<String> = EXCLUDED.iter().map(|&p| p.to_owned()).collect();
        out.extend(service.file.to_str().map(str::to_owned));
        out.extend(text(&service.root, "plugins.localPath"));
        out.extend(texts(&service.root, "package.exclude"));
        if without_layers {
            let layers = service.root.get("layers").and_then(Node::as_mapping).into_iter().flatten();
            out.extend(
                layers
                    .filter_map(|e| text(&e.value, "path"))
                    .map(|path| format!("{}/**", path.trim_end_matches('/'))),
            );
        }
        if truthy(&service.root, "useDotenv") {
            out.push(".env*".to_owned());
        }
        out.extend(owned("exclude"));
        let mut patterns = Vec::new();
        let mut add = |pattern: &str, out: bool| match pattern.strip_prefix('!') {
            Some(pattern) => patterns.push((out, Glob::new(pattern))),
            None => patterns.push((!out, Glob::new(pattern))),
        };
        for pattern in out {
            add(&pattern, true);
        }
        let service_wide =
            ["package.include", "package.patterns"].into_iter().flat_map(|p| texts(&service.root, p));
        for pattern in service_wide.chain(owned("include")).chain(owned("patterns")) {
            add(&pattern, false);
        }
        for pattern in development {
            add(pattern, true);
        }
        Self(patterns)
    }

    fn take(&self, name: &str) -> bool {
        self.0.iter().rev().find(|(_, glob)| glob.matches(name)).is_none_or(|(take, _)| *take)
    }
}

/// A directory whose files are chosen from; it is read once.
struct Tree {
    root: PathBuf,
    files: Option<walk::Found>,
    development: Vec<String>,
}

impl Tree {
    fn new(service: &Service<'_>) -> Self {
        let exclude =
            get(&service.root, "package.excludeDevDependencies").and_then(Node::as_bool) != Some(false);
        let development = if exclude { development::patterns(service.dir) } else { Vec::new() };
        Self { root: service.dir.to_owned(), files: None, development }
    }

    fn select(&mut self, service: &Service<'_>, patterns: &Patterns) -> Result<Content, String> {
        if self.files.is_none() {
            let git = ["package.patterns", "package.include"].iter().any(|path| {
                texts(&service.root, path)
                    .iter()
                    .any(|p| p.starts_with(".git") || p.starts_with(".serverless"))
            });
            self.files = Some(walk::files(&self.root, git)?);
        }
        let Some(found) = &self.files else { return Ok(Content::Files(Vec::new())) };
        if let Some(outside) = found.outside.iter().find(|name| patterns.take(name)) {
            return Err(format!(
                "{outside} is a link that leads out of the directory, and what is there is not packaged: copy it, or leave the \
                 link out with '!{outside}'"
            ));
        }
        let files: BTreeSet<&(String, PathBuf)> =
            found.files.iter().filter(|(name, _)| patterns.take(name)).collect();
        if files.is_empty() {
            return Err("no file is left to be packaged: look at package.patterns".to_owned());
        }
        Ok(Content::Files(files.into_iter().cloned().collect()))
    }
}
