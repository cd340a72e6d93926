//! What a directory with a deployment file comes to: a template, and what must be uploaded before it is deployed.

use std::path::PathBuf;

use serde_json::Value;

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
    /// What the person should know, though it stops nothing.
    pub notices: Vec<String>,
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
