//! What a directory with a plain or a SAM template comes to: the template, and the local files that it names as packages.
//!
//! Packaged is what `aws cloudformation package` packages: code and layers as zips, definitions and included snippets as they
//! are, nested templates with what they name in turn. Nothing is built: what a function needs lies in its directory.

mod config;
mod local;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::check::Finding;
use crate::document::{Node, Problem};
use crate::modules::{self, Handler};
use crate::project::{Content, Package, Project, SlotShape, Source};
use crate::template::{Arguments, Template};

/// The names of templates, in the order in which they are looked for.
pub const NAMES: [&str; 3] = ["template.yaml", "template.yml", "template.json"];

/// What the command line says, which goes before what files say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The stack's name.
    pub stack: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The table of `samconfig.toml`; `default` if nothing is said.
    pub environment: Option<String>,
    /// Values of parameters.
    pub parameters: Vec<(String, String)>,
}

/// The template of a directory.
pub fn find(dir: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| dir.join(name)).find(|path| path.is_file())
}

/// What a template, or a directory with one, comes to. Settings are read from `samconfig.toml` beside it.
///
/// # Errors
/// Everything that is wrong, each with file and place: what is no template, files that are not there, what the transform
/// refuses. Handlers and modules that packages lack stand in the project.
pub fn project(given: &Path, options: &Options) -> Result<Project, Vec<Problem>> {
    let config =
        config::read(&directory(given), options.environment.as_deref()).map_err(|problem| vec![problem])?;
    let file = match &config.template {
        Some(name) if given.is_dir() => given.join(name),
        _ if given.is_dir() => find(given).ok_or_else(|| {
            let text = format!("there is no {}", NAMES.join(", no "));
            vec![Problem::new(text).in_file(given).code("sam")]
        })?,
        _ => given.to_owned(),
    };
    let text = fs::read_to_string(&file)
        .map_err(|why| vec![Problem::new(format!("cannot be read: {why}")).in_file(&file)])?;
    let in_file = |problems: Vec<Problem>| -> Vec<Problem> {
        problems.into_iter().map(|problem| problem.in_file(&file)).collect()
    };
    let mut project = build(&text, &file, options, &config, &[]).map_err(in_file)?;
    if project.stack.is_empty() {
        project.stack = stack_name(&directory(&file)).ok_or_else(|| {
            let text = "the stack has no name: give it one, or write stack_name into samconfig.toml";
            vec![Problem::new(text).in_file(&file).code("sam")]
        })?;
    }
    Ok(project)
}

