//! What a directory with a plain or a SAM template comes to: the template, and the local files that it names as packages.
//!
//! Packaged is what `aws cloudformation package` packages: code and layers as zips, definitions, nested templates and
//! included snippets as they are. Nothing is built: what a function needs lies in its directory.

mod config;
mod local;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::document::{Node, Problem};
use crate::modules::{self, Handler};
use crate::project::{Package, Project, SlotShape};
use crate::template::{Arguments, Pseudo, Template};

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
/// Everything that is wrong, each with file and place: what is no template, files that are not there, handlers and modules
/// that their package lacks, what the transform refuses.
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
    let mut project = build(&text, &directory(&file), options, &config).map_err(in_file)?;
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

fn build(
    text: &str,
    dir: &Path,
    options: &Options,
    config: &config::Config,
) -> Result<Project, Vec<Problem>> {
    let template = Template::parse(text).map_err(|problem| vec![problem])?;
    let packages = local::packages(template.node(), dir)?;
    let json = with_places(template.to_json(), &packages);
    let mut parameters = config.parameters.clone();
    parameters.retain(|(name, _)| options.parameters.iter().all(|(given, _)| given != name));
    parameters.extend(options.parameters.iter().cloned());
    let region = options.region.clone().or_else(|| config.region.clone());
    let mut problems = lacks(&template, &packages);
    if let Err(problem) = judge(&template, &json, &packages, &parameters, region.as_deref()) {
        problems.push(problem);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Project {
        stack: options.stack.clone().or_else(|| config.stack.clone()).unwrap_or_default(),
        region,
        template: json,
        tags: config.tags.clone(),
        parameters,
        notices: notices(&template, &packages),
        packages,
    })
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
fn judge(
    template: &Template,
    json: &Value,
    packages: &[Package],
    parameters: &[(String, String)],
    region: Option<&str>,
) -> Result<(), Problem> {
    let transforms = template.declared_transforms();
    if transforms.is_empty() && !template.has_transforms() {
        return template.validate();
    }
    if transforms != [super::TRANSFORM] {
        // What other macros make, only the service knows.
        return Ok(());
    }
    let known: Vec<&str> = template.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    let given: BTreeMap<String, String> =
        parameters.iter().filter(|(name, _)| known.contains(&name.as_str())).cloned().collect();
    let Ok(settled) = template.settle(&Arguments { given, ..Arguments::default() }) else { return Ok(()) };
    let filled = filled(json, packages);
    let region = region.unwrap_or("us-east-1").to_owned();
    let pseudo = Pseudo { region, partition: "aws".into(), ..Pseudo::default() };
    let expanded = super::expand(&filled, &settled, &pseudo).map_err(|problem| placed(template, problem))?;
    Template::processed(&expanded)?.validate().map_err(|problem| placed(template, problem))
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
fn lacks(template: &Template, packages: &[Package]) -> Vec<Problem> {
    let package_of = |logical: &str| {
        let prefix = format!("/Resources/{logical}/");
        packages.iter().find(|package| package.places.iter().any(|slot| slot.pointer.starts_with(&prefix)))
    };
    let globals = template.node().pointer("/Globals/Function");
    let mut problems = Vec::new();
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
        let handler_of = Handler { runtime, handler: name, package, layers: &layers, foreign_layers };
        for lack in modules::check(&handler_of).err().unwrap_or_default() {
            let path = format!("Resources.{}.Properties.Handler", resource.logical);
            problems.push(Problem::at(handler, lack).code("package").path(path));
        }
    }
    problems
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
