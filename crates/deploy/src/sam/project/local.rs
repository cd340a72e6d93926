//! The local files that a template names, as packages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::document::{Mapping, Node, Problem, Value};
use crate::project::{Content, Package, Slot, SlotShape};
use crate::serverless::walk;

/// How a property names what is uploaded.
struct Kind {
    resource: &'static str,
    property: &'static str,
    shape: SlotShape,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A directory or file that travels as a zip; the template's directory if nothing is said.
    Code,
    /// A directory or file that travels as a zip, and must be named.
    Zip,
    /// A file that travels as it is.
    File,
    /// A template, which is packaged in turn.
    Template,
}

const fn kind(resource: &'static str, property: &'static str, shape: SlotShape, form: Form) -> Kind {
    Kind { resource, property, shape, form }
}

const fn members(bucket: &'static str, key: &'static str) -> SlotShape {
    SlotShape::Members { bucket, key }
}

/// The properties that `aws cloudformation package` uploads for, of the types that there are.
const KINDS: [Kind; 12] = [
    kind("AWS::Serverless::Function", "CodeUri", SlotShape::Url, Form::Code),
    kind("AWS::Serverless::LayerVersion", "ContentUri", SlotShape::Url, Form::Zip),
    kind("AWS::Serverless::Api", "DefinitionUri", SlotShape::Url, Form::File),
    kind("AWS::Serverless::HttpApi", "DefinitionUri", SlotShape::Url, Form::File),
    kind("AWS::Serverless::StateMachine", "DefinitionUri", SlotShape::Url, Form::File),
    kind("AWS::Lambda::Function", "Code", members("S3Bucket", "S3Key"), Form::Code),
    kind("AWS::Lambda::LayerVersion", "Content", members("S3Bucket", "S3Key"), Form::Zip),
    kind("AWS::ApiGateway::RestApi", "BodyS3Location", members("Bucket", "Key"), Form::File),
    kind("AWS::ApiGatewayV2::Api", "BodyS3Location", members("Bucket", "Key"), Form::File),
    kind("AWS::StepFunctions::StateMachine", "DefinitionS3Location", members("Bucket", "Key"), Form::File),
    kind("AWS::AppSync::GraphQLSchema", "DefinitionS3Location", SlotShape::Url, Form::File),
    kind("AWS::CloudFormation::Stack", "TemplateURL", SlotShape::Url, Form::Template),
];

/// All that a template names of a directory. What several places name is one package.
/// Above are the files of the template and of those that name it.
pub(super) fn packages(template: &Node, dir: &Path, above: &[PathBuf]) -> Result<Vec<Package>, Vec<Problem>> {
    let mut found = Found { dir, above, packages: Vec::new(), problems: Vec::new() };
    let global = template.pointer("/Globals/Function/CodeUri");
    for entry in template.get("Resources").and_then(Node::as_mapping).into_iter().flatten() {
        let declared = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
        for kind in KINDS.iter().filter(|kind| kind.resource == declared) {
            found.property(&entry.key, &entry.value, kind, global);
        }
    }
    found.includes(template, &mut String::new());
    if found.problems.is_empty() { Ok(found.packages) } else { Err(found.problems) }
}