/// A file's directory, a directory itself.
fn directory(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What a template's text comes to. Above it are the templates that name it.
fn build(
    text: &str,
    file: &Path,
    options: &Options,
    config: &config::Config,
    above: &[PathBuf],
) -> Result<Project, Vec<Problem>> {
    let template = Template::parse(text).map_err(|problem| vec![problem])?;
    let above: Vec<PathBuf> = above.iter().cloned().chain([file.to_owned()]).collect();
    let packages = local::packages(template.node(), &directory(file), &above)?;
    let json = with_places(template.to_json(), &packages);
    let mut parameters = config.parameters.clone();
    parameters.retain(|(name, _)| options.parameters.iter().all(|(given, _)| given != name));
    parameters.extend(options.parameters.iter().cloned());
    let mut notices = notices(&template, &packages);
    let lacks = lacks(&template, &packages).into_iter();
    let mut lacks: Vec<Finding> =
        lacks.map(|lack| Finding { problem: lack.problem.in_file(file), ..lack }).collect();
    for package in &packages {
        if let Content::Template(nested) = &package.content {
            notices.extend(nested.notices.iter().cloned());
            lacks.extend(nested.lacks.iter().cloned());
        }
    }
    let project = Project {
        stack: options.stack.clone().or_else(|| config.stack.clone()).unwrap_or_default(),
        region: options.region.clone().or_else(|| config.region.clone()),
        template: json,
        tags: config.tags.clone(),
        parameters,
        disable_rollback: false,
        notices,
        lacks,
        source: Source::of_template(file.to_owned(), template.node()),
        packages,
    };
    judge(&template, &project).map_err(|problem| vec![problem])?;
    Ok(project)
}

/// The directory's name as a stack's: letters, digits and `-`, a letter first.
fn stack_name(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let name: String =
        dir.file_name()?.to_str()?.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    (!name.is_empty()).then(|| name.to_owned())
}

/// The template with something at every place that a package is for: a function that does not say where its code is means
/// the template's directory.
fn with_places(mut template: Value, packages: &[Package]) -> Value {
    for slot in packages.iter().flat_map(|package| &package.places) {
        let path: Vec<&str> = slot.pointer.split('/').skip(1).collect();
        if template.pointer(&slot.pointer).is_none() {
            super::resource::put(&mut template, &path, ".".into());
        }
    }
    template
}

/// The template as if its packages were uploaded.
pub(crate) fn filled(json: &Value, packages: &[Package]) -> Value {
    let mut filled = json.clone();
    for slot in packages.iter().flat_map(|package| &package.places) {
        if let Some(place) = filled.pointer_mut(&slot.pointer) {
            *place = match slot.shape {
                SlotShape::Members { bucket, key } => json!({ bucket: "bucket", key: "key" }),
                SlotShape::Url | SlotShape::Sha256 => "s3://bucket/key".into(),
            };
        }
    }
    filled
}

/// Judges a template before anything is uploaded: its references, and what the transform says of it.
fn judge(template: &Template, project: &Project) -> Result<(), Problem> {
    let transforms = template.declared_transforms();
    if transforms.is_empty() && !template.has_transforms() {
        return template.validate();
    }
    // What other macros make, only the service knows; and of a nested template, what its parameters are.
    let known: Vec<&str> = template.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    let given: BTreeMap<String, String> =
        project.parameters.iter().filter(|(name, _)| known.contains(&name.as_str())).cloned().collect();
    if transforms != [super::TRANSFORM]
        || template.settle(&Arguments { given, ..Arguments::default() }).is_err()
    {
        return Ok(());
    }
    let filled = filled(&project.template, &project.packages);
    let written = project.written_out(&filled).map_err(|problem| placed(template, problem))?;
    Template::processed(&written)?.validate().map_err(|problem| placed(template, problem))
}

/// A problem with the place of the resource that it names first.
fn placed(template: &Template, problem: Problem) -> Problem {
    let named =
        template.resources().find(|resource| problem.text.contains(&format!("[{}]", resource.logical)));
    match named {
        Some(resource) => {
            let path = format!("Resources.{}", resource.logical);
            problem.placed(resource.node.place).path(path)
        }
        None => problem,
    }
}

/// Handlers and modules that functions' packages lack.
fn lacks(template: &Template, packages: &[Package]) -> Vec<Finding> {
    let package_of = |logical: &str| {
        let prefix = format!("/Resources/{logical}/");
        packages.iter().find(|package| package.places.iter().any(|slot| slot.pointer.starts_with(&prefix)))
    };
    let globals = template.node().pointer("/Globals/Function");
    let mut lacks = Vec::new();
    for resource in template.resources() {
        if !["AWS::Serverless::Function", "AWS::Lambda::Function"].contains(&resource.kind) {
            continue;
        }
        let own = |name: &str| resource.node.get("Properties").and_then(|properties| properties.get(name));
        let find = |name: &str| {
            own(name).or_else(|| globals.filter(|_| resource.kind.contains("Serverless"))?.get(name))
        };
        let (Some(runtime), Some(handler)) = (find("Runtime").and_then(Node::as_str), find("Handler")) else {
            continue;
        };
        let (Some(name), Some(package)) = (handler.as_str(), package_of(resource.logical)) else { continue };
        let (mut layers, mut foreign_layers) = (Vec::new(), false);
        for layer in find("Layers").and_then(Node::as_sequence).unwrap_or_default() {
            match layer.get("Ref").and_then(Node::as_str).and_then(package_of) {
                Some(package) => layers.push(package),
                None => foreign_layers = true,
            }
        }
        let path = format!("Resources.{}.Properties.Handler", resource.logical);
        let layers = &layers;
        let place = handler.place;
        lacks.extend(modules::check(&Handler {
            runtime,
            handler: name,
            package,
            layers,
            foreign_layers,
            path,
            place,
        }));
    }
    lacks
}

/// What the person should know.
fn notices(template: &Template, packages: &[Package]) -> Vec<String> {
    let mut notices = Vec::new();
    for resource in template.resources() {
        let method = resource.node.pointer("/Metadata/BuildMethod").and_then(Node::as_str);
        let prefix = format!("/Resources/{}/", resource.logical);
        let is_local =
            packages.iter().flat_map(|package| &package.places).any(|slot| slot.pointer.starts_with(&prefix));
        if let Some(method) = method.filter(|_| is_local) {
            notices.push(format!(
                "{} says how it is built ({method}); its files are packed as they are. After `sam build`, deploy \
                 .aws-sam/build/template.yaml",
                resource.logical
            ));
        }
    }
    notices
}

#[cfg(test)]
mod tests;
