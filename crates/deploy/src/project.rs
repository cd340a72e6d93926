//! What a directory with a deployment file comes to: a template, and what must be uploaded before it is deployed.

use std::path::PathBuf;

use serde_json::Value;

use crate::check::Finding;
use crate::document::{self, Node, Place, Problem};
use crate::sam;
use crate::template::{Arguments, Pseudo, Template};

/// A directory that can be deployed.
#[derive(Clone, Debug)]
pub struct Project {
    /// The stack's name.
    pub stack: String,
    /// The region that the file names.
    pub region: Option<String>,
    /// The template. Where it needs a package, the places are named by [`Package::places`].
    pub template: Value,
    /// The stack's tags.
    pub tags: Vec<(String, String)>,
    /// Parameters of the template.
    pub parameters: Vec<(String, String)>,
    /// What is uploaded first.
    pub packages: Vec<Package>,
    /// Whether what was made stays where a deployment fails.
    pub disable_rollback: bool,
    /// What the person should know, though it stops nothing.
    pub notices: Vec<String>,
    /// What handlers ask for and their packages lack. With these it does not run, and is not deployed.
    pub lacks: Vec<Finding>,
    /// Where everything comes from.
    pub source: Source,
}

/// A deployment file, and what of it became which resources.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// Its parts.
    pub origins: Vec<Origin>,
}

/// A part of a deployment file of which resources were made.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The logical id, or how the ids begin of all that was made of it. Empty: what holds for everything.
    pub prefix: String,
    /// Where in the document: `functions.api`, `Resources.Jobs`.
    pub path: String,
    /// Where its key stands.
    pub place: Place,
    /// What is said there.
    pub node: Node,
}

/// Files that travel as one object: a function's code, a layer.
#[derive(Clone, Debug)]
pub struct Package {
    /// For people: the function's or layer's name.
    pub name: String,
    /// The directory whose files they are.
    pub root: PathBuf,
    /// What goes in.
    pub content: Content,
    /// Where the template needs its bucket and key.
    pub places: Vec<Slot>,
}

/// What goes into a package.
#[derive(Clone, Debug)]
pub enum Content {
    /// Files to be zipped: their names in the zip (`/` between parts), in order, and where they lie.
    Files(Vec<(String, PathBuf)>),
    /// A zip or another file that is uploaded as it is.
    File(PathBuf),
    /// A nested template, uploaded when what it names is. It has no name, no tags and no parameters of its own.
    Template(Box<Project>),
}

/// A place in a template that names an uploaded object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// JSON pointer to the object that gets the two members, `/Resources/F/Properties/Code`.
    pub pointer: String,
    /// How the place wants it.
    pub shape: SlotShape,
}

/// How a place names an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotShape {
    /// Two members of the object at the pointer, by these names: `S3Bucket` and `S3Key`.
    Members {
        /// The bucket's member.
        bucket: &'static str,
        /// The key's member.
        key: &'static str,
    },
    /// `s3://bucket/key` in place of what is at the pointer.
    Url,
    /// The object's SHA-256 in base64, as `CodeSha256` wants it.
    Sha256,
}

impl Source {
    /// The resources of a template, each by its id.
    pub(crate) fn of_template(file: PathBuf, template: &Node) -> Self {
        let resources = template.get("Resources").and_then(Node::as_mapping).into_iter().flatten();
        let origins = resources.map(|entry| Origin {
            prefix: entry.key.clone(),
            path: format!("Resources.{}", entry.key),
            place: entry.place,
            node: entry.value.clone(),
        });
        let mut origins: Vec<Origin> = origins.collect();
        // The API that SAM makes where an event names none.
        let made = |kind: &str, prefix: &str| {
            origins.iter().find_map(|origin| {
                let events = origin.node.pointer("/Properties/Events")?.as_mapping()?;
                let event = events
                    .iter()
                    .find(|event| event.value.get("Type").and_then(Node::as_str) == Some(kind))?;
                let path = format!("{}.Properties.Events.{}", origin.path, event.key);
                Some(Origin {
                    prefix: prefix.to_owned(),
                    path,
                    place: event.place,
                    node: event.value.clone(),
                })
            })
        };
        let implicit = [made("HttpApi", "ServerlessHttpApi"), made("Api", "ServerlessRestApi")];
        origins.extend(implicit.into_iter().flatten());
        Self { file, origins }
    }