/// Whether a text names a file here, not an object or an address.
fn is_local(text: &str) -> bool {
    !["s3://", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
        && !text.contains("{{resolve:")
}

struct Found<'a> {
    dir: &'a Path,
    above: &'a [PathBuf],
    packages: Vec<Package>,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn property(&mut self, logical: &str, resource: &Node, kind: &Kind, global: Option<&Node>) {
        let empty = Mapping::new();
        let properties = resource.get("Properties").and_then(Node::as_mapping).unwrap_or(&empty);
        let is_function = kind.form == Form::Code;
        let other = ["InlineCode", "ImageUri"].iter().any(|name| properties.contains(name));
        let is_image = properties.get("PackageType").and_then(Node::as_str) == Some("Image");
        if is_function && (other || is_image) {
            return;
        }
        let node =
            properties.get(kind.property).or(global.filter(|_| kind.resource == "AWS::Serverless::Function"));
        let text = match node.map(|node| (node, node.as_str())) {
            Some((_, Some(text))) if is_local(text) => text,
            None if is_function => ".",
            // An object with bucket and key, inline code, a call of a function: nothing of here.
            _ => return,
        };
        let at = node.unwrap_or(resource);
        let slot = Slot {
            pointer: format!("/Resources/{logical}/Properties/{}", kind.property),
            shape: kind.shape.clone(),
        };
        let path = format!("Resources.{logical}.Properties.{}", kind.property);
        let wrong = |why: String| vec![Problem::at(at, why).code("package").path(path)];
        let content = match kind.form {
            Form::Template => self.nested(text, wrong),
            form => self.content(text, form).map_err(wrong),
        };
        match content {
            Ok(content) => self.add(logical, text, content, slot),
            Err(problems) => self.problems.extend(problems),
        }
    }

    fn add(&mut self, name: &str, text: &str, content: Content, slot: Slot) {
        let root: PathBuf = self.dir.join(text).components().collect();
        let same = |content: &Content, other: &Content| match (content, other) {
            (Content::Files(a), Content::Files(b)) => a == b,
            (Content::File(a), Content::File(b)) => a == b,
            // Their files are the same: that is looked at, too.
            (Content::Template(_), Content::Template(_)) => true,
            _ => false,
        };
        let there =
            self.packages.iter_mut().find(|package| package.root == root && same(&package.content, &content));
        match there {
            Some(package) => package.places.push(slot),
            None => self.packages.push(Package { name: name.to_owned(), root, content, places: vec![slot] }),
        }
    }

    fn content(&self, text: &str, form: Form) -> Result<Content, String> {
        let path: PathBuf = self.dir.join(text).components().collect();
        if !path.exists() {
            return Err(format!("there is no file or directory {}", path.display()));
        }
        let is_zip = path.extension().is_some_and(|extension| extension == "zip" || extension == "jar");
        match form {
            Form::Code | Form::Zip if path.is_dir() => {
                let found = walk::files(&path, false)?;
                if let Some(link) = found.outside.first() {
                    return Err(format!(
                        "{link} leads out of {}: copy the file, or leave it away",
                        path.display()
                    ));
                }
                let mut files = found.files;
                files.retain(|(name, _)| !name.starts_with(".aws-sam/"));
                files.sort();
                if files.is_empty() {
                    return Err(format!("{} is empty", path.display()));
                }
                Ok(Content::Files(files))
            }
            Form::Code | Form::Zip if !is_zip => {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                Ok(Content::Files(vec![(name, path)]))
            }
            Form::File if path.is_dir() => Err(format!("{} is a directory", path.display())),
            _ => Ok(Content::File(path)),
        }
    }

    /// A nested template, with what it names.
    fn nested(
        &self,
        text: &str,
        wrong: impl FnOnce(String) -> Vec<Problem>,
    ) -> Result<Content, Vec<Problem>> {
        let path: PathBuf = self.dir.join(text).components().collect();
        if self.above.contains(&path) {
            return Err(wrong(format!("{} names itself", path.display())));
        }
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) => return Err(wrong(format!("{} cannot be read: {why}", path.display()))),
        };
        let (options, config) = (super::Options::default(), super::config::Config::default());
        let built = super::build(&text, &path, &options, &config, self.above);
        let in_file = |problem: Problem| problem.in_file(&path);
        let nested = built.map_err(|found| found.into_iter().map(in_file).collect::<Vec<_>>())?;
        Ok(Content::Template(Box::new(nested)))
    }

    /// Snippets that `AWS::Include` names.
    fn includes(&mut self, node: &Node, pointer: &mut String) {
        let length = pointer.len();
        let mut children: Vec<(String, &Node)> = Vec::new();
        match &node.value {
            Value::Sequence(items) => {
                children.extend(items.iter().enumerate().map(|(index, item)| (index.to_string(), item)));
            }
            Value::Mapping(mapping) => {
                for name in ["Fn::Transform", "Transform"] {
                    let Some(transform) =
                        mapping.get(name).filter(|_| name != "Transform" || pointer.is_empty())
                    else {
                        continue;
                    };
                    let is_include = transform.get("Name").and_then(Node::as_str) == Some("AWS::Include");
                    let location = transform.pointer("/Parameters/Location").filter(|_| is_include);
                    let Some((location, text)) = location.and_then(|l| Some((l, l.as_str()?))) else {
                        continue;
                    };
                    if !is_local(text) {
                        continue;
                    }
                    let slot = Slot {
                        pointer: format!("{pointer}/{name}/Parameters/Location"),
                        shape: SlotShape::Url,
                    };
                    match self.content(text, Form::File) {
                        Ok(content) => self.add(text, text, content, slot),
                        Err(why) => {
                            self.problems
                                .push(Problem::at(location, why).code("package").path("Fn::Transform"));
                        }
                    }
                }
                let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
                children.extend(mapping.iter().map(|entry| (escaped(&entry.key), &entry.value)));
            }
            _ => {}
        }
        for (step, child) in children {
            pointer.push('/');
            pointer.push_str(&step);
            self.includes(child, pointer);
            pointer.truncate(length);
        }
    }
}
