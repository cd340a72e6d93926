//! `serverless.yml` → `CloudFormation`, with the semantics and the names of the Serverless framework's version 3.
//!
//! # Rooms
//! `file` finds and reads the file, `variables` resolves `${…}`, `schema` holds every key there is, `plugins` what plugins
//! would have done, `lift` the constructs of serverless-lift, `service` the file as a service, `functions`, `role`,
//! `layers`, `events` and `resources` make the stack, `origins` remembers what was made of what, `packaging` says which files
//! travel.
//!
//! # What differs from the framework's own stack
//! The resources and outputs are the framework's, except for these:
//! - `ServerlessDeploymentBucket`, its policy and its output are not there: packages go into Moln's own bucket.
//! - `Code` and `Content` name no object yet: [`Project::packages`] says which package belongs where.
//! - The digits of an `AWS::Lambda::Version`'s (and a retained layer's) logical id differ. They stand for the code and the
//!   settings as the framework's do, and change when these change; but they are made from the files and not from the
//!   bytes of the framework's zip. `CodeSha256` is the uploaded zip's.
//! - The same holds for a WebSocket API's deployment.
//! - The policy by which a topic of the stack may send to a dead-letter queue names that topic; the framework's names none,
//!   so that any topic may.
//! - `${construct:}` within a longer string is put together by `Fn::Join`; the framework's plugin writes `[object Object]`.
//! - Quotes within the input of a schedule stay; the framework stops on them.
//! - The output `…LambdaLayerS3Key` is not there: with it the framework finds layers that are uploaded already.

mod development;
mod events;
mod file;
mod functions;
mod glob;
mod layers;
mod lift;
mod naming;
mod origins;
mod packaging;
mod plugins;
mod requires;
mod resources;
mod role;
mod schema;
mod service;
mod stack;
mod variables;
pub(crate) mod walk;

use std::collections::BTreeMap;
use std::path::Path;

use crate::check::Finding;
use crate::document::Problem;
use crate::project::Project;

pub use self::file::find;

/// What is known besides the file.
#[derive(Clone, Default)]
pub struct Options<'a> {
    /// `--stage`: wins over the file.
    pub stage: Option<String>,
    /// `--region`: wins over the file.
    pub region: Option<String>,
    /// `--param key=value`, for `${param:key}`.
    pub params: BTreeMap<String, String>,
    /// Other options, for `${opt:name}`.
    pub flags: BTreeMap<String, String>,
    /// The environment, for `${env:NAME}`.
    pub env: BTreeMap<String, String>,
    /// Plugins whose absence does not matter.
    pub ignore_plugins: Vec<String>,
    /// The account, for `${aws:accountId}`.
    pub account: String,
    /// Something that differs each time, for `${sls:instanceId}`.
    pub instance: String,
    /// For `${cf:}`, `${ssm:}` and `${s3:}`.
    pub outside: Option<&'a dyn Outside>,
}

/// What variables look up in a running Moln. Errors are for people: why it could not be looked up.
pub trait Outside {
    /// A stack's output; none if there is no such stack or output.
    ///
    /// # Errors
    /// When nobody could be asked.
    fn stack_output(&self, region: &str, stack: &str, output: &str) -> Result<Option<String>, String>;

    /// A parameter's type (`String`, `StringList`, `SecureString`) and value; none if there is none.
    ///
    /// # Errors
    /// When nobody could be asked.
    fn parameter(&self, region: &str, name: &str, decrypt: bool) -> Result<Option<(String, String)>, String>;

    /// An object's text; none if there is none.
    ///
    /// # Errors
    /// When nobody could be asked.
    fn object(&self, region: &str, bucket: &str, key: &str) -> Result<Option<String>, String>;
}

/// What a directory with a `serverless.yml` (`.yaml`, `.json`) comes to.
///
/// # Errors
/// Everything that is wrong, each with file, place and path: unknown keys, variables without a value, plugins that would
/// be missed, packages that are not there, what Moln does not have. Handlers and modules that packages lack stand in the
/// project.
pub fn project(dir: &Path, options: &Options<'_>) -> Result<Project, Vec<Problem>> {
    let (path, root) = file::read(dir).map_err(|problem| vec![problem])?;
    let built = build(dir, &path, root, options).map(|mut project| {
        // Those of modules name the code's file.
        let lacks = project.lacks.into_iter();
        let named = lacks.map(|lack| Finding { problem: lack.problem.in_file(&path), ..lack });
        project.lacks = named.collect();
        project
    });
    built.map_err(|problems| problems.into_iter().map(|problem| problem.in_file(&path)).collect())
}

fn build(
    dir: &Path,
    path: &Path,
    root: crate::document::Node,
    options: &Options<'_>,
) -> Result<Project, Vec<Problem>> {
    let variables = variables::Variables::new(root, dir, options);
    let (stage, region) = (variables.stage(), variables.region());
    let root = variables.resolve()?;
    let mut service = service::Service::new(root, dir, path, stage, region)?;
    let plugins = plugins::check(&service, &options.ignore_plugins);
    if !plugins.is_empty() {
        return Err(plugins);
    }
    let constructs = lift::constructs(&mut service)?;
    resources::stack(service, constructs)
}