    /// Where a resource stands, or a property of it: `FILE:LINE:COLUMN: PATH`. None: it was made of nothing that was read.
    pub fn says(&self, logical: &str, property: &str) -> Option<String> {
        let (path, place) = self.find(logical, property);
        place.is_known().then(|| format!("{}:{place}: {path}", self.file.display()))
    }

    /// Where resources of these types stand.
    pub fn of_types(&self, types: &[&str]) -> Vec<String> {
        let kind = |origin: &Origin| origin.node.get("Type").and_then(Node::as_str).map(str::to_owned);
        let found = self.origins.iter().filter(|it| kind(it).is_some_and(|kind| types.contains(&&*kind)));
        found.filter_map(|origin| self.says(&origin.prefix, "Type")).collect()
    }

    /// Where a property of a resource stands, or else its resource, or else what that was made of: path and place.
    pub(crate) fn find(&self, logical: &str, property: &str) -> (String, Place) {
        let matching = self.origins.iter().filter(|origin| logical.starts_with(&origin.prefix));
        let Some(origin) = matching.max_by_key(|origin| origin.prefix.len()) else {
            return (format!("Resources.{logical}.Properties.{property}"), Place::default());
        };
        // What is said for all (the provider's) holds where the part itself says nothing.
        let for_all = self.origins.iter().filter(|origin| origin.prefix.is_empty());
        let found = std::iter::once(origin).chain(for_all).find_map(|origin| origin.member(property));
        found.unwrap_or_else(|| (origin.path.clone(), origin.place))
    }
}

impl Origin {
    fn member(&self, property: &str) -> Option<(String, Place)> {
        if let Some(properties) = self.node.get("Properties").and_then(Node::as_mapping) {
            let entry = properties.entry(property)?;
            return Some((format!("{}.Properties.{property}", self.path), entry.place));
        }
        // A serverless.yml has its own names, mostly the same with a small letter.
        let mut name = if property == "RedrivePolicy" { "maxRetries" } else { property }.to_owned();
        name.get_mut(..1).into_iter().for_each(str::make_ascii_lowercase);
        let entry = self.node.as_mapping()?.entry(&name)?;
        Some((format!("{}.{name}", self.path), entry.place))
    }
}

impl Project {
    /// The template as it is deployed, its SAM resources, included files and loops written out.
    ///
    /// # Errors
    /// What is wrong with it, in the words of CloudFormation and its transforms; a parameter without a value. Macros of an
    /// account cannot be run here: where there is one, the template stays as it is from there on.
    pub fn written_out(&self, template: &Value) -> Result<Value, Problem> {
        let mut current = Template::processed(template)?;
        if current.declared_transforms().is_empty() && !current.has_transforms() {
            return Ok(template.clone());
        }
        let known = |name: &str| current.parameters().iter().any(|parameter| parameter.name == name);
        let given = self.parameters.iter().filter(|(name, _)| known(name)).cloned().collect();
        let arguments = Arguments { given, ..Arguments::default() };
        let settled = current.settle(&arguments)?;
        let region = self.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        let pseudo = Pseudo { region, partition: "aws".to_owned(), ..Pseudo::default() };
        while let Some(transform) = current.next_transform(&settled, &pseudo)? {
            let answer = match transform.name.as_str() {
                sam::TRANSFORM => sam::expand(&transform.fragment, &settled, &pseudo)?,
                "AWS::Include" => match self.included(&transform.pointer)? {
                    Some(node) => node.to_json(),
                    None => return Ok(current.to_json()),
                },
                _ => return Ok(current.to_json()),
            };
            current = current.transformed(&transform, &answer)?;
        }
        Ok(current.extended(&settled, &pseudo)?.to_json())
    }

    /// What a local file holds that an `AWS::Include` names; none if it is not a local one.
    fn included(&self, pointer: &str) -> Result<Option<Node>, Problem> {
        let place = format!("{pointer}/Fn::Transform/Parameters/Location");
        let package =
            self.packages.iter().find(|package| package.places.iter().any(|slot| slot.pointer == place));
        let Some(Content::File(path)) = package.map(|package| &package.content) else { return Ok(None) };
        let text = std::fs::read_to_string(path)
            .map_err(|why| Problem::new(format!("cannot be read: {why}")).in_file(path))?;
        document::read(&text).map(Some).map_err(|problem| problem.in_file(path))
    }
}
